"""The browser of this machine, for the tests of the website and for the tools that look at it.

python3 tools/browser.py      prints its path, or fails and says what to do
"""

import shutil
import sys
from contextlib import contextmanager

# The first has no window to draw, and takes half the time.
PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser"]
PROGRAMS += ["google-chrome", "google-chrome-stable"]
PROGRAMS += ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
# --no-sandbox, for root in a container; the rest keeps the browser's own requests away, and what
# a page asks of the world from leaving this machine.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]


class NoBrowser(Exception):
    """There is none here; the message says what to do."""


def program():
    """The path of the browser; raises NoBrowser."""
    if found := next(filter(None, map(shutil.which, PROGRAMS)), None):
        return found
    names = ", ".join(PROGRAMS[:-1])
    raise NoBrowser(f"There is no browser here. Install Chromium or Chrome (one of {names}).")


@contextmanager
def open_browser():
    # Here, so that a Python without it can look for the browser.
    from playwright.sync_api import sync_playwright

    path = program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    try:
        print(program())
    except NoBrowser as problem:
        sys.exit(str(problem))
