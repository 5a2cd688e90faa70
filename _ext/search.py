"""The search by section: what its index knows of the book, written when all pages are.

Each section of a page is an entry: where it stands, its heading, the words of the index and the
glossary that lead there, and its text as a reader sees it, formulas in a line, captions, alt texts
and printed messages with it. Of code that is shown names, strings and comments are kept. The
browser makes of it what it needs (assets/search/rank.js); Sphinx's own search, which has one entry
a page, is left out.
"""

import json
import re
from html import unescape
from pathlib import Path

from doctrees import number_of
from terms import index_of

FOLDER = "search"  # of the website
# Files of the theme and of Sphinx that only their own search loads.
UNUSED = ("_static/searchtools.js", "_static/sphinx_highlight.js", "_static/language_data.js")

ARTICLE = re.compile(r"(?s)<article\b.*</article>")
DISPLAYED = re.compile(r'(?s)<math display="block".*?</math>')
MATH = re.compile(r"(?s)<math\b.*?</math>")
NOT_READ = re.compile(
    r'(?s)<a class="headerlink".*?</a>|<(button|script|style|nav)\b.*?</\1>|<span class="tick".*?</span>'
)
TAG = re.compile(r'<(/?)([a-zA-Z][\w-]*)((?:[^>"]|"[^"]*")*)>')
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
LINES = {
    *("p", "li", "dt", "dd", "tr", "pre", "summary", "figcaption", "section", "div", "table"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "br"),
}
VOID = {"img", "br", "hr", "input", "wbr", "col", "link", "meta"}

STRING = re.compile(r'(?s)"""(.*?)"""|"([^"\n]*)"|\'([^\'\n]*)\'')
COMMENT = re.compile(r"#\s*(.*)")
NAME = re.compile(r"(?<![\w.])(?:torch|F|nn|tf|scipy)(?:\.\w+)+|(?<=def )\w+")
METHOD = re.compile(r"(?<=\.)[a-z]\w+(?=\()")
# What every cell has, and nobody looks for.
COMMON = {
    *("append", "items", "values", "keys", "format", "join", "item", "show", "subplots", "plot"),
    *("torch.tensor", "torch.float64", "torch.float32", "torch.testing.assert_close"),
    *("torch.Generator", "torch.randn", "torch.zeros", "torch.ones", "torch.manual_seed"),
}
WORD = re.compile(r"[^\W\d_]{3}")
# Lines that stand around a check or a figure.
AROUND = re.compile(r"✓ .*|\([\d.]+\)|back to .*|Code of .*|Check of \([\d.]+\)")


class Reader:
    """Cuts a page into entries: sections, terms of a glossary, works of a bibliography."""

    def __init__(self, page):
        self.entries, self.entry_of, self.links = [], {}, {}
        self.sections, self.pieces, self.waiting = [], [], []
        page = NOT_READ.sub("", page)
        page = MATH.sub(lambda math: in_a_line(math[0]), DISPLAYED.sub("", page))
        self.code = self.heading = None
        self.open = []  # names of elements, and what is to be done at their ends
        end = 0
        for tag in TAG.finditer(page):
            self.text(unescape(page[end : tag.start()]))
            end = tag.end()
            closing, name, attributes = tag.groups()
            if closing:
                self.end(name)
            else:
                self.start(name, dict(ATTRIBUTE.findall(attributes)))
        self.flush()

    def start(self, name, attributes):
        kinds = attributes.get("class", "").split()
        if name in LINES:
            self.text("\n")
        if name == "img":
            self.text("\n" + unescape(attributes.get("alt", "")) + "\n")
        finish = None
        if name == "section":
            self.flush()
            self.sections.append(None)
            self.waiting = []
            finish = self.end_of_section
        elif re.fullmatch("h[1-6]", name) and self.sections and self.sections[-1] is None:
            self.begin(self.waiting[-1] if self.waiting else "")
            finish = self.end_of_heading
        elif name == "dt" and attributes.get("id", "").startswith("term-"):
            self.replace(attributes["id"])
            finish = self.end_of_heading
        elif "citation" in kinds:
            self.replace(attributes["id"])
        elif name == "span" and kinds == ["label"] and self.sections:
            finish = self.end_of_heading
            self.flush()
        elif (name == "div" and any(k.startswith("highlight-") for k in kinds)) and not self.code:
            if not any("cell_output" in opened for _, opened, _ in self.open):
                self.flush()
                finish, self.code = self.end_of_code, True
        if id_ := attributes.get("id"):
            self.waiting.append(id_)
            if self.sections and self.sections[-1] is not None:
                self.entry_of.setdefault(id_, self.sections[-1])
        if name == "a" and self.sections and self.sections[-1] is not None:
            target = attributes.get("href", "")
            self.links.setdefault(self.sections[-1]["anchor"], []).append(target)
        if name not in VOID:
            self.open.append((name, " ".join(kinds), finish))

    def end(self, name):
        while self.open:
            opened, _, finish = self.open.pop()
            if finish:
                finish()
            if opened == name:
                break
        if name in LINES:
            self.text("\n")
        elif name in ("td", "th"):
            self.text(" ")

    def text(self, text):
        self.pieces.append(text)

    def begin(self, anchor):
        entry = {"anchor": anchor, "title": "", "text": []}
        self.sections[-1] = entry
        self.entries.append(entry)
        for id_ in self.waiting:
            self.entry_of[id_] = entry
        self.pieces = []

    def replace(self, anchor):
        """An entry inside a section, which lasts until the next one."""
        self.flush()
        if not self.sections:
            self.sections.append(None)
        self.waiting = [anchor]
        self.begin(anchor)

    def flush(self):
        """Gives what was read to the innermost section with a heading."""
        text = "".join(self.pieces)
        self.pieces = []
        lines = [" ".join(line.split()) for line in text.split("\n")]
        lines = [line for line in lines if line and not AROUND.fullmatch(line)]
        # Rows of numbers nobody types.
        lines = [line for line in lines if WORD.search(line) or len(line) < 12]
        if entry := next((e for e in reversed(self.sections) if e is not None), None):
            entry["text"] += lines

    def end_of_section(self):
        self.flush()
        self.sections.pop()

    def end_of_heading(self):
        entry = self.sections[-1]
        entry["title"] = " ".join("".join(self.pieces).split()).strip("[]")
        self.pieces = []

    def end_of_code(self):
        folded = any(name == "details" for name, _, _ in self.open)
        self.pieces = ["\n".join(["", *telling("".join(self.pieces), folded), ""])]
        self.code = None
        self.flush()


def title_of_work(text):
    """Authors, title and year: what comes before the year stands for a work."""
    return re.match(r"(.{,90}\b(1[789]|20)\d\d\b|.{,70}\b)", text)[0]


def in_a_line(math):
    """A formula within a line, as far as it is short, as plain text."""
    text = unescape(re.sub(r"<[^>]*>", "", math)).replace("\u2061", " ")
    return text if len(text) <= 30 else " "


def telling(code, folded):
    """Of code what someone may look for: names of functions, texts and comments; of what is
    folded, for which nobody comes, nothing."""
    if folded:
        return []
    texts = [next(filter(None, found), "") for found in STRING.findall(code)]
    rest = STRING.sub("''", code)
    texts += COMMENT.findall(rest)
    rest = COMMENT.sub("", rest)
    names = NAME.findall(rest) + METHOD.findall(rest)
    names = " ".join(name for name in dict.fromkeys(names) if name not in COMMON)
    words = [" ".join(text.split()) for text in texts if len(re.findall(r"[A-Za-z]{2,}", text)) > 2]
    return [*dict.fromkeys(words), names]


def terms_of(app):
    """(page, anchor) -> words of the index that lead there: the book's own, and {index}."""
    found = {}
    shown, entries, _ = index_of(app)
    for key, places in entries.items():
        for page, section in places:
            found.setdefault((page, section["ids"][-1]), []).append(shown[key])
    return found


def read_the_pages(app):
    """Pages and entries, in the order of the contents."""
    weights, pages, entries = app.config.search_weights, [], []
    readers = {}
    for page in sorted(app.env.found_docs, key=lambda name: ("/" in name, name)):
        path = Path(app.outdir, app.builder.get_target_uri(page))
        if weights.get(page) == 0 or not path.exists():
            continue
        if article := ARTICLE.search(path.read_text(encoding="utf-8")):
            readers[page] = Reader(article[0])
    words = {}
    for (page, anchor), terms in terms_of(app).items():
        if page in readers and (entry := readers[page].entry_of.get(anchor)):
            words.setdefault(id(entry), []).extend(terms)
    name_by_the_glossary(app, readers, words)
    for page, reader in readers.items():
        number = number_of(app.env, page)
        title = app.env.titles[page].astext()
        pages.append([app.builder.get_target_uri(page), number, title])
        for entry in reader.entries:
            if entry["title"].isdigit() and entry["text"]:
                entry["title"] = title_of_work(entry["text"][0])
                entry["text"] = []
            if not entry["title"]:
                continue
            weight = weights.get(page, 1)
            if entry["title"] in app.config.chapter_sections[1:]:
                weight *= app.config.search_weights.get("chapter_sections", 1)
            terms = "; ".join(dict.fromkeys(words.get(id(entry), ())))
            where = [len(pages) - 1, entry["anchor"], entry["title"], terms, weight]
            entries.append([*where, "\n".join(dict.fromkeys(entry["text"]))])
    return pages, entries


def name_by_the_glossary(app, readers, words):
    """A term leads to the sections that its explanation names."""
    for reader in readers.values():
        for entry in reader.entries:
            if not entry["anchor"].startswith("term-"):
                continue
            for target in reader.links.get(entry["anchor"], ()):
                path, _, anchor = target.partition("#")
                page = re.sub(r"^(\.\./)+|\.html$", "", path)
                if anchor and page in readers and (to := readers[page].entry_of.get(anchor)):
                    words.setdefault(id(to), []).append(entry["title"])


def write_the_index(app, error):
    if error or app.builder.format != "html":
        return
    pages, entries = read_the_pages(app)
    synonyms = json.loads(Path(__file__).with_name("synonyms.json").read_text(encoding="utf-8"))
    index = {
        "pages": pages,
        "entries": entries,
        "synonyms": synonyms,
        "words": app.config.search_words,
    }
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    # A script, and no JSON: from a folder (file://) browsers fetch nothing.
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (folder / "index.js").write_text(f"bookIndex = {text}\n", encoding="utf-8", newline="\n")
    for name in UNUSED:
        Path(app.outdir, name).unlink(missing_ok=True)


def leave_out_sphinx(app):
    """Its search, and its index of whole pages."""
    app.builder.search = False


def the_page_of_the_search(app):
    if app.builder.format == "html":
        yield "search", {}, "search.html"


def leave_out_its_scripts(app, pagename, templatename, context, doctree):
    files = context.get("script_files")
    if files:
        context["script_files"] = [f for f in files if "sphinx_highlight" not in str(f.filename)]


def setup(app):
    app.add_config_value("search_words", {}, "html")
    app.add_config_value("search_weights", {}, "html")
    app.connect("builder-inited", leave_out_sphinx)
    app.connect("html-collect-pages", the_page_of_the_search)
    app.connect("html-page-context", leave_out_its_scripts, priority=900)
    app.connect("build-finished", write_the_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
