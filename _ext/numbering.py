"""Numbers as a reader sees them: of the chapters that a page names, of the cells in messages.

The contents number the chapters: where a page names one, by a link, its number must be that.
Code cells count from [1]; MyST-NB counts all cells, and calls line 10 of the 24th 240011.
"""

import json
import re
from pathlib import Path

from doctrees import chapters, number_of
from docutils import nodes
from sphinx.util import logging

NAMED = re.compile(r"(?i)\bchapter\s+(\d+)")
# Of a chapter, or of a section in it.
LINKED = re.compile(r"(?i)\bchapter\s+(\d+)$|^(\d+): ")
# A link written in HTML, and the number in it.
LINK = re.compile(r'(?s)<a\b[^>]*?\bhref="([\w/-]+)\.html[^>]*>(.*?)</a>')
IN_LINK = re.compile(r'class="number"[^>]*>(\d+)<')
CELL = re.compile(r"(.*\.ipynb):(\d+)(\d{4})$")
logger = logging.getLogger(__name__)


def check_numbers(app, doctree, docname):
    names = chapters(app.env)
    pages = {app.builder.get_relative_uri(docname, name): name for name in names}
    for text in doctree.findall(nodes.Text):
        if isinstance(text.parent, nodes.raw) or link_around(text):
            continue
        for found in NAMED.finditer(text):
            warn(f"nothing checks the number of '{found[0]}': make it a link to the chapter", text)
    for link in doctree.findall(nodes.reference):
        if found := LINKED.search(link.astext()):
            page = link.get("refuri", "").partition("#")[0]
            chapter = pages.get(page) if page else docname
            compare(app, link, chapter, found[1] or found[2], link.astext())
    for raw in doctree.findall(nodes.raw):
        for page, text in LINK.findall(raw.astext()):
            name = pages.get(f"{page}.html")
            if page.startswith("chapters/") and not name:
                warn(f"a link leads to {page}, which is not in the contents", raw)
            elif found := IN_LINK.search(text):
                compare(app, raw, name, found[1], found[1])


def link_around(node):
    while node and not isinstance(node, nodes.reference):
        node = node.parent
    return node


def compare(app, node, chapter, said, words):
    number = number_of(app.env, chapter) if chapter else ""
    if said != number:
        where = f"chapter {number}" if number else "no numbered chapter"
        warn(f"the link '{words}' leads to {where}", node)


def warn(message, node):
    logger.warning(message, location=node, type="numbering")


def name_the_cell(record):
    """chapters/01_likelihood.ipynb:240011 becomes ...: text below cell [16], line 10."""
    if found := CELL.match(getattr(record, "location", None) or ""):
        path, place, line = found[1], int(found[2]), int(found[3])
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"][:place]
        number = sum(cell["cell_type"] == "code" for cell in cells)
        if cells[-1]["cell_type"] == "code":
            where = f"cell [{number}]"
        else:
            beside = f"below cell [{number}]" if number else "above cell [1]"
            where = f"text {beside}, line {max(line - 1, 1)}"
        record.location = f"{path}: {where}"
    return True


def name_the_cells(app):
    for handler in logging.logging.getLogger(logging.NAMESPACE).handlers:
        # After Sphinx's own filters, which find the place.
        handler.addFilter(name_the_cell)


def setup(app):
    app.connect("builder-inited", name_the_cells)
    app.connect("doctree-resolved", check_numbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
