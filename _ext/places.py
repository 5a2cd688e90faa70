"""A link without words, [](#label), is called by its chapter's number and its section's heading.

On a page of many such links, as that of the sources, no heading is then typed twice.
"""

import functools

from doctrees import doctree_of, number_of, section_of
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform


def wordless(document):
    for link in document.findall(addnodes.pending_xref):
        if link.get("reftype") == "myst" and not link.astext():
            yield link


def read_it_again(app, document):
    """Whatever chapter changes."""
    if next(wordless(document), None):
        app.env.note_reread()


class NamePlaces(SphinxPostTransform):
    default_priority = 5  # before MyST, which finds words for what stands before a heading only

    def run(self, **kwargs):
        labels = self.env.domains["std"].anonlabels
        for link in list(wordless(self.document)):
            chapter, anchor = labels.get(link["reftarget"].lower(), ("", ""))
            if number := number_of(self.env, chapter):
                name = f"{number}: {headings(self.env, chapter)[anchor]}"
                link["refexplicit"] = True
                link.clear()
                link += nodes.inline("", name, classes=["std", "std-ref"])


@functools.cache
def headings(env, chapter):
    """Anchor -> the heading of the section that it is in."""
    return {
        anchor: section_of(node)[0].astext()
        for section in doctree_of(env, chapter).findall(nodes.section)
        for node in section.findall(nodes.Element)
        for anchor in node.get("ids", ())
    }


def setup(app):
    app.connect("doctree-read", read_it_again)
    app.add_post_transform(NamePlaces)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
