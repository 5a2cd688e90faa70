"""The sources page: a row for every passage, and a place in the book for every row."""

import re

import book
import pytest

PAGE = book.ROOT / "appendix" / "sources.md"
# How many passages each of the five documents has.
PASSAGES = {"S000": 31, "S001": 10, "S002": 62, "S003": 39, "S004": 33}
NO_PLACE = r"left out: .{10,}|named on this page(; .*)?"


def places():
    """Label -> the number of its chapter, and the heading that it stands before, if any."""
    return {
        label: (book.NUMBERS.get(chapter.stem), heading)
        for chapter in book.CHAPTERS
        for label, heading in re.findall(
            r"(?m)^\(([\w-]+)\)=\n(?:#+ (.*)$)?", book.prose(book.read(chapter))
        )
    }


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
                continue
            chapter, heading = known.get(target[1:], (None, None))
            if chapter is None:
                yield f"{number}: there is no {target}"
            elif not words.startswith(f"{chapter}: "):
                yield f"{number}: {target} is in chapter {chapter}, not in {words}"
            elif heading and words.replace("`", "") != f"{chapter}: {heading}".replace("`", ""):
                yield f"{number}: {target} is called {heading}, not {words}"


def test_every_passage_and_every_correction_has_its_place():
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(faults(page, places(), PASSAGES, least=90)) == ""
    assert sum(PASSAGES.values()) == 175


SMALL = """
| S000-01 | Labels | [1: What `y` is](#labels) |
| S000-02 | A picture | left out: it shows nothing |
| S000-03 | A sum | [2: The sum](#sum), [1: here](#nameless) |
| S000-04 | Code | [the tests](../tests/test_sources.py) |
| E000-01 | A sign | [2: The sum](#sum) |
| E000-02 | An index | left out: a slip of the pen |
"""
KNOWN = {"labels": (1, "What `y` is"), "sum": (2, "The sum"), "nameless": (1, "")}


@pytest.mark.parametrize(
    "right, wrong, fault",
    [
        (r"\| S000-02 .*\n", "", "['S000-02']"),
        (r"(\| S000-03 .*\n)", r"\1\1", "the order"),
        (r"(\| S000-02 .*\n)(\| S000-03 .*\n)", r"\2\1", "the order"),
        (r"(\| S\d.*\]\(#)([\w-]+)\)", r"\1nowhere)", "there is no #nowhere"),
        (r"(\| S\d.*\[)(\d+): ", r"\g<1>99: ", "not in 99: "),
        (r"(\| S\d.*\[\d+: )", r"\1Not ", "is called "),
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
