"""What the tools share: names of pages, and a server for the site."""

import urllib.error
import urllib.request

import book
import pytest
from site_server import serve


def test_pages_are_picked_by_name_or_path_in_the_order_of_the_book():
    one, two, *_ = book.CHAPTERS
    assert book.pick([], book.CHAPTERS) == book.CHAPTERS
    assert book.pick([str(two), one.stem], book.CHAPTERS) == [one, two]
    with pytest.raises(book.NoPage, match=f"There is no oops; there are: {one.stem}, {two.stem}"):
        book.pick([one.stem, "oops"], book.CHAPTERS)


def test_the_contents_of_the_book_are_read_as_the_website_reads_them():
    assert book.PAGES[0] == book.CONTENTS.root.docname
    assert list(book.NUMBERS.values()) == list(range(1, len(book.NUMBERS) + 1))
    assert list(book.NUMBERS) == [chapter.stem for chapter in book.CHAPTERS]


def test_a_page_that_is_not_served_is_answered_like_on_github(tmp_path):
    (tmp_path / "index.html").write_text("start")
    (tmp_path / "404.html").write_text("not here")
    with serve(tmp_path) as address:
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"start"
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{address}nowhere.html")
        with missing.value as answer:
            assert (answer.code, answer.read()) == (404, b"not here")
