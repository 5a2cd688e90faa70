"""What the website needs beyond Jupyter Book's settings: formulas without a network, the
addresses of the repository that builds it, and a head and a header that fit a book."""

import os
import re
import shutil
from html import escape
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.errors import ConfigError

# The whole of MathJax is 14 MB. The one script holds every TeX macro; the fonts go beside it.
MATHJAX = ["tex-chtml-full.js", "output/chtml/fonts/woff-v2"]

# Pages that come from no file get no description from sphinxext-opengraph.
DESCRIPTIONS = {
    "search": "Search all pages of the book.",
    "404": "The page that you asked for does not exist.",
}

HOME = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="description" content="The front page of the book.">
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body><h1><a href="{page}">{title}</a></h1></body>
</html>
"""


def name_the_repository(app, config):
    """Turn on the buttons to edit, report and launch, if the building site says where it is."""
    url = os.environ.get("BOOK_REPOSITORY_URL", "").rstrip("/").removesuffix(".git")
    if not url:
        return
    parts = re.fullmatch(r"(https://[^/\s]+)/(?:\S+/)?([^/\s]+)/([^/\s]+)", url)
    if not parts:
        raise ConfigError(
            f"BOOK_REPOSITORY_URL is {url!r}, not like https://github.com/you/fork"
        )
    host, owner, name = parts.groups()
    others = [p for p in ("gitlab", "bitbucket") if p in host]
    config.html_theme_options.update(
        repository_url=url,
        repository_branch=os.environ.get("BOOK_REPOSITORY_BRANCH") or "main",
        repository_provider=(others or ["github"])[0],
        use_repository_button=True,
        use_edit_page_button=True,
        use_issues_button=not others or others == ["gitlab"],
    )
    if host == "https://github.com":
        launch = {"colab_url": "https://colab.research.google.com"}
        config.html_theme_options["launch_buttons"] = launch
        pages = f"{owner.lower()}.github.io"
        prefix = "/" if name.lower() == pages else f"/{name}/"
        config.html_baseurl = config.ogp_site_url = f"https://{pages}{prefix}"
        config.notfound_urls_prefix = prefix


def copy_mathjax(app):
    # The package's name is no identifier: it cannot be imported, only found.
    package = Path(find_spec("sphinx-mathjax-offline").origin).parent
    for name in MATHJAX:
        source = package / "static" / "mathjax" / name
        target = Path(app.outdir, "_static", "mathjax", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


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


def describe_page(app, pagename, templatename, context, doctree):
    """The description of a page is its first paragraph (sphinxext-opengraph would take the
    first 200 characters, in the middle of a word or of a table)."""
    text = DESCRIPTIONS.get(pagename, "")
    for paragraph in doctree.findall(nodes.paragraph) if doctree else []:
        if isinstance(paragraph.parent, nodes.section):
            text = " ".join(paragraph.astext().split())
            break
    if text:
        tag = f'<meta name="description" content="{escape(text)}" />\n'
        context["metatags"] = context.get("metatags", "") + tag
        context["meta"] = {
            **(context.get("meta") or {}),
            "og:description": escape(text),
        }
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # it would stand twice in the title


def finish_page(app, pagename, templatename, context, doctree):
    if not app.config.ogp_site_url:  # an address is absolute or none
        address = r'<meta property="og:url".*\n'
        context["metatags"] = re.sub(address, "", context.get("metatags", ""))
    if pagename == app.config.notfound_pagename:  # it is shown in place of any page
        context["content_root"] = app.config.notfound_urls_prefix
    # One download, the notebook of a chapter. (A browser prints without our help.)
    buttons = context["header_buttons"]
    buttons[:] = [b for b in buttons if b.get("label") != "download-buttons"]
    source = context.get("sourcename") or ""
    if source.endswith(".ipynb"):
        buttons.append(
            {
                "type": "link",
                "url": context["pathto"](f"_sources/{source}", True),
                "tooltip": "Download this chapter as a notebook",
                "icon": "fas fa-download",
                "label": "download-notebook-button",
            }
        )


def write_home(app, error):
    """Jupyter Book's own index.html has no title and no language."""
    if error is None and app.builder.name == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        text = HOME.format(
            lang=app.config.language, title=escape(app.config.html_title), page=page
        )
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def setup(app):
    app.connect("config-inited", name_the_repository, priority=100)
    app.connect("builder-inited", copy_mathjax)
    app.connect("doctree-resolved", keep_punctuation)
    app.connect("html-page-context", describe_page, priority=100)
    app.connect(
        "html-page-context", finish_page, priority=900
    )  # the theme has its buttons
    app.connect("build-finished", write_home)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
