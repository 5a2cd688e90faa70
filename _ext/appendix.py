"""What the appendix says about the chapters, and the marks that join an equation to its check.

    ```{equations} 01_likelihood 02_cross_entropy
    ```

lists the numbered equations of these chapters, each with links to the cells that check it.
The cells are those tagged checks-eq-... And

    ```{status} chapters
    ```

counts what the chapters hold; {status} packages names the versions that made the outputs. And

    ```{terms}
    ```

is an index: the words that chapters set in bold where they define them, the functions that they
name, and the glossary's terms in headings, each with the first such section of each chapter.
"""

import functools
import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

TAG = "tag_checks-"  # MyST-NB makes a class of each tag


@functools.cache
def chapter_of(env, name):
    """A chapter as it was read; a copy for each use would cost a second."""
    return env.get_doctree(name)


class made(nodes.General, nodes.Element):
    """Stands where a list will be, until all chapters have been read."""


class Equations(SphinxDirective):
    has_content = False
    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        self.env.note_reread()  # whatever chapter changes
        return [made(chapters=[f"chapters/{c}" for c in self.arguments[0].split()])]


class Terms(SphinxDirective):
    def run(self):
        self.env.note_reread()
        return [made(terms=True)]


class Status(SphinxDirective):
    required_arguments = 1

    def run(self):
        self.env.note_reread()
        root = Path(self.env.srcdir)
        record = json.loads((root / "appendix" / "status.json").read_text("utf-8"))
        if self.arguments[0] == "packages":
            rows = [["package", "version"], *record["versions"].items()]
        else:
            chapters = sorted((root / "chapters").glob("*.ipynb"))
            rows = [counted(path, record["seconds"]) for path in chapters]
            sums = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
            rows = [COLUMNS, *rows, ["all", *sums]]
        lines = ["| {} |".format(" | ".join(map(str, row))) for row in rows]
        lines.insert(1, "|---" + "|--:" * (len(rows[0]) - 1) + "|")
        table = nodes.container()
        self.state.nested_parse(StringList(lines), 0, table)
        return table.children


COLUMNS = ["chapter", "cells", "checks", "equations", "figures", "exercises", "seconds"]


def counted(path, seconds):
    """The chapter's row of the table."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    sources = [("".join(c["source"]), c["cell_type"] == "code") for c in cells]
    code = [source for source, is_code in sources if is_code]
    text = "\n".join(source for source, is_code in sources if not is_code)
    title = text.partition("\n")[0].strip("# ")
    return [
        f"[{int(path.stem[:2])}. {title}](../chapters/{path.name})",
        len(code),
        sum(bool(re.search(r"\bassert(_\w+\(|\b)", source)) for source in code),
        len(re.findall(r"(?m)^\$\$ *\(eq-", text)),
        sum("figure" in c["metadata"].get("mystnb", {}) for c in cells),
        text.count("{exercise-start}"),
        seconds[path.stem],
    ]


def checks(cell):
    """The labels of the equations that a cell checks."""
    found = cell.get("classes", []) if isinstance(cell, nodes.container) else []
    return [name.removeprefix(TAG) for name in found if name.startswith(TAG)]


def name_the_checks(app, doctree):
    """Give each cell that checks an equation an id, so that links can lead to it."""
    times = {}
    for cell in doctree.findall(checks):
        for label in checks(cell):
            times[label] = times.get(label, 0) + 1
            number = f"-{times[label]}" if times[label] > 1 else ""
            cell["ids"].append(f"checks-{label}{number}")


def checking_cells(doctree, label):
    """The ids of the cells that check an equation, in their order."""
    for cell in doctree.findall(lambda node: label in checks(node)):
        yield from [i for i in cell["ids"] if i.rstrip("-0123456789") == f"checks-{label}"]


def labelled(doctree):
    return doctree.findall(lambda n: isinstance(n, nodes.math_block) and n.get("label"))


def number_of(app, docname, equation):
    numbers = app.env.toc_fignumbers[docname]["displaymath"]
    return "({})".format(".".join(map(str, numbers[equation["ids"][0]])))


def mark_equations_and_checks(app, doctree, docname):
    """In a chapter: from the equation to the cell, and from the cell to the equation."""
    numbers = {}
    for equation in list(labelled(doctree)):
        label = equation["label"]
        numbers[label] = number_of(app, docname, equation), equation["ids"][0]
        if cell := next(checking_cells(doctree, label), None):
            link = nodes.reference(
                "",
                "✓",
                refid=cell,
                internal=True,
                reftitle=f"{numbers[label][0]} is checked by this cell",
            )
            both = nodes.container("", classes=["equation"])
            equation.replace_self(both)
            both += [equation, nodes.inline("", "", link, classes=["checked"])]
    for cell in doctree.findall(checks):
        line = nodes.paragraph("", "checks ", classes=["checks"])
        for label in checks(cell):
            number, place = numbers[label]
            line += [
                nodes.Text(", " if len(line) > 1 else ""),
                nodes.reference("", number, refid=place, internal=True),
            ]
        cell.insert(0, line)


def list_equations(app, doctree, docname):
    for place in list(doctree.findall(made)):
        if "terms" in place:
            place.replace_self(index(app, docname))
            continue
        new = []
        for chapter in place["chapters"]:
            read = chapter_of(app.env, chapter)
            (number,) = app.env.toc_secnumbers[chapter][""]
            title = nodes.Text(f"{number}. {app.env.titles[chapter].astext()}")
            link = make_refnode(app.builder, docname, chapter, "", title)
            new.append(nodes.rubric("", "", link))
            for equation in labelled(read):
                new += listed(app, docname, chapter, read, equation)
        place.replace_self(new)


def section_of(node):
    """The innermost section of the chapter, and not a part of an exercise."""
    while not (isinstance(node, nodes.section) and "-content" not in node["ids"][0]):
        node = node.parent
    return node


FUNCTION = re.compile(r"(F|nn|tf|torch|np|scipy)\.[\w.]+|\w+_(softmax|loss|entropy)")
NOT_IN_HEADINGS = {"class", "example", "label"}  # words of every day


def words_of(node, glossary):
    """The words that a node puts into the index."""
    text = node.astext().replace("’", "'")
    if isinstance(node, nodes.title):
        low = text.lower()
        found = [w for w in glossary if re.search(rf"\b{re.escape(w)}\b", low)]
        longer = " ".join(w for w in found if " " in w)
        return [w for w in found if w not in NOT_IN_HEADINGS | set(longer.split())]
    section = section_of(node)
    is_opening = isinstance(section.parent, nodes.document)
    if is_opening or section[0].astext() in ("Exercises", "Summary", "Further reading"):
        return []
    if isinstance(node, nodes.literal):
        return [text] if FUNCTION.fullmatch(text) else []
    line = node.parent
    before = "".join(n.astext() for n in line.children[: line.index(node)]).rstrip()
    starts = text[0].isupper() and (not before or before[-1] in ".:;")
    if len(text.split()) > 3 or re.search(r"\d|[.:?]$", text):
        return []
    return [text] if not starts or text.lower() in glossary else []


def index(app, docname):
    """Words -> for each chapter that has them, the first section that does."""
    terms = [o for o in app.env.get_domain("std").get_objects() if o[2] == "term"]
    glossary = {o[0].lower(): (o[3], o[4]) for o in terms}  # word -> page, id
    shown = {o[0].lower(): o[0] for o in terms}
    entries = {word: {} for word in glossary}
    kinds = (nodes.title, nodes.strong, nodes.literal)
    for chapter in sorted(d for d in app.env.found_docs if d.startswith("chapters/")):
        for node in chapter_of(app.env, chapter).findall(lambda n: isinstance(n, kinds)):
            for word in words_of(node, glossary):
                key = word.rpartition(".")[2].lower()
                key = key[:-1] if key.endswith("s") and key[:-1] in shown else key
                if key not in glossary and len(word) > len(shown.get(key, "")):
                    shown[key] = word
                entries.setdefault(key, {}).setdefault(chapter, section_of(node))
    result = nodes.definition_list()
    for key in sorted(entries):
        term = nodes.Text(shown[key])
        if key in glossary:
            term = make_refnode(app.builder, docname, *glossary[key], term)
        elif FUNCTION.fullmatch(shown[key]):
            term = nodes.literal("", shown[key])
        line = nodes.paragraph()
        for chapter, section in entries[key].items():
            (number,) = app.env.toc_secnumbers[chapter][""]
            title = nodes.Text(f"{number}: {section[0].astext()}")
            place = section["ids"][-1]
            line += nodes.Text("; " if line.children else "")
            line += make_refnode(app.builder, docname, chapter, place, title)
        if line.children:
            where = nodes.definition("", line)
            result += nodes.definition_list_item("", nodes.term("", "", term), where)
    return nodes.container("", result, classes=["index"])


def listed(app, docname, chapter, doctree, equation):
    """A line with number, section and checks, and the equation itself."""

    def link(text, place):
        return make_refnode(app.builder, docname, chapter, place, nodes.Text(text))

    section = section_of(equation)
    cells = list(checking_cells(doctree, equation["label"]))
    line = nodes.paragraph("", "", link(number_of(app, chapter, equation), equation["ids"][0]))
    line += [nodes.Text(" "), link(section[0].astext(), section["ids"][-1]), nodes.Text(": ")]
    for number, cell in enumerate(cells, start=1):
        line += link("check" if len(cells) == 1 else f"check {number}", cell)
        line += nodes.Text(", " if number < len(cells) else "")
    formula = nodes.math_block(
        "", equation.astext(), nowrap=equation.get("nowrap"), number=None, label=None
    )
    return [nodes.container("", line, formula, classes=["listed"])]


def setup(app):
    app.add_node(made)
    app.add_directive("equations", Equations)
    app.add_directive("status", Status)
    app.add_directive("terms", Terms)
    app.connect("doctree-read", name_the_checks)
    # Before book.py goes through the formulas.
    app.connect("doctree-resolved", mark_equations_and_checks, priority=400)
    app.connect("doctree-resolved", list_equations, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
