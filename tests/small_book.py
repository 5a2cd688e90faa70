"""A book of one short chapter, built with everything that builds the real one."""

import json
import shutil

import book

INDEX = """# A small book

It is built to be looked at.

![A photo of nothing, in grey](photo.png)

```{image} photo.png
:alt: The same photo, less wide
:width: 60px
```

<p><img src="_images/gone.svg" alt="An image that the build knows nothing of"></p>

```{bibliography}
```
"""

CHAPTER = """# A short chapter

At the end of this chapter you have read a chapter, and it was short.

## The definition of entropy

A **surprising word** is a word, and **Here.** is none; two are **surprising words**. `F.cross_entropy` takes it, `print` does not. [A state](explorer:z=1,2,0&y=0) has an address. Beside a formula stand brackets and commas ($x$, $y$), and $z$.

$$
x = y
$$ (eq-small-log2)
"""

GLOSSARY = """# Glossary

:::{glossary}
entropy
: What it says.
:::
"""

CHECKS = {"eq-small-log2": "exact"}

# The directives of the book, on pages of their own.
PAGES = {
    "equations": "# Equations\n\n```{equations}\n```\n",
    "glossary": GLOSSARY,
    "status": "# Status\n\n```{status} chapters\n```\n\n```{status} kinds\n```\n\n```{status} packages\n```\n",
    "terms": "# Index\n\n```{terms}\n```\n",
}

CONTENTS = """format: jb-book
root: index
parts:
- caption: "Part I: All of it"
  numbered: 1
  chapters:
  - file: chapters/01_short
- caption: Try it
  chapters:
  - file: explorer
- caption: Appendix
  chapters:
"""

# 90 x 60 pixels, as matplotlib states them.
FIGURE = """<svg width="67.5pt" height="45pt" viewBox="0 0 67.5 45" xmlns="http://www.w3.org/2000/svg">
<rect width="60" height="40" /></svg>"""


def code_cell(number, source, outputs=(), **metadata):
    cell = {"cell_type": "code", "id": f"code-{number}", "metadata": metadata}
    return cell | {"execution_count": number, "source": source, "outputs": list(outputs)}


def check_cell(number, source, prompt, **metadata):
    mystnb = {"code_prompt_show": prompt}
    return code_cell(number, source, tags=["hide-cell"], mystnb=mystnb, **metadata)


def chapter(checks):
    figure = {"image": {"alt": "A black rectangle"}, "figure": {"name": "fig-a", "caption": "A."}}
    drawn = {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": FIGURE}}
    return [
        {"cell_type": "markdown", "id": "words", "metadata": {}, "source": CHAPTER},
        code_cell(1, "assert 2 == 2", checks=checks),
        check_cell(2, "assert 3 == 3", "three, by * and _", checks={"eq-small-log2": "sampled"}),
        check_cell(3, "assert 4 == 4", "four, of no equation"),
        code_cell(4, "plt.show()", [drawn], mystnb=figure, tags=["hide-input"]),
    ]


def tables():
    """The cells of a chapter with two tables: one that fits on a phone, and one of seven columns
    with words."""
    import pandas as pd  # here: it takes half a second

    narrow = pd.DataFrame({"loss": [0.125, -12.5], "what": ["right", "wrong"]})
    narrow.index = pd.Index(["float64", "float32"], name="format")
    quantities = ["weight", "score", "probability", "target", "gradient", "surprise"]
    wide = {f"the {name} of a class": [12.3457, -0.8765] for name in quantities}
    wide |= {"why": ["because it is so", "because it was so before, and after it was"]}
    cells = [{"cell_type": "markdown", "id": "two", "metadata": {}, "source": "# Two tables"}]
    for number, frame in enumerate([narrow, pd.DataFrame(wide)], start=1):
        data = {"text/html": frame._repr_html_(), "text/plain": repr(frame)}
        shown = {"output_type": "execute_result", "execution_count": number, "metadata": {}}
        cells.append(code_cell(number, "table", [shown | {"data": data}]))
    return cells


def notebook(cells):
    metadata = {"language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(folder, *, index=INDEX, checks=CHECKS, second=None):
    """Put the sources into the folder; `second` are the cells of a second chapter."""
    for name in ("_ext", "_static", "_templates", "assets"):
        shutil.copytree(book.ROOT / name, folder / name)
    for name in ("_config.yml", "references.bib"):
        shutil.copy(book.ROOT / name, folder / name)
    for name in ("chapters", "appendix"):
        (folder / name).mkdir()
    # A picture of pixels: every one that the book has.
    shutil.copy(book.ROOT / "_static" / "preview.png", folder / "photo.png")
    (folder / "index.md").write_text(index, encoding="utf-8")
    chapters, contents = {"01_short": chapter(checks)}, CONTENTS
    if second:
        chapters["02_more"] = second
        first = "  - file: chapters/01_short\n"
        contents = CONTENTS.replace(first, first + first.replace("01_short", "02_more"))
    for name, cells in chapters.items():
        text = json.dumps(notebook(cells))
        (folder / "chapters" / f"{name}.ipynb").write_text(text, encoding="utf-8")
    (folder / "explorer.md").write_text("# The explorer\n\nDrag a score.\n", encoding="utf-8")
    for name, text in PAGES.items():
        (folder / "appendix" / f"{name}.md").write_text(text, encoding="utf-8")
    record = {"versions": {"torch": "2"}, "seconds": {}}
    (folder / "appendix" / "status.json").write_text(json.dumps(record), encoding="utf-8")
    files = [f"  - file: appendix/{name}\n" for name in PAGES]
    (folder / "_toc.yml").write_text(contents + "".join(files), encoding="utf-8")
