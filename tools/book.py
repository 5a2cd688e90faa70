"""The book as files: its pages in order, and what the notebook of a chapter holds.

The one place that reads them; tools and tests take it from here. (The website's own
extensions, in _ext/, see what Sphinx has read.)
"""

import ast
import json
import re
from pathlib import Path

import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TITLE = CONFIG["title"]
LANGUAGE = CONFIG["sphinx"]["config"]["language"]
# What every chapter has: words of its opening, and sections.
OPENING = CONFIG["sphinx"]["config"]["chapter_opening"]
SECTIONS = CONFIG["sphinx"]["config"]["chapter_sections"]
# How a cell may check an equation: name of the kind -> what it means.
KINDS = CONFIG["sphinx"]["config"]["check_kinds"]
CONTENTS = parse_toc_yaml(ROOT / "_toc.yml")
PAGES = list(CONTENTS)  # names of the pages, as they follow each other
LISTED = [ROOT / f"{name}.ipynb" for name in PAGES if name.startswith("chapters/")]
CHAPTERS = [path for path in LISTED if path.is_file()]  # a test names those that are not there
NUMBERED = [name for part in CONTENTS.root.subtrees if part.numbered for name in part.items]
# Name of a chapter -> its number, for those that the contents number.
NUMBERS = {Path(str(name)).name: number for number, name in enumerate(NUMBERED, start=1)}

# A numbered equation: its label stands after the closing dollars.
EQUATION = re.compile(r"(?ms)^\$\$(?P<formula>(?:(?!\$\$).)*)\$\$ *\((?P<label>eq-[a-z0-9-]+)\) *$")
ASSERTION = re.compile(r"\bassert(_\w+\(|\b)")

# What a reader reads in a minute: words, lines of code, figures.
SPEED = CONFIG["sphinx"]["config"]["reading_speed"]
# What of MyST is no word, or one, with what stands for it; in this order.
MARKUP = [
    (r"(?ms)^(`{3,})\w.*?^\1 *$", ""),  # a listing, with its language
    (r"(?m)^(`{3,}|:{3,}).*$", ""),  # fences of directives
    (r"(?m)^(:[\w-]+:.*|\([\w-]+\)=)$", ""),  # their options, and labels
    (r"(?s)\$\$.*?\$\$( *\(eq-[\w-]+\))?|\$[^$]*\$", "formula"),
    (r"(\{[\w:]+\})?`[^`\n]*`", "code"),
    (r"\]\([^)\s]*\)", ""),  # where a link leads
]


class NoPage(Exception):
    """It is not in the book; the message says what is."""


def pick(names, known):
    """Those pages or chapters of `known` that are named, by name or path, in the book's order;
    all without names. Raises NoPage.
    """
    by_name = {Path(page).stem: page for page in known}
    wanted = {Path(name).stem for name in names} or by_name.keys()
    if unknown := sorted(wanted - by_name.keys()):
        listed = ", ".join(by_name)
        raise NoPage(f"There is no {', '.join(unknown)} in _toc.yml; there are: {listed}.")
    return [page for name, page in by_name.items() if name in wanted]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def code_cells(nb):
    """The code cells, each with its number as a reader sees it: [1], [2], ..."""
    return enumerate((c for c in nb["cells"] if c["cell_type"] == "code"), start=1)


def prose(nb):
    return "\n\n".join(source(c) for c in nb["cells"] if c["cell_type"] == "markdown")


def words(nb):
    """What a reader reads in the text: a formula is one word, and so is a piece of code."""
    text = prose(nb)
    for pattern, instead in MARKUP:
        text = re.sub(pattern, instead, text)
    return re.findall(r"\S*\w\S*", text)


def is_folded(cell):
    """On the page its code is shown only when a reader asks for it."""
    return not {"hide-cell", "hide-input"}.isdisjoint(tags(cell))


def figures(cell):
    """How many pictures it draws."""
    return sum("image/" in "".join(out.get("data", {})) for out in cell.get("outputs", ()))


def minutes(nb):
    """How long it takes to read, to five minutes; a test compares what the chapter says."""
    code = [cell for _, cell in code_cells(nb)]
    shown = [source(cell).splitlines() for cell in code if not is_folded(cell)]
    lines = sum(bool(line.strip()) for cell in shown for line in cell)
    read = {"words": len(words(nb)), "lines": lines, "figures": sum(map(figures, code))}
    took = sum(read[what] / SPEED[what] for what in read)
    return max(5, 5 * round(took / 5))


def equations(nb):
    """Pairs of label and formula, of the numbered equations in their order."""
    return [(m["label"], m["formula"]) for m in EQUATION.finditer(prose(nb))]


def tags(cell):
    return cell["metadata"].get("tags", [])


def checks(cell):
    """Label -> kind, of the equations that a cell checks."""
    return cell["metadata"].get("checks", {})


def is_check(cell):
    """Is it folded on its page, as what guards and would interrupt?"""
    return "hide-cell" in tags(cell)


def asserts(cell):
    return bool(ASSERTION.search(source(cell)))


def imports(cell):
    """The packages that a code cell imports; "." for what stands beside it."""
    for node in ast.walk(ast.parse(source(cell))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else node.module.partition(".")[0]
