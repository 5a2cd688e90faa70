"""What the pages refer to, for a look without going there: equations, figures, sections, terms,
exercises and cited works.

The browser can read no other page where the book is a folder (file://), so each page has a file
with what its links lead to, cut out of the pages as they were written. assets/previews/previews.js
shows it; _static/finding.js loads both when a link is rested on for the first time.
"""

import json
import posixpath
import re
from pathlib import Path

from search import ARTICLE

FOLDER = "previews"  # of the website
MOST = 4000  # characters: of what is longer the beginning is shown

LINK = re.compile(r'<a class="reference internal" href="([^"]*)"')
WITH_ID = re.compile(r'<(\w+)\b(?:[^>"]|"[^"]*")*? id="([^"]*)"(?:[^>"]|"[^"]*")*>')
HEADING = re.compile(r"(?s)<h[1-6][^>]*>(.*?)</h[1-6]>")
PARAGRAPH = re.compile(r"(?s)<p>.*?</p>")
ANCHOR = re.compile(r"(?s)<a class=\"headerlink\".*?</a>|<a\b[^>]*>|</a>")
NEXT_TO_NOTHING = re.compile(r' (?:id|role|loading|tabindex|aria-\w+)="[^"]*"')
SOURCE = re.compile(r'(?<= src=")(?![a-z]+:)([^"]*)')


def element(page, start):
    """The element that starts here, to its end."""
    name = re.match(r"<(\w+)", page[start:])[1]
    depth = 0
    for tag in re.compile(rf"<(/?){name}\b[^>]*>").finditer(page, start):
        depth += -1 if tag[1] else 1
        if not depth:
            return page[start : tag.end()]
    return ""


class Target:
    """A page, as what can be shown of it."""

    def __init__(self, address, page):
        self.address, self.page = address, page
        self.starts = {found[2]: found.start() for found in WITH_ID.finditer(page)}

    def preview(self, anchor):
        """What stands at an anchor, "" for what needs no preview."""
        if not anchor:
            return self.beginning(0)
        if anchor not in self.starts:
            return ""
        start = self.starts[anchor]
        opening = re.match(r"<[^>]*>", self.page[start:])[0]
        name = re.match(r"<(\w+)", opening)[1]
        if name in ("section", "span"):
            return self.beginning(start)
        if name == "dt":
            return element(self.page, start) + element(self.page, self.page.index("<dd", start))
        kinds = (re.search(r'class="([^"]*)"', opening) or ["", ""])[1].split()
        if name in ("figure", "p") or {"math", "citation", "exercise", "admonition"} & set(kinds):
            found = element(self.page, start)
            return found if len(found) < MOST * 5 else "".join(PARAGRAPH.findall(found)[:2])
        return ""

    def beginning(self, start):
        """Heading and first paragraph of a section; of a label within a section the paragraph."""
        paragraph = PARAGRAPH.search(self.page, start)
        if not paragraph:
            return ""
        heading = HEADING.search(self.page, start, paragraph.start())
        return (f"<p><strong>{heading[1]}</strong></p>" if heading else "") + paragraph[0]


def fitted(html, address, page):
    """For another page: without links and names, and with the figures' addresses from there."""

    def source(found):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(address), found[1]))
        return posixpath.relpath(place, posixpath.dirname(page) or ".")

    return SOURCE.sub(source, NEXT_TO_NOTHING.sub("", ANCHOR.sub("", html)))


def previews_of(page, targets):
    """Address of a link, as the page has it -> what to show."""
    found = {}
    for link in dict.fromkeys(LINK.findall(targets[page].page)):
        path, _, anchor = link.partition("#")
        address = (
            posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        )
        if address in targets and (html := targets[address].preview(anchor)):
            found[link] = fitted(html, address, page)
    return found


def write_previews(app, error):
    if error or app.builder.format != "html":
        return
    targets = {}
    for docname in sorted(app.env.found_docs):
        address = app.builder.get_target_uri(docname)
        path = Path(app.outdir, address)
        if path.exists() and (article := ARTICLE.search(path.read_text(encoding="utf-8"))):
            targets[address] = Target(address, article[0])
    for page in targets:
        path = Path(app.outdir, FOLDER, page).with_suffix(".js")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(previews_of(page, targets), ensure_ascii=False, separators=(",", ":"))
        path.write_text(f"bookPreviews = {text}\n", encoding="utf-8", newline="\n")


def setup(app):
    app.connect("build-finished", write_previews)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
