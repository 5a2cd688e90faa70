"""The index, {terms}: the words that chapters set in bold where they define them, the library
functions that they name, and the glossary's terms in headings, each with the first such section of
each chapter. And what a page puts there itself, by {index}: the words of people who look for it.
"""

import re

from doctrees import Later, MakeLater, chapters, doctree_of, link, number_of, section_of
from docutils import nodes
from sphinx import addnodes
from sphinx.util.nodes import make_refnode

FUNCTION = re.compile(r"(F|nn|tf|torch|np|scipy)\.[\w.]+|log_softmax|nll_loss")
# Words of every day.
NOT_IN_HEADINGS = {"class", "example", "label"}


def words_of(node, glossary, not_indexed):
    """The words that a node puts into the index."""
    if isinstance(node, nodes.title):
        return words_of_heading(node.astext().replace("’", "'").lower(), glossary)
    section = section_of(node)
    opens_the_chapter = isinstance(section.parent, nodes.document)
    if opens_the_chapter or section[0].astext() in not_indexed:
        return []
    if isinstance(node, nodes.literal):
        return [node.astext()] if FUNCTION.fullmatch(node.astext()) else []
    return [node.astext().replace("’", "'")] if is_defined_by(node, glossary) else []


def words_of_heading(heading, glossary):
    """The glossary's terms in it, without those that are a part of a longer one."""
    found = [word for word in glossary if re.search(rf"\b{re.escape(word)}\b", heading)]
    parts = " ".join(word for word in found if " " in word).split()
    return [word for word in found if word not in NOT_IN_HEADINGS.union(parts)]


def is_defined_by(bold, glossary):
    """Is this a term, and not an emphasis, a lead-in of a paragraph, code, a mark or a number?"""
    text = bold.astext().replace("’", "'")
    is_code = isinstance(bold[0], nodes.literal)
    if is_code or len(text.split()) > 3 or re.search(r"\d|^\W|[.:?]$", text):
        return False
    line = bold.parent
    before = "".join(n.astext() for n in line.children[: line.index(bold)]).rstrip()
    starts_a_sentence = text[0].isupper() and (not before or before[-1] in ".:;")
    return not starts_a_sentence or text.lower() in glossary


def put_there(env):
    """Word, page and section of each entry by {index}. The glossary's own are "main" ones."""
    for page, all_of_page in sorted(env.get_domain("index").entries.items()):
        if any(main != "main" for _, _, _, main, _ in all_of_page):
            for node in doctree_of(env, page).findall(addnodes.index):
                for _, word, *_ in node["entries"]:
                    yield word, page, section_of(node)


def key_of(word, shown):
    """Under which word it is sorted: without the module, and in the singular if that is known."""
    key = word.rpartition(".")[2].lower()
    return key[:-1] if key.endswith("s") and key[:-1] in shown else key


def index_of(app):
    """Key -> how it is written; key -> page and section of each place, one a chapter; and the
    glossary: word -> its page and id."""
    terms = [o for o in app.env.get_domain("std").get_objects() if o[2] == "term"]
    glossary = {o[0].lower(): (o[3], o[4]) for o in terms}
    shown = {o[0].lower(): o[0] for o in terms}
    entries = {word: [] for word in glossary}
    # Of what every chapter has, these sections repeat, or lead elsewhere.
    not_indexed = app.config.chapter_sections[1:]
    for chapter in chapters(app.env):
        for node in doctree_of(app.env, chapter).findall():
            if not isinstance(node, nodes.title | nodes.strong | nodes.literal):
                continue
            for word in words_of(node, glossary, not_indexed):
                key = key_of(word, shown)
                if key not in glossary and len(word) > len(shown.get(key, "")):
                    shown[key] = word
                listed = entries.setdefault(key, [])
                if chapter not in dict(listed):
                    listed.append((chapter, section_of(node)))
    for word, page, section in put_there(app.env):
        key = key_of(word, shown)
        shown.setdefault(key, word)
        entries.setdefault(key, []).append((page, section))
    return shown, entries, glossary


class Terms(Later):
    def result(self, app, docname):
        shown, entries, glossary = index_of(app)
        items = []
        for key in sorted(key for key, sections in entries.items() if sections):
            term = nodes.Text(shown[key])
            if key in glossary:
                term = make_refnode(app.builder, docname, *glossary[key], term)
            elif FUNCTION.fullmatch(shown[key]):
                term = nodes.literal("", shown[key])
            where = nodes.definition("", places(app, docname, entries[key]))
            items.append(nodes.definition_list_item("", nodes.term("", "", term), where))
        return nodes.container("", nodes.definition_list("", *items), classes=["index"])


def places(app, docname, sections):
    line = nodes.paragraph()
    for chapter, section in sections:
        line += nodes.Text("; " if line.children else "")
        number = number_of(app.env, chapter)
        text = f"{number}: {section[0].astext()}" if number else section[0].astext()
        line += link(app, docname, chapter, section["ids"][-1], text)
    return line


def setup(app):
    for name in ("chapter_opening", "chapter_sections"):
        app.add_config_value(name, [], "env")
    app.add_node(Terms)
    app.add_directive("terms", type("TermsDirective", (MakeLater,), {"later": Terms}))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
