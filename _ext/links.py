"""Addresses: of the book and its repository, of the explorer's states, of cited works."""

import os
import re
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.errors import ConfigError

# The branch that holds the plain copies of the chapters (.github/workflows/book.yml).
COPIES = "notebooks"


def name_the_repository(app, config):
    """Turn on the buttons to edit, report and launch, if the environment says for which."""
    url = os.environ.get("BOOK_REPOSITORY_URL", "").rstrip("/").removesuffix(".git")
    if not url:
        return
    host, path = urlsplit(url).netloc, urlsplit(url).path.strip("/").split("/")
    if not (url.startswith("https://") and host and len(path) > 1):
        message = "BOOK_REPOSITORY_URL should look like https://github.com/you/fork"
        raise ConfigError(f"{message}, and is {url}")
    config.html_theme_options.update(
        repository_url=url,
        repository_branch=os.environ.get("BOOK_REPOSITORY_BRANCH") or "main",
        repository_provider="gitlab" if "gitlab" in host else "github",
        use_repository_button=True,
        use_edit_page_button=True,
        use_issues_button=True,
    )
    # Colab opens only what is there; and its Pages are at a known address.
    if host == "github.com":
        colab = {"colab_url": "https://colab.research.google.com"}
        config.html_theme_options["launch_buttons"] = colab
        owner, name = path[-2:]
        pages = f"{owner.lower()}.github.io"
        config.notfound_urls_prefix = "/" if name.lower() == pages else f"/{name}/"
        config.html_baseurl = f"https://{pages}{config.notfound_urls_prefix}"


def open_the_copy(app, pagename, templatename, context, doctree):
    """In Colab, which knows no MyST."""
    for group in context["header_buttons"]:
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                repository = button["url"].partition("/blob/")[0]
                button["url"] = f"{repository}/blob/{COPIES}/{Path(pagename).name}.ipynb"


def name_the_site(app, config):
    """An address that is named counts; without one, that of the repository's pages, if any."""
    url = os.environ.get("BOOK_SITE_URL", "").rstrip("/")
    if not url:
        return
    if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", url):
        message = "BOOK_SITE_URL should look like https://book.example.org"
        raise ConfigError(f"{message}, and is {url}")
    config.html_baseurl = f"{url}/"
    config.notfound_urls_prefix = f"{urlsplit(url).path}/"


def link_to_explorer(app, doctree, docname):
    """[words](explorer:z=1,2,0&y=0) leads to that state of the explorer."""
    for link in doctree.findall(nodes.reference):
        scheme, _, state = link.get("refuri", "").partition("explorer:")
        if state and not scheme:
            page = app.builder.get_relative_uri(docname, "explorer")
            link.attributes.update(refuri=f"{page}#{unescape(state)}", internal=True)


def ask_the_registry(app, uri):
    """For `make links`: is a DOI registered? Publishers turn away whoever is no browser."""
    return uri.replace("https://doi.org/", "https://doi.org/api/handles/")


def setup(app):
    # Before the theme reads its options.
    app.connect("config-inited", name_the_repository, priority=100)
    app.connect("config-inited", name_the_site, priority=101)
    # After the theme, which makes the buttons.
    app.connect("html-page-context", open_the_copy, priority=900)
    app.connect("doctree-resolved", link_to_explorer)
    app.connect("linkcheck-process-uri", ask_the_registry)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
