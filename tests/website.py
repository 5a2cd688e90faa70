"""The website for the tests: built once, served, and opened in a browser."""

import fcntl
import functools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import book
import pytest
import small_book
from axe_playwright_python.sync_playwright import Axe
from browser import NoBrowser, open_browser
from site_server import serve

# What axe finds in the theme: it puts title and search field of the sidebar in no landmark.
FAULTS_OF_THE_THEME = {"region"}

# Old addresses: pages that only lead on, and have tests of their own.
MOVED = [f"{name}.html" for name in book.CONFIG["sphinx"]["config"]["moved"]]


def run(*command, timeout=600, **variables):
    """Its end, with what it said; whatever runs longer is ended."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOK_")}
    return subprocess.run(
        command,
        env=env | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )


def build(source, folder, *options, **variables):
    """Build a book as `make book` does, into a folder."""
    program = Path(sys.executable).with_name("jupyter-book")
    strict = ["-W", "-n", "--keep-going", "-q"]
    return run(program, "build", source, "--path-output", folder, *strict, *options, **variables)


def built(source, folder, **variables):
    """The folder of the website, built without a warning."""
    done = build(source, folder, **variables)
    assert done.returncode == 0, done.stdout
    return folder / "_build" / "html"


def html_files(site):
    old = {site / name for name in MOVED}
    pages = (p for p in site.rglob("*.html") if p.relative_to(site).parts[0] != "_static")
    return sorted(page for page in pages if page not in old)


def once(tmp_path_factory, name, make):
    """What make(folder) returns, for all processes of this run: one of them calls it,
    the others wait for it. It must be a path.
    """
    folder = tmp_path_factory.getbasetemp()
    # Each process has a folder of its own in there.
    if "PYTEST_XDIST_WORKER" in os.environ:
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
    return once(tmp_path_factory, "site", functools.partial(built, book.ROOT))


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """A small book, built for a repository, twice, in different surroundings."""
    folder = once(tmp_path_factory, "forks", build_forks)
    return [folder / name / "_build" / "html" for name in ("first", "second one")]


def build_forks(folder):
    small_book.write(folder / "source", second=small_book.tables())
    here = {
        "BOOK_REPOSITORY_URL": "https://github.com/Someone/fork",
        "BOOK_REPOSITORY_BRANCH": "trunk",
    }
    surroundings = {
        "first": {"PYTHONHASHSEED": "1", "TZ": "UTC"},
        "second one": {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"},
    }
    with ThreadPoolExecutor() as pool:
        for done in [
            pool.submit(built, folder / "source", folder / name, **here, **variables)
            for name, variables in surroundings.items()
        ]:
            done.result()
    return folder


@pytest.fixture(scope="session")
def browser():
    try:
        with open_browser() as browser:
            yield browser
    except NoBrowser as problem:
        pytest.fail(str(problem)) if os.environ.get("CI") else pytest.skip(str(problem))


@pytest.fixture(scope="session")
def computed(browser):
    """A function: what scripts of the book compute, on a page without anything else.

    computed([texts of scripts], expression of `given`, given)
    """
    page = browser.new_page()

    def compute(scripts, expression, given):
        lines = [*scripts, f"return {expression}"]
        return page.evaluate("(given) => {" + "\n".join(lines) + "}", given)

    yield compute
    page.close()


@pytest.fixture(scope="session")
def address(site):
    with serve(site) as address:
        yield address


class Visit:
    """A browser window that writes down what goes wrong in it."""

    def __init__(self, browser, origin, **options):
        self.wrong = []
        size = {"width": 1280, "height": 900}
        self.context = browser.new_context(viewport=size, **options)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        # A foreign request is noted; tools/browser.py keeps it on this machine.
        self.origin = origin
        self.page.on("request", self.note_request)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("console", self.note_message)
        self.page.on("requestfailed", self.note_failure)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def note_failure(self, request):
        # Who leaves a page ends what it was still loading.
        if request.failure != "net::ERR_ABORTED":
            self.wrong.append(f"failed: {request.url}: {request.failure}")

    def note_request(self, request):
        if not request.url.startswith((self.origin, "data:", "blob:", "about:")):
            self.wrong.append(f"foreign request: {request.url}")

    def note_message(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def open(self, url):
        """Go there, and wait for fonts and figures."""
        response = self.page.goto(url)
        self.wait_for_figures()
        return response

    def wait_until(self, condition):
        """Until this JavaScript holds. (Playwright's own waiting needs the eval that the policy
        of the pages forbids, unless it holds at once.)"""
        self.page.evaluate(
            f"""() => new Promise((done, fail) => {{
              const end = performance.now() + 60_000
              const look = () => {{
                if ({condition}) done()
                else if (performance.now() < end) setTimeout(look, 20)
                else fail(Error("never true"))
              }}
              look()
            }})"""
        )

    def wait_for_figures(self):
        """Also for those that wait until a reader gets near, and for what is laid out last."""
        self.page.evaluate(
            """async () => {
              while (document.documentElement.dataset.below)
                await new Promise((done) => setTimeout(done, 5))
              await document.fonts.ready
              for (const image of document.images) image.loading = "eager"
              await Promise.all([...document.images].map(i => i.decode().catch(() => 0)))
            }"""
        )


# Compares the colours of one element of each look, as thousands share them.
CONTRAST = """
(within) => {
  const looks = new Map()
  for (const part of document.querySelectorAll(`${within ?? "body"} *`)) {
    const speaks = [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    if (!speaks || !part.checkVisibility({ visibilityProperty: true })) continue
    const { color, fontSize, fontWeight } = getComputedStyle(part)
    const look = [part.localName, color, fontSize, fontWeight]
    for (let behind = part; behind; behind = behind.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(behind)
      look.push(opacity === "1" ? "" : opacity, backgroundImage === "none" ? "" : backgroundImage)
      if (backgroundColor !== "rgba(0, 0, 0, 0)") look.push(backgroundColor)
    }
    looks.set(look.filter(Boolean).join(" "), part)
  }
  const options = { runOnly: ["color-contrast"], resultTypes: ["violations"], preload: false }
  return axe.run({ include: [...looks.values()] }, options)
}
"""


def axe_faults(page, within=None):
    """What axe finds in the page, or in one part."""
    options = {"resultTypes": ["violations"], "preload": False}
    options["rules"] = {"color-contrast": {"enabled": False}}
    found = Axe().run(page, context=within, options=options)
    yield from named(found.response["violations"])
    yield from contrast_faults(page, within)


def contrast_faults(page, within=None):
    """What cannot be told from its background; axe is in the page by then."""
    yield from named(page.evaluate(CONTRAST, within)["violations"])


def named(violations):
    for fault in violations:
        if fault["id"] not in FAULTS_OF_THE_THEME:
            for node in fault["nodes"]:
                yield f"{fault['id']}: {node['html'][:200]}"
