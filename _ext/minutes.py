"""How long it takes to read: {minutes}`01_likelihood 04_softmax` is "35 min".

The chapters say how long each takes, and a test computes that; this adds up what they say. In
the contents of a chapter each section has its own, from the words, the code that is shown and
the figures.
"""

import re

from doctrees import chapters, doctree_of, is_code_cell
from docutils import nodes
from folds import Fold
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)


class Minutes(nodes.Inline, nodes.TextElement):
    """Stands on a page until all chapters have been read."""


class MinutesRole(SphinxRole):
    def run(self):
        self.env.note_reread()
        node = Minutes(self.rawtext, self.text, chapters=self.text.split())
        self.set_source_info(node)
        return [node], []


class AddUp(SphinxPostTransform):
    default_priority = 5

    def run(self, **kwargs):
        for node in list(self.document.findall(Minutes)):
            total = sum(minutes(self.env, name, node) for name in node["chapters"])
            hours, rest = divmod(total, 60)
            # No line breaks between a number and its unit.
            words = [f"{hours}\u00a0h"] * (hours > 0) + [f"{rest}\u00a0min"] * (rest > 0)
            node.replace_self(nodes.Text(" ".join(words)))


def minutes(env, name, node):
    chapter = f"chapters/{name}"
    if chapter not in env.found_docs:
        logger.warning(f"there is no chapter {name}", location=node, type="minutes")
        return 0
    said = re.search(rf"(\d+) {env.config.chapter_opening[-1]}", doctree_of(env, chapter).astext())
    return int(said[1]) if said else 0


def put_into_the_contents(app, pagename, templatename, context, doctree):
    if doctree is None or pagename not in chapters(app.env):
        return
    title = doctree.next_node(nodes.section)
    for section in title.findall(nodes.section):
        if section.parent is title:
            link = re.compile(rf'(href="#{re.escape(section["ids"][0])}">.*?)(</a>)')
            word = app.config.minutes_word
            span = f'<span class="minutes"> {minutes_of(section, app.config.reading_speed)} {word}</span>'
            context["toc"] = link.sub(rf"\1{span}\2", context["toc"], count=1)


def minutes_of(section, speed):
    read = dict.fromkeys(speed, 0)
    count(section, read)
    return max(1, round(sum(read[what] / speed[what] for what in speed)))


def count(node, read):
    """Add up what there is to read, without folded code, outputs and listings."""
    if isinstance(node, nodes.math | nodes.math_block):
        read["words"] += 1  # also in tools/book.py
    elif isinstance(node, nodes.Text):
        read["words"] += len(node.split())
    elif is_code_cell(node):
        read["figures"] += sum(1 for _ in node.findall(nodes.image))
        if node.next_node(Fold) is None:
            source = node.next_node(nodes.literal_block).astext()
            read["lines"] += sum(bool(line.strip()) for line in source.splitlines())
    elif not isinstance(node, nodes.literal_block | nodes.raw | nodes.comment):
        for child in node.children:
            count(child, read)


def setup(app):
    app.add_config_value("reading_speed", {}, "html")
    app.add_config_value("minutes_word", "min", "html")
    app.connect("html-page-context", put_into_the_contents)
    app.add_node(Minutes)
    app.add_role("minutes", MinutesRole())
    app.add_post_transform(AddUp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
