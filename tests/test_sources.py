"""The sources page: a row for every passage, and a place in the book for every row."""

import re

import book
import bs4
import pytest

PAGE = book.ROOT / "appendix" / "sources.md"
# How many passages each of the five documents has.
PASSAGES = {"S000": 31, "S001": 10, "S002": 62, "S003": 39, "S004": 33}
NO_PLACE = r"left out: .{10,}|named on this page(; .*)?"


def places():
    """The labels of all chapters."""
    texts = [book.prose(book.read(chapter)) for chapter in book.CHAPTERS]
    return {label for text in texts for label in re.findall(r"(?m)^\(([\w-]+)\)=$", text)}


def rows(page, kind):
    """The rows of all tables whose first column holds numbers of this kind: S000-01, ..."""
    pattern = rf"(?m)^\| ({kind}\d{{3}}-\d{{2}}) +\| (.+?) \| (.+) \|$"
    return re.findall(pattern, page)


def faults(page, known, documents, least):
    """`known` is what places() returns; there are at least so many corrections."""
    passages = [number for number, _, _ in rows(page, "S")]
    wanted = [f"{s}-{n:02}" for s, most in documents.items() for n in range(1, most + 1)]
    if passages != wanted:
        odd = set(passages) ^ set(wanted)
        yield f"not each passage once, in order: {sorted(odd) or 'the order'}"
    corrections = [number for number, _, _ in rows(page, "E")]
    if len(set(corrections)) < len(corrections) or len(corrections) < least:
        yield f"{len(corrections)} corrections, {len(set(corrections))} different"
    starts = re.findall(r"(?m)^\| [A-Z]\d{3}-", page)
    if len(starts) != len(passages) + len(corrections):
        yield "a row that cannot be read"
    for number, _, where in rows(page, "[SE]"):
        links = re.findall(r"\[(.*?)\]\((.*?)\)", where)
        if not links and not re.fullmatch(NO_PLACE, where):
            yield f"{number} leads nowhere: {where}"
        for words, target in links:
            if not target.startswith("#"):
                if not (PAGE.parent / target).is_file():
                    yield f"{number}: there is no {target}"
            elif target[1:] not in known:
                yield f"{number}: there is no {target}"
            elif words:
                yield f"{number}: {target} gets its words when the book is built, not {words}"


def test_every_passage_and_every_correction_has_its_place():
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(faults(page, places(), PASSAGES, least=90)) == ""
    assert sum(PASSAGES.values()) == 175


SMALL = """
| S000-01 | Labels | [](#labels) |
| S000-02 | A picture | left out: it shows nothing |
| S000-03 | A sum | [](#sum), [](#nameless) |
| S000-04 | Code | [the tests](../tests/test_sources.py) |
| E000-01 | A sign | [](#sum) |
| E000-02 | An index | left out: a slip of the pen |
"""
KNOWN = {"labels", "sum", "nameless"}


@pytest.mark.parametrize(
    "right, wrong, fault",
    [
        (r"\| S000-02 .*\n", "", "['S000-02']"),
        (r"(\| S000-03 .*\n)", r"\1\1", "the order"),
        (r"(\| S000-02 .*\n)(\| S000-03 .*\n)", r"\2\1", "the order"),
        (r"(\| S\d.*\]\(#)([\w-]+)\)", r"\1nowhere)", "there is no #nowhere"),
        (r"(\| S\d.*\[)", r"\g<1>1: Labels", "not 1: Labels"),
        (r"(\| S\d.*\]\()\.\./", r"\1../gone/", "there is no ../gone/"),
        (r"(\| S\d.* \| left out):.*\|", r"\1 |", "leads nowhere"),
        (r"(\| E\d.* \| ).*\|", r"\1somewhere |", "leads nowhere"),
        (r"\| E000-02 \|", "| E000-01 |", "corrections"),
        (r"\| E000-02 .*\n", "", "corrections"),
        (r"\| E000-02 \|", "| E000-02 ", "cannot be read"),
    ],
)  # fmt: skip
def test_the_check_can_fail(right, wrong, fault):
    assert list(faults(SMALL, KNOWN, {"S000": 4}, least=2)) == []
    spoiled, times = re.subn(right, wrong, SMALL, count=1)
    assert times == 1
    assert fault in " | ".join(faults(spoiled, KNOWN, {"S000": 4}, least=2))


def test_a_place_is_called_by_its_chapter_and_section(site):
    folder, pages = site / "appendix", {}
    links = bs4.BeautifulSoup((folder / "sources.html").read_text("utf-8"), "html.parser")
    named = links.select("table a.internal:has(> .std-ref)")
    for link in named:
        path, anchor = link["href"].split("#")
        if path not in pages:
            pages[path] = bs4.BeautifulSoup((folder / path).read_text("utf-8"), "html.parser")
        place = pages[path].find(id=anchor)
        section = place if place.name == "section" else place.find_parent("section")
        heading = section.find(re.compile("h[1-6]"))
        words = heading.get_text().removesuffix("#").split(". ")[-1].strip()
        assert re.fullmatch(rf"\d+: {re.escape(words)}", link.text), (link["href"], link.text)
        assert link.text.split(":")[0] == str(book.NUMBERS[path.split("/")[-1][:-5]])
    assert len(named) > 250  # or the page is not what it was
