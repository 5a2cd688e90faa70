"""Draw the picture that stands beside a link to the book: _static/preview.png, 1200 x 630.

python tools/preview.py     after a change of the title or of the argument
"""

import re
import sys

import book
from browser import NoBrowser, open_browser

PAGE = """<!doctype html><html lang="LANGUAGE"><meta charset="utf-8"><style>
body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 60px 70px;
  display: grid; align-content: space-between; background: #fff; color: #1b1f24;
  border-left: 24px solid #0072b2; font: 32px "DejaVu Sans", sans-serif; }
header { display: flex; gap: 36px; align-items: center; }
svg { width: 150px; }
h1 { margin: 0; font-size: 62px; font-weight: 600; line-height: 1.15; }
p { margin: 0; line-height: 1.45; }
ol { margin: 0; padding: 0; display: flex; justify-content: space-between; align-items: center; }
li { list-style: none; padding: 18px 20px; border: 2px solid #0072b2; border-radius: 14px;
  font: 34px "DejaVu Serif", serif; }
li + li::before { content: "→"; position: absolute; translate: -60px 0; color: #0072b2; }
</style>
<header>ICON<h1>TITLE</h1></header>
<ol><li>L = ∏ q(label)</li><li>H(p, q) = −Σ p ln q</li><li>∂H/∂z = q − p</li></ol>
<p>From the likelihood of the labels to the gradient, in PyTorch.<br>
<b>Each numbered equation is checked.</b></p>
"""


def main():
    icon = (book.ROOT / "_static" / "icon.svg").read_text(encoding="utf-8")
    title = book.TITLE.replace(", ", ",<br>")
    try:
        with open_browser() as browser:
            page = browser.new_page(viewport={"width": 1200, "height": 630})
            words = {"LANGUAGE": book.LANGUAGE, "ICON": icon, "TITLE": title}
            page.set_content(re.sub("LANGUAGE|ICON|TITLE", lambda word: words[word[0]], PAGE))
            page.screenshot(path=book.ROOT / "_static" / "preview.png")
    except NoBrowser as problem:
        return str(problem)


if __name__ == "__main__":
    sys.exit(main())
