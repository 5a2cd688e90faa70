"""What the tools share, names of pages and a server, and the small ones that look at the site."""

import shutil
import struct
import urllib.error
import urllib.request
from contextlib import nullcontext

import book
import browser as browsers
import cpu
import gpu
import measure_site
import preview
import pytest
from site_server import serve


def test_pages_are_picked_by_name_or_path_in_the_order_of_the_book():
    one, two, *_ = book.CHAPTERS
    assert book.pick([], book.CHAPTERS) == book.CHAPTERS
    assert book.pick([str(two), one.stem], book.CHAPTERS) == [one, two]
    with pytest.raises(
        book.NoPage, match=f"There is no oops in _toc.yml; there are: {one.stem}, {two.stem}"
    ):
        book.pick([one.stem, "oops"], book.CHAPTERS)


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


def test_a_visit_is_measured(site, browser, monkeypatch, capsys):
    monkeypatch.setattr(measure_site, "open_browser", lambda: nullcontext(browser))
    monkeypatch.setattr(measure_site, "TIMES", 1)
    monkeypatch.setattr(book, "CHAPTERS", book.CHAPTERS[:1])
    assert measure_site.main(site) is None
    head, _, row = capsys.readouterr().out.splitlines()
    said = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert said["| page"] == f"| {book.CHAPTERS[0].stem}"
    first, whole = (int(said[k].removesuffix(" kB")) for k in ("first visit", "read to the end"))
    assert 50 < first < whole
    assert int(said["requests"]) > 5


def test_the_picture_beside_a_link_is_drawn(browser, monkeypatch, tmp_path):
    (tmp_path / "_static").mkdir()
    shutil.copy(book.ROOT / "_static" / "icon.svg", tmp_path / "_static")
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.setattr(preview, "open_browser", lambda: nullcontext(browser))
    assert preview.main() is None
    png = (tmp_path / "_static" / "preview.png").read_bytes()
    assert struct.unpack(">II", png[16:24]) == (1200, 630)


def test_without_a_site_or_a_browser_each_says_what_to_do(monkeypatch, tmp_path):
    assert "make book" in measure_site.main(tmp_path)
    (tmp_path / "index.html").touch()
    monkeypatch.setattr(browsers, "PROGRAMS", ["no-such-browser", "nor-this"])
    for said in (measure_site.main(tmp_path), preview.main()):
        assert "Install Chromium or Chrome" in said


@pytest.mark.parametrize("tool", [cpu, gpu])
def test_the_measurements_for_a_page_run_at_a_small_size(tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, "compiled", lambda function: function)  # it takes half a minute
    tool.main(["--dry"])
    page, stored = capsys.readouterr().out, tool.PAGE.read_text(encoding="utf-8")
    headings = [
        [line for line in text.splitlines() if line.startswith("#")] for text in (page, stored)
    ]
    assert headings[0] == headings[1]
    if tool is gpu:
        rows = [line.split("|")[2:-1] for line in page.splitlines() if line.startswith("| 17")]
        assert [number.strip() for row in rows for number in row] == ["1"] * 12
