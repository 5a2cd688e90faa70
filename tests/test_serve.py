"""tools/serve.py, on a small book: what is saved is on the page that is open."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import book
import pytest
import serve
import small_book
from playwright.sync_api import expect
from website import Visit

CHAPTER = "chapters/01_short.ipynb"


@pytest.fixture
def served(tmp_path):
    """A small book and the process that serves it; where it ends in make, it says so."""
    folder, port = tmp_path / "source", free_port()
    small_book.write(folder)
    shutil.copytree(book.ROOT / "tools", folder / "tools")
    (tmp_path / "make").write_text('#!/bin/sh\necho "and then: make $*"\n')
    (tmp_path / "make").chmod(0o755)
    command = [sys.executable, "tools/serve.py", str(port), "_static", "_config.yml"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield folder, f"http://localhost:{port}/", process
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.stdout.close()
    process.wait()


def free_port():
    with socket.create_server(("localhost", 0)) as free:
        return free.getsockname()[1]


def said(process, pattern):
    """The next line that matches; what stands before it is no warning."""
    for line in process.stdout:
        assert "WARNING" not in line and "Traceback" not in line
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"it never said {pattern}")


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_what_is_saved_is_seen(served, browser):
    folder, address, process = served
    assert said(process, "The book.*(http://localhost:.*/)")[1] == address
    said(process, "All is built")
    page = folder / "_build" / "html" / "chapters" / "01_short.html"
    assert ".reload.js" not in page.read_text(encoding="utf-8")
    with Visit(browser, address) as visit:
        visit.open(f"{address}chapters/01_short.html")
        for old, new in [("A short chapter", "A chapter that is short"), ("entropy", "surprise")]:
            replace(folder / CHAPTER, old, new)
            expect(visit.page.locator("article")).to_contain_text(new, timeout=60_000)
            said(process, r"chapters/01_short: \d+\.\d s")
        # It has its number, and the page that lists its equations follows.
        assert (
            visit.page.locator("article h1").inner_text().startswith("1. A chapter that is short")
        )
        assert visit.page.locator(".eqno").inner_text() == "(1.1)"
        visit.page.goto(f"{address}appendix/equations.html")
        expect(visit.page.locator("article")).to_contain_text("surprise", timeout=60_000)
        assert visit.wrong == []
    said(process, "All is built")
    # What is no page may change them all.
    (folder / "_static" / "book.css").touch()
    said(process, "the book is built anew")
    said(process, f"and then: make .*serve PORT={address.rpartition(':')[2][:-1]}")


def test_a_port_that_is_taken_is_told_in_a_sentence():
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve.main(port, []).startswith(f"Port {port} cannot be had: name another")
