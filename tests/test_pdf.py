"""tools/pdf.py prints the whole book, or the pages that are named."""

import re
from contextlib import nullcontext

import book
import browser as browsers
import pdf
import pytest
from pypdf import PdfReader


def test_every_page_but_the_explorer_is_printed():
    assert [page for page in book.PAGES if page not in pdf.PAGES] == ["explorer"]


@pytest.fixture(scope="module")
def printed(site, browser, tmp_path_factory):
    """A PDF of three pages: the start, a chapter, the index."""
    folder = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "ROOT", folder)
        patch.setattr(pdf, "SITE", site)
        patch.setattr(pdf, "open_browser", lambda: nullcontext(browser))
        assert pdf.main([book.PAGES[0], book.CHAPTERS[4].stem, "terms"]) is None
    (file,) = folder.rglob("*.pdf")
    return PdfReader(file)


def test_a_chapter_in_the_pdf(printed):
    chapter = book.CHAPTERS[4]
    text = book.prose(book.read(chapter))
    title, *headings = re.findall(r"(?m)^##? (.*)$", text)
    title = f"{book.NUMBERS[chapter.stem]}. {title}"
    texts = [page.extract_text() for page in printed.pages]
    # Each page of the book has a bookmark, and begins a page of paper with its title.
    bookmarks = [b for b in printed.outline if not isinstance(b, list)]
    assert [b.title for b in bookmarks] == [book.TITLE, title, "Index"]
    first = printed.get_destination_page_number(bookmarks[1])
    assert " ".join(texts[first].split()).startswith(title)
    nested = printed.outline[printed.outline.index(bookmarks[1]) + 1]
    shown = [b.title for b in nested if not isinstance(b, list)]
    assert shown == [heading.replace("`", "") for heading in headings]
    # Formulas are set, solutions are unfolded, pages have numbers.
    whole = "\n".join(texts)
    assert not re.search(r"\\(frac|sum|ln|operatorname)", whole)
    assert whole.count("\nSolution") == text.count("{solution-start}")
    # Its figure is printed, and not what asks about it on the site.
    assert "live" in [key for cell in book.read(chapter)["cells"] for key in cell["metadata"]]
    assert "Predict." not in whole
    assert re.search(rf"\b{first + 1}\s*$", texts[first]) or f"\n{first + 1}\n" in texts[first]


def test_links_of_the_pdf_stay_inside_and_what_is_not_there_is_no_link(printed):
    targets = [a.get_object() for page in printed.pages for a in page.get("/Annots", [])]
    inside = [target["/Dest"] for target in targets if "/Dest" in target]
    assert len(inside) > 20 and set(inside) <= set(printed.named_destinations)
    outside = [target["/A"]["/URI"] for target in targets if "/A" in target]
    assert all(uri.startswith("https://") for uri in outside)


def test_what_is_folded_is_printed(forks, browser, tmp_path):
    pdf.print_book(browser, forks[0], ["chapters/01_short"], tmp_path / "small.pdf")
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "small.pdf").pages)
    for code in ("assert 3 == 3", "assert 4 == 4", "plt.show()"):
        assert code in text


def test_a_page_that_is_not_there_is_told_from_those_that_are(monkeypatch):
    monkeypatch.setattr(pdf, "print_book", lambda *_: pytest.fail("something is printed"))
    said = pdf.main(["01_likelyhood"])
    assert said.startswith("There is no 01_likelyhood in _toc.yml; there are: ")
    assert book.CHAPTERS[0].stem in said


def test_without_a_site_or_a_browser_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(pdf, "SITE", tmp_path)
    assert "make book" in pdf.main([])
    (tmp_path / f"{book.PAGES[0]}.html").touch()
    monkeypatch.setattr(browsers, "PROGRAMS", ["no-such-browser", "nor-this"])
    assert "Install Chromium or Chrome" in pdf.main([])
