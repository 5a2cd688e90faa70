"""Equations and the cells that check them: marks from one to the other, and a list of all.

A cell with the tag checks-eq-... checks the equation with the label eq-... The directive
{equations} lists the numbered equations of all chapters, each with its section and its checks.
"""

from doctrees import (
    Later,
    MakeLater,
    doctree_of,
    is_code_cell,
    is_numbered,
    link,
    parts,
    section_of,
    title_of,
)
from docutils import nodes
from sphinx.util import logging

TAG = "checks-"
logger = logging.getLogger(__name__)


def name_the_checks(app, doctree):
    """Give each cell that checks an equation an id, so that links can lead to it."""
    times = {}
    for cell in doctree.findall(is_code_cell):
        tags = (cell.get("cell_metadata") or {}).get("tags", [])
        # Label -> the id of this cell.
        cell["checks"] = {}
        for label in [tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)]:
            times[label] = times.get(label, 0) + 1
            number = f"-{times[label]}" if times[label] > 1 else ""
            cell["checks"][label] = f"{TAG}{label}{number}"
        cell["ids"] += cell["checks"].values()


def checks_of(doctree, label):
    """The ids of the cells that check an equation, in their order."""
    cells = doctree.findall(is_code_cell)
    return [cell["checks"][label] for cell in cells if label in cell["checks"]]


def number_of(app, docname, equation):
    numbers = app.env.toc_fignumbers[docname]["displaymath"]
    return "({})".format(".".join(map(str, numbers[equation["ids"][0]])))


def mark_equations_and_checks(app, doctree, docname):
    """In a chapter: from the equation to the cell, and from the cell to the equation."""
    places = {}
    for equation in list(doctree.findall(is_numbered)):
        label, number = equation["label"], number_of(app, docname, equation)
        places[label] = number, equation["ids"][0]
        if checks := checks_of(doctree, label):
            equation.replace_self(with_tick(equation, number, checks[0]))
    for cell in doctree.findall(is_code_cell):
        for label in cell["checks"].keys() - places.keys():
            message = f"its tag {TAG}{label} names no equation of this chapter"
            logger.warning(message, location=cell, type="equations")
        known = [places[label] for label in cell["checks"] if label in places]
        if known:
            cell.insert(0, line_of_checks(known))


def with_tick(equation, number, check):
    spoken = nodes.inline("", f" Check of {number}", classes=["visually-hidden"])
    title = f"{number} is checked by this cell"
    tick = nodes.reference("", "✓", spoken, refid=check, internal=True, reftitle=title)
    mark = nodes.inline("", "", tick, classes=["checked"])
    return nodes.container("", equation.deepcopy(), mark, classes=["equation"])


def line_of_checks(places):
    line = nodes.paragraph("", "checks ", classes=["checks"])
    for number, place in places:
        line += nodes.Text(", " if len(line) > 1 else "")
        line += nodes.reference("", number, refid=place, internal=True)
    return line


class Equations(MakeLater):
    """A section for each part of the contents."""

    def run(self):
        self.env.note_reread()
        sections = []
        for caption, names in parts(self.env):
            if caption is None:
                sections.append(EquationsOf(chapters=names))
                continue
            name = nodes.fully_normalize_name(caption)
            section = nodes.section("", nodes.title("", caption), names=[name])
            section += EquationsOf(chapters=names)
            self.state.document.note_implicit_target(section, section)
            sections.append(section)
        return sections


class EquationsOf(Later):
    def result(self, app, docname):
        found = []
        for chapter in self["chapters"]:
            title = link(app, docname, chapter, "", title_of(app.env, chapter))
            found.append(nodes.rubric("", "", title))
            doctree = doctree_of(app.env, chapter)
            for equation in doctree.findall(is_numbered):
                found.append(listed(app, docname, chapter, doctree, equation))
        return found


def listed(app, docname, chapter, doctree, equation):
    """A line with number, section and checks, and the equation itself."""
    section = section_of(equation)
    number, label = number_of(app, chapter, equation), equation["label"]
    line = nodes.paragraph("", "", link(app, docname, chapter, equation["ids"][0], number))
    line += nodes.Text(" ")
    line += link(app, docname, chapter, section["ids"][-1], section[0].astext())
    line += nodes.Text(": ")
    checks = checks_of(doctree, label)
    for count, check in enumerate(checks, start=1):
        words = "check" if len(checks) == 1 else f"check {count}"
        line += link(app, docname, chapter, check, words)
        line += nodes.Text(", " if count < len(checks) else "")
    formula = nodes.math_block(
        "", equation.astext(), nowrap=equation.get("nowrap"), number=None, label=None
    )
    return nodes.container("", line, formula, classes=["listed"])


def setup(app):
    app.add_node(EquationsOf)
    app.add_directive("equations", Equations)
    app.connect("doctree-read", name_the_checks)
    # Before maths.py goes through the formulas.
    app.connect("doctree-resolved", mark_equations_and_checks, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
