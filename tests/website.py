"""The website for the tests: built once, served, and opened in a browser."""

import fcntl
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent

# The first has no window to draw, and takes half the time.
BROWSERS = ["chromium-headless-shell", "chromium", "chromium-browser"]
BROWSERS += ["google-chrome", "google-chrome-stable"]
BROWSERS += ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
# --no-sandbox, for root in a container; the rest keeps the browser's own requests away.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]

# What axe finds in the theme: it puts title and search field of the sidebar in no landmark.
FAULTS_OF_THE_THEME = {"region"}


def start_build(source, folder, **variables):
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOK_")}
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", source, "--path-output", folder]
    return subprocess.Popen(
        [*command, "-W", "-n", "--keep-going", "-q"],
        env=env | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish_build(build, folder):
    output, _ = build.communicate(timeout=600)
    assert build.returncode == 0, output
    return folder / "_build" / "html"


def once(tmp_path_factory, name, make):
    """What make(folder) returns, for all processes of this run: one of them calls it,
    the others wait for it. It must be a path.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each has a folder of its own in there
        folder = folder.parent
    made = folder / f"{name}.made"
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_text(str(make(folder / name)), encoding="utf-8")
    return Path(made.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built website."""

    def build(folder):
        return finish_build(start_build(ROOT, folder), folder)

    return once(tmp_path_factory, "site", build)


def program():
    """The browser of this machine, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def browser():
    if not program():
        reason = f"no browser: install one of {', '.join(BROWSERS[:-1])}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        yield browser
        browser.close()


class Handler(http.server.SimpleHTTPRequestHandler):
    """A silent server that answers like GitHub Pages: with 404.html for what is not there."""

    def log_message(self, *_):
        pass

    def send_error(self, code, message=None, explain=None):
        body = Path(self.directory, "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def address(site):
    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Visit:
    """A browser window that writes down what goes wrong in it."""

    def __init__(self, browser, origin, **options):
        self.wrong = []
        size = {"width": 1280, "height": 900}
        self.context = browser.new_context(viewport=size, **options)
        self.context.set_default_timeout(60_000)
        # A foreign request is noted, and does not leave this machine.
        self.context.route(lambda url: not url.startswith(origin), self.refuse)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("console", self.note_message)
        self.page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def refuse(self, route):
        self.wrong.append(f"foreign request: {route.request.url}")
        route.abort()

    def note_message(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def open(self, url):
        """Go there, and wait for fonts and figures."""
        response = self.page.goto(url)
        self.wait_for_figures()
        return response

    def wait_for_figures(self):
        """Also for those that wait until a reader gets near."""
        self.page.evaluate(
            """async () => {
              await document.fonts.ready
              for (const image of document.images) image.loading = "eager"
              await Promise.all([...document.images].map(i => i.decode().catch(() => 0)))
            }"""
        )


def axe_faults(page, contrast=True):
    """What axe finds; to compare colours takes it two thirds of the time."""
    options = {"resultTypes": ["violations"], "preload": False}
    options["rules"] = {"color-contrast": {"enabled": contrast}}
    found = Axe().run(page, options=options)
    for fault in found.response["violations"]:
        if fault["id"] not in FAULTS_OF_THE_THEME:
            for node in fault["nodes"]:
                yield f"{fault['id']}: {node['html'][:200]}"
