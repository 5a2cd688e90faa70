"""The book as files: its pages in order, and what the notebook of a chapter holds.

The one place that reads them; tools and tests take it from here. (The website's own
extensions, in _ext/, see what Sphinx has read.)
"""

import json
import re
from pathlib import Path

import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
TITLE = CONFIG["title"]
CONTENTS = parse_toc_yaml(ROOT / "_toc.yml")
PAGES = list(CONTENTS)  # names of the pages, as they follow each other
CHAPTERS = [ROOT / f"{name}.ipynb" for name in PAGES if name.startswith("chapters/")]
# Name of a chapter -> its number, for those that the contents number.
NUMBERS = {
    Path(name).name: number
    for number, name in enumerate(
        (name for part in CONTENTS.root.subtrees if part.numbered for name in part.items), start=1
    )
}

# A numbered equation: its label stands after the closing dollars.
EQUATION = re.compile(r"(?ms)^\$\$(?P<formula>(?:(?!\$\$).)*)\$\$ *\((?P<label>eq-[a-z0-9-]+)\) *$")
ASSERTION = re.compile(r"\bassert(_\w+\(|\b)")
CHECKS = "checks-"  # begins the tags of a cell that checks an equation


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def code_cells(nb):
    """The code cells, each with its number as a reader sees it: [1], [2], ..."""
    return enumerate((c for c in nb["cells"] if c["cell_type"] == "code"), start=1)


def prose(nb):
    return "\n\n".join(source(c) for c in nb["cells"] if c["cell_type"] == "markdown")


def equations(nb):
    """Pairs of label and formula, of the numbered equations in their order."""
    return [(m["label"], m["formula"]) for m in EQUATION.finditer(prose(nb))]


def tags(cell):
    return cell["metadata"].get("tags", [])


def checked_by(cell):
    """The labels of the equations that a cell checks."""
    return [tag.removeprefix(CHECKS) for tag in tags(cell) if tag.startswith(CHECKS)]


def asserts(cell):
    return bool(ASSERTION.search(source(cell)))
