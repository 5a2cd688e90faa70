"""Formulas as MathML, made when the book is built: no page needs a script to show them.

A formula that cannot be read is a warning, and with that the end of a build of `make book`.
"""

import base64
import re
from pathlib import Path

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
ENVIRONMENT = re.compile(r"(?s)\\begin\{(\w+\*?)\}.*?\\end\{\1\}")


def to_mathml(tex, displaystyle):
    """The formula in MathML; raises LatexError for what is not LaTeX."""
    if displaystyle and r"\\" in ENVIRONMENT.sub("", tex):
        # As Sphinx has it: lines may stand without an environment around them.
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    # The numbers of equations are Sphinx's own.
    tex = re.sub(r"\\(begin|end)\{(equation|align|gather)\}", r"\\\1{\2*}", tex)
    return converter.convert_with_local_state(tex, displaystyle=displaystyle)


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
    writer.body += [mathml_of(node), "</div>\n"]
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
