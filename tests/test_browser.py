"""The website in a real browser: what a reader sees, presses and searches.

FAULTS goes through the page that is open and returns what is wrong with it; another test runs
it on a spoiled page, to prove that it can fail.
"""

import html
import io
import re

import engines
import measure_site
import pytest
from book import CHAPTERS, CONTENTS, PAGES, read
from book import words as words_of
from maths import to_mathml
from pypdf import PdfReader
from site_server import serve
from website import Visit, axe_faults, contrast_faults, html_files

HOME = f"{CONTENTS.root.docname}.html"
CHAPTER = f"chapters/{CHAPTERS[0].stem}.html"
ALL = [f"{name}.html" for name in [*PAGES, "search", "404"]]

# Yields what is wrong with the page that is open, whatever its width.
FAULTS = r"""
() => {
  const faults = []
  const article = document.querySelector("article") ?? document.querySelector("main")

  const headings = [...document.querySelectorAll("h1")].filter(h => h.checkVisibility())
  if (headings.length !== 1) faults.push(`${headings.length} visible h1`)

  // Formulas
  const raw = [
    /\$[^$]*\$/, /\\[a-zA-Z]{2,}/, /\\[()[\]]/,             // LaTeX
    /\{[a-z]+(:[a-z]+)?\}[`\w]/, /`/, /:::/, /\]\([#.\w]/,  // MyST
  ]
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode.data
    if (texts.currentNode.parentElement.closest("script, style, code, pre, math")) continue
    if (raw.some(pattern => pattern.test(text))) faults.push(`raw markup: ${text.trim()}`)
  }
  for (const math of document.querySelectorAll(".math"))
    if (!math.querySelector("math")) faults.push(`no formula: ${math.textContent}`)
  for (const math of document.querySelectorAll("math"))
    if (math.checkVisibility() && math.getBoundingClientRect().width < 4)
      faults.push(`nothing to see: ${math.textContent}`)
  for (const error of document.querySelectorAll("merror"))
    faults.push(`wrong formula: ${error.textContent}`)
  // No line ends between a formula and the comma after it.
  for (const math of document.querySelectorAll("span.math"))
    if (/^[^\s\w]/.test(math.nextSibling?.data ?? "") && !math.closest(".nowrap"))
      faults.push(`a mark may leave its formula: ${math.textContent}${math.nextSibling.data}`)

  for (const tick of document.querySelectorAll(".checked a")) {
    const box = tick.getBoundingClientRect()
    for (const part of tick.closest(".equation").querySelectorAll(".eqno, .scrolls")) {
      const other = part.getBoundingClientRect()
      const beside = box.left >= other.right || other.left >= box.right
      if (!beside && box.top < other.bottom - 1 && other.top < box.bottom - 1)
        faults.push(`a tick lies on its equation: ${tick.hash}`)
    }
  }

  for (const citation of document.querySelectorAll(".bibtex-citation"))
    if (!citation.querySelector("a")) faults.push(`empty citation: ${citation.id}`)

  // Images
  for (const image of article.querySelectorAll("img")) {
    const name = image.getAttribute("src")
    if (!image.naturalWidth) faults.push(`does not load: ${name}`)
    if (!image.alt.includes(" ") || /\.(svg|png)$|_images\/|\\/.test(image.alt))
      faults.push(`no alt text: ${name}: "${image.alt}"`)
  }

  // Width: what is too wide scrolls inside itself, and is not cut off.
  const width = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth > width + 1)
    faults.push(`the page is ${document.documentElement.scrollWidth} wide, not ${width}`)
  for (const part of article.querySelectorAll("*")) {
    const box = part.getBoundingClientRect()
    if (box.right <= width + 1 || part.closest("math > *, .headerlink")) continue
    let holder = part
    while (holder !== article && getComputedStyle(holder).overflowX === "visible")
      holder = holder.parentElement
    if (!["auto", "scroll"].includes(getComputedStyle(holder).overflowX))
      faults.push(`cut off: ${part.tagName} ${part.className} ${part.textContent.slice(0, 60)}`)
  }
  const text = article.querySelector("p, li, form")?.getBoundingClientRect()
  if (!text || text.width < 0.6 * Math.min(width, 600) || text.left < 0 || text.right > width)
    faults.push("the text does not have the width of the page")
  return faults
}
"""


# Formulas, coloured code and closed folds are nearly all of a page's nodes, and axe looks at
# each of them: leave one of each kind.
THIN_OUT = """
() => {
  const seen = new Set()
  for (const part of document.querySelectorAll("details.fold:not([open]), math, pre span")) {
    const colour = part.localName === "span"
    const where = part.closest("div.output") ? "output " : ""
    const kind = colour ? where + part.className : part.localName
    if (seen.has(kind)) part.replaceWith(colour ? part.textContent : kind)
    seen.add(kind)
  }
}
"""


def faults_of(page):
    return page.evaluate(FAULTS) + page.evaluate(engines.MISPLACED)


@pytest.mark.parametrize("name", ALL)
def test_a_page_in_a_browser(browser, address, name):
    with Visit(browser, address) as visit:
        visit.open(address + name)
        faults = [f"at 1280: {fault}" for fault in faults_of(visit.page)]
        visit.page.set_viewport_size({"width": 360, "height": 740})
        faults += [f"at 360: {fault}" for fault in faults_of(visit.page)]
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.page.evaluate(THIN_OUT)
        faults += [*visit.wrong, *axe_faults(visit.page)]
        visit.page.evaluate("document.documentElement.dataset.theme = 'dark'")
        faults += [f"dark: {fault}" for fault in contrast_faults(visit.page)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_frame_has_the_colours_of_the_system(browser, address, scheme):
    """Without the theme's scripts, which come later and would correct it."""
    with Visit(browser, address, color_scheme=scheme) as visit:
        visit.context.route("**/*.js*", lambda route: route.abort())
        visit.page.goto(address + CHAPTER)
        assert visit.page.evaluate("document.documentElement.dataset.theme") == scheme
        visit.page.evaluate("localStorage.setItem('theme', 'light')")
        visit.page.reload()
        assert visit.page.evaluate("document.documentElement.dataset.theme") == "light"


# Notes what is asked for, and whether anything has been laid out by then.
ASKED = """
window.asked = []
const fonts = Object.getPrototypeOf(document.fonts)
const { load } = fonts
fonts.load = function (font) {
  asked.push([font, document.body === null])
  return load.call(this, font)
}
"""


def test_the_font_of_the_formulas_is_asked_for_before_the_first_line(browser, address):
    with Visit(browser, address) as visit:
        visit.context.add_init_script(ASKED)
        visit.open(address + CHAPTER)
        assert visit.page.evaluate("asked") == [["1em Formulas", True]]
        visit.open(f"{address}search.html")
        assert visit.page.evaluate("asked") == []


# Notes whether the last section has been laid out when the page is loaded.
LAID_OUT = """
window.laidOut = () => [...document.querySelectorAll("article h2")].at(-1)
  .checkVisibility({ contentVisibilityAuto: true })
addEventListener("load", () => { window.early = window.laidOut() })
"""


def test_what_is_far_below_waits_for_the_first_screen_unless_a_place_is_asked_for(browser, address):
    with Visit(browser, address) as visit:
        visit.context.add_init_script(LAID_OUT)
        url = address + CHAPTER
        visit.open(url)
        assert visit.page.evaluate("[early, laidOut()]") == [False, True]
        # The position on a page that is loaded again is remembered in pixels.
        visit.page.reload()
        assert visit.page.evaluate("early")
        visit.page.goto("about:blank")
        visit.open(f"{url}#main-content")
        assert visit.page.evaluate("early")


HEIGHTS = "[...document.querySelectorAll('article img')].map(i => i.getBoundingClientRect().height)"


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_jumps_when_a_figure_comes(browser, address, width):
    held = []
    with Visit(browser, address) as visit:
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.route("**/_images/*", lambda route: held.append(route))
        visit.page.goto(address + CHAPTER, wait_until="domcontentloaded")
        before = visit.page.evaluate(HEIGHTS)
        for route in held:
            route.continue_()
        visit.page.unroute("**/_images/*")
        visit.wait_for_figures()
        assert min(before) > 100
        assert visit.page.evaluate(HEIGHTS) == pytest.approx(before, abs=1)


def test_figures_that_nobody_has_seen_come_too(browser, address):
    """Where the browser is WebKit, which prints an empty box otherwise."""
    with Visit(browser, address) as visit:
        visit.context.add_init_script("CSS.supports = () => true")
        visit.page.goto(address + CHAPTER)
        visit.wait_until(
            "[...document.querySelectorAll('article img')].every(image => image.naturalWidth)"
        )


def test_the_checks_in_the_browser_can_fail(browser, address):
    # Without the policy, which would keep some of the mistakes from happening.
    with Visit(browser, address, bypass_csp=True) as visit:
        visit.open(address + CHAPTER)
        visit.page.set_viewport_size({"width": 360, "height": 740})
        assert visit.page.evaluate(FAULTS) == []
        visit.page.evaluate(
            r"""async () => {
              const article = document.querySelector("article")
              article.insertAdjacentHTML("afterbegin", `
                <h1>another</h1> <p>$x$</p> <p>{eq}\`eq-x\`</p> <p>\\frac{1}{2}</p>
                <span class="math">never typeset</span>
                <span class="bibtex-citation"></span>
                <div style="width: 340px; overflow: hidden"><p style="width: 900px">cut</p></div>
                <img src="gone.svg" alt="../_images/gone.svg">
                <p><span class="math"><math><mi>x</mi></math></span>, a comma</p>
                <span class="math"><math><merror><mtext>no LaTeX</mtext></merror></math></span>
                <math><mi></mi></math>
                ${["margin-left: -9px", "width: 9000px"].map(style => `
                  <div class="math" data-tex="${style}"><div class="scrolls" style="overflow: clip">
                  <math style="${style}"><mi>x</mi></math></div></div>`).join("")}
                <div class="math" data-tex="covered"><span class="eqno">(1)</span><div class="scrolls"
                  style="margin-right: -9em"><math><mi>x</mi></math></div></div>
                <div class="equation"><div class="math" data-tex="ticked"><div class="scrolls"><math><mi>x</mi></math></div></div>
                  <span class="checked" style="margin-top: -1.5rem"><a href="#on-it">✓ exact</a></span></div>
                <div style="overflow: auto"><table style="width: 9000px"><tr><td>much</td></table></div>
                <div class="cell_output"><pre style="white-space: pre; overflow-wrap: normal">${"x".repeat(999)}</pre></div>
                <button></button><b style="color: #aaa; background: #ccc">weak</b><script src="https://cdn.example.org/x.js"></script>`)
              await fetch("https://cdn.example.org/x").catch(() => 0)
              console.error("a message")
              setTimeout(() => { throw Error("an exception") })
            }"""
        )
        visit.page.wait_for_timeout(100)
        faults = faults_of(visit.page)
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        faults += faults_of(visit.page)
        visit.page.evaluate(THIN_OUT)
        faults = " | ".join(visit.wrong + faults + list(axe_faults(visit.page)))
    for expected in (
        *("2 visible h1", "raw markup: $x$", "raw markup: {eq}", r"raw markup: \frac"),
        *("no formula: never typeset", "wrong formula: no LaTeX", "nothing to see: "),
        *("empty citation", "a mark may leave its formula: x, a comma"),
        "a tick lies on its equation: #on-it",
        *("begins too early: margin-left", "no way to its end: width", "too wide: width"),
        *("its number lies on it: covered", "too wide: table much", "too wide: output xxx"),
        *("cut off: P", "does not load: gone.svg", "no alt text: gone.svg"),
        *("foreign request: https://cdn.example.org/x", "console: a message"),
        *("error: an exception", "button-name: <button>", "color-contrast: <b style="),
    ):
        assert expected in faults, faults


# What stands in formulas, each character in its element: some are drawn in another shape there.
def test_the_font_has_what_stands_in_formulas(site, browser, address):
    """Cut to what the book needs (tools/fonts.py), it may miss what a new formula needs."""
    leaf = re.compile(r"<(mi|mn|mo|mtext|ms)\b[^>]*>([^<]*)</")
    texts = (path.read_text(encoding="utf-8") for path in html_files(site))
    leaves = {(m[1], html.unescape(m[2])) for t in texts for m in leaf.finditer(t)}
    with Visit(browser, address) as visit:
        visit.open(address + CHAPTER)
        found = fonts_of(visit.page, sorted(leaves))
        missing = {leaf: fonts for leaf, fonts in found.items() if fonts - {"STIX Two Math"}}
        assert not missing
        assert len(found) > 100
        # The check can fail.
        assert fonts_of(visit.page, [("mi", "ж")])["mi", "ж"] - {"STIX Two Math"}


def fonts_of(page, leaves):
    """Element and its text -> names of the fonts that the browser draws it with."""
    invisible = re.compile("[\u2061-\u2064\u200b\ufe00\\s]*")
    leaves = [leaf for leaf in leaves if not invisible.fullmatch(leaf[1])]
    page.evaluate(
        """async leaves => {
          document.body.innerHTML = "<math id='leaves'></math>"
          for (const [name, text] of leaves) {
            const leaf = document.createElementNS("http://www.w3.org/1998/Math/MathML", name)
            leaf.textContent = text
            document.getElementById("leaves").append(leaf)
          }
          await document.fonts.load("1em Formulas")
          // The next frame is drawn with it.
          for (const _ of "ab") await new Promise(requestAnimationFrame)
        }""",
        leaves,
    )
    client = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        client.send(f"{domain}.enable")
    root = client.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    where = {"nodeId": root, "selector": "#leaves > *"}
    nodes = client.send("DOM.querySelectorAll", where)["nodeIds"]
    found = {}
    for leaf, node in zip(leaves, nodes, strict=True):
        fonts = client.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        found[leaf] = {font["familyName"] for font in fonts}
    return found


def test_what_some_browsers_leave_undone_is_said_in_the_formula():
    """tools/engines.py opens the pages in those browsers."""
    spaced = '<mspace width="0.1667em" /><munder><mo lspace="0" rspace="0">∑</mo>'
    assert spaced in to_mathml(r"q \sum_k p_k", True)
    assert "<mrow><munder>" in to_mathml(r"\sum_k p_k", True)
    assert '<mo lspace="0" rspace="0">⋆</mo></msup>' in to_mathml(r"q^\star", False)
    assert '<mo largeop="false">⊕</mo>' in to_mathml(r"a \oplus b", False)
    aligned = to_mathml(r"\begin{aligned} a &= \big( \sum_k p_k \big) \end{aligned}", True)
    assert (
        aligned.count("<mtd") == len(re.findall("<mtd[^>]*><mrow>.*?</mrow></mtd>", aligned)) == 2
    )
    assert spaced.partition("<munder")[2] in aligned
    assert '<mo minsize="1.2em" maxsize="1.2em" lspace="0" rspace="0">(</mo>' in aligned


def test_an_engine_that_is_missing_is_named(site, monkeypatch, capsys):
    monkeypatch.setattr(engines.shutil, "which", lambda program: None)
    assert engines.main(site) == "2 things are wrong."
    said = capsys.readouterr().out
    assert "Firefox is not here. Debian: apt install firefox-esr" in said
    assert "WebKit is not here. Debian and Ubuntu: apt install webkit2gtk-driver xvfb" in said


def test_an_edge_fades_where_a_formula_goes_on(browser, address):
    with Visit(browser, address) as visit:
        visit.open(address + CHAPTER)
        boxes = visit.page.locator(".scrolls")
        assert boxes.count() > 5 and visit.page.locator(".more-before, .more-after").count() == 0
        visit.page.set_viewport_size({"width": 240, "height": 740})
        visit.page.wait_for_selector(".more-after")
        wide = "box => box.scrollWidth > box.clientWidth + 1"
        for box in boxes.all():
            assert ("more-after" in box.get_attribute("class")) == box.evaluate(wide)
        fades = "boxes => boxes.every(box => getComputedStyle(box).maskImage.includes('gradient'))"
        assert visit.page.locator("pre.more-after").count() > 0
        assert visit.page.locator(".more-after").evaluate_all(fades)
        box = visit.page.locator(".scrolls.more-after").first.element_handle()
        # The edge may lie in a gap, where nothing fades.
        arrow = "box => getComputedStyle(box.parentElement, '::after').content"
        assert box.evaluate(arrow) == '"›"'
        box.evaluate("box => { box.scrollLeft = 1e6 }")
        visit.wait_until("document.querySelector('.scrolls.more-before:not(.more-after)')")
        assert box.evaluate(arrow) == '"‹"'


def test_formulas_need_no_script(site, browser, address):
    with Visit(browser, address, java_script_enabled=False) as visit:
        visit.page.goto(address + CHAPTER)
        formula = visit.page.locator("div.math math").first
        assert formula.bounding_box()["height"] > 30  # a product with its limits


def test_without_scripts_there_are_colours(browser, address):
    with Visit(browser, address, java_script_enabled=False, color_scheme="dark") as visit:
        visit.page.goto(address + CHAPTER)
        # What is scrolled does not shine through it.
        bar = visit.page.locator(".bd-header-article")
        color = bar.evaluate("bar => getComputedStyle(bar).backgroundColor")
        assert color == "rgb(255, 255, 255)"


def test_a_first_visit_is_light(site, browser, address):
    """In bytes after gzip, icons and all: tools/measure_site.py has the numbers of each page."""
    heaviest = max(site.glob("chapters/*.html"), key=lambda path: path.stat().st_size)
    asked = set()
    with Visit(browser, address) as visit:
        visit.page.on("request", lambda request: asked.add(request.url))
        visit.page.goto(address + heaviest.relative_to(site).as_posix())
    asked = {url.removeprefix(address).partition("?")[0] for url in asked}
    assert measure_site.weight(site, asked) < 250_000


def telling_words():
    """For each chapter the longest word of its text that no other chapter holds."""
    words = {}
    for chapter in CHAPTERS:
        text = " ".join(words_of(read(chapter)))
        words[chapter.stem] = set(re.findall(r"(?<![\w-])[a-z]{6,}(?![\w-])", text))
    for stem in words:
        others = set().union(*(words[other] for other in words if other != stem))
        yield stem, max(words[stem] - others, key=lambda word: (len(word), word))


@pytest.mark.parametrize("width, folded", [(390, False), (800, False), (1280, False), (1280, True)])
def test_the_search_opens(browser, address, width, folded):
    with Visit(browser, address) as visit:
        page = visit.page
        page.set_viewport_size({"width": width, "height": 900})
        visit.open(address + CHAPTER)
        if folded:
            page.locator(".primary-toggle:visible").click()
            page.locator(".search-button-field").wait_for(state="hidden")
        button = page.locator(".search-button__button:visible")
        for open_it in (button.click, lambda: page.keyboard.press("Control+k")):
            open_it()
            page.locator("#pst-search-dialog input").wait_for()
            page.keyboard.type("softmax")
            assert page.locator("#pst-search-dialog input").input_value() == "softmax"
            page.keyboard.press("Escape")
            page.locator("#pst-search-dialog input").wait_for(state="hidden")
            page.locator("#pst-search-dialog input").evaluate("field => { field.value = '' }")
        assert visit.wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_word_that_was_found_is_readable_in_a_link(browser, address, scheme):
    with Visit(browser, address, color_scheme=scheme) as visit:
        visit.open(address + CHAPTER)
        word = visit.page.evaluate(
            "document.querySelector('p a.internal').textContent.match(/[a-z]+/i)[0]"
        )
        visit.open(f"{address}{CHAPTER}?highlight={word}")
        assert visit.page.locator("a mark").count()
        assert list(axe_faults(visit.page)) == []


def results_of_search(page):
    links = page.locator("#search-results li a")
    links.first.wait_for()
    return [link.get_attribute("href") for link in links.all()]


def test_search_finds_a_chapter_by_a_word_of_its_text(browser, address):
    with Visit(browser, address) as visit:
        visit.open(address + HOME)
        for stem, word in list(telling_words())[::4]:
            visit.page.keyboard.press("Control+k")
            visit.page.keyboard.press("Control+a")
            visit.page.keyboard.type(word)
            visit.page.keyboard.press("Enter")
            visit.page.wait_for_url(f"**/search.html?q={word}*")
            found = results_of_search(visit.page)
            assert any(f"chapters/{stem}.html" in link for link in found), (word, found)
        assert visit.wrong == []


def test_a_missing_page_gets_the_books_own_answer(browser, address):
    with Visit(browser, address) as visit:
        response = visit.open(f"{address}chapters/parts/gone.html")
        assert response.status == 404
        assert visit.page.locator("h1:visible").inner_text() == "No such page"
        # The page itself is the one thing that is not there.
        assert len(visit.wrong) == 1 and "404" in visit.wrong[0], visit.wrong
        visit.page.locator(f"#pst-primary-sidebar a[href$='{CHAPTER}']").click()
        visit.page.wait_for_url(f"{address}{CHAPTER}")


def test_the_folder_works_without_a_server(site, browser):
    stem, word = next(telling_words())
    with Visit(browser, site.as_uri()) as visit:
        visit.page.goto((site / HOME).as_uri())
        visit.page.wait_for_url(f"**/{HOME}")
        visit.page.locator(f"#pst-primary-sidebar a[href$='{stem}.html']").click()
        visit.page.wait_for_url(f"**/{stem}.html")
        visit.wait_for_figures()
        assert visit.page.evaluate(FAULTS) == []
        assert visit.page.locator("article math").count() > 10
        assert visit.page.evaluate("document.fonts.check('16px Formulas')")
        assert visit.wrong == []
        visit.page.goto(f"{(site / 'search.html').as_uri()}?q={word}")
        assert any(f"{stem}.html" in link for link in results_of_search(visit.page))


# Checks that are folded


@pytest.fixture
def folded(forks):
    """The address of a book with a page on which two checks and a figure's code are folded."""
    with serve(forks[0]) as address:
        yield address


SHORT = "chapters/01_short.html"
LINKED = "checks-eq-small-log2-2"
OPEN = "folds => folds.map(fold => fold.open)"
# Is the line of the check in the window?
LANDED = f"""() => {{
  const {{ top, bottom }} = document.querySelector("#{LINKED} summary").getBoundingClientRect()
  return scrollY > 0 && top >= 0 && bottom <= innerHeight
}}"""


def are_open(page):
    return page.eval_on_selector_all("article details", OPEN)


def low(visit):
    """A window in which the check is not seen from the top of the page."""
    visit.page.set_viewport_size({"width": 1280, "height": 300})
    return visit.page


def test_a_tick_opens_its_check_and_lands_on_it(browser, folded):
    with Visit(browser, folded) as visit:
        page = low(visit)
        visit.open(folded + SHORT)
        tick = page.locator(".checked a", has_text="sampled")
        # By the keyboard, which goes on from there, and sees where it is.
        tick.focus()
        page.keyboard.press("Enter")
        visit.wait_until(f"({LANDED})()")
        assert are_open(page) == [True, False, False]
        page.keyboard.press("Tab")
        summary = page.locator(f"#{LINKED} summary")
        assert summary.evaluate("line => line === document.activeElement")
        assert summary.evaluate("line => getComputedStyle(line).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        assert are_open(page) == [False, False, False]
        # Its address is that of the page by now.
        tick.click()
        assert are_open(page) == [True, False, False]
        page.locator(f"#{LINKED} .checks a").click()
        assert page.url.endswith("#equation-eq-small-log2")
        assert visit.wrong == []


@pytest.mark.parametrize("by_list", [True, False])
def test_who_comes_from_elsewhere_finds_the_check_open(browser, folded, by_list):
    with Visit(browser, folded) as visit:
        page = low(visit)
        if by_list:
            visit.open(f"{folded}appendix/equations.html")
            page.locator(".listed a", has_text="sampled").click()
            page.wait_for_url(f"{folded}{SHORT}#{LINKED}")
        else:
            visit.open(f"{folded}{SHORT}#{LINKED}")
        visit.wait_until(f"({LANDED})()")
        assert are_open(page) == [True, False, False]
        assert visit.wrong == []


def test_without_scripts_the_line_of_a_check_is_found_and_opens(browser, folded):
    with Visit(browser, folded, java_script_enabled=False) as visit:
        page = low(visit)
        page.goto(f"{folded}{SHORT}#{LINKED}")
        assert page.evaluate(LANDED)
        page.locator(f"#{LINKED} summary").click()
        assert are_open(page) == [True, False, False]
        assert not page.locator(".open-checks").is_visible()


def test_all_checks_open_at_once_and_stay_so(browser, folded):
    with Visit(browser, folded) as visit:
        page, button = visit.page, visit.page.locator(".open-checks")
        visit.open(folded + SHORT)
        assert button.inner_text() == "Open all checks 2"
        button.click()
        assert are_open(page) == [True, True, False]
        assert button.inner_text() == "Close all checks 2"
        # From the first frame: without the script that comes later.
        page.route("**/folds.js*", lambda route: route.abort())
        page.reload()
        assert are_open(page) == [True, True, False]
        assert button.inner_text() == "Close all checks 2"
        page.unroute("**/folds.js*")
        page.reload()
        button.click()
        page.reload()
        assert are_open(page) == [False, False, False]
        assert button.inner_text() == "Open all checks 2"


NO_STORAGE = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("refused", "SecurityError") }
})"""


def test_all_checks_open_where_nothing_can_be_remembered(browser, forks):
    with Visit(browser, forks[0].as_uri()) as visit:
        visit.context.add_init_script(NO_STORAGE)
        visit.open((forks[0] / "appendix" / "terms.html").as_uri())
        # The theme, too, wants to remember something.
        wrong, visit.wrong = visit.wrong, []
        visit.open((forks[0] / SHORT).as_uri())
        visit.page.locator(".open-checks").click()
        assert are_open(visit.page) == [True, True, False]
        assert visit.wrong == wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_with_checks_is_readable(browser, folded, scheme, width):
    with Visit(browser, folded, color_scheme=scheme) as visit:
        page = visit.page
        page.set_viewport_size({"width": width, "height": 900})
        visit.open(folded + SHORT)
        faults = list(axe_faults(page))
        page.eval_on_selector_all("article details", "folds => folds.map(fold => fold.open = true)")
        faults += [*axe_faults(page), *visit.wrong]
        assert not faults, "\n".join(faults)


def test_on_paper_what_is_folded_is_open(browser, folded):
    with Visit(browser, folded) as visit:
        visit.open(folded + SHORT)
        paper = PdfReader(io.BytesIO(visit.page.pdf()))
        text = "".join(page.extract_text() for page in paper.pages)
        for code in ("assert 3 == 3", "assert 4 == 4", "plt.show()"):
            assert code in text
        assert "Open all checks" not in text
        visit.wait_until("!document.querySelector('article details[open]')")


# Has each piece of code that scrolls a stop of the tab key, and no other?
STOPS = """codes => codes.every(code => !code.checkVisibility() ||
  code.hasAttribute("tabindex") === code.scrollWidth > code.clientWidth + 1)"""


def test_code_that_scrolls_can_be_scrolled_by_keys_and_folded_code_when_it_is_opened(
    browser, address
):
    with Visit(browser, address) as visit:
        page = visit.page
        page.set_viewport_size({"width": 390, "height": 844})
        visit.open(address + CHAPTER)
        folded = page.locator("details.check pre")
        stops = "codes => codes.filter(code => code.hasAttribute('tabindex')).length"
        assert page.locator("article pre").evaluate_all(stops) > 0
        assert folded.evaluate_all(stops) == 0
        page.locator(".open-checks").click()
        visit.wait_until("document.querySelector('details.check pre[tabindex]')")
        assert page.locator("article pre").evaluate_all(STOPS)
        page.set_viewport_size({"width": 2000, "height": 844})
        visit.wait_until("!document.querySelector('details.check pre[tabindex]')")
        assert page.locator("article pre").evaluate_all(STOPS)


# What is not the book's does not run


INJECT = """
() => new Promise(done => {
  const script = document.createElement("script")
  script.textContent = "window.injected = true"
  document.body.append(script)
  document.body.insertAdjacentHTML("beforeend", `<img src="x:" onerror="injected = true" alt="">`)
  document.body.lastChild.addEventListener("error", () => done(window.injected === true))
})
"""


@pytest.mark.parametrize("served", [True, False])
def test_a_script_that_is_not_the_books_does_not_run(site, browser, address, served):
    origin = address if served else site.as_uri()
    url = f"{origin.rstrip('/')}/{CHAPTER}"
    with Visit(browser, origin) as visit:
        visit.open(url)
        assert visit.wrong == []
        assert visit.page.evaluate(INJECT) is False
        assert len([w for w in visit.wrong if "script-src" in w]) == 2, visit.wrong
    # Without the policy it would have run.
    with Visit(browser, origin, bypass_csp=True) as visit:
        visit.open(url)
        assert visit.page.evaluate(INJECT) is True
