"""Pages that weigh little and trust nobody: figures have a size, and a policy says what a page
may load and run; what it would keep from readers without a word is refused when the book is
built. What the templates of the theme load for nothing, _templates/ leaves out.
"""

import base64
import gc
import hashlib
import json
import re
from html import escape
from pathlib import Path

import plain
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.images import get_image_size

# Style attributes come from formulas, tables and drawings. They can load nothing: images and
# fonts are the page's own. Nothing else is loaded, but for the next page, which Firefox fetches
# before it is asked for, and for which there is no other word.
POLICY = (
    "default-src 'self'; object-src 'none'; media-src 'none'; frame-src 'none'; "
    "worker-src 'none'; manifest-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'"
)
CHARSET = '<meta charset="utf-8" />'  # stands within the first 1024 bytes
POLICY_TAG = '<meta http-equiv="Content-Security-Policy" content="{}" />'

# What the policy keeps out: files of other sites, and frames and players of any.
KEPT_OUT = re.compile(
    r"""(?ix)<(?: (?:script|img|input)\b [^>]*? \ssrc
    | link\b (?= [^>]* \brel=["']?(?:stylesheet|preload|icon) ) [^>]*? \shref
    ) =["']? ( (?:https?:)?// [^"'\s>]+ )
    | ( <(?:iframe|embed|object|audio|video)\b [^>]* )"""
)
REFUSED = (
    "{} would not be shown: the policy of the pages (_ext/pages.py) lets them load nothing from "
    "other sites, and no frames. Link to it, or keep a copy of it in the book"
)
HANDLER = re.compile(r"""(?i)<\w[^<>]*?\s(on[a-z]+ *= *(?:"[^"]*"|'[^']*'))""")
IDLE = (
    "{} would do nothing: the policy of the pages (_ext/pages.py) runs no script of an attribute. "
    "Put it into a file of the site"
)
TRANSLATIONS = """{
  const { messages, locale } = %s
  Object.assign(Documentation.TRANSLATIONS, messages)
  Object.assign(Documentation, { LOCALE: locale, PLURAL_EXPR: (n) => Number(%s) })
}
"""
# Names, brackets and blanks in code have the colour of text: as elements of their own
# they would be half of those of a page.
UNCOLOURED = re.compile(r'<span class="[npw]">([^<]*)</span>')
logger = logging.getLogger(__name__)


def visit_image(writer, node):
    """A figure keeps its place free before it comes, and comes when the reader gets near."""
    size = get_image_size(Path(writer.builder.srcdir, node["uri"]))
    node["loading"] = "lazy"
    type(writer).visit_image(writer, node)
    if size:
        room = '<img width="{}" height="{}" '.format(*size)
        writer.body[-1] = writer.body[-1].replace("<img ", room, 1)


def visit_citation(writer, node):
    """docutils gives an entry of a bibliography a role that ARIA has given up."""
    type(writer).visit_citation(writer, node)
    writer.body[-1] = writer.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def finish_page(app, pagename, templatename, context, doctree):
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # or the title would hold it twice
    if "body" in context:
        context["body"] = UNCOLOURED.sub(r"\1", context["body"])
    # Served in place of a page in any folder.
    if pagename == app.config.notfound_pagename:
        context["content_root"] = app.config.notfound_urls_prefix
    # One download: the plain copy of a chapter.
    source = context.get("sourcename") or ""
    if source.endswith(".ipynb"):
        button = {
            "type": "link",
            "url": context["pathto"](f"{plain.FOLDER}/{Path(source).name}", True),
            "tooltip": "Download this chapter as a notebook",
            "icon": "fas fa-download",
            "label": "download-notebook-button",
        }
        context["header_buttons"].append(button)


def hashes(page, tag):
    """What a policy calls the inline scripts or styles of a page."""
    texts = re.findall(rf"(?s)<{tag}(?![^>]* src=)[^>]*>(.*?)</{tag}>", page)
    digests = {hashlib.sha256(text.encode()).digest() for text in texts}
    return "".join(f" 'sha256-{base64.b64encode(d).decode()}'" for d in sorted(digests))


def with_policy(page):
    """To be called last: one changed letter, and a script does not run."""
    policy = POLICY.format(scripts=hashes(page, "script"), styles=hashes(page, "style"))
    tag = POLICY_TAG.format(escape(policy, quote=False))
    return page.replace(CHARSET, f"{CHARSET}\n    {tag}", 1)


def refusals(html):
    """What the policy would keep from readers, and why."""
    out = [REFUSED.format(address or frame) for address, frame in KEPT_OUT.findall(html)]
    return out + [IDLE.format(handler) for handler in HANDLER.findall(html)]


def refuse_in_the_text(app, doctree, docname):
    for node in doctree.findall(nodes.raw):
        for refusal in refusals(node.astext()):
            logger.warning(refusal, location=node, type="pages")
    for node in doctree.findall(nodes.image):
        for refusal in refusals(f'<img src="{node["uri"]}"'):
            logger.warning(refusal, location=node, type="pages")


def refuse_around_the_text(app, page):
    """What a setting or a template adds to all pages."""
    for refusal in refusals(re.sub(r"(?s)<article.*</article>", "", page)):
        message = f"_config.yml or a template: {refusal}"
        logger.warning(message, type="pages", once=True)


def translate_without_eval(app, error):
    """Sphinx's script makes a function of a text, for plurals; a policy that allows that allows
    whatever is put into a page. In other languages than English the rule stands in a file."""
    path = Path(app.outdir, "_static", "translations.js")
    if error or app.builder.format != "html" or not path.exists():
        return
    catalog = re.search(r"(?s)addTranslations\((.*)\)", path.read_text(encoding="utf-8"))[1]
    rule = json.loads(catalog)["plural_expr"]
    path.write_text(TRANSLATIONS % (catalog, rule), encoding="utf-8")


class NeedsDesign(SphinxDirective):
    """For what the manual of Jupyter Book shows, and this book leaves out."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self):
        raise self.error(
            f"{{{self.name}}} needs sphinx_design: add it to extensions in _config.yml"
        )


def write_policies(app, error):
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        refuse_around_the_text(app, page)
        # A page that was written by an earlier build has its policy.
        if POLICY_TAG.split("{")[0] not in page:
            path.write_text(with_policy(page), encoding="utf-8")


def setup(app):
    # What a build makes it keeps, and to search it for garbage takes a quarter of the time.
    gc.disable()
    app.add_node(nodes.image, override=True, html=(visit_image, None))
    app.add_node(nodes.citation, override=True, html=(visit_citation, None))
    if "sphinx_design" not in app.config.extensions:
        for name in ("dropdown", "tab-set", "grid", "card"):
            app.add_directive(name, NeedsDesign)
    app.connect("doctree-resolved", refuse_in_the_text)
    # After the theme, which makes the list of buttons.
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", translate_without_eval)
    app.connect("build-finished", write_policies, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
