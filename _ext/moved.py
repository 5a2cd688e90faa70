"""Addresses that a chapter had in an earlier edition lead on to where its text is today.

`moved` in _config.yml says, for the old name of a page, which pages have taken it over. The old
page is written after the build: it lists them and their sections, and a script goes on at once, to
the section that the address names. old_anchors.json says the same of places: each old name is a
name of the section that has taken over what stood there.
"""

import json
from html import escape
from pathlib import Path

from doctrees import title_of
from docutils import nodes

PAGE = """<!DOCTYPE html>
<html lang="{language}">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="robots" content="noindex" />
    <title>{title}</title>
    <script defer src="{root}moved.js"></script>
  </head>
  <body>
    <h1>{title}</h1>
    <p>This page has moved. What it held is here:</p>
    <ul>
{links}
    </ul>
  </body>
</html>
"""


OLD_ANCHORS = json.loads(Path(__file__).with_name("old_anchors.json").read_text(encoding="utf-8"))


def name_the_sections(app, doctree):
    sections = {
        name: section for section in doctree.findall(nodes.section) for name in section["ids"]
    }
    for old, new in OLD_ANCHORS.items():
        if new in sections and old not in sections:
            # The first name is that of the contents, the last one the label.
            sections[new]["ids"].insert(1, old)


def write_old_pages(app, error):
    if error or app.builder.format != "html":
        return
    for old, new in app.config.moved.items():
        # A book that has dropped a chapter has nothing to lead to.
        if found := [name for name in new if name in app.env.found_docs]:
            path = Path(app.outdir, f"{old}.html")
            path.parent.mkdir(exist_ok=True)
            text = PAGE.format(
                language=app.config.language,
                title=escape(app.config.html_title),
                root="../" * old.count("/"),
                links="\n".join(links(app, old, found)),
            )
            path.write_text(text, encoding="utf-8")


def links(app, old, pages):
    labels = app.env.domains["std"].anonlabels
    for page in pages:
        address = app.builder.get_relative_uri(old, page)
        yield f'      <li><a href="{address}">{escape(title_of(app.env, page))}</a></li>'
        anchors = {anchor for name, anchor in labels.values() if name == page}
        anchors |= {old for old, new in OLD_ANCHORS.items() if new in anchors}
        for anchor in sorted(anchor for anchor in anchors if "/" not in anchor):
            yield f'      <li><a href="{address}#{anchor}">{escape(anchor)}</a></li>'


def setup(app):
    app.add_config_value("moved", {}, "env")
    app.connect("doctree-read", name_the_sections)
    app.connect("build-finished", write_old_pages)  # and then the policies of pages.py
    return {"parallel_read_safe": True, "parallel_write_safe": True}
