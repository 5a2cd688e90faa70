"""Figures that come alive: the metadata of the cell that draws one names its live form.

"live": "temperature"     of a code cell: _templates/live/temperature.html has the words and the
                          controls, assets/live/temperature.js the numbers and the drawing

Below the figure stands a question with answers; whoever answers sees the picture move, and why.
The notebook, paper and pages without scripts have the figure alone. Only a page with such a
figure loads the scripts (_templates/layout.html).
"""

from pathlib import Path

from doctrees import is_code_cell, number_of_equation, place_of_equation
from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)


class Live(nodes.General, nodes.Element):
    """Stands below a figure."""


def bring_to_life(app, doctree, docname):
    for cell in list(doctree.findall(is_code_cell)):
        name = cell.get("cell_metadata", {}).get("live")
        if name is None:
            continue
        there = [Path(app.srcdir, file.format(name)) for file in FILES]
        if missing := [str(path.relative_to(app.srcdir)) for path in there if not path.exists()]:
            message = f"its live form is '{name}', and there is no {' and no '.join(missing)}"
            logger.warning(message, location=cell, type="live")
        else:
            live = Live(name=name, docname=docname)
            live.source, live.line = cell.source, cell.line
            cell.parent.insert(cell.parent.index(cell) + 1, live)


FILES = "_templates/live/{}.html", "assets/live/{}.js"


def link_to_equation(builder, live, label):
    """As HTML; the number of an equation is its name."""
    chapter, anchor = place_of_equation(builder.env, label)
    number = number_of_equation(builder.env, label)
    if not number:
        message = f"its live form '{live['name']}' names {label}, which is no equation"
        logger.warning(message, location=live, type="live")
        return label
    page = builder.get_relative_uri(live["docname"], chapter)
    return f'<a class="reference internal" href="{page}#{anchor}">{number}</a>'


def visit_live(writer, node):
    builder = writer.builder
    words = {"name": node["name"], "eq": lambda label: link_to_equation(builder, node, label)}
    writer.body.append(builder.templates.render(f"live/{node['name']}.html", words))
    raise nodes.SkipNode


def name_the_scripts(app, pagename, templatename, context, doctree):
    context["live"] = [live["name"] for live in doctree.findall(Live)] if doctree else []


def setup(app):
    app.add_node(Live, html=(visit_live, None))
    app.connect("doctree-resolved", bring_to_life)
    app.connect("html-page-context", name_the_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
