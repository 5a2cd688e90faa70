"""All figures that come alive on one page, to look at: _build/figures.html, from the built website.

python tools/figures.py [FOLDER]     of _build/html, or of FOLDER; the page is written beside it
"""

import re
import sys
from pathlib import Path

import book

PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>All figures that come alive</title>
{styles}
<style>
.bd-article {{ max-width: 704px; margin: 1rem auto; }}
.narrow .bd-article {{ max-width: 358px; }}
body > label {{ margin: 1rem; }}
</style></head>
<body>
<label><input type="checkbox" id="dark"> dark</label><label><input type="checkbox" id="narrow"> 390 px</label>
<main class="bd-content bd-article">
{figures}
</main>
<script>
dark.onchange = () => (document.documentElement.dataset.theme = dark.checked ? "dark" : "light")
narrow.onchange = () => document.body.classList.toggle("narrow", narrow.checked)
</script>
{scripts}
</body></html>
"""


def read(page):
    """The text of a page, its addresses as they are from beside the website."""
    site = page.parent.parent.name
    text = page.read_text(encoding="utf-8").replace('="../', f'="{site}/')
    chapters = f'href="{site}/chapters/'
    text = re.sub(r'href="(?=\d\d_)', chapters, text)
    return text.replace('href="#equation', f"{chapters}{page.name}#equation")


def figures_of(text):
    """Each figure with its live form."""
    for section in re.finditer(r'(?s)<section class="live".*?</section>', text):
        start = text.rindex("<figure", 0, section.start())
        figure = text[start : text.index("</figure>", start)] + "</figure>"
        yield f'<div class="cell_output">{figure}</div>\n{section[0]}'


def write(site):
    texts = [read(page) for page in sorted((site / "chapters").glob("*.html"))]
    heads = "\n".join(text.partition("</head>")[0] for text in texts)
    scripts = re.findall(r"<script defer [^>]*/(?:explorer|live)/.*", heads)
    page = PAGE.format(
        styles="\n".join(dict.fromkeys(re.findall(r'<link[^>]*rel="stylesheet".*', heads))),
        figures="\n".join(figure for text in texts for figure in figures_of(text)),
        scripts="\n".join(dict.fromkeys(scripts)),
    )
    path = site.parent / "figures.html"
    path.write_text(page, encoding="utf-8")
    return path


if __name__ == "__main__":
    site = Path(*sys.argv[1:]) if sys.argv[1:] else book.ROOT / "_build" / "html"
    if not (site / "chapters").is_dir():
        sys.exit(f"There is no website in {site}: make book")
    print(write(site.resolve()))
