"""How long it takes to read: {minutes}`01_likelihood 04_softmax` is "50 minutes".

The chapters say how long each takes, and a test computes that; this adds up what they say.
"""

import re

from doctrees import doctree_of
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)


class Minutes(nodes.Inline, nodes.TextElement):
    """Stands on a page until all chapters have been read."""


class MinutesRole(SphinxRole):
    def run(self):
        self.env.note_reread()
        return [Minutes(self.rawtext, self.text, chapters=self.text.split())], []


class AddUp(SphinxPostTransform):
    default_priority = 5

    def run(self, **kwargs):
        for node in list(self.document.findall(Minutes)):
            total = sum(minutes(self.env, name, node) for name in node["chapters"])
            hours, rest = divmod(total, 60)
            words = [f"{hours} h"] * (hours > 0) + [
                f"{rest} minutes" if not hours else f"{rest} min"
            ]
            node.replace_self(nodes.Text(" ".join(words)))


def minutes(env, name, node):
    chapter = f"chapters/{name}"
    if chapter not in env.found_docs:
        logger.warning(f"there is no chapter {name}", location=node, type="minutes")
        return 0
    said = re.search(rf"(\d+) {env.config.chapter_opening[-1]}", doctree_of(env, chapter).astext())
    return int(said[1]) if said else 0


def setup(app):
    app.add_node(Minutes)
    app.add_role("minutes", MinutesRole())
    app.add_post_transform(AddUp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
