"""The appendix says about the chapters what is in the chapters."""

import io
import json
import re

import pytest
import status
from book import CHAPTERS, KINDS, NUMBERS, ROOT, asserts, checks, code_cells, equations, prose, read
from bs4 import BeautifulSoup
from pypdf import PdfReader
from website import Visit

APPENDIX = ROOT / "appendix"
FORMULAS = {label: formula for c in CHAPTERS for label, formula in equations(read(c))}


def all_checks():
    """Name of a chapter -> label -> kinds of its checks, as often as there are some."""
    found = {}
    for chapter in CHAPTERS:
        kinds = found[chapter.stem] = {}
        for _, cell in code_cells(read(chapter)):
            for label, kind in checks(cell).items():
                kinds.setdefault(label, []).append(kind)
    return found


def page_of(site, name):
    return BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


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
    assert list(faults_of_the_card(card, FORMULAS)) == []
    named = set(re.findall(r"\{eq\}`(.*?)`", card))
    for chapter, labels in all_checks().items():
        assert not labels or named & labels.keys(), f"the card has no result of {chapter}"


CARD = r"""
The [sum](#sum) {eq}`eq-sum`
: $a + b = b + a$

The [gradient](#gradient), and [its sign](#sign) {eq}`eq-gradient` {eq}`eq-sign`
: $\nabla H = q - p , \quad \nabla (-H) = p - q$
"""
BESIDE = {
    "eq-sum": r"a + b &= b + a",
    "eq-gradient": r"\nabla H = \frac{a}{b} = q - p",
    "eq-sign": r"\nabla H = q - p, \qquad \nabla (-H) = p - q",
}


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("b + a$", "b - a$"),
        ("= q - p", "= p + q"),
        (" {eq}`eq-sum`", ""),
        ("{eq}`eq-sign`", "{eq}`eq-sum`"),
    ],
)
def test_the_check_of_the_card_can_fail(right, wrong):
    assert list(faults_of_the_card(CARD, BESIDE)) == []
    assert CARD.count(right) == 1
    assert len(list(faults_of_the_card(CARD.replace(right, wrong), BESIDE))) == 1


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


def listed(page):
    """Like all_checks(): what the list links to, and says of it."""
    found = {chapter.stem: {} for chapter in CHAPTERS}
    for entry in page.select(".listed"):
        words = {link["href"]: link.text for link in entry.select("p a")}
        chapter, label = re.search(r"(\w+)\.html#equation-(eq-.*)", next(iter(words))).groups()
        place = f"{chapter}.html#checks-{label}"
        found[chapter][label] = [w.split()[1] for t, w in words.items() if place in t]
        assert entry.select_one("math"), f"{label}: no formula"
    return found


def test_every_equation_is_listed_with_every_check(site):
    page = page_of(site, "appendix/equations")
    in_order = {
        chapter: {label: sorted(kinds, key=list(KINDS).index) for label, kinds in labels.items()}
        for chapter, labels in all_checks().items()
    }
    assert listed(page) == in_order
    assert {label for labels in in_order.values() for label in labels} == set(FORMULAS)
    # The comparison can fail.
    page.select(".listed p a")[-1].decompose()
    assert listed(page) != in_order


def test_an_equation_and_its_checks_lead_to_each_other(site):
    for chapter, labels in all_checks().items():
        text = (site / f"chapters/{chapter}.html").read_text(encoding="utf-8")
        for label, kinds in labels.items():
            times = len(kinds)
            ids = [f"checks-{label}", *(f"checks-{label}-{n}" for n in range(2, times + 1))]
            assert all(text.count(f'id="{i}"') == 1 for i in ids), (chapter, ids)
            assert f'id="checks-{label}-{times + 1}"' not in text, (chapter, label)
            # A tick for each kind, with its name.
            ticks = re.findall(rf'href="#checks-{label}(?:-\d+)?" title="\(.*?>✓ (\w+)<', text)
            assert ticks == [kind for kind in KINDS if kind in kinds], (chapter, label)
            # The last: its permalink.
            assert text.count(f'href="#equation-{label}">(') >= times, (chapter, label)


# The glossary


def test_a_term_of_the_glossary_has_a_definition_of_its_own(site):
    """Two share one only if they name one thing."""
    names, shared = [], []
    for part in page_of(site, "appendix/glossary").select("dl.glossary > *"):
        if part.name == "dt":
            names.append(part.find(string=True))
        else:
            shared += [names] * (len(names) > 1)
            names = []
    assert shared == [["KL divergence", "Kullback–Leibler divergence"]]


# The status page, and the record that it shows


def rows_of(table):
    return [[cell.text for cell in row.select("th, td")] for row in table.select("tr")]


def test_the_status_page_counts_what_the_chapters_hold(site):
    record = json.loads((APPENDIX / "status.json").read_text(encoding="utf-8"))
    chapters, kinds, packages = map(rows_of, page_of(site, "appendix/status").select("table"))
    sums = [0] * 6
    for chapter, (title, *numbers) in zip(CHAPTERS, chapters[1:-1], strict=True):
        nb = read(chapter)
        cells = [cell for _, cell in code_cells(nb)]
        expected = [
            len(cells),
            sum(map(asserts, cells)),
            len(equations(nb)),
            sum("figure" in cell["metadata"].get("mystnb", {}) for cell in cells),
            prose(nb).count("{exercise-start}"),
            record["seconds"].get(chapter.stem, status.NOT_MEASURED),
        ]
        number = NUMBERS.get(chapter.stem)
        assert re.match(rf"{number}\. " if number else r"\D", title)
        assert numbers == list(map(str, expected)), chapter.stem
        sums = [
            a + (b if b != status.NOT_MEASURED else 0) for a, b in zip(sums, expected, strict=True)
        ]
    assert chapters[-1] == ["all", *map(str, sums)]
    assert dict(packages[1:]) == record["versions"]
    found = [kind for labels in all_checks().values() for ks in labels.values() for kind in set(ks)]
    meant = [[f"{kind}: {meaning}", str(found.count(kind))] for kind, meaning in KINDS.items()]
    assert kinds[1:] == meant


def test_the_record_has_the_versions_of_the_lock_and_every_chapter():
    record = json.loads((APPENDIX / "status.json").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements" / "full.lock.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", lock))
    assert "torch" in record["versions"]
    different = {k: v for k, v in record["versions"].items() if locked[k] != v}
    assert not different, "make outputs has not been run since the lock was changed"
    new = {chapter.stem for chapter in CHAPTERS} - record["seconds"].keys()
    assert not new, f"make outputs has not been run since there is {', '.join(sorted(new))}"
