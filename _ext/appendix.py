"""What the appendix says about the chapters, and the marks that join an equation to its check.

    ```{equations} 01_likelihood 02_cross_entropy
    ```

lists the numbered equations of these chapters, each with links to the cells that check it.
The cells are those tagged checks-eq-...
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

TAG = "tag_checks-"  # MyST-NB makes a class of each tag


class made(nodes.General, nodes.Element):
    """Stands where a list will be, until all chapters have been read."""


class Equations(SphinxDirective):
    has_content = False
    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        self.env.note_reread()  # whatever chapter changes
        return [made(chapters=[f"chapters/{c}" for c in self.arguments[0].split()])]


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
        yield from [
            i for i in cell["ids"] if i.rstrip("-0123456789") == f"checks-{label}"
        ]


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
        new = []
        for chapter in place["chapters"]:
            read = app.env.get_doctree(chapter)
            (number,) = app.env.toc_secnumbers[chapter][""]
            title = nodes.Text(f"{number}. {app.env.titles[chapter].astext()}")
            link = make_refnode(app.builder, docname, chapter, "", title)
            new.append(nodes.rubric("", "", link))
            for equation in labelled(read):
                new += listed(app, docname, chapter, read, equation)
        place.replace_self(new)


def listed(app, docname, chapter, doctree, equation):
    """A line with number, section and checks, and the equation itself."""

    def link(text, place):
        return make_refnode(app.builder, docname, chapter, place, nodes.Text(text))

    section = equation
    while not isinstance(section, nodes.section):
        section = section.parent
    cells = list(checking_cells(doctree, equation["label"]))
    line = nodes.paragraph(
        "", "", link(number_of(app, chapter, equation), equation["ids"][0])
    )
    line += [
        nodes.Text(" "),
        link(section[0].astext(), section["ids"][-1]),
        nodes.Text(": "),
    ]
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
    app.connect("doctree-read", name_the_checks)
    # Before book.py goes through the formulas.
    app.connect("doctree-resolved", mark_equations_and_checks, priority=400)
    app.connect("doctree-resolved", list_equations, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
