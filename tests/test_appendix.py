"""The appendix says about the chapters what is in the chapters."""

import html
import importlib.util
import io
import json
import re
import shutil

import pytest
from pypdf import PdfReader
from website import ROOT, Visit

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
APPENDIX = ROOT / "appendix"


def cells_of(chapter):
    return json.loads(chapter.read_text(encoding="utf-8"))["cells"]


def prose(chapter):
    cells = cells_of(chapter)
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    return "\n\n".join(texts)


def equations():
    """Label -> formula, of all numbered equations."""
    found = {}
    for chapter in CHAPTERS:
        for cell in cells_of(chapter):
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                blocks = text.split("$$")[1::2], text.split("$$")[2::2]
                for formula, after in zip(*blocks, strict=True):
                    if label := re.match(r" *\((eq-[\w-]+)\)", after):
                        found[label[1]] = formula
    return found


def tagged_cells():
    """Label -> how many cells check it, for each chapter's name."""
    found = {}
    for chapter in CHAPTERS:
        for cell in cells_of(chapter):
            for tag in cell["metadata"].get("tags", []):
                key = chapter.stem, tag.removeprefix("checks-")
                found[key] = found.get(key, 0) + tag.startswith("checks-eq-")
    return found


def built(site, name):
    return (site / f"{name}.html").read_text(encoding="utf-8")


def load(name):
    spec = importlib.util.spec_from_file_location("loaded", ROOT / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The formula card


def bare(formula):
    """A formula without what only moves its parts on the page."""
    spaces = r"\\\\|\\[,;:! ]|\\qquad|\\quad|\\displaystyle|\\(begin|end)\{aligned\}|&|\s"
    return re.sub(spaces, "", formula)


def faults_of_the_card(card, equations):
    """Every formula is a part of an equation that stands beside it."""
    for words, formulas in re.findall(r"(?m)^(\S.*\{eq\}.*)\n: (.*)$", card):
        beside = [equations.get(x, "") for x in re.findall(r"\{eq\}`(.*?)`", words)]
        shown = [bare(f) for f in re.findall(r"\$(.+?)\$", formulas)]
        whole = "".join(map(bare, beside))
        for formula in shown:
            # A chain a = b = c may be shown as a = c.
            ends = [formula, *formula.split("=", 1)]
            if not (formula in whole or all(e in whole for e in ends[1:])):
                yield f"{words}: {formula}"
    lines = card.count("\n: "), len(re.findall(r"(?m)^\S.*\{eq\}.*\n: ", card))
    if len(set(lines)) > 1:
        yield "a formula without an equation"


def test_the_card_holds_formulas_of_the_chapters():
    card = (APPENDIX / "card.md").read_text(encoding="utf-8")
    assert list(faults_of_the_card(card, equations())) == []
    named = set(re.findall(r"\{eq\}`(.*?)`", card))
    chapters = {chapter for chapter, label in tagged_cells() if label in named}
    assert chapters == {chapter.stem for chapter in CHAPTERS}


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("{H(p, q)}{\\ln 2}", "{H(q, p)}{\\ln 2}"),
        ("= q - p$", "= p - q$"),
        (" {eq}`eq-kl-bounds`", ""),
        ("{eq}`eq-sm-ratio`", "{eq}`eq-sm-shift`"),
    ],
)
def test_the_check_of_the_card_can_fail(right, wrong):
    card = (APPENDIX / "card.md").read_text(encoding="utf-8")
    assert card.count(right) == 1
    card = card.replace(right, wrong)
    assert len(list(faults_of_the_card(card, equations()))) == 1


CUT = """
() => [...document.querySelectorAll(".formulas dd .math > *")].filter(formula =>
  formula.getBoundingClientRect().right > formula.closest("dd").getBoundingClientRect().right + 1
).map(formula => formula.textContent)
"""


def test_the_card_is_printed_on_two_sides(browser, address):
    with Visit(browser, address) as visit:
        visit.open(f"{address}appendix/card.html")
        pages = PdfReader(io.BytesIO(visit.page.pdf(prefer_css_page_size=True))).pages
        assert len(pages) <= 2
        # In print nothing scrolls: no formula may be wider than its column.
        visit.page.emulate_media(media="print")
        visit.page.set_viewport_size({"width": 680, "height": 1000})
        assert visit.page.evaluate(CUT) == []
        visit.page.set_viewport_size({"width": 400, "height": 1000})
        assert visit.page.evaluate(CUT) != []


# The list of equations, and the marks in the chapters


def faults_of_the_equations(page, tagged):
    listed = re.split(r'<div class="listed ', page)[1:]
    shown = {}
    for block in listed:
        chapter, label = re.search(r"chapters/(\w+)\.html#equation-(eq-[\w-]+)", block).groups()
        checks = re.findall(rf"chapters/{chapter}\.html#checks-{label}(?:-\d+)?\"", block)
        shown[chapter, label] = len(set(checks))
        if 'class="math ' not in block:
            yield f"{label}: no formula"
    if shown != tagged:
        yield f"listed, or tagged: {sorted(shown.items() ^ tagged.items())}"


def test_every_equation_is_listed_with_every_check(site):
    tagged = tagged_cells()
    assert {label for _, label in tagged} == set(equations())
    page = built(site, "appendix/equations")
    assert list(faults_of_the_equations(page, tagged)) == []


def test_the_check_of_the_list_can_fail(site):
    page = built(site, "appendix/equations")
    for part in (r'<a [^>]*#checks-eq-lik-product-2">.*?</a>', r'<div class="listed .*?</div>'):
        spoiled = re.sub(part, "", page, count=1, flags=re.DOTALL)
        assert spoiled != page
        assert list(faults_of_the_equations(spoiled, tagged_cells()))


def test_an_equation_and_its_checks_lead_to_each_other(site):
    for chapter in CHAPTERS:
        page = built(site, f"chapters/{chapter.stem}")
        tagged = {la: n for (name, la), n in tagged_cells().items() if name == chapter.stem}
        cells = re.findall(
            r'<div class="cell ([^"]*tag_checks-[^"]*)" id="([\w-]+)">(.*?)</p>', page, re.S
        )
        led = {}
        for classes, place, line in cells:
            for label in re.findall(r"tag_checks-(eq-[\w-]+)", classes):
                led[label] = led.get(label, 0) + 1
                assert f'href="#equation-{label}">(' in line, place
        assert led == tagged
        ticks = re.findall(r'href="#(checks-(eq-[\w-]+?))(?:-\d+)?" title="\(', page)
        assert sorted(label for _, label in ticks) == sorted(tagged)


# The status page, and the record that it shows


def test_the_status_page_counts_what_the_chapters_show(site):
    page = built(site, "appendix/status")
    chapters, packages = re.findall(r"<tbody>(.*?)</tbody>", page, re.S)
    rows = re.findall(r"<tr.*?</tr>", chapters, re.S)
    sums = [0] * 6
    for chapter, row in zip(CHAPTERS, rows[:-1], strict=True):
        text = built(site, f"chapters/{chapter.stem}")
        title = re.search(r"<h1>(.*?)<a ", text)[1].replace('<span class="section-number">', "")
        assert f"{chapter.stem}.html" in row and title.replace("</span>", "") in html.unescape(row)
        code = re.findall(r'<div class="cell_input .*?</pre>', text, re.S)
        expected = [
            len(code),
            sum(re.search(r">assert(_\w+)?<", cell) is not None for cell in code),
            text.count('<span class="eqno">'),
            text.count("<figure "),
            len(re.findall(r'<div class="exercise ', text)),
        ]
        numbers = [int(n) for n in re.findall(r"<p>(\d+)</p>", row)]
        assert numbers[:5] == expected, chapter.stem
        sums = [a + b for a, b in zip(sums, numbers, strict=True)]
    assert re.findall(r"<p>(\d+)</p>", rows[-1]) == [str(number) for number in sums]
    shown = re.findall(r"<p>(.*?)</p>", packages)
    record = json.loads((APPENDIX / "status.json").read_text(encoding="utf-8"))
    assert dict(zip(shown[::2], shown[1::2], strict=True)) == record["versions"]


def test_the_record_has_the_versions_of_the_lock_and_every_chapter():
    record = json.loads((APPENDIX / "status.json").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements" / "full.lock.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", lock))
    assert {"numpy", "scipy", "torch", "matplotlib", "fastai"} <= set(record["versions"])
    different = {k: v for k, v in record["versions"].items() if locked[k] != v}
    assert not different, "make outputs has not been run since the lock was changed"
    assert set(record["seconds"]) == {chapter.stem for chapter in CHAPTERS}


def test_a_second_run_changes_no_record():
    run_chapters = load("tools/run_chapters.py")
    known, used = {"a", "b"}, {"torch": "2"}

    def ran(a, b, changed=False):
        return {"a": (changed, a), "b": (False, b)}

    start = {"versions": {}, "seconds": {"gone": 5}}
    first = run_chapters.recorded(start, ran(4, 70), used, known)
    assert first == {"versions": used, "seconds": {"a": 5, "b": 50}}
    assert run_chapters.recorded(first, ran(90, 1), used, known) == first
    # One chapter alone, run with whatever versions, is no news of the others.
    assert run_chapters.recorded(first, {"a": (False, 90)}, None, known) == first
    # A chapter that changed, or a new version, is.
    changed = run_chapters.recorded(first, ran(9, 1, changed=True), used, known)
    assert changed["seconds"] == {"a": 10, "b": 50}
    newer = run_chapters.recorded(first, ran(9, 1), {"torch": "3"}, known)
    assert newer == {"versions": {"torch": "3"}, "seconds": {"a": 10, "b": 1}}


# The PDF


def test_the_pdf_has_all_pages_in_order(site):
    names = load("tools/pdf.py").contents(site)
    assert names[0] == "intro"
    assert names[1 : 1 + len(CHAPTERS)] == [f"chapters/{c.stem}" for c in CHAPTERS]
    assert set(names) == {
        path.relative_to(site).with_suffix("").as_posix()
        for path in site.rglob("*.html")
        if path.stem not in ("index", "search", "404", "explorer") and "_static" not in path.parts
    }


def test_a_chapter_in_the_pdf(site, browser, tmp_path):
    stem, file = CHAPTERS[4].stem, tmp_path / "some.pdf"
    names = ["intro", f"chapters/{stem}", "appendix/terms"]
    load("tools/pdf.py").print_book(browser, site, names, file)
    pdf = PdfReader(file)
    texts = [page.extract_text() for page in pdf.pages]
    title, *headings = re.findall(r"(?m)^##? (.*)$", prose(CHAPTERS[4]))
    # Each chapter has a bookmark, and a page that begins with its title.
    bookmarks = [b for b in pdf.outline if not isinstance(b, list)]
    assert [b.title for b in bookmarks] == ["Cross-Entropy, Proved and Run", f"5. {title}", "Index"]
    first = pdf.get_destination_page_number(bookmarks[1])
    assert " ".join(texts[first].split()).startswith(f"5. {title}")
    nested = pdf.outline[pdf.outline.index(bookmarks[1]) + 1]
    shown = [b.title for b in nested if not isinstance(b, list)]
    assert shown == [heading.replace("`", "") for heading in headings]
    # Links stay inside; what is not here is no link.
    targets = [a.get_object() for page in pdf.pages for a in page.get("/Annots", [])]
    inside = [target["/Dest"] for target in targets if "/Dest" in target]
    assert len(inside) > 20 and set(inside) <= set(pdf.named_destinations)
    outside = [t["/A"]["/URI"] for t in targets if "/A" in t]
    assert all(uri.startswith("https://") for uri in outside)
    # Formulas are set, solutions are unfolded, pages have numbers.
    text = "\n".join(texts)
    assert not re.search(r"\\(frac|sum|ln|operatorname)", text)
    assert text.count("\nSolution") == prose(CHAPTERS[4]).count("{solution-start}")
    assert re.search(rf"\b{first + 1}\s*$", texts[first]) or f"\n{first + 1}\n" in texts[first]


def test_without_a_site_or_a_browser_the_pdf_says_so(site, monkeypatch, tmp_path):
    pdf = load("tools/pdf.py")
    monkeypatch.setattr(pdf, "ROOT", tmp_path)
    assert "make book" in pdf.main([])
    shutil.copytree(site / "appendix", tmp_path / "_build" / "html" / "appendix")
    shutil.copy(site / "intro.html", tmp_path / "_build" / "html")
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    monkeypatch.setattr(pdf, "program", lambda: None)
    assert "install Chromium or Chrome" in pdf.main([])
