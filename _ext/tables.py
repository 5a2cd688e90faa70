"""Tables of results: what pandas writes for any notebook becomes a table of the book's pages.

Its own style, border and alignment go; the cells that name a row or a column say so, and
the table stands in a box that scrolls where it is wider (_static/reading.js).
"""

import re
from xml.etree import ElementTree

from docutils import nodes
from sphinx.util import logging

TABLE = re.compile(r'(?s)<table[^>]* class="dataframe".*?</table>')
BOX = '<div class="results"><div class="scrolls">{}</div></div>'
# A sign or a bracket, then digits, or what stands in their place; else it is words.
NUMBER = re.compile(r"(?i)\W*(\d.*|(nan|inf|none|<na>)\W*)?")
LONG = 24  # characters: beyond that a cell may have two lines
logger = logging.getLogger(__name__)


def for_the_page(text, looked_up=False):
    """The table in what pandas has written; raises ElementTree.ParseError. On a phone, a row of what
    is looked up is a paragraph (_static/book.css), and its cells say what they are."""
    table = ElementTree.fromstring(TABLE.search(text)[0])
    for part in table.iter():
        for name in ("border", "class", "style", "halign", "valign"):
            part.attrib.pop(name, None)
        part.text, part.tail = (text if (text or "").strip() else None for text in (part.text, ""))
    head, body = table.find("thead"), table.find("tbody")
    join_the_names_of_the_index(head, len(body.findall("tr[1]/td")))
    for part in head.iter("th"):
        if not part.text and not len(part):
            part.tag = "td"  # a heading of nothing
        else:
            part.set("scope", "colgroup" if "colspan" in part.attrib else "col")
    for part in body.iter("th"):
        part.set("scope", "rowgroup" if "rowspan" in part.attrib else "row")
    align(head, body)
    if looked_up:
        headings = head.findall("tr[last()]/th")[-len(body.findall("tr[1]/td")) :]
        for row in body:
            for heading, cell in zip(headings, row.findall("td"), strict=True):
                cell.set("data-heading", heading.text)
    return BOX.format(ElementTree.tostring(table, encoding="unicode", method="html"))


def join_the_names_of_the_index(head, columns):
    """They stand in a line of their own, and fit into the empty corner of the line above."""
    if len(head) < 2:
        return
    above, names = head[-2], head[-1]
    width = len(names) - columns
    if any(cell.text for cell in [*above[:width], *names[width:]]):
        return
    for corner, name in zip(above[:width], names[:width], strict=True):
        corner.text = name.text
    head.remove(names)


def align(head, body):
    """A column of words begins at the left, one of numbers ends at the right."""
    rows = [row.findall("td") for row in body]
    columns = len(body.findall("tr[1]/td"))
    for heading in head[-1][1:-columns]:  # the other names of the index
        heading.set("class", "words")
    for place, column in enumerate(zip(*rows, strict=True)):
        texts = ["".join(cell.itertext()) for cell in column]
        if all(NUMBER.fullmatch(text) for text in texts):
            continue
        for row in head:
            if len(row) == len(head[-1]):  # no heading of several columns
                row[place - len(rows[0])].set("class", "words")
        for cell in column:
            cell.set("class", "words")
    for cell in [*body.iter("th"), *body.iter("td")]:
        if len("".join(cell.itertext())) > LONG:
            cell.set("class", "words long")


def finish_tables(app, doctree, docname):
    for node in doctree.findall(nodes.raw):
        if not TABLE.search(node.astext()):
            continue
        try:
            node[:] = [nodes.Text(for_the_page(node.astext(), is_looked_up(node)))]
        except ElementTree.ParseError as error:
            message = (
                f"a table that is not as pandas writes it: show the DataFrame itself ({error})"
            )
            logger.warning(message, location=node, type="tables")


def is_looked_up(node):
    while node := node.parent:
        if "looked-up" in node.get("classes", ()):
            return True
    return False


def setup(app):
    app.connect("doctree-resolved", finish_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
