"""What Sphinx has read of the chapters, for the pages that are made from it."""

import functools
import json

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)


def keep_what_can_be_read(app, docname, source):
    """A notebook that is no JSON, after a merge, say, is a message, and not a traceback."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    try:
        json.loads(source[0])
    except ValueError as error:
        logger.warning(f"not a notebook: {error}", location=docname, type="doctrees")
        title = {"cell_type": "markdown", "metadata": {}, "source": f"# {docname}"}
        nb = {"cells": [title], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        source[0] = json.dumps(nb)


class Later(nodes.General, nodes.Element):
    """Stands on a page until all chapters have been read; then its result takes its place."""

    def result(self, app, docname):
        raise NotImplementedError


class MakeLater(SphinxDirective):
    """The directive that puts the node `later` on a page."""

    optional_arguments = 1

    def run(self):
        # Whatever chapter changes, the page is written anew.
        self.env.note_reread()
        return [self.later(argument=" ".join(self.arguments))]


def replace_all(app, doctree, docname):
    for later in list(doctree.findall(Later)):
        later.replace_self(later.result(app, docname))


def parts(env):
    """Caption and chapters of each part of the contents that has chapters."""
    for part in env.external_site_map.root.subtrees:
        # A link to another site is no text, and what is missing has had its warning.
        names = [name for name in part.items if isinstance(name, str) and name in env.found_docs]
        if chapters := [name for name in names if name.startswith("chapters/")]:
            yield part.caption, chapters


def chapters(env):
    return [name for _, names in parts(env) for name in names]


@functools.cache
def doctree_of(env, chapter):
    """A chapter as it was read; a copy for each use would cost a second."""
    return env.get_doctree(chapter)


def number_of(env, chapter):
    """As the contents number it, "" if they do not."""
    return ".".join(map(str, env.toc_secnumbers.get(chapter, {}).get("", ())))


def number_of_equation(env, label):
    """With its brackets; "" for what is no label of an equation."""
    chapter, anchor = place_of_equation(env, label)
    numbers = env.toc_fignumbers.get(chapter, {}).get("displaymath", {}).get(anchor, ())
    return f"({'.'.join(map(str, numbers))})" if numbers else ""


def place_of_equation(env, label):
    chapter, _ = env.domains["math"].equations.get(label, ("", None))
    return chapter, nodes.make_id(f"equation-{label}")


def title_of(env, chapter):
    number = number_of(env, chapter)
    return f"{number}. {env.titles[chapter].astext()}" if number else env.titles[chapter].astext()


def section_of(node):
    """The innermost section of the chapter, and not a part of an exercise."""
    # sphinx-exercise puts its text into a section of its own.
    while not (isinstance(node, nodes.section) and "-content" not in node["ids"][0]):
        node = node.parent
    return node


def is_code_cell(node):
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def is_numbered(node):
    return isinstance(node, nodes.math_block) and bool(node.get("label"))


def link(app, docname, chapter, place, text):
    """A link from the page docname to a place in a chapter."""
    content = text if isinstance(text, nodes.Node) else nodes.Text(text)
    return make_refnode(app.builder, docname, chapter, place, content)


def setup(app):
    app.connect("source-read", keep_what_can_be_read)
    # Before maths.py goes through the formulas.
    app.connect("doctree-resolved", replace_all, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
