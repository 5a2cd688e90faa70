"""{status} chapters counts what the chapters hold, {status} kinds how their equations are checked;
{status} packages names the versions that made their outputs.
"""

import json
import re
from collections import Counter
from pathlib import Path

from doctrees import (
    Later,
    MakeLater,
    chapters,
    doctree_of,
    is_code_cell,
    is_numbered,
    link,
    title_of,
)
from docutils import nodes
from equations import checks_by_label

COLUMNS = ["chapter", "cells", "checks", "equations", "figures", "exercises", "seconds"]
NOT_MEASURED = "–"


class Status(Later):
    def result(self, app, docname):
        # What `make outputs` has recorded.
        path = Path(app.srcdir, "appendix", "status.json")
        record = json.loads(path.read_text(encoding="utf-8"))
        if self["argument"] == "packages":
            return table(["package", "version"], list(record["versions"].items()))
        if self["argument"] == "kinds":
            return table(["how they are checked", "equations"], list(rows_of_kinds(app)))
        names = chapters(app.env)
        titles = [link(app, docname, name, "", title_of(app.env, name)) for name in names]
        counts = [counted(doctree_of(app.env, name)) for name in names]
        seconds = [record["seconds"].get(Path(name).name, NOT_MEASURED) for name in names]
        counts = [[*count, took] for count, took in zip(counts, seconds, strict=True)]
        sums = [sum(n for n in column if n != NOT_MEASURED) for column in zip(*counts, strict=True)]
        rows = [[title, *count] for title, count in zip(titles, counts, strict=True)]
        return table(COLUMNS, [*rows, ["all", *sums]])


def counted(doctree):
    """What stands in the columns of a chapter, without its seconds."""
    cells = list(doctree.findall(is_code_cell))
    kinds = [type(node).__name__ for node in doctree.findall()]
    return [
        len(cells),
        sum(bool(re.search(r"\bassert(_\w+\(|\b)", cell[0].astext())) for cell in cells),
        len(list(doctree.findall(is_numbered))),
        kinds.count("figure"),
        # With a number and without, of sphinx-exercise.
        kinds.count("exercise_enumerable_node") + kinds.count("exercise_node"),
    ]


def rows_of_kinds(app):
    """Each kind of check with its meaning, and how many equations have one."""
    times = Counter()
    for doctree in (doctree_of(app.env, name) for name in chapters(app.env)):
        for kinds in checks_by_label(app, doctree).values():
            times.update(kinds.keys())
    for kind, meaning in app.config.check_kinds.items():
        yield [
            nodes.inline("", "", nodes.strong("", kind), nodes.Text(f": {meaning}")),
            times[kind],
        ]


def table(head, rows):
    """A table, numbers on the right."""
    columns = [nodes.colspec(colwidth=1) for _ in head]
    body = nodes.tbody("", *[row_of(row) for row in rows])
    group = nodes.tgroup("", *columns, nodes.thead("", row_of(head)), body, cols=len(head))
    return nodes.table("", group)


def row_of(contents):
    row = nodes.row()
    for place, content in enumerate(contents):
        content = content if isinstance(content, nodes.Node) else nodes.Text(str(content))
        classes = ["text-right"] if place else []
        row += nodes.entry("", nodes.paragraph("", "", content), classes=classes)
    return row


def setup(app):
    app.add_node(Status)
    app.add_directive("status", type("StatusDirective", (MakeLater,), {"later": Status}))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
