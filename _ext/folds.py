"""Cells that are folded: a check is one line of the page, with a tick, until it is opened; and of
a figure whose code is long (`hide-input`) the picture stays. Of what is there to be looked up
(`hide-input` and `hide-output`) a line stays, too, which opens on the result, with its code below.

MyST-NB folds them, by the tags hide-cell and hide-input; the line and the button that opens all
checks of a page are made here. _static/folds.js opens a check to which a link leads.
"""

from checks import in_words
from doctrees import is_code_cell
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode


class Fold(nodes.General, nodes.Element):
    """Details that open; its first child is the summary."""


class Summary(nodes.General, nodes.TextElement):
    """The line that stays."""


class OpenChecks(nodes.General, nodes.Element):
    """The button that opens all checks of a page, and closes them."""


def is_check(cell):
    return cell.get("hide_mode") == "all"


def is_looked_up(cell):
    """Both are folded, its code and what it shows."""
    return sum(isinstance(part, HideCodeCellNode) for part in cell.children) == 2


def fold_of(cell):
    """What MyST-NB has folded of a cell; None for a cell that is shown."""
    return next((part for part in cell.children if isinstance(part, HideCodeCellNode)), None)


def write_the_summaries(app, doctree, docname):
    checks = 0
    for cell in doctree.findall(is_code_cell):
        fold = fold_of(cell)
        if fold is None:
            continue
        if is_looked_up(cell):
            put_the_result_first(app, cell)
            continue
        if is_check(cell):
            checks += 1
            tick = nodes.inline("", "✓", classes=["tick"])
            words = nodes.inline("", in_words(app, cell["cell_metadata"]))
            summary, kind = Summary("", "", tick, nodes.Text(" "), words), "check"
        else:
            summary, kind = Summary("", words_of_code(app, cell)), "code"
        # (MyST-NB gives what it folds no parent.)
        cell[cell.index(fold)] = Fold("", summary, *fold.children, classes=["fold", kind])
    if checks:
        title = doctree.next_node(nodes.title)
        title.parent.insert(title.parent.index(title) + 1, OpenChecks(checks=checks))


def put_the_result_first(app, cell):
    code, result = (part for part in cell.children if isinstance(part, HideCodeCellNode))
    summary = Summary("", app.config.check_words["code of a result"])
    below = Fold("", summary, *code.children, classes=["fold", "code"])
    summary = Summary("", words_of_code(app, cell))
    fold = Fold("", summary, *result.children, below, classes=["fold", "looked-up"])
    cell[:] = [fold if part is code else part for part in cell.children if part is not result]


def words_of_code(app, cell):
    prompt = cell["cell_metadata"].get("mystnb", {}).get("code_prompt_show")
    draws = cell.next_node(nodes.image) is not None
    return prompt or app.config.check_words["code of a figure" if draws else "code"]


def visit_fold(writer, node):
    writer.body.append(writer.starttag(node, "details"))


def depart_fold(writer, node):
    writer.body.append("</details>\n")


def visit_summary(writer, node):
    writer.body.append("<summary>")


def depart_summary(writer, node):
    writer.body.append("</summary>\n")


# Both texts are there, and the style shows one: so that it is right from the first frame.
BUTTON = """<button type="button" class="open-checks pst-js-only"><span class="to-open">{}</span>
<span class="to-close">{}</span> <span class="count">{}</span></button>
"""


def visit_open_checks(writer, node):
    words = writer.config.check_words
    writer.body.append(BUTTON.format(words["open all"], words["close all"], node["checks"]))
    raise nodes.SkipNode


def setup(app):
    app.add_node(Fold, html=(visit_fold, depart_fold))
    app.add_node(Summary, html=(visit_summary, depart_summary))
    app.add_node(OpenChecks, html=(visit_open_checks, None))
    # After equations.py has put its lines into the cells.
    app.connect("doctree-resolved", write_the_summaries, priority=410)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
