"""What a visit to a page of the website costs: bytes, requests, time to the formulas, jumps.

    python tools/measure_site.py [FOLDER]     a Markdown table for _build/html, or for FOLDER

Bytes are those of a first visit: fonts and pixels as they are, all else as gzip -6 makes it;
"read to the end" adds what comes when the reader scrolls. Cold is a fresh browser profile,
warm the same page again; both are the median of five. Needs Chromium or Chrome, like the tests.
"""

import gzip
import statistics
import sys
from pathlib import Path

import book
from browser import NoBrowser, open_browser
from site_server import serve

TIMES = 5
COMPRESSED = (".woff", ".woff2", ".png", ".jpg")

# Runs before the page. The formulas are on screen in the frame after the one in which the
# page is parsed, every formula has its boxes, and no font is on its way.
OBSERVE = """
window.shift = 0
window.painted = new Promise(done => {
  new PerformanceObserver(list => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime)
  }).observe({ type: "paint", buffered: true })
})
new PerformanceObserver(list => {
  // The contents beside the text are to follow the reader; the text is to stay.
  const jumps = list.getEntries().filter(entry => entry.sources.some(({ node }) =>
    (node?.closest ? node : node?.parentElement)?.closest("article, .bd-sidebar-primary")))
  for (const entry of jumps) if (!entry.hadRecentInput) shift += entry.value
}).observe({ type: "layout-shift", buffered: true })
let shown
window.formulas = new Promise(done => { shown = done })
const look = () => {
  const formulas = [...document.querySelectorAll("article .math")]
  const ready = document.readyState !== "loading" && document.fonts.status === "loaded" &&
    formulas.every(f => f.querySelector("math, mjx-container, .katex"))
  if (ready) requestAnimationFrame(() => shown(performance.now()))
  else requestAnimationFrame(look)
}
requestAnimationFrame(look)
"""

# Read the page to its end, so that every figure comes.
SCROLL = """
async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 600) {
    scrollTo(0, y)
    await new Promise(done => setTimeout(done, 20))
  }
  await new Promise(done => setTimeout(done, 200))
}
"""


def visit(page, url):
    """Go there; milliseconds until the formulas are painted."""
    page.goto(url, wait_until="load")
    return max(page.evaluate("Promise.all([formulas, painted])"))


def weight(folder, paths):
    """Bytes of these files on the wire."""
    total = 0
    for path in paths:
        body = Path(folder, path).read_bytes()
        total += len(body if path.endswith(COMPRESSED) else gzip.compress(body, 6))
    return total


def measure(browser, folder, address, name):
    cold, warm = [], []
    for _ in range(TIMES):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(OBSERVE)
        page = context.new_page()
        asked = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        cold.append(visit(page, address + name))
        first = list(asked)
        page.evaluate(SCROLL)
        shift = page.evaluate("shift")
        whole = list(asked)
        page.goto("about:blank")
        warm.append(visit(page, address + name))
        context.close()
    first, whole = (
        {url.removeprefix(address).split("?")[0] for url in urls if url.startswith(address)}
        for urls in (first, whole)
    )
    return {
        "first": weight(folder, first),
        "whole": weight(folder, whole),
        "requests": len(first),
        "cold": statistics.median(cold),
        "warm": statistics.median(warm),
        "shift": shift,
    }


def measure_site(folder):
    """Name of a chapter -> numbers."""
    with serve(folder) as address, open_browser() as browser:
        return {
            path.stem: measure(browser, folder, address, f"chapters/{path.stem}.html")
            for path in book.CHAPTERS
        }


EXPLAINED = (
    "A first visit in bytes after gzip; reading to the end brings the figures. Formulas on "
    "screen: after a click with an empty cache, and again; medians of five in Chromium."
)
HEAD = ["page", "first visit", "read to the end", "requests"]
HEAD += ["formulas, cold", "formulas, warm", "layout shift"]


def rows(found):
    for name, page in found.items():
        yield [
            name,
            f"{page['first'] / 1000:.0f} kB",
            f"{page['whole'] / 1000:.0f} kB",
            page["requests"],
            f"{page['cold']:.0f} ms",
            f"{page['warm']:.0f} ms",
            f"{page['shift']:.3f}",
        ]


def table(head, rows):
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main(folder):
    if not Path(folder, "index.html").exists():
        return f"There is no site in {folder} to measure: make book"
    try:
        print(table(HEAD, rows(measure_site(folder))))
    except NoBrowser as problem:
        return str(problem)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else book.ROOT / "_build" / "html"))
