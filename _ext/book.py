"""What the website needs beyond the settings of Jupyter Book: the address of the repository
that builds it, and a head and a header that fit a book."""

import gc
import os
import re
from html import escape, unescape
from pathlib import Path

from docutils import nodes
from sphinx.errors import ConfigError

# A page's description is its first paragraph. These pages are made from no file.
DESCRIPTIONS = {
    "search": "Search all pages of the book.",
    "404": "The page that you asked for does not exist.",
}

# What the picture beside a posted link shows (tools/preview.py).
PREVIEW = "From the likelihood to the cross-entropy H(p, q) to its gradient, q − p."

HOME = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8" />
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body><a href="{page}">{title}</a></body>
</html>
"""


def name_the_repository(app, config):
    """Turn on the buttons to edit, report and launch, if the environment says for which."""
    url = os.environ.get("BOOK_REPOSITORY_URL", "").rstrip("/").removesuffix(".git")
    if not url:
        return
    match = re.fullmatch(r"(https://[^/\s]+)/(?:\S+/)?([^/\s]+)/([^/\s]+)", url)
    if not match:
        message = "BOOK_REPOSITORY_URL should look like https://github.com/you/fork"
        raise ConfigError(f"{message}, and is {url}")
    host, owner, name = match.groups()
    config.html_theme_options.update(
        repository_url=url,
        repository_branch=os.environ.get("BOOK_REPOSITORY_BRANCH") or "main",
        repository_provider="gitlab" if "gitlab" in host else "github",
        use_repository_button=True,
        use_edit_page_button=True,
        use_issues_button=True,
    )
    if host == "https://github.com":  # Colab opens only these; Pages are at a known address
        colab = {"colab_url": "https://colab.research.google.com"}
        config.html_theme_options["launch_buttons"] = colab
        pages = f"{owner.lower()}.github.io"
        config.notfound_urls_prefix = "/" if name.lower() == pages else f"/{name}/"
        config.html_baseurl = f"https://{pages}{config.notfound_urls_prefix}"


def keep_punctuation(app, doctree, docname):
    """No line may end between a formula and the bracket before it or the comma after it."""
    for math in list(doctree.findall(nodes.math)):
        line, at, glued = math.parent, math.parent.index(math), [math]
        if at and isinstance(line[at - 1], nodes.Text):
            rest, bracket = re.fullmatch(r"(?s)(.*?)([(\[]*)", line[at - 1]).groups()
            line[at - 1], glued = nodes.Text(rest), [nodes.Text(bracket), math]
        if at + 1 < len(line) and isinstance(line[at + 1], nodes.Text):
            mark, rest = re.fullmatch(r"(?s)([^\s\w]*)(.*)", line[at + 1]).groups()
            line[at + 1] = nodes.Text(rest)
            glued.append(nodes.Text(mark))
        line[at] = nodes.inline("", "", *glued, classes=["nowrap"])


def link_to_explorer(app, doctree, docname):
    """[words](explorer:z=1,2,0&y=0) leads to that state of the explorer."""
    for link in doctree.findall(nodes.reference):
        scheme, _, state = link.get("refuri", "").partition("explorer:")
        if state and not scheme:
            page = app.builder.get_relative_uri(docname, "explorer")
            link.attributes.update(refuri=f"{page}#{unescape(state)}", internal=True)


def describe_page(app, pagename, templatename, context, doctree):
    """Say what the page is: to search engines, and where someone posts a link to it."""
    description = DESCRIPTIONS.get(pagename, "")
    for paragraph in doctree.findall(nodes.paragraph) if doctree else []:
        if isinstance(paragraph.parent, nodes.section):  # and not in a list or a table
            description = " ".join(paragraph.astext().split())
            break
    tags = {
        'name="description"': description,
        'property="og:description"': description,
        'property="og:title"': context.get("pagetitle"),
        'property="og:site_name"': app.config.html_title,
        'property="og:type"': "article",
        'property="og:url"': context.get("pageurl"),
    }
    if address := app.config.html_baseurl:
        tags |= {
            'property="og:image"': f"{address}_static/preview.png",
            'property="og:image:alt"': PREVIEW,
            'name="twitter:card"': "summary_large_image",
        }
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {name} content="{escape(text)}" />\n' for name, text in tags.items() if text
    )


def finish_page(app, pagename, templatename, context, doctree):
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # or the title would hold it twice
    if pagename == app.config.notfound_pagename:  # served in place of a page in any folder
        context["content_root"] = app.config.notfound_urls_prefix
    # docutils still gives the entries of a bibliography a role that ARIA has given up.
    body = context.get("body") or ""
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    # One download: the notebook of a chapter. (The browser prints without our help.)
    buttons = context["header_buttons"]
    buttons[:] = [b for b in buttons if b.get("label") != "download-buttons"]
    source = context.get("sourcename") or ""
    if source.endswith(".ipynb"):
        button = {
            "type": "link",
            "url": context["pathto"](f"_sources/{source}", True),
            "tooltip": "Download this chapter as a notebook",
            "icon": "fas fa-download",
            "label": "download-notebook-button",
        }
        buttons.append(button)


def write_home(app, error):
    """The index.html that Jupyter Book would write has neither title nor language."""
    if error is None and app.builder.name == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        title = escape(app.config.html_title)
        home = HOME.format(lang=app.config.language, title=title, page=page)
        home = app.builder.templates.lighten(home)
        Path(app.outdir, "index.html").write_text(home, encoding="utf-8")


def setup(app):
    # What a build makes it keeps, and to search it for garbage takes a quarter of the time.
    gc.disable()
    app.connect("config-inited", name_the_repository, priority=100)  # before the theme
    app.connect("doctree-resolved", keep_punctuation)
    app.connect("doctree-resolved", link_to_explorer)
    app.connect("html-page-context", describe_page, priority=900)  # after the theme
    app.connect("html-page-context", finish_page, priority=900)
    app.connect("build-finished", write_home)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
