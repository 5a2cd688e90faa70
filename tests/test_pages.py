"""The website as files: links, descriptions, policies, figures, and the addresses of a fork.

Some checks go through all pages that the build has made, and yield what is wrong; others look
at a small book (small_book.py), built for a fork or with mistakes in it.
"""

import functools
import html.parser
import json
import os
import re
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

import bs4
import checks
import links
import maths
import moved
import pytest
import small_book
import themes
from book import CHAPTERS, LANGUAGE, PAGES, ROOT, TITLE, minutes, prose, read
from sphinx.errors import ConfigError
from website import MOVED, Visit, axe_faults, build, built, html_files, run

# Made from no page of the book.
NO_SOURCE = ["search.html", "404.html"]


class Page(html.parser.HTMLParser):
    """What the checks need to know of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.meta, self.images = set(), [], {}, []
        self.scripts, self.buttons = [], {}
        self.lang = self.title = self.inside = None
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
        elif tag == "img":
            self.images.append(attributes)
        elif tag == "script" and target:
            self.scripts.append(attributes)
        if target and attributes.get("rel") == "canonical":
            self.meta["canonical"] = target
        elif target:
            self.links.append(target)
        for name in attributes.get("class", "").split():
            if name.startswith("btn-"):
                self.buttons.setdefault(name, target)

    def handle_data(self, data):
        if self.inside == "title":
            self.title = (self.title or "") + data

    def handle_endtag(self, tag):
        self.inside = None


@functools.cache
def page_of(path):
    return Page(path.read_text(encoding="utf-8"))


def pages_of(site):
    """Name -> page."""
    return {p.relative_to(site).as_posix(): page_of(p) for p in html_files(site)}


def is_foreign(link):
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


# Links


def broken_links(site, paths=None):
    for path in paths or html_files(site):
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
                # A state, not a place: tests/test_explorer.py goes there.
                if target == "explorer.html" and anchor.startswith("z="):
                    continue
                if unquote(anchor) not in page_of(file).ids:
                    yield f"{name}: there is no #{anchor} in {target}"


def test_the_pages_are_those_of_the_contents(site):
    assert sorted(pages_of(site)) == sorted([*(f"{name}.html" for name in PAGES), *NO_SOURCE])


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
    )
    assert list(broken_links(tmp_path)) == [
        "a.html: there is no #gone in sub/b.html",
        "a.html: there is no gone.svg",
        "a.html: there is no sub/gone.html",
    ]


def test_the_check_of_foreign_links_finds_no_fault_without_a_network(tmp_path):
    """`make links`: all that it finds broken here is what only a network could answer."""
    small_book.write(tmp_path / "source")
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    build(tmp_path / "source", tmp_path, "--builder", "linkcheck", **nowhere)
    lines = (tmp_path / "_build" / "html" / "output.json").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert "explorer:z=1,2,0&amp;y=0" in [link["uri"] for link in found]
    assert [link for link in found if link["status"] == "broken" and is_local(link["uri"])] == []


def is_local(uri):
    return not uri.startswith(("http:", "https:"))


def test_a_doi_is_looked_up_and_not_visited():
    asked = links.ask_the_registry(None, "https://doi.org/10.1145/3.4")
    assert asked == "https://doi.org/api/handles/10.1145/3.4"
    assert links.ask_the_registry(None, "https://arxiv.org/abs/1") == "https://arxiv.org/abs/1"


def test_the_contents_of_a_chapter_say_how_long_each_section_takes(site):
    for chapter in CHAPTERS:
        page = (site / f"chapters/{chapter.stem}.html").read_text(encoding="utf-8")
        contents = page[page.index('<nav id="pst-page-toc-nav"') :]
        contents = contents[: contents.index("</nav>")]
        shown = re.findall(r'<span class="minutes"> (\d+) min</span>', contents)
        sections = re.findall(r"^## ", prose(read(chapter)), re.MULTILINE)
        assert len(shown) == len(sections)
        # Each is rounded, and so is the sum of a chapter.
        rounding = len(sections) / 2 + 5
        assert abs(sum(map(int, shown)) - minutes(read(chapter))) <= rounding


def test_an_old_address_leads_to_where_its_text_is(site, browser, address):
    assert list(broken_links(site, [site / name for name in MOVED])) == []
    for name in MOVED:
        assert policy_of((site / name).read_text(encoding="utf-8"))["script-src"] == "'self'"
        with Visit(browser, address) as visit:
            for link in (links := page_of(site / name).links)[:2] + links[-1:]:
                if link.endswith(".js"):
                    continue
                page, _, anchor = link.partition("#")
                visit.page.goto(f"{address}{name}#{anchor}".removesuffix("#"))
                end = re.escape(f"{Path(name).parent / page}{'#' if anchor else ''}{anchor}")
                visit.page.wait_for_url(re.compile(f"{end}($|#)"))


# What a page says of itself


def test_an_old_place_is_a_name_of_the_section_that_took_it_over(site):
    ids = [page_of(site / f"{name}.html").ids for name in PAGES]
    lost = [
        old for old, new in moved.OLD_ANCHORS.items() if not any({old, new} <= set(i) for i in ids)
    ]
    assert lost == []
    old_page = page_of(site / "chapters/11_practice.html")
    assert "11_targets.html#prac-ece" in old_page.links


def test_every_page_says_what_it_is(site):
    pages = pages_of(site)
    for name, page in pages.items():
        assert page.lang == LANGUAGE, name
        assert len(page.meta.get("description") or "") > 20, f"{name}: no description"
        assert page.title.count(TITLE) == 1, name
    for what in (lambda p: p.title, lambda p: p.meta["description"]):
        said = [what(page) for page in pages.values()]
        assert len(set(said)) == len(said), sorted(said)


def test_the_book_has_one_title():
    for name, line in (
        ("README.md", "# {}"),
        ("index.md", "# {}"),
        ("CITATION.cff", 'title: "{}"'),
    ):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        assert line.format(TITLE) in lines, f"{name} has another title than _config.yml"


def test_the_plain_copy_of_a_chapter_can_be_downloaded(site):
    for chapter in CHAPTERS:
        page = site / "chapters" / f"{chapter.stem}.html"
        link = page_of(page).buttons["btn-download-notebook-button"]
        assert (page.parent / link).resolve() == site.resolve() / "notebooks" / chapter.name
    assert "btn-download-notebook-button" not in page_of(site / "index.html").buttons


# What a page loads


def test_every_figure_has_a_size_and_waits_for_its_reader(site):
    seen = 0
    for path in html_files(site):
        for image in page_of(path).images:
            if "_images/" not in image["src"]:
                continue
            seen += 1
            svg = (path.parent / unquote(image["src"])).resolve().read_text(encoding="utf-8")
            points = re.search(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()
            width, height = (float(length) * 96 / 72 for length in points)
            assert abs(int(image["width"]) - width) < 1, image
            assert abs(int(image["height"]) - height) < 1, image
            assert image["loading"] == "lazy", image
    assert seen >= len(CHAPTERS)


def test_no_script_stops_a_page_from_being_shown(site):
    for name, page in pages_of(site).items():
        waiting = [s for s in page.scripts if "defer" in s or s.get("type") == "module"]
        assert page.scripts and page.scripts == waiting, name


def test_no_page_loads_what_few_need(site):
    for name, page in pages_of(site).items():
        loaded = " ".join(script["src"] for script in page.scripts)
        assert "search" not in loaded and "previews" not in loaded, name
        assert "fontawesome" not in loaded, name


STYLES = {
    "a{x}.in{y}.out{z}": "a{x}.in{y}",
    ".in,.out , p.in>.out{x}": ".in{x}",
    "@media print{.out{x}.in .in{y}}": "@media print{.in .in{y}}",
    ".in:not(.out),.out:not(.in){x}": ".in:not(.out){x}",
    ":is(.out,.in:not(.out)) b,[href$='.out']{x}": ":is(.out,.in:not(.out)) b,[href$='.out']{x}",
    "/*! whose .a{} */a{x}/* .in.out{} */.bs-made-up{y}": "/*! whose .a{} */a{x}.bs-made-up{y}",
    '@charset "UTF-8";@font-face{x}@keyframes k{0%{x}to{y}}': None,
}


@pytest.mark.parametrize("style, left", STYLES.items())
def test_a_rule_for_nothing_in_the_book_goes(style, left):
    used = set(themes.classes_in('<p class="no in"></p><script>add("said")</script>'))
    assert {"no", "in", "said"} <= used and "p" not in used
    assert themes.without_unused(style, used) == (left or style)


def test_the_pages_have_what_their_classes_ask_for(site):
    """A few that scripts set, and that stand in no page; and none that is nowhere."""
    style = (site / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    for name in ("show", "collapsing", "bs-tooltip-auto", "fa-moon", "admonition"):
        assert f".{name}" in style, name
    assert ".fa-hippo" not in style and style.startswith("/*!")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_and_brackets_in_code_have_the_colour_of_their_surroundings(site, scheme):
    style = (site / "_static/pygments.css").read_text(encoding="utf-8")
    colour = rf'data-theme="{scheme}"\] \.highlight( \.[npw])? {{[^}}]*[ ;]color: (#\w+)'
    found = dict(re.findall(colour, style))
    assert set(found) == {"", " .n", " .p", " .w"} and len(set(found.values())) == 1
    page = (site / f"chapters/{CHAPTERS[0].stem}.html").read_text(encoding="utf-8")
    assert '<span class="k">' in page and not re.search('<span class="[npw]">', page)


def test_the_theme_asks_no_code_whether_it_scrolls(site):
    script = (site / "_static/scripts/pydata-sphinx-theme.js").read_text(encoding="utf-8")
    assert "scrollWidth" not in script
    loop = 'all("pre").forEach(e=>{e.tabIndex=e.scrollWidth>e.clientWidth?0:-1}),rest()'
    assert themes.without_loop(loop) == 'all("pre"),rest()'


def policy_of(text):
    """Name of a directive -> what it allows."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    return dict(part.strip().partition(" ")[::2] for part in found[1].split(";"))


def test_every_page_has_a_narrow_policy(site):
    for path in html_files(site):
        text = path.read_text(encoding="utf-8")
        before, _, rest = text.partition('http-equiv="Content-Security-Policy"')
        assert "<script" not in before and "<link" not in before, path
        policy = policy_of(text)
        assert policy["default-src"] == "'self'", path
        for name in ("object", "media", "frame", "worker", "manifest"):
            assert policy[f"{name}-src"] == policy["base-uri"] == "'none'", path
        for name in ("script-src", "style-src"):
            assert re.fullmatch(r"'self'( 'sha256-[\w+/]{43}=')*", policy[name]), path
        assert not re.search(r"<[^>]* on\w+\s*=\s*[\"']", rest), f"{path}: a handler"


# A fork: the repository is named when the book is built for one, and otherwise nowhere


def test_without_a_repository_no_page_has_one(site):
    for name, page in pages_of(site).items():
        urls = [url for url in page.buttons.values() if url and is_foreign(url)]
        assert urls == [], name
        assert not {"canonical", "og:url", "og:image"} & set(page.meta), name
    assert not (site / "sitemap.xml").exists() and not (site / "robots.txt").exists()
    for path in html_files(site):
        # Whose repository is Jupyter Book's default.
        assert "executablebooks" not in path.read_text(encoding="utf-8")


def test_with_a_repository_the_buttons_lead_there(forks):
    repository = "https://github.com/Someone/fork"
    chapter = "chapters/01_short"
    page = page_of(forks[0] / f"{chapter}.html")
    assert page.buttons["btn-source-repository-button"] == repository
    edit = page.buttons["btn-source-edit-button"]
    assert edit == f"{repository}/edit/trunk/{chapter}.ipynb"
    issue = page.buttons["btn-source-issues-button"]
    assert issue.startswith(f"{repository}/issues/new?title=")
    colab = f"https://colab.research.google.com/github/Someone/fork/blob/{links.COPIES}"
    assert f"{colab}/01_short.ipynb" in page.links
    address = f"https://someone.github.io/fork/{chapter}.html"
    assert page.meta["canonical"] == page.meta["og:url"] == address
    picture = page.meta["og:image"].removeprefix("https://someone.github.io/fork/")
    # The head of a PNG: its width and height.
    head = (forks[0] / picture).read_bytes()[:24]
    assert head[:4] == b"\x89PNG" and struct.unpack(">II", head[16:]) == (1200, 630)
    assert page.meta["twitter:card"] == "summary_large_image"
    # Text has nothing to launch; and a missing page may be missing in any folder.
    assert "colab" not in (forks[0] / "index.html").read_text(encoding="utf-8")
    loaded = [link for link in page_of(forks[0] / "404.html").links if "_static" in link]
    assert loaded and all(link.startswith("/fork/") for link in loaded)


def test_with_an_address_search_engines_get_a_list_of_all_pages(forks):
    robots = (forks[0] / "robots.txt").read_text(encoding="utf-8")
    assert robots.endswith("Sitemap: https://someone.github.io/fork/sitemap.xml\n")
    listed = ElementTree.parse(forks[0] / "sitemap.xml").getroot()
    pages = pages_of(forks[0])
    expected = [p.meta["canonical"] for n, p in pages.items() if n not in NO_SOURCE]
    assert sorted(url[0].text for url in listed) == sorted(expected)


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


@pytest.mark.parametrize(
    "site_url, address, prefix",
    [
        ("https://book.example.org", "https://book.example.org/", "/"),
        (
            "https://group.gitlab.io/course/book/",
            "https://group.gitlab.io/course/book/",
            "/course/book/",
        ),
        ("", "https://you.github.io/b/", "/b/"),
    ],
)
def test_an_address_of_ones_own_counts(monkeypatch, site_url, address, prefix):
    config = named_by(monkeypatch, "https://github.com/you/b", site_url)
    assert (config.html_baseurl, config.notfound_urls_prefix) == (address, prefix)


@pytest.mark.parametrize("url", ["book.example.org", "https://", "https://a.org/?b", "ftp://a.org"])
def test_an_address_of_ones_own_that_is_none_stops_the_build(monkeypatch, url):
    with pytest.raises(ConfigError, match="should look like https://book.example.org"):
        named_by(monkeypatch, "", url)


def named_by(monkeypatch, url, site_url=""):
    monkeypatch.setenv("BOOK_REPOSITORY_URL", url)
    monkeypatch.setenv("BOOK_SITE_URL", site_url)
    config = SimpleNamespace(html_theme_options={}, html_baseurl="", notfound_urls_prefix="/")
    links.name_the_repository(None, config)
    links.name_the_site(None, config)
    return config


# What the extensions make of a small book


def test_an_image_of_pixels_has_a_size_and_keeps_its_proportions(forks, browser):
    large, small = [i for i in page_of(forks[0] / "index.html").images if "photo" in i["src"]]
    for image in (large, small):
        assert (image["width"], image["height"], image["loading"]) == ("1200", "630", "lazy")
    assert "style" not in large and small["style"] == "width: 60px;"
    with Visit(browser, forks[0].as_uri()) as visit:
        visit.open((forks[0] / "index.html").as_uri())
        boxes = [image.bounding_box() for image in visit.page.locator("img[src*=photo]").all()]
    assert boxes[1]["width"] == 60
    for box in boxes:
        assert box["height"] == pytest.approx(box["width"] * 630 / 1200, abs=1)


def test_a_table_says_what_its_cells_are(forks):
    page = (forks[0] / "chapters" / "02_more.html").read_text(encoding="utf-8")
    narrow, wide = re.findall(r"(?s)<table.*?</table>", page)
    assert not re.search(r"<style|border=|style=|class=\"dataframe", narrow + wide)
    assert re.findall(r"<th .*?</th>", narrow) == [
        '<th scope="col">format</th>',
        '<th scope="col">loss</th>',
        '<th scope="col" class="words">what</th>',
        '<th scope="row">float64</th>',
        '<th scope="row">float32</th>',
    ]
    assert wide.count('scope="col"') == 7 and wide.count('scope="row"') == 2


# Left, right and end of each cell's text, by columns.
ENDS = """table => [...table.rows].map(row => [...row.cells].map(cell => {
  const text = document.createRange()
  text.selectNodeContents(cell)
  const { left, right } = text.getBoundingClientRect()
  return [Math.round(left), Math.round(right)]
}))"""


def test_a_table_has_its_numbers_below_each_other(forks, browser):
    with Visit(browser, forks[0].as_uri()) as visit:
        visit.open((forks[0] / "chapters" / "02_more.html").as_uri())
        head, *rows = visit.page.locator("table").first.evaluate(ENDS)
    for row in rows:
        names, numbers, words = zip(head, row, strict=True)
        assert names[0][0] == names[1][0], "names of rows begin below each other"
        assert numbers[0][1] == numbers[1][1], "numbers end below each other"
        assert words[0][0] == words[1][0], "words begin below each other"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_scrolls_where_it_is_too_wide_and_nowhere_else(forks, browser, scheme):
    room = "box => box.scrollWidth - box.clientWidth"
    with Visit(browser, forks[0].as_uri(), color_scheme=scheme) as visit:
        visit.open((forks[0] / "chapters" / "02_more.html").as_uri())
        narrow, wide = visit.page.locator(".results > .scrolls").all()
        assert narrow.evaluate(room) == wide.evaluate(room) == 0
        assert list(axe_faults(visit.page)) == []
        visit.page.set_viewport_size({"width": 390, "height": 844})
        visit.wait_until("document.querySelector('.more-after')")
        assert narrow.evaluate(room) == 0 and narrow.get_attribute("tabindex") is None
        assert wide.evaluate(room) > 100
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
        assert "gradient" in wide.evaluate("box => getComputedStyle(box).maskImage")
        # No heading is broken within a word.
        heading = wide.locator("th", has_text="probability")
        assert heading.evaluate("th => th.scrollWidth <= th.clientWidth")
        wide.focus()
        visit.page.keyboard.press("Shift+Tab")
        visit.page.keyboard.press("Tab")
        assert wide.evaluate("box => box === document.activeElement")
        visit.page.keyboard.press("ArrowRight")
        visit.wait_until("document.querySelector('.more-before')")
        assert list(axe_faults(visit.page)) == []


def test_the_index_has_terms_functions_and_headings(forks):
    page = (forks[0] / "appendix" / "terms.html").read_text(encoding="utf-8")
    entries = re.findall(r"(?s)<dt>(.*?)</dt><dd><p>(.*?)</p>", page)
    words = [re.sub("<.*?>", "", word).strip() for word, _ in entries]
    assert words == ["F.cross_entropy", "entropy", "surprising words"]
    assert all("01_short.html#the-definition-of-entropy" in places for _, places in entries)


def test_an_equation_with_a_digit_in_its_label_has_its_tick(forks):
    page = (forks[0] / "chapters" / "01_short.html").read_text(encoding="utf-8")
    ticks = re.findall(r'href="#(checks\S+)" title="\(1.1\) is checked by this cell">(.*?)<', page)
    assert ticks == [("checks-eq-small-log2", "✓ exact"), ("checks-eq-small-log2-2", "✓ sampled")]
    assert page.count('id="equation-eq-small-log2"') == 1
    listed = (forks[0] / "appendix" / "equations.html").read_text(encoding="utf-8")
    assert "01_short.html#checks-eq-small-log2" in listed


def test_a_folded_check_is_a_line_that_says_what_and_how(forks):
    page = (forks[0] / "chapters" / "01_short.html").read_text(encoding="utf-8")
    lines = [re.sub("<.*?>", "", line) for line in re.findall("<summary>(.*?)</summary>", page)]
    assert lines[-3:] == [
        "✓ Check of (1.1), sampled: three, by * and _",
        "✓ Check: four, of no equation",
        "Code of the figure",
    ]
    # The picture stays.
    assert "<img" not in page.partition("Code of the figure")[2].partition("</details>")[0]
    assert re.search('back to <a class="reference internal" href="#equation-eq-small-log2">', page)


def test_what_is_looked_up_is_a_line_that_opens_on_its_result(site):
    path = site / "chapters" / "15_documents.html"
    page = bs4.BeautifulSoup(path.read_text("utf-8"), "html.parser")
    folds = page.select("details.looked-up")
    assert len(folds) > 10
    for fold in folds:
        line, result, code = fold.find_all(recursive=False)
        # As many as the line says.
        assert int(line.text.split()[0]) == len(result.select("tbody tr"))
        said = {cell["data-heading"] for cell in result.select("td")}
        assert said == {heading.text for heading in result.select("thead th")[1:]}
        assert code["class"] == ["fold", "code"] and "corrections(" in code.text
    assert not page.select("details.looked-up details.check, details.looked-up .tick")
    assert page.select_one(".open-checks .count").text == str(len(page.select("details.check")))


def test_the_equations_of_a_check_are_named_in_their_order_by_kind():
    words = SimpleNamespace(config=SimpleNamespace(check_words={"and": "and"}))
    kinds = {"(2.10)": "exact", "(2.9)": "exact", "(2.3)": "sampled"}
    said = checks.with_kinds(words, kinds)
    assert said == "(2.3), sampled, and (2.9) and (2.10), exact"


@pytest.mark.parametrize("wrong", [["eq-a"], {"eq-a": ["exact"]}, "eq-a"])
def test_checks_that_are_no_pairs_of_label_and_kind_are_a_fault(wrong):
    assert list(checks.faults({"checks": {"eq-a": "exact"}}, {"exact": "in fractions"})) == []
    assert "no pairs" in next(checks.faults({"checks": wrong}, {"exact": "in fractions"}))


def test_a_chapter_that_was_never_timed_has_a_line_in_the_status(forks):
    page = (forks[0] / "appendix" / "status.html").read_text(encoding="utf-8")
    rows = re.findall(r"(?s)<tr.*?</tr>", page)
    cells = [re.findall(r"<p>(?:<a[^>]*>)?([^<]*)", row) for row in rows]
    assert ["1. A short chapter", "4", "3", "1", "1", "0", "–"] in cells


WRONG = r"""# A book

With $x$, $\unknown{y}$ and

$$\frac{1}$$

This is chapter 1, or is it [chapter 2](chapters/01_short.ipynb)?

<svg>
<a href="chapters/01_short.html"><text class="number">3</text></a>
<a href="chapters/04_gone.html"><text class="number">4</text></a>
</svg>

![A badge](https://example.org/badge.svg)

<iframe src="https://example.org/film"></iframe>

<p class="big" onclick="alert(1)">Press</p>

To read in {minutes}`04_gone`.

```{dropdown} More
:open:
```

```{bibliography}
```
"""
UNSOLVED = "# More\n\n```{solution-start} ex-none\n```\nSo.\n```{solution-end}\n```"
WRONG_CHAPTER = "At the end of this [chapter 9](01_short.ipynb) you have read a chapter"


def test_a_mistake_in_a_page_is_named_with_its_place(tmp_path):
    source = tmp_path / "source"
    checks = {"eq-small-lag2": "exact", "eq-small-log2": "believed"}
    more = {"cell_type": "markdown", "id": "more", "metadata": {}, "source": UNSOLVED}
    small_book.write(source, index=WRONG, checks=checks, second=[more])
    replace_in(
        source / "chapters" / "01_short.ipynb", "At the end of this chapter you", WRONG_CHAPTER
    )
    replace_in(source / "_config.yml", "html:", "html:\n  analytics: {google_analytics_id: G-1}")
    done = build(source, tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    mistakes = (
        (r"index\.md:3: WARNING", r"not a formula: \\unknown\{y\}"),
        (r"index\.md:5: WARNING", r"not a formula: \\frac\{1\}"),
        (r"index\.md:7: WARNING", "nothing checks the number of 'chapter 1'"),
        (r"index\.md:7: WARNING", "the link 'chapter 2' leads to chapter 1"),
        (r"index\.md:9: WARNING", "the link '3' leads to chapter 1"),
        (r"index\.md:9: WARNING", "a link leads to chapters/04_gone, which is not in"),
        (r"index\.md:14: WARNING", r"https://example\.org/badge\.svg would not be shown"),
        (r"index\.md:16: WARNING", r'<iframe src="https://example\.org/film" would not be shown'),
        (r"index\.md:18: WARNING", r'onclick="alert\(1\)" would do nothing'),
        (r"index\.md:20: WARNING", "there is no chapter 04_gone"),
        (r"index\.md:22: ERROR", r"\{dropdown\} needs sphinx_design"),
        (
            r"01_short\.ipynb: text above cell \[1\], line 3: WARNING",
            "the link 'chapter 9' leads to",
        ),
        (r"01_short\.ipynb: cell \[1\]: WARNING", "its check of eq-small-lag2 names no equation"),
        (
            r"01_short\.ipynb: cell \[1\]: WARNING",
            "its check of eq-small-log2 is 'believed': name one of exact, symbolic",
        ),
        (r"02_more\.ipynb: WARNING", "solution ex-none: no exercise of the chapter has this"),
        ("WARNING", r"_config\.yml or a template: https://www\.googletagmanager\.com/\S+ would"),
    )
    for place, words in mistakes:
        assert re.search(f"{place}: {words}", done.stdout), done.stdout
    assert len(re.findall("WARNING|ERROR", done.stdout)) == len(mistakes), done.stdout


def replace_in(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# It has begun a solution, and two exercises.
UNENDED = "# More\n\n```{exercise-start}\n:label: ex-one\n```\n```{exercise-end}\n```\n"
UNENDED += "```{solution-start} ex-one\n:class: dropdown\n```\n```{exercise-start}\n```\nHow?"


def test_a_notebook_that_a_merge_or_a_slip_has_spoiled_is_named(tmp_path):
    index, more = "# A book\n\n```{bibliography}\n```\n", {"cell_type": "markdown", "id": "more"}
    more |= {"metadata": {}, "source": UNENDED}
    small_book.write(tmp_path / "source", index=index, second=[more])
    replace_in(tmp_path / "source" / "chapters" / "01_short.ipynb", "{", "<<<<<<< HEAD\n{")
    done = build(tmp_path / "source", tmp_path)
    assert done.returncode != 0 and "Traceback" not in done.stdout, done.stdout
    assert re.search(r"01_short\.ipynb: WARNING: not a notebook: .* line 1 column 1", done.stdout)
    for words in (
        "solution ex-one has no {solution-end}",
        "exercise 2 of the chapter has no :label: below {exercise-start}",
        "exercise 2 has no {exercise-end}",
    ):
        assert f"02_more.ipynb: WARNING: {words}" in done.stdout, done.stdout


def test_a_book_in_another_language_counts_as_it_does(tmp_path, browser):
    """Sphinx's own way is refused by the policy, on every page."""
    small_book.write(tmp_path / "source")
    replace_in(tmp_path / "source" / "_config.yml", f"language: {LANGUAGE}", "language: de")
    site = built(tmp_path / "source", tmp_path)
    with Visit(browser, site.as_uri()) as visit:
        visit.open((site / "chapters" / "01_short.html").as_uri())
        assert visit.page.evaluate("document.documentElement.lang") == "de"
        assert visit.page.evaluate("Documentation.gettext('Search Results')") == "Suchergebnisse"
        assert visit.page.evaluate("[0, 1, 2].map(Documentation.PLURAL_EXPR)") == [1, 0, 1]
        assert visit.wrong == []


def test_a_build_that_hangs_is_ended(tmp_path):
    hanging = ["sh", "-c", f"echo $$ > '{tmp_path}/pid'; exec sleep 600"]
    with pytest.raises(subprocess.TimeoutExpired):
        run(*hanging, timeout=2)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_lines_and_numbers_of_formulas_are_left_to_sphinx():
    assert maths.to_mathml(r"a \\ b", displaystyle=True).count("<mtr>") == 2
    assert "mtext" not in maths.to_mathml(r"\begin{align}a\end{align}", displaystyle=True)
