"""The shape of a chapter: what a reader meets, how much of it, and how far it is to a picture.

Some rules look at the notebook, the others at its page in a browser, 1280 px wide unless they
say otherwise, with all folds closed. Each yields what is wrong, and where.
"""

import re

import book
import pytest
from book import code_cells, source
from website import Visit

WORDS = 3000  # of a chapter, as book.words counts them
HEIGHT = 900  # of a screen, in px
SCREENS = 25  # of a page
FIRST = 2  # screens within which the first picture or table begins
STRETCH = 4  # screens without a picture or table
LINES = 20  # of a code cell that is shown, without empty ones
ASSERTIONS = 1  # lines of it that assert

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w.])")
ROW = 3  # numbers in a line that is a row
# Words that PyTorch and NumPy print with their numbers.
NO_HEADING = r"tensor|array|dtype|torch|numpy|np|device|grad_fn|inf|nan|float\d+|int\d+"


def it_has_few_words(nb):
    if (words := len(book.words(nb))) > WORDS:
        yield f"{words:,} words, {words - WORDS:,} too many"


def its_outputs_speak(nb):
    for number, cell in code_cells(nb):
        for out in cell["outputs"]:
            data = out.get("data", {})
            text = "".join(out.get("text", "") or data.get("text/plain", ""))
            if not {"text/html", "image/svg+xml"} & data.keys() and is_bare(text):
                yield f"cell [{number}] shows bare rows of numbers: make a table of them"


def is_bare(text):
    """Are there rows of numbers, and no words above them?"""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line for line in lines if len(NUMBER.findall(line)) >= ROW]
    return len(rows) > 1 and not re.search("[a-zA-Z]{2}", re.sub(NO_HEADING, "", lines[0]))


def its_code_is_short(nb):
    for number, cell in shown_cells(nb):
        lines = [line for line in source(cell).splitlines() if line.strip()]
        asserting = sum(bool(book.ASSERTION.search(line)) for line in lines)
        if len(lines) > LINES:
            yield f"cell [{number}] has {len(lines)} lines, not {LINES}: fold or divide it"
        if asserting > ASSERTIONS:
            yield f"cell [{number}] asserts in {asserting} lines: move them to a folded check"


def shown_cells(nb):
    """The code cells that nothing folds away, but for the imports, each with its number."""
    number, in_solution = 0, False
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            for which in re.findall(r"\{solution-(start|end)\}", source(cell)):
                in_solution = which == "start"
        elif cell["cell_type"] == "code":
            number += 1
            if number > 1 and not in_solution and not book.is_folded(cell):
                yield number, cell


# What several measurements need: what is shown, where it begins, and which section it is in.
MEASURE = r"""
const article = document.querySelector("article")
const shown = (selector) => [...article.querySelectorAll(selector)]
  .filter((part) => part.checkVisibility({ visibilityProperty: true }))
const from = (part) => part.getBoundingClientRect().top + scrollY
const to = (part) => part.getBoundingClientRect().bottom + scrollY
const place = (y) => {
  const above = shown("h1, h2, h3").filter((heading) => from(heading) <= y + 1)
  const title = above.at(-1)?.cloneNode(true)
  title?.querySelector(".headerlink")?.remove()
  return title?.textContent.trim() ?? "the title"
}
"""

# Height of the page; where the first picture begins; the stretches between pictures.
HEIGHTS = f"""() => {{ {MEASURE}
  const pictures = shown("img, table, svg:not(button *)").sort((a, b) => from(a) - from(b))
  const stretches = []
  let last = from(article)
  for (const picture of pictures) {{
    stretches.push([from(picture) - last, place(last)])
    last = Math.max(last, to(picture))
  }}
  stretches.push([to(article) - last, place(last)])
  return [document.documentElement.scrollHeight, stretches]
}}"""

# What is wider than its box, with all folds open: by how much, and whether the box scrolls. The
# code of a fold may scroll: who opens it has come to see it.
WIDE = f"""() => {{ {MEASURE}
  const folds = article.querySelectorAll("details:not([open])")
  const solutions = article.querySelectorAll(".toggle-hidden")
  for (const fold of folds) fold.open = true
  for (const solution of solutions) solution.classList.remove("toggle-hidden")
  const wide = []
  for (const part of shown("div.math .scrolls, table, pre")) {{
    if (part.localName === "pre" && part.closest("details.fold")) continue
    const box = part.localName === "table" ? part.parentElement : part
    part.style.whiteSpace = part.localName === "pre" ? "pre" : "" // or it goes on in the next line
    const beyond = box.scrollWidth - box.clientWidth
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(box).overflowX)
    const text = part.textContent.trim().replace(/\\s+/g, " ").slice(0, 40)
    if (beyond > 1) wide.push([beyond, scrolls, `${{place(from(part))}}: ${{text}}`])
    part.style.whiteSpace = ""
  }}
  for (const fold of folds) fold.open = false
  for (const solution of solutions) solution.classList.add("toggle-hidden")
  return [document.documentElement.scrollWidth, wide]
}}"""


def its_page_is_short(visit):
    height, stretches = visit.page.evaluate(HEIGHTS)
    if height > SCREENS * HEIGHT:
        yield f"the page is {height / HEIGHT:.1f} screens high, not {SCREENS}"
    first = stretches[0][0]
    if first > FIRST * HEIGHT:
        yield f"the first picture or table comes after {first / HEIGHT:.1f} screens, not {FIRST}"
    for stretch, place in stretches[1:]:
        if stretch > STRETCH * HEIGHT:
            yield f"{stretch / HEIGHT:.1f} screens without a picture or table, in or after: {place}"


def nothing_is_wider_than_its_box(visit):
    for beyond, _, what in visit.page.evaluate(WIDE)[1]:
        yield f"{beyond} px wider than its box at 1280 px, in {what}"


def on_a_phone_only_boxes_scroll(visit):
    visit.page.set_viewport_size({"width": 390, "height": 844})
    width, wide = visit.page.evaluate(WIDE)
    visit.page.set_viewport_size({"width": 1280, "height": HEIGHT})
    if width > 390:
        yield f"the page is {width} px wide on a phone of 390 px"
    for _, scrolls, what in wide:
        if not scrolls:
            yield f"wider than its box on a phone, and does not scroll, in {what}"


OF_NOTEBOOKS = [it_has_few_words, its_outputs_speak, its_code_is_short]
OF_PAGES = [its_page_is_short, nothing_is_wider_than_its_box, on_a_phone_only_boxes_scroll]


@pytest.mark.parametrize("chapter", book.CHAPTERS, ids=lambda path: path.stem)
def test_the_shape_of_a_chapter(chapter, browser, address):
    nb = book.read(chapter)
    faults = [fault for rule in OF_NOTEBOOKS for fault in rule(nb)]
    with Visit(browser, address) as visit:
        visit.open(f"{address}chapters/{chapter.stem}.html")
        faults += [fault for rule in OF_PAGES for fault in rule(visit)]
    assert not faults, "\n".join([chapter.name, *faults])


# The rules can fail.


def text(words):
    return {"cell_type": "markdown", "source": words, "metadata": {}}


def code(lines, *outputs, tags=()):
    metadata = {"tags": list(tags)}
    return {"cell_type": "code", "source": lines, "outputs": outputs, "metadata": metadata}


def shown(text, **more):
    return {"output_type": "execute_result", "data": {"text/plain": text, **more}}


ROWS = "[[1.5, 2, -3],\n [4e-5, 5, 6]]"
SOLUTION = text("{solution-start} ex-one"), code("1\n" * 21), text("{solution-end}")
IMPORTS = code("1\n" * 21)


@pytest.mark.parametrize(
    "cells, faults",
    [
        ([text("word " * 3000)], []),
        ([text("word " * 3001)], ["3,001 words, 1 too many"]),
        ([code("", shown(ROWS))], ["cell [1] shows bare rows"]),
        ([code("", shown(f"tensor({ROWS}, dtype=torch.float64)"))], ["cell [1] shows bare rows"]),
        ([code("", {"output_type": "stream", "text": ROWS})], ["cell [1] shows bare rows"]),
        ([code("", shown(ROWS, **{"text/html": "<table></table>"}))], []),
        ([code("", shown(f"loss gradient digits\n{ROWS}"))], []),
        ([code("", shown("1 2 3"))], []),
        ([IMPORTS, code("1\n" * 20)], []),
        ([IMPORTS, code("1\n\n" * 21)], ["cell [2] has 21 lines, not 20"]),
        ([IMPORTS, code("1\n" * 21, tags=["hide-cell"])], []),
        ([IMPORTS, code("1\n" * 21, tags=["hide-input"])], []),
        ([IMPORTS, *SOLUTION], []),
        ([IMPORTS, *SOLUTION, code("assert a\nassert b")], ["cell [3] asserts in 2 lines"]),
        ([IMPORTS, code("assert a, 'assert'\nb")], []),
    ],
)
def test_a_fault_of_shape_in_a_notebook_is_found(cells, faults):
    found = [fault for rule in OF_NOTEBOOKS for fault in rule({"cells": cells})]
    assert len(found) == len(faults)
    for fault, said in zip(found, faults, strict=True):
        assert fault.startswith(said)


TALL = '<p style="height: {}px; margin: 0"></p>'
IMAGE = '<img alt="" style="display: block; height: 10px">'
WORD = '<span style="display: inline-block; width: {}px">word</span>'
OUTPUT = f'<div class="cell_output"><pre>{WORD.format(600)} {WORD.format(600)}</pre></div>'
WIDEST = "<math><mtext>word</mtext><mspace width='999px'></mspace></math>"
FORMULA = f'<div class="math"><div class="scrolls">{WIDEST}</div></div>'
TABLE = (
    f'<div class="results"><div class="scrolls"><table><td>{WORD.format(999)}</table></div></div>'
)
STUCK = '<div style="overflow: hidden"><table><td>' + WORD.format(500) + "</table></div>"


@pytest.mark.parametrize(
    "content, faults",
    [
        (IMAGE, []),
        (
            (TALL.format(3500) + IMAGE) * 8,
            ["the page is", "the first picture or table comes after"],
        ),
        (f"{IMAGE}<h2>Two</h2>{TALL.format(3700)}{IMAGE}", ["{} screens without a picture"]),
        (f"{IMAGE}<h2>Two</h2>{TALL.format(3700)}", ["{} screens without a picture"]),
        (f"{IMAGE}<details>{TALL.format(3700)}</details>{IMAGE}", []),
        (f"{TALL.format(1900)}<button><svg></svg></button>{IMAGE}", ["the first picture or table"]),
        (f"{TALL.format(1900)}<svg></svg>", ["the first picture or table"]),
        (f"{TALL.format(1600)}<svg></svg>{TALL.format(1600)}{IMAGE}", []),
        (f"{IMAGE}<details>{IMAGE}</details>{TALL.format(3700)}", ["{} screens without a picture"]),
        (IMAGE + OUTPUT, ["{} px wider than its box at 1280 px, in The title: word word"]),
        (IMAGE + FORMULA, ["{} px wider than its box at 1280 px, in The title: word"]),
        (IMAGE + TABLE, ["{} px wider than its box at 1280 px, in The title: word"]),
        (f"{IMAGE}<details>{TABLE}</details>", ["{} px wider than its box at 1280 px"]),
        (IMAGE + STUCK, ["wider than its box on a phone, and does not scroll"]),
        (f"{IMAGE}<p>{WORD.format(500)}</p>", ["the page is {} px wide on a phone"]),
    ],
)
def test_a_fault_of_shape_on_a_page_is_found(content, faults, browser, address):
    with Visit(browser, address) as visit:
        visit.open(f"{address}{book.PAGES[0]}.html")
        visit.page.evaluate(
            "html => { document.querySelector('article').innerHTML = html }",
            f"<h1>The title</h1>{content}",
        )
        found = [fault for rule in OF_PAGES for fault in rule(visit)]
    assert len(found) == len(faults), found
    for fault, said in zip(found, faults, strict=True):
        assert re.match(re.escape(said).replace(r"\{\}", r"[\d.]+"), fault), fault
