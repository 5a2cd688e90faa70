"""Equations and the cells that check them: marks from one to the other, and a list of all.

A cell whose metadata holds "checks": {"eq-...": kind} checks the equation with that label. The
directive {equations} lists the numbered equations of all chapters, each with its section and its
checks.
"""

import re
from collections import defaultdict
from pathlib import Path

from checks import in_order, together, with_kinds
from doctrees import (
    Later,
    MakeLater,
    doctree_of,
    is_code_cell,
    is_numbered,
    link,
    number_of_equation,
    parts,
    section_of,
    title_of,
)
from docutils import nodes
from folds import fold_of, is_check
from sphinx.util import logging

logger = logging.getLogger(__name__)


def checks_by_label(app, doctree):
    """Label of an equation -> kind -> the ids of the cells of a chapter that check it so; the
    kinds as _config.yml has them."""
    found = defaultdict(lambda: {kind: [] for kind in app.config.check_kinds})
    for cell in doctree.findall(is_code_cell):
        for label, place in cell["places"].items():
            found[label].setdefault(cell["checks"][label], []).append(place)
    return {
        label: {kind: ids for kind, ids in places.items() if ids} for label, places in found.items()
    }


def mark_equations_and_checks(app, doctree, docname):
    """In a chapter: from the equation to the cell, and from the cell to the equation."""
    places, checks = {}, checks_by_label(app, doctree)
    for equation in list(doctree.findall(is_numbered)):
        label, number = equation["label"], number_of_equation(app.env, equation["label"])
        places[label] = number, equation["ids"][0]
        if kinds := checks.get(label):
            around, at = equation.parent, equation.parent.index(equation)
            around[at] = with_ticks(app, equation, number, kinds)
    for cell in doctree.findall(is_code_cell):
        for label in cell["checks"].keys() - places.keys():
            message = f"its check of {label} names no equation of this chapter"
            logger.warning(message, location=cell, type="equations")
        known = [label for label in cell["checks"] if label in places]
        if known:
            kinds = {places[label][0]: cell["checks"][label] for label in known}
            fold = fold_of(cell) if is_check(cell) else None
            line = way_back(app, kinds, dict(places.values()), folded=is_check(cell))
            (fold or cell).insert(0, line)


def with_ticks(app, equation, number, kinds):
    """The equation, and below it a tick for each kind of check, which leads to the first."""
    title, words = f"{number} is checked by this cell", app.config.check_words
    mark = nodes.inline(classes=["checked"])
    for kind, (place, *_) in kinds.items():
        spoken = nodes.inline("", f" {words['of']} {number} ", classes=["visually-hidden"])
        tick = nodes.Text(f"✓ {kind}")
        mark += nodes.reference("", "", tick, spoken, refid=place, internal=True, reftitle=title)
    return nodes.container("", equation, mark, classes=["equation"])


def way_back(app, kinds, places, folded):
    """A line that leads from a cell to the equations that it checks. (Where it is folded, the
    kinds stand in the summary.)
    """
    words = app.config.check_words
    text = f"{words['checks']} {with_kinds(app, kinds)}"
    if folded:
        text = f"{words['back to']} {together(app, list(in_order(kinds)))}"
    line = nodes.paragraph(classes=["checks"])
    for piece in re.split(r"(\([\d.]+\))", text):
        leads = nodes.reference("", piece, refid=places.get(piece), internal=True)
        line += leads if piece in places else nodes.Text(piece)
    return line


class Equations(MakeLater):
    """A section for each part of the contents that has equations."""

    def run(self):
        self.env.note_reread()
        sections = []
        for caption, chapters in parts(self.env):
            names = [name for name in chapters if "$$ (eq-" in self.source(name)]
            if not names:
                continue
            if caption is None:
                sections.append(EquationsOf(chapters=names))
                continue
            name = nodes.fully_normalize_name(caption)
            section = nodes.section("", nodes.title("", caption), names=[name])
            section += EquationsOf(chapters=names)
            self.state.document.note_implicit_target(section, section)
            sections.append(section)
        return sections

    def source(self, name):
        return Path(self.env.doc2path(name)).read_text(encoding="utf-8")


class EquationsOf(Later):
    def result(self, app, docname):
        found = []
        for chapter in self["chapters"]:
            title = link(app, docname, chapter, "", title_of(app.env, chapter))
            found.append(nodes.rubric("", "", title))
            doctree = doctree_of(app.env, chapter)
            checks = checks_by_label(app, doctree)
            for equation in doctree.findall(is_numbered):
                kinds = checks.get(equation["label"], {})
                found.append(listed(app, docname, chapter, equation, kinds))
        return found


def listed(app, docname, chapter, equation, kinds):
    """A line with number, section and checks, and the equation itself."""
    section = section_of(equation)
    number = number_of_equation(app.env, equation["label"])
    line = nodes.paragraph("", "", link(app, docname, chapter, equation["ids"][0], number))
    line += nodes.Text(" ")
    line += link(app, docname, chapter, section["ids"][-1], section[0].astext())
    line += nodes.Text(": ")
    for kind, places in kinds.items():
        for count, place in enumerate(places, start=1):
            words = f"✓ {kind}" if len(places) == 1 else f"✓ {kind} {count}"
            line += nodes.Text(", " if len(line) > 4 else "")
            line += link(app, docname, chapter, place, words)
    formula = nodes.math_block(
        "", equation.astext(), nowrap=equation.get("nowrap"), number=None, label=None
    )
    return nodes.container("", line, formula, classes=["listed"])


def setup(app):
    app.add_node(EquationsOf)
    app.add_directive("equations", Equations)
    # Before maths.py goes through the formulas.
    app.connect("doctree-resolved", mark_equations_and_checks, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
