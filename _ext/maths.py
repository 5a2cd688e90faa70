"""Formulas as MathML, made when the book is built: no page needs a script to show them.

A formula that cannot be read is a warning, and with that the end of a build of `make book`.
"""

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)
converter = LatexToMathML(fancy_error=False)

FONT = """@font-face {{
  font-family: "Formulas";
  src: url("data:font/woff2;base64,{}") format("woff2");
}}
"""
SCRIPTED = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
BIG = set("∑∏⨁")
THIN = "0.1667em"
NO_SPACE = {"lspace": "0", "rspace": "0"}
ENVIRONMENT = re.compile(r"(?s)\\begin\{(\w+\*?)\}.*?\\end\{\1\}")


def to_mathml(tex, displaystyle):
    """The formula in MathML; raises LatexError for what is not LaTeX."""
    if displaystyle and r"\\" in ENVIRONMENT.sub("", tex):
        # As Sphinx has it: lines may stand without an environment around them.
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    # The numbers of equations are Sphinx's own.
    tex = re.sub(r"\\(begin|end)\{(equation|align|gather)\}", r"\\\1{\2*}", tex)
    formula = converter.convert_with_local_state(tex, displaystyle=displaystyle)
    # The one name of a character that XML does not know.
    root = ElementTree.fromstring(formula.replace("&ApplyFunction;", "\u2061"))
    # Parts before what they are parts of.
    for parent in reversed(list(root.iter())):
        for place, part in enumerate(parent):
            say_what_is_meant(parent, place, part)
    return ElementTree.tostring(root, encoding="unicode")


def say_what_is_meant(parent, place, part):
    """In place of what only some browsers do by themselves."""
    symbol = part if part.tag == "mo" else part[0] if len(part) and part[0].tag == "mo" else None
    if part.tag == "mtd":
        # WebKit stretches a bracket in a row alone.
        part[:] = [row(*part)]
    elif part.tag in SCRIPTED and symbol is not None and symbol.text in BIG:
        # WebKit puts the space of a sum between it and its limits.
        before, after = (symbol.get(side, THIN) for side in ("lspace", "rspace"))
        symbol.attrib.update(NO_SPACE)
        parent[place] = row(*space(before), part, *space(after))
    elif part.tag == "mo" and parent.tag in SCRIPTED and place:
        # WebKit gives an index the space of an operator.
        part.attrib.update(NO_SPACE)
    elif part.tag == "mo" and "minsize" in part.attrib:
        # Chromium puts a space inside brackets of a given size.
        part.attrib.update(NO_SPACE | part.attrib)
    elif part.tag == "mo" and part.text == "⊕":
        # Firefox draws it as large as a sum.
        part.set("largeop", "false")


def row(*parts):
    element = ElementTree.Element("mrow")
    element.extend(parts)
    return element


def space(width):
    return [] if width == "0" else [ElementTree.Element("mspace", width=width)]


def mathml_of(node):
    tex = node.astext().strip()
    try:
        return to_mathml(tex, displaystyle=isinstance(node, nodes.math_block))
    except LatexError as error:
        message = f"not a formula: {tex} ({error})"
        logger.warning(message, location=node, type="maths")
        return "<math><merror><mtext>not a formula</mtext></merror></math>"


def opening(writer, node, tag):
    """data-tex is what is copied, as LaTeX, by _static/formulas.js."""
    tex = {"data-tex": node.astext().strip()}
    return writer.starttag(node, tag, "", CLASS="math notranslate nohighlight", **tex)


def visit_inline(writer, node):
    writer.body += [opening(writer, node, "span"), mathml_of(node), "</span>"]
    raise nodes.SkipNode


def visit_block(writer, node):
    writer.body.append(opening(writer, node, "div"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    # The box around the formula scrolls; in Firefox and WebKit a formula cannot.
    writer.body += ['<div class="scrolls">', mathml_of(node), "</div></div>\n"]
    raise nodes.SkipNode


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


def write_font(app):
    """The font of the formulas stands in a style sheet, so that it is there when the page is
    first drawn: a font of its own would come later, and every line would move."""
    font = Path(app.confdir, "_static", "fonts", "maths.woff2").read_bytes()
    text = FONT.format(base64.b64encode(font).decode())
    target = Path(app.outdir, "_static", "maths.css")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def setup(app):
    app.add_css_file("maths.css")
    app.connect("builder-inited", write_font)
    app.connect("doctree-resolved", keep_punctuation)
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
