"""The website, built as `make book` builds it: first as files, then in a real browser.

The checks go through all pages that the build has made. Each yields what is wrong; other
tests run them on spoiled pages, to prove that they can fail.
"""

import functools
import html
import html.parser
import importlib.util
import json
import re
import shutil
import struct
import sys
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from sphinx.errors import ConfigError
from website import ROOT, Visit, axe_faults, finish_build, once, start_build

sys.path.insert(0, str(ROOT / "tools"))
import measure_site  # noqa: E402

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
CONTENTS = (ROOT / "_toc.yml").read_text(encoding="utf-8")
PAGES = re.findall(r"^(?:root| *- file): (\S+)", CONTENTS, re.MULTILINE)
PAGES = [f"{name}.html" for name in [*PAGES, "search", "404"]]


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """A book of one chapter, built for a repository, twice, in different surroundings."""
    folder = once(tmp_path_factory, "forks", build_forks)
    return [folder / name / "_build" / "html" for name in ("first", "second one")]


def build_forks(folder):
    source = folder / "source"
    for name in ("_ext", "_static", "assets"):
        shutil.copytree(ROOT / name, source / name)
    (source / "chapters").mkdir()
    for name in ("_config.yml", "references.bib", f"chapters/{CHAPTERS[0].name}"):
        shutil.copy(ROOT / name, source / name)
    (source / "intro.md").write_text("# A fork\n\nOf a book.\n\n```{bibliography}\n```\n")
    chapter = f"chapters/{CHAPTERS[0].stem}"
    (source / "_toc.yml").write_text(
        f"format: jb-book\nroot: intro\nchapters:\n- file: {chapter}\n"
    )
    # Links to the chapters that are not here would be warnings.
    config = (source / "_config.yml").read_text(encoding="utf-8")
    quiet = "\n    suppress_warnings: [myst.xref_missing, myst.domains, ref]\n"
    (source / "_config.yml").write_text(config.rstrip() + quiet, encoding="utf-8")
    here = {
        "BOOK_REPOSITORY_URL": "https://github.com/Someone/fork",
        "BOOK_REPOSITORY_BRANCH": "trunk",
    }
    first, second = folder / "first", folder / "second one"
    builds = {
        first: start_build(source, first, **here, PYTHONHASHSEED="1", TZ="UTC"),
        second: start_build(source, second, **here, PYTHONHASHSEED="2", TZ="Asia/Tokyo"),
    }
    for place, build in builds.items():
        finish_build(build, place)
    return folder


# Pages as files


class Page(html.parser.HTMLParser):
    """What the checks need to know of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.meta, self.loaded = set(), [], {}, []
        self.lang = self.title = self.refresh = None
        self.inside, self.buttons = None, {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = {k: v or "" for k, v in attributes}
        self.inside = tag
        self.ids |= {attributes[k] for k in ("id", "name") if k in attributes}
        target = attributes.get("href") or attributes.get("src")
        if tag == "html":
            self.lang = attributes.get("lang")
        elif tag == "meta":
            name = attributes.get("name") or attributes.get("property")
            self.meta[name] = attributes.get("content")
            if attributes.get("http-equiv") == "refresh":
                target = attributes["content"].partition("url=")[2]
                self.refresh = target
        if target and attributes.get("rel") == "canonical":
            self.meta["canonical"] = target
        elif target:
            self.links.append(target)
            if tag not in ("a", "meta"):
                self.loaded.append(target)
        for name in attributes.get("class", "").split():
            if name.startswith("btn-") or "btn" in attributes["class"].split():
                self.buttons.setdefault(name, target)
        if "style" in attributes:
            self.loaded.append(attributes["style"])

    def handle_data(self, data):
        if self.inside == "title":
            self.title = (self.title or "") + data
        elif self.inside in ("script", "style"):
            self.loaded.append(data)

    def handle_endtag(self, tag):
        self.inside = None


@functools.cache
def page_of(path):
    return Page(path.read_text(encoding="utf-8"))


def html_files(site):
    return sorted(p for p in site.rglob("*.html") if p.relative_to(site).parts[0] != "_static")


def pages_of(site):
    """Name -> page, for all but the one that only leads to another."""
    found = {p.relative_to(site).as_posix(): page_of(p) for p in html_files(site)}
    return {name: page for name, page in found.items() if not page.refresh}


def is_foreign(link):
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def broken_links(site):
    for path in html_files(site):
        name = path.relative_to(site)
        for link in page_of(path).links:
            if is_foreign(link):
                continue
            link, anchor = urldefrag(link)
            target = unquote(urlsplit(urljoin(f"/{name}", link)).path).lstrip("/")
            file = site / target
            if not file.is_file():
                yield f"{name}: there is no {target}"
            elif anchor and file.suffix == ".html":
                if target == "explorer.html" and anchor.startswith("z="):
                    continue  # a state, not a place: tests/test_explorer.py
                if unquote(anchor) not in page_of(file).ids:
                    yield f"{name}: there is no #{anchor} in {target}"


def foreign_hosts(page):
    """Names of hosts in what a page loads: attributes, scripts and styles."""
    for text in page.loaded:
        yield from re.findall(r"(?:\w+:)?//[\w-]+\.[\w.-]+", text)


def test_every_page_of_the_contents_is_built_and_every_chapter_is_in_them(site):
    assert {f"chapters/{c.stem}.html" for c in CHAPTERS} <= set(PAGES)
    assert sorted(pages_of(site)) == sorted(PAGES)


def test_every_link_and_anchor_resolves(site):
    assert list(broken_links(site)) == []


def test_the_check_of_links_can_fail(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="sub/b.html#there">1</a> <a href="sub/b.html#gone">2</a>'
        '<a href="#here">3</a> <img src="gone.svg"> <a href="https://example.org">4</a>'
        '<svg><a href="sub/gone.html">5</a></svg>'
    )
    (tmp_path / "sub" / "b.html").write_text(
        '<h1 id="there"></h1><a href="../a.html#here">1</a> <a href="/sub/b.html">2</a>'
        '<meta http-equiv="refresh" content="0; url=nowhere.html">'
    )
    assert list(broken_links(tmp_path)) == [
        "a.html: there is no #gone in sub/b.html",
        "a.html: there is no gone.svg",
        "a.html: there is no sub/gone.html",
        "sub/b.html: there is no sub/nowhere.html",
    ]


def test_no_page_names_a_foreign_host_in_what_it_loads(site):
    found = {name: list(foreign_hosts(page)) for name, page in pages_of(site).items()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script>const URL = "//cdn.example.org/x.js"</script>',
        '<link rel="stylesheet" href="//cdn.example.org/x.css">',
        "<style>@import url(http://cdn.example.org/x.css)</style>",
        '<p style="background: url(https://cdn.example.org/x.png)">',
        '<img src="https://cdn.example.org/x.png" alt="x">',
    ],
)
def test_the_check_of_hosts_can_fail(text):
    assert [host.rpartition("//")[2] for host in foreign_hosts(Page(text))] == ["cdn.example.org"]


def test_every_page_says_what_it_is(site):
    pages = pages_of(site)
    for name, page in pages.items():
        assert page.lang == "en", name
        assert len(page.meta.get("description") or "") > 20, f"{name}: no description"
        assert page.title.count("Cross-Entropy, Proved and Run") == 1, name
    for what in (lambda p: p.title, lambda p: p.meta["description"]):
        said = [what(page) for page in pages.values()]
        assert len(set(said)) == len(said), sorted(said)


def test_the_folder_opens_on_the_book(site):
    home = page_of(site / "index.html")
    assert home.refresh == "intro.html"
    assert (home.lang, home.title) == ("en", "Cross-Entropy, Proved and Run")


def test_a_chapter_can_be_downloaded_as_it_is(site):
    for chapter in CHAPTERS:
        page = site / "chapters" / f"{chapter.stem}.html"
        link = page_of(page).buttons["btn-download-notebook-button"]
        assert (page.parent / link).resolve().read_bytes() == chapter.read_bytes()


# The repository: named when the book is built for one, and otherwise nowhere


def test_without_a_repository_no_page_has_one(site):
    for name, page in pages_of(site).items():
        urls = [url for url in page.buttons.values() if url and is_foreign(url)]
        assert urls == [], name
        assert not {"canonical", "og:url", "og:image"} & set(page.meta), name
    for path in html_files(site):
        text = path.read_text(encoding="utf-8")
        assert "executablebooks" not in text  # whose repository is Jupyter Book's default


def test_with_a_repository_the_buttons_lead_there(forks):
    repository = "https://github.com/Someone/fork"
    chapter = f"chapters/{CHAPTERS[0].stem}"
    page = page_of(forks[0] / f"{chapter}.html")
    assert page.buttons["btn-source-repository-button"] == repository
    edit = page.buttons["btn-source-edit-button"]
    assert edit == f"{repository}/edit/trunk/{chapter}.ipynb"
    issue = page.buttons["btn-source-issues-button"]
    assert issue.startswith(f"{repository}/issues/new?title=")
    colab = "https://colab.research.google.com/github/Someone/fork/blob/trunk"
    assert f"{colab}/{chapter}.ipynb" in page.links
    address = f"https://someone.github.io/fork/{chapter}.html"
    assert page.meta["canonical"] == page.meta["og:url"] == address
    picture = page.meta["og:image"].removeprefix("https://someone.github.io/fork/")
    head = (forks[0] / picture).read_bytes()[:24]  # of a PNG: its width and height
    assert head[:4] == b"\x89PNG" and struct.unpack(">II", head[16:]) == (1200, 630)
    assert page.meta["twitter:card"] == "summary_large_image"
    # Text has nothing to launch; and a missing page may be missing in any folder.
    assert "colab" not in (forks[0] / "intro.html").read_text(encoding="utf-8")
    missing = page_of(forks[0] / "404.html")
    assert missing.loaded
    assert all(link.startswith("/fork/") for link in missing.loaded if "_static" in link)


def test_the_same_book_is_the_same_site(forks):
    trees = [{p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in forks]
    assert trees[0].keys() == trees[1].keys()
    assert [name for name in trees[0] if trees[0][name] != trees[1][name]] == []


@pytest.mark.parametrize(
    "url, address, prefix, provider",
    [
        ("https://github.com/you/b", "https://you.github.io/b/", "/b/", "github"),
        ("https://github.com/You/b.git/", "https://you.github.io/b/", "/b/", "github"),
        ("https://github.com/You/you.github.io", "https://you.github.io/", "/", "github"),
        ("https://gitlab.com/group/you/b", "", "/", "gitlab"),
        ("https://code.example.org/you/b", "", "/", "github"),
        ("", "", "/", None),
    ],
)
def test_addresses_follow_from_the_repository(monkeypatch, url, address, prefix, provider):
    config = named_by(monkeypatch, url)
    assert (config.html_baseurl, config.notfound_urls_prefix) == (address, prefix)
    options = config.html_theme_options
    assert options.get("repository_provider") == provider
    assert ("launch_buttons" in options) == bool(address)


@pytest.mark.parametrize("url", ["you/b", "https://github.com/b", "git@github.com:you/b"])
def test_an_address_that_is_none_stops_the_build(monkeypatch, url):
    with pytest.raises(ConfigError, match="should look like https://github.com/you/fork"):
        named_by(monkeypatch, url)


def named_by(monkeypatch, url):
    spec = importlib.util.spec_from_file_location("book", ROOT / "_ext" / "book.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("BOOK_REPOSITORY_URL", url)
    config = SimpleNamespace(html_theme_options={}, html_baseurl="", notfound_urls_prefix="/")
    module.name_the_repository(None, config)
    return config


# Formulas: written as MathML when the book is built


def test_a_formula_that_cannot_be_read_stops_the_build(tmp_path):
    source = tmp_path / "source"
    for name in ("_ext", "_static", "assets"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("_config.yml", "references.bib"):
        shutil.copy(ROOT / name, source / name)
    (source / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    text = "# A book\n\nWith $x$, $\\unknown{y}$ and\n\n$$\\frac{1}$$\n\n```{bibliography}\n```\n"
    (source / "intro.md").write_text(text)
    build = start_build(source, tmp_path)
    output, _ = build.communicate(timeout=600)
    assert build.returncode != 0
    assert re.search(r"intro\.md:3: WARNING: not a formula: \\unknown\{y\}", output), output
    assert re.search(r"intro\.md:5: WARNING: not a formula: \\frac\{1\}", output), output
    assert output.count("WARNING: not a formula") == 2


# The policy of the pages: what they may load and run


def policy_of(text):
    """Name of a directive -> what it allows."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    return dict(part.strip().partition(" ")[::2] for part in found[1].split(";"))


def test_every_page_has_a_narrow_policy(site):
    for path in html_files(site):
        text = path.read_text(encoding="utf-8")
        head, _, rest = text.partition('http-equiv="Content-Security-Policy"')
        assert "<script" not in head and "<link" not in head, path  # nothing goes before it
        policy = policy_of(text)
        assert policy["default-src"] == policy["object-src"] == "'none'", path
        assert policy["base-uri"] == "'none'", path
        for name in ("script-src", "style-src"):
            assert re.fullmatch(r"'self'( 'sha256-[\w+/]{43}=')*", policy[name]), path
        assert not re.search(r"<[^>]* on\w+\s*=\s*[\"']", rest), f"{path}: a handler"


def test_links_that_open_a_window_give_it_no_way_back(site):
    for path in html_files(site):
        for link in re.findall(r"<a [^>]*target=[^>]*>", path.read_text(encoding="utf-8")):
            assert 'rel="noopener"' in link, f"{path}: {link}"


INJECT = """
() => {
  const script = document.createElement("script")
  script.textContent = "window.injected = true"
  document.body.append(script)
  document.body.insertAdjacentHTML("beforeend", `<img src="x:" onerror="injected = true" alt="">`)
  return new Promise(done => setTimeout(() => done(window.injected === true), 200))
}
"""


@pytest.mark.parametrize("served", [True, False])
def test_a_script_that_is_not_the_books_does_not_run(site, browser, address, served):
    origin = address if served else site.as_uri()
    url = f"{origin.rstrip('/')}/chapters/{CHAPTERS[0].stem}.html"
    with Visit(browser, origin) as visit:
        visit.open(url)
        assert visit.wrong == []
        assert visit.page.evaluate(INJECT) is False
        assert len([w for w in visit.wrong if "script-src" in w]) == 2, visit.wrong
    with Visit(browser, origin, bypass_csp=True) as visit:  # it would have run
        visit.open(url)
        assert visit.page.evaluate(INJECT) is True


# Pages in a browser


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

  for (const citation of document.querySelectorAll(".bibtex-citation"))
    if (!citation.querySelector("a")) faults.push(`empty citation: ${citation.id}`)

  // Images
  for (const image of article.querySelectorAll("img")) {
    const name = image.getAttribute("src")
    if (!image.naturalWidth) faults.push(`does not load: ${name}`)
    if (!image.alt.includes(" ") || /\.(svg|png)$|[/\\]/.test(image.alt))
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


# Formulas and coloured code are nearly all of a page's nodes, and axe looks at each of them:
# leave one of each kind.
THIN_OUT = """
() => {
  const seen = new Set()
  for (const part of document.querySelectorAll("pre span, math")) {
    const kind = part.closest("div.output") ? "output " + part.className : part.className
    if (part.localName === "math" ? seen.has("math") : seen.has(kind))
      part.replaceWith(part.localName === "math" ? "formula" : part.textContent)
    seen.add(part.localName === "math" ? "math" : kind)
  }
}
"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_a_browser(browser, address, name):
    with Visit(browser, address) as visit:
        visit.open(address + name)
        faults = [f"at 1280: {fault}" for fault in visit.page.evaluate(FAULTS)]
        visit.page.set_viewport_size({"width": 360, "height": 740})
        faults += [f"at 360: {fault}" for fault in visit.page.evaluate(FAULTS)]
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.page.evaluate(THIN_OUT)
        # All chapters have the same colours: see the next test.
        contrast = not name.startswith("chapters/")
        faults += [*visit.wrong, *axe_faults(visit.page, contrast)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chapter_is_readable_in_both_schemes(browser, address, scheme):
    with Visit(browser, address) as visit:
        visit.page.emulate_media(color_scheme=scheme)
        visit.open(f"{address}chapters/06_pytorch_loss.html")  # it has tables, too
        visit.page.evaluate(THIN_OUT)
        assert visit.page.evaluate("document.documentElement.dataset.theme") == scheme
        faults = list(axe_faults(visit.page))
        assert not faults, "\n".join(faults)


def test_the_checks_in_the_browser_can_fail(browser, address):
    # Without the policy, which would keep some of the mistakes from happening.
    with Visit(browser, address, bypass_csp=True) as visit:
        visit.open(f"{address}chapters/{CHAPTERS[0].stem}.html")
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
                <span class="math"><math><merror><mtext>no LaTeX</mtext></merror></math></span>
                <math><mi></mi></math>
                <button></button><script src="https://cdn.example.org/x.js"></script>`)
              await fetch("https://cdn.example.org/x").catch(() => 0)
              console.error("a message")
              setTimeout(() => { throw Error("an exception") })
            }"""
        )
        visit.page.wait_for_timeout(100)
        faults = visit.page.evaluate(FAULTS)
        visit.page.evaluate(THIN_OUT)
        faults = " | ".join(visit.wrong + faults + list(axe_faults(visit.page)))
    for expected in (
        *("2 visible h1", "raw markup: $x$", "raw markup: {eq}", r"raw markup: \frac"),
        *("no formula: never typeset", "wrong formula: no LaTeX", "nothing to see: "),
        "empty citation",
        *("cut off: P", "does not load: gone.svg", "no alt text: gone.svg"),
        *("foreign request: https://cdn.example.org/x", "console: a message"),
        *("error: an exception", "button-name: <button>"),
    ):
        assert expected in faults, faults


# What stands in formulas, each character in its element: some are drawn in another shape there.
def test_the_font_has_what_stands_in_formulas(site, browser, address):
    """Cut to what the book needs (tools/fonts.py), it may miss what a new formula needs."""
    leaf = re.compile(r"<(mi|mn|mo|mtext|ms)\b[^>]*>([^<]*)</")
    texts = (path.read_text(encoding="utf-8") for path in html_files(site))
    leaves = {(m[1], html.unescape(m[2])) for t in texts for m in leaf.finditer(t)}
    with Visit(browser, address) as visit:
        visit.open(f"{address}chapters/{CHAPTERS[0].stem}.html")
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
        """leaves => {
          document.body.innerHTML = "<math id='leaves'></math>"
          for (const [name, text] of leaves) {
            const leaf = document.createElementNS("http://www.w3.org/1998/Math/MathML", name)
            leaf.textContent = text
            document.getElementById("leaves").append(leaf)
          }
          return document.fonts.load("1em Formulas")
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


def test_formulas_need_no_script(site, browser, address):
    with Visit(browser, address, java_script_enabled=False) as visit:
        visit.page.goto(f"{address}chapters/{CHAPTERS[0].stem}.html")
        formula = visit.page.locator("div.math math").first
        assert formula.bounding_box()["height"] > 30  # a product with its limits


def test_formulas_are_copied_as_latex(browser, address):
    with Visit(browser, address) as visit:
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visit.open(f"{address}chapters/{CHAPTERS[0].stem}.html")
        copied = "navigator.clipboard.readText()"
        formula = visit.page.locator("div.math", has=visit.page.locator(".eqno")).first
        formula.hover()
        formula.get_by_role("button", name="LaTeX").click()
        assert visit.page.evaluate(copied) == r"L = \prod_{n=0}^{N-1} q_{n,y_n}"
        visit.page.evaluate(
            """() => {
              const inline = document.querySelector("article p span.math")
              getSelection().selectAllChildren(inline.closest("p"))
            }"""
        )
        visit.page.keyboard.press("Control+c")
        text = visit.page.evaluate(copied)
        tex = visit.page.locator("article p span.math").first.get_attribute("data-tex")
        assert f"${tex}$" in text and "\n" not in text.strip(), text
        assert visit.wrong == []


def test_a_first_visit_is_light(site, browser, address):
    """450 kB after gzip, icons and all: tools/measure_site.py has the numbers of each page."""
    heaviest = max(site.glob("chapters/*.html"), key=lambda path: path.stat().st_size)
    asked = set()
    with Visit(browser, address) as visit:
        visit.page.on("request", lambda request: asked.add(request.url))
        visit.page.goto(address + heaviest.relative_to(site).as_posix())
    asked = {url.removeprefix(address).partition("?")[0] for url in asked}
    assert not [name for name in asked if "fontawesome" in name]  # icons.woff2 has all
    assert measure_site.weight(site, asked) < 450_000


def telling_words():
    """For each chapter the longest word of its text that no other chapter holds."""
    words = {}
    for chapter in CHAPTERS:
        cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        # Not code, formulas, labels, options, roles, or the targets of links.
        prose = re.sub(r"(?s)\$\$.*?\$\$|\$[^$]*\$|\{\S+?\}`[^`]*`|`[^`\n]*`", " ", prose)
        prose = re.sub(r"(?m)^(:|```|\().*$|\]\([^)]*\)", " ", prose)
        words[chapter.stem] = set(re.findall(r"(?<![\w-])[a-z]{6,}(?![\w-])", prose))
    for stem in words:
        others = set().union(*(words[other] for other in words if other != stem))
        yield stem, max(words[stem] - others, key=lambda word: (len(word), word))


def results_of_search(page):
    # The results come in one by one; the heading changes after the last.
    done = page.locator("#search-results > h2", has_text="Search Results")
    done.wait_for(state="attached")  # the theme hides it
    page.wait_for_load_state("networkidle")  # each fetches a line of its page
    links = page.locator("#search-results li a")
    return [link.get_attribute("href") for link in links.all()]


def test_search_finds_a_chapter_by_a_word_of_its_text(browser, address):
    with Visit(browser, address) as visit:
        visit.open(f"{address}intro.html")
        for stem, word in list(telling_words())[::4]:  # each search takes a second
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
        visit.page.locator("#pst-primary-sidebar a[href$='01_likelihood.html']").click()
        visit.page.wait_for_url(f"{address}chapters/01_likelihood.html")


def test_the_folder_works_without_a_server(site, browser):
    stem, word = next(telling_words())
    with Visit(browser, site.as_uri()) as visit:
        visit.page.goto((site / "index.html").as_uri())
        visit.page.wait_for_url("**/intro.html")
        visit.page.locator(f"#pst-primary-sidebar a[href$='{stem}.html']").click()
        visit.page.wait_for_url(f"**/{stem}.html")
        visit.wait_for_figures()
        assert visit.page.evaluate(FAULTS) == []
        assert visit.page.locator("article math").count() > 10
        assert visit.page.evaluate("document.fonts.check('16px Formulas')")
        assert visit.wrong == []
        # The names of the pages are found; for a line of their text the browser wants a server.
        visit.page.goto(f"{(site / 'search.html').as_uri()}?q={word}")
        assert any(f"{stem}.html" in link for link in results_of_search(visit.page))
