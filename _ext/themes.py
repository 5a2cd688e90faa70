"""What the themes send, without what makes pages slow. It goes when all pages are written.

Four fifths of the rules of their style sheets are for parts of pages that the book does not have:
a rule goes if it is only for classes that stand in no page and in no script. What a selector has
in brackets, such as :not(.a), is not looked at. The book's own sheets stay as they are.

And a loop in a script of theirs asks every piece of code whether it scrolls, folded code too, which
must then be laid out for the answer: a third of the time until formulas are on screen. It goes, for
_static/reading.js asks when a piece is shown.
"""

import re
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

# Bootstrap's script makes up names that begin so.
MADE_UP = "bs-"

LICENCE = re.compile(r"(?s)/\*!.*?\*/")
COMMENT = re.compile(r"(?s)/\*.*?\*/")
# The innermost of nested rules.
RULE = re.compile(r"([^{}]+)(\{[^{}]*\})")
BRACKETS = re.compile(r"\([^()]*\)|\[[^][]*\]")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
WORD = re.compile(r"[\w-]+")

LOOP = re.compile(r"\.forEach\((\w)=>\{\1\.tabIndex=\1\.scrollWidth>[^{}]*\}\)")


def classes_in(html):
    """Those of its elements, and all words of its scripts."""
    for words in re.findall(r'class="([^"]*)"', html):
        yield from words.split()
    for script in re.findall(r"(?s)<script[^>]*>(.*?)</script>", html):
        yield from WORD.findall(script)


def without_unused(style, used):
    """The style sheet without the rules for classes that are not used; licences stay."""

    def kept(rule):
        selectors, declarations = rule.groups()
        if "@" in selectors:
            return rule[0]
        # Brackets become blank: a comma in them divides no selectors.
        bare = selectors
        while (shorter := BRACKETS.sub(lambda part: " " * len(part[0]), bare)) != bare:
            bare = shorter
        living = [
            selectors[slice(*selector.span())]
            for selector in re.finditer("[^,]+", bare)
            if all(c in used or c.startswith(MADE_UP) for c in CLASS.findall(selector[0]))
        ]
        return ",".join(living) + declarations if living else ""

    licences = LICENCE.findall(style)
    return "".join([*licences, RULE.sub(kept, COMMENT.sub("", style))])


def without_loop(script):
    """The theme's script without the loop over all code."""
    script, times = LOOP.subn("", script)
    if times != 1:
        logger.warning(
            "_ext/themes.py: the theme's script has %d loops over all code, not 1", times
        )
    return script


def lighten(app, exception):
    if exception or app.builder.format != "html":
        return
    site, own = Path(app.outdir), Path(app.confdir, "_static")
    used = set()
    for page in site.rglob("*.html"):
        used.update(classes_in(page.read_text(encoding="utf-8")))
    for script in site.rglob("*.js"):
        used.update(WORD.findall(script.read_text(encoding="utf-8")))
    static = site / "_static"
    for sheet in static.rglob("*.css"):
        if not (own / sheet.relative_to(static)).exists():
            style = sheet.read_text(encoding="utf-8")
            sheet.write_text(without_unused(style, used), encoding="utf-8")
    script = static / "scripts" / "pydata-sphinx-theme.js"
    script.write_text(without_loop(script.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app):
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
