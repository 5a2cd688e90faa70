"""Pages that weigh little and trust nobody: what the theme loads for nothing is left out,
scripts wait, figures have a size, and a policy says what a page may load and run."""

import base64
import hashlib
import re
from html import escape
from pathlib import Path
from urllib.parse import unquote

from sphinx.jinja2glue import BuiltinTemplateLoader

# 1.5 MB that draw a dozen icons: _static/book.css has them from a font of 5 kB.
ICONS = r"scripts/fontawesome\.js"
# Only the page of the search needs them; the field on all others leads there.
SEARCH = r"_static/searchtools\.js|_static/language_data\.js|searchindex\.js"

# Style attributes come from formulas, tables and drawings. They can load nothing: images and
# fonts are the page's own.
POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'"
)


def without_scripts(page, names):
    return re.sub(rf'\s*<script[^>]* src="[^"]*(?:{names})[^"]*"></script>', "", page)


def defer_scripts(page):
    """No script stops the page from being shown; they still run in their order."""
    page = re.sub(r"<script (?=src=)", "<script defer ", page)
    # An inline script waits for the ones before it only if it is a module.
    return page.replace(
        "<script>DOCUMENTATION_OPTIONS.", '<script type="module">DOCUMENTATION_OPTIONS.'
    )


def settle_theme(page):
    """Light or dark from the first frame on. The theme's own script says "auto", and is
    corrected by another one when the page has already been drawn."""
    system = '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
    return page.replace(
        'localStorage.getItem("theme") || "auto"', f'localStorage.getItem("theme") || {system}'
    )


def load_font(page):
    """The font of the formulas is in a style sheet (_ext/maths.py), and yet browsers read it
    only when a line has been laid out without it. This asks for it before."""
    script = '<script>document.fonts.load("1em Formulas")</script>\n  </head>'
    return page.replace("</head>", script, 1) if "<math" in page else page


def size_of(path):
    """Width and height of an SVG in pixels, as matplotlib states them, in points."""
    start = path.read_text(encoding="utf-8")[:2000]
    found = re.search(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"', start)
    return [round(float(points) * 96 / 72) for points in found.groups()] if found else None


def size_figures(page, files):
    """A figure keeps its place free before it comes, and comes when the reader gets near."""

    def sized(match):
        size = size_of(files[unquote(match[1])])
        room = ' width="{}" height="{}"'.format(*size) if size else ""
        return f'{match[0].rstrip(" />")}{room} loading="lazy" decoding="async" />'

    return re.sub(r'<img [^>]*src="[^"]*_images/([^"]+)"[^>]*>', sized, page)


def hashes(page, tag):
    """What a policy calls the inline scripts or styles of a page."""
    texts = re.findall(rf"(?s)<{tag}(?![^>]* src=)[^>]*>(.*?)</{tag}>", page)
    digests = {hashlib.sha256(text.encode()).digest() for text in texts}
    return "".join(f" 'sha256-{base64.b64encode(d).decode()}'" for d in sorted(digests))


def with_policy(page):
    """To be called last: one changed letter, and a script does not run."""
    policy = POLICY.format(scripts=hashes(page, "script"), styles=hashes(page, "style"))
    charset = '<meta charset="utf-8" />'  # stands within the first 1024 bytes
    meta = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, False)}" />'
    return page.replace(charset, f"{charset}\n    {meta}", 1)


class Templates(BuiltinTemplateLoader):
    """Sphinx's templates, with every page made light on its way to the disk."""

    def init(self, builder, *args):
        self.builder = builder
        super().init(builder, *args)

    def render(self, template, context):
        page = super().render(template, context)
        if "</html>" not in page:
            return page  # not a page
        page = without_scripts(page, ICONS)
        if template != "search.html":
            page = without_scripts(page, SEARCH)
        return self.lighten(page)

    def lighten(self, page):
        folder = Path(self.builder.srcdir)
        files = {name: folder / uri for uri, name in self.builder.images.items()}
        page = load_font(settle_theme(defer_scripts(page)))
        page = size_figures(page, files)
        # The one window that a page opens itself.
        page = page.replace('target="_blank"', 'target="_blank" rel="noopener"')
        return with_policy(page)
