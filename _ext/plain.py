"""Plain copies of the chapters, for readers who run them: notebooks without MyST.

Viewers of notebooks know Markdown and formulas, but neither labels nor roles nor directives. When
the pages are written, numbers, titles and addresses are known, and take the place of these. Links
lead to the website, or, where it has no address, name the chapter and the section.
"""

import functools
import json
import posixpath
import re
from pathlib import Path
from urllib.parse import urljoin

from checks import in_words
from doctrees import doctree_of, number_of, number_of_equation, place_of_equation, section_of
from docutils import nodes
from docutils.parsers.rst.directives import admonitions
from markdown_it.renderer import RendererHTML
from myst_parser.parsers.mdit import create_md_parser
from sphinx.addnodes import pending_xref
from sphinx.util import logging

FOLDER = "notebooks"  # of the website
# "admonition", "note", "warning", and so on.
ADMONITIONS = {name.lower() for name, c in vars(admonitions).items() if hasattr(c, "node_class")}

# Code and formulas come first: what stands in them is left alone.
INLINE = re.compile(
    r"""(?sx)
    \\. | (?<![`}])(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`) | \$\$.+?\$\$ | \$[^$]+\$
    | \{(?P<role>[\w:+-]+)\}`(?P<target>[^`]+)`
    | (?<!!)\[(?P<words>(?:\$[^$]*\$|`[^`]*`|\[[^][]*\]|[^][])+)\]\((?P<place>[^()\s]+)\)
    """
)
# What Markdown has, of the kinds of tokens of MyST.
PLAIN = {
    *("blockquote", "bullet_list", "code_block", "code_inline", "em", "fence", "hardbreak"),
    *("heading", "hr", "html_block", "html_inline", "image", "inline", "link", "list_item"),
    *("math_block", "math_inline", "math_inline_double", "ordered_list", "paragraph", "softbreak"),
    *("strong", "table", "tbody", "td", "text", "th", "thead", "tr"),
}
logger = logging.getLogger(__name__)


class Plain:
    """Turns the text of a chapter into plain Markdown."""

    def __init__(self, app, docname):
        self.app, self.env, self.docname = app, app.env, docname
        self.parser = create_md_parser(app.env.myst_config, RendererHTML)
        self.parser.disable("front_matter")

    def notebook(self):
        nb = json.loads(Path(self.env.doc2path(self.docname)).read_text(encoding="utf-8"))
        cells = []
        for number, cell in enumerate(nb["cells"], start=1):
            # As MyST-NB counts: numbering.py takes one off.
            line = 10_000 * number + 2
            if cell["cell_type"] != "markdown":
                cells += [*self.words_of_fold(cell), cell, *self.caption(cell, line)]
            elif text := self.checked("".join(cell["source"]), line):
                cells.append(cell | {"source": text.splitlines(keepends=True)})
        if cells and cells[0]["cell_type"] == "markdown":
            self.name_the_book(cells[0])
        return nb | {"cells": cells}

    def name_the_book(self, cell):
        number = number_of(self.env, self.docname)
        book = self.app.config.html_title
        if address := self.address(self.docname):
            book = f"[{book}]({address})"
        line = (
            f"*{f'Chapter {number} of' if number else 'From'} {book}. A figure that is not shown "
            "appears when its cell is run, or once the notebook is trusted.*"
        )
        title, *rest = cell["source"]
        cell["source"] = [f"{title.rstrip()}\n", "\n", line, *(["\n", *rest] if rest else [])]

    def words_of_fold(self, cell):
        """A cell that says what a check cell checks, for its code is hidden; or what is shown, where
        the page shows it only when it is asked for."""
        tags, mystnb = (cell["metadata"].get(name, {}) for name in ("tags", "mystnb"))
        words = mystnb.get("code_prompt_show") if "hide-output" in tags else None
        if "hide-cell" in tags:
            words = in_words(self.app, cell["metadata"])
        if words:
            yield beside(cell, "check", f"*{verbatim(words)}*")

    def caption(self, cell, line):
        """A cell with number and caption of the figure that a cell draws."""
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if "caption" in figure:
            number = self.reference("numref", figure.get("name", ""))
            words = f"**{number[0]}** {figure['caption']}" if number else figure["caption"]
            yield beside(cell, "caption", self.checked(words.strip(), line))

    def checked(self, text, line):
        """The text in plain Markdown, with a warning for what is still none."""
        if not self.raw(text):
            return text
        plain = self.markdown(text).strip("\n")
        for piece in self.raw(plain):
            name = address_of(piece) or piece.meta.get("name") or piece.info or piece.content
            name = (name or piece.type).strip().partition("\n")[0]
            lines = text.split("\n")
            before = next((n for n, words in enumerate(lines) if name in words), 0)
            mend = "write it in another way, or add it to _ext/plain.py"
            if piece.type == "link_open":
                mend = "it leads to no place of the book, and is no address"
            logger.warning(
                f"{name} cannot stand in a plain notebook: {mend}",
                location=(self.docname, line + before),
                type="plain",
            )
        return plain

    def raw(self, text):
        """The pieces that no viewer of notebooks knows."""
        tokens = self.parser.parse(text, {})
        return [part for t in tokens for part in (t, *(t.children or ())) if is_raw(part)]

    def markdown(self, text):
        """The text with the blocks of MyST replaced, and then what stands in its lines."""
        lines, done, pieces = text.split("\n"), 0, []
        for token in self.parser.parse(text, {}):
            if token.map is None or token.map[0] < done:
                continue
            start, end = token.map
            if (block := self.block(token, "\n".join(lines[start:end]))) is not None:
                if not "".join(lines[end : end + 1]).strip():
                    block = block.rstrip("\n")
                pieces += [self.inline("\n".join(lines[done:start])), *([block] if block else [])]
                done = end
        return "\n".join([*pieces, self.inline("\n".join(lines[done:]))])

    def block(self, token, source):
        """What a block of MyST becomes; None for lines of text."""
        if token.type in ("myst_target", "myst_line_comment", "myst_block_break"):
            return ""
        if token.type == "math_block_label" and (found := self.reference("eq", token.info)):
            tag = rf" \\tag{{{found[0].strip('()')}}}\n\1$$"
            return re.sub(r"\n?([ >]*)\$\$ *\([^()]*\)\s*$", tag, source)
        directive = re.fullmatch(r"\{([\w-]+)\}\s*(.*)", token.info.strip())
        if directive and token.type in ("fence", "colon_fence") and not token.level:
            block = self.directive(*directive.groups(), token.content)
            return source if block is None else block
        verbatim = ("fence", "math_block", "code_block", "html_block")
        return source if token.type in verbatim else None

    def directive(self, name, argument, content):
        """What a directive becomes; None for one that is not known."""
        kind, _, part = name.partition("-")
        if name not in ADMONITIONS and kind not in ("exercise", "solution"):
            return None
        if part == "end":
            return ""
        options = re.match(r"(?: *:[\w-]+:.*\n)*", content)[0]
        body = self.markdown(content.removeprefix(options)).strip("\n")
        if kind in ("exercise", "solution"):
            title, label = kind.capitalize(), re.search(r":label: *(\S+)", options)
            exercise = argument if kind == "solution" else label and label[1]
            if found := self.reference("numref", exercise or ""):
                title += " " + found[0].rpartition(" ")[2]
            if kind == "exercise" and argument:
                title += f" ({self.inline(argument)})"
            return f"#### {title}\n\n{body}".rstrip() + "\n"
        title = self.inline(argument) or name.capitalize()
        # In a quotation a formula stands in one line: viewers would take its ">" for a part of it.
        body = re.sub(r"(?s)\$\$.+?\$\$", lambda found: " ".join(found[0].split()), body)
        lines = f"**{title}**\n\n{body}".split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines) + "\n"

    def inline(self, text):
        return INLINE.sub(self.piece, text)

    def piece(self, found):
        if found["role"] in ("cite:p", "cite:t"):
            return self.citation(found["role"], found["target"]) or found[0]
        if found["role"]:
            reference = self.reference(found["role"], found["target"])
            return self.linked(*reference) if reference else found[0]
        if found["place"]:
            return self.link(found["words"], found["place"]) or found[0]
        return found[0]

    def citation(self, role, keys):
        """Authors and years, each with the address of the work."""
        works = []
        for key in re.split(r"\s*,\s*", keys.strip()):
            entry = self.env.domains["cite"].bibdata.data.entries.get(key)
            if entry is None:
                return None
            address = entry.fields.get("url")
            if doi := entry.fields.get("doi"):
                address = f"https://doi.org/{doi}"
            works.append(linked(cited(self.app, role, key), address))
        return f"({'; '.join(works)})" if role == "cite:p" else " and ".join(works)

    def reference(self, role, label):
        """Words, page and anchor of what a role names; None if it names nothing."""
        labels = self.env.domains["std"]
        exercises = getattr(self.env, "sphinx_exercise_registry", {})
        if role == "eq" and (number := number_of_equation(self.env, label)):
            return number, *place_of_equation(self.env, label)
        # As sphinx-exercise has it.
        if label in labels.anonlabels and (role == "numref" or label in exercises):
            kind = "exercise" if label in exercises else "figure"
            docname, anchor = labels.anonlabels[label]
            if number := self.number(docname, kind, anchor):
                return self.app.config.numfig_format[kind] % number, docname, anchor
        if role == "ref" and label in labels.labels:
            docname, anchor, title = labels.labels[label]
            return straight(title), docname, anchor
        return None

    def number(self, docname, kind, anchor):
        numbers = self.env.toc_fignumbers.get(docname, {}).get(kind, {})
        return ".".join(map(str, numbers.get(anchor, ())))

    def link(self, words, place):
        """A link to a place of the book; None for what is none, or leads elsewhere."""
        if place.startswith("explorer:"):
            return self.leading(words, "explorer", place.removeprefix("explorer:"), None)
        if place.startswith("#"):
            found = self.label(place[1:])
            return found and self.leading(words, *found)
        if re.match(r"\w+:", place):
            return None
        path, _, label = place.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.docname), path))
        docname = self.env.path2doc(str(Path(self.app.srcdir, path)))
        return self.leading(words, docname, label, None)

    def label(self, name):
        """Page, anchor and node of a label."""
        docname, anchor = self.env.domains["std"].anonlabels.get(name, ("", ""))
        return docname and (docname, anchor, doctree_of(self.env, docname).ids.get(anchor))

    def leading(self, words, docname, anchor, node):
        if docname not in self.env.found_docs:
            return None
        if self.address(docname):
            return self.linked(words, docname, anchor)
        return words + self.named(words, docname, node)

    def named(self, words, docname, node):
        """Where a link leads, as far as its own words do not say it."""
        number, said, names = number_of(self.env, docname), straight(words).lower(), []
        title = section_of(node)[0] if node is not None else None
        if docname != self.docname and not number:
            title = self.env.titles[docname]
        elif docname != self.docname and f"chapter {number}" not in said:
            names.append(f"chapter {number}")
        if title is not None and straight(title.astext()).lower() not in said:
            names.append(f"*{in_markdown(title)}*")
        return f" ({', '.join(names)})" if names else ""

    def address(self, docname):
        """Of a page on the website; "" if nobody knows where that is."""
        base = self.app.config.html_baseurl
        return base and urljoin(base, self.app.builder.get_target_uri(docname))

    def linked(self, words, docname, anchor):
        address = self.address(docname)
        return linked(words, address and f"{address}#{anchor}" if anchor else address)


def linked(words, address):
    return f"[{words}]({address})" if address else words


@functools.cache
def cited(app, role, key):
    """Author and year as the bibliography calls them, with round brackets."""
    cite, style = app.env.domains["cite"], role.removeprefix("cite:")
    words = nodes.inline("", key)
    node = pending_xref("", words, refdoc=app.config.root_doc)
    found = cite.resolve_xref(
        app.env, app.config.root_doc, app.builder, style, key, node, words
    ).astext()
    words = found.strip("[]") if role == "cite:p" else found.translate({91: "(", 93: ")"})
    return verbatim(words)


def verbatim(words):
    """In Markdown, without the marks that they may hold."""
    return re.sub(r"([*_`$])", r"\\\1", words)


def beside(cell, what, text):
    """A cell of text that belongs to a code cell."""
    # An old notebook has no ids.
    name = {"id": f"{cell['id'][:56]}-{what}"} if "id" in cell else {}
    return {"cell_type": "markdown", **name, "metadata": {}, "source": [text]}


def address_of(token):
    return str(token.attrs.get("href") or token.attrs.get("src") or "")


def is_raw(token):
    kind = token.type.removesuffix("_open").removesuffix("_close")
    if kind == "fence":
        return token.info.startswith("{")
    address = address_of(token)
    return kind not in PLAIN or bool(address and not re.match("https?:|mailto:|data:", address))


def in_markdown(title):
    """A title as it was written."""
    around = {nodes.math: "$", nodes.literal: "`"}
    pieces = [(around.get(type(node), ""), node.astext()) for node in title]
    return straight("".join(f"{mark}{text}{mark}" for mark, text in pieces))


def straight(words):
    """Apostrophes as they are typed."""
    return words.replace("’", "'")


def write_copies(app):
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    for docname in sorted(app.env.found_docs):
        if Path(app.env.doc2path(docname)).suffix != ".ipynb":
            continue
        try:
            nb = Plain(app, docname).notebook()
        except json.JSONDecodeError:
            # It has had its warning when it was read.
            continue
        text = json.dumps(nb, indent=1, ensure_ascii=False)
        path = folder / f"{Path(docname).name}.ipynb"
        path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    # The event asks for pages.
    return []


def setup(app):
    # After all pages, and early enough for a warning to stop the build.
    app.connect("html-collect-pages", write_copies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
