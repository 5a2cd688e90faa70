"""The proof that the suite can fail: spoiled copies of a small chapter are rejected, each for
the right reason, and an unspoiled copy passes."""

import copy
import json
import os
import re
import subprocess
import sys

import book
import pytest
import run_chapters
import test_chapters as form
from notebooks import aside


def words(text):
    return {"cell_type": "markdown", "source": text}


def code(text, *outputs, **metadata):
    return {"cell_type": "code", "source": text, "outputs": list(outputs), "metadata": metadata}


def folded(tag, prompt):
    """The metadata of a folded cell."""
    mystnb = {"code_prompt_show": prompt}
    return {"tags": [tag], "mystnb": mystnb, "jupyter": {"source_hidden": True}}


def looked_up(prompt):
    return folded("hide-input", prompt) | {"tags": ["hide-input", "hide-output"]}


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def drawn(kind="image/svg+xml"):
    return {"output_type": "display_data", "data": {kind: "<svg/>"}, "metadata": {}}


def table(columns, cell="1", **marks):
    """As pandas writes it."""
    marks = "".join(f' {name}="{mark}"' for name, mark in marks.items())
    row = f"<tr>\n<th>a</th>\n{columns * f'<td>{cell}</td>'}\n</tr>"
    data = {"text/html": f"<table{marks}><tbody>\n{row}\n</tbody></table>", "text/plain": "1"}
    return {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}}


ALT = "A line through three points, which rises more and more steeply."
FIGURE = {"name": "fig-small", "caption": "Squares."}
DRAWN = {"image": {"alt": ALT}, "figure": FIGURE}
PROMPT = "two numbers, in both orders"
BREAKS, EXERCISED, *ENDING = (f"\n## {section}\n" for section in book.SECTIONS)
EXERCISES = EXERCISED + "\n".join(
    f"```{{exercise-start}}\n:label: ex-{n}\n```\n```{{exercise-end}}\n```\n"
    f"```{{solution-start}} ex-{n}\n```\n```{{solution-end}}\n```"
    for n in range(3)
)
# Each cell by a name, which becomes its id.
CELLS = {
    "opening": words("\n".join(["# Small", *book.OPENING[:-1], f"5 {book.OPENING[-1]}"])),
    "imports": code(
        "import matplotlib.pyplot as plt\n"
        "from matplotlib_inline.backend_inline import set_matplotlib_formats\n"
        'set_matplotlib_formats("svg", metadata={"Date": None})'
    ),
    "equation": words("$$\na + b = b + a\n$$ (eq-small-sum)"),
    "sum": code(
        "a, b = 2.5, 3\nprint(a + b)\nassert a + b == b + a",
        printed("5.5\n"),
        checks={"eq-small-sum": "exact"},
    ),
    "refusal": code("assert (a < b) == (b > a)", **folded("hide-cell", PROMPT)),
    "figure words": words("A figure."),
    "figure": code("plt.plot([0, 1, 4])\nplt.show()", drawn(), mystnb=DRAWN),
    "difference words": words("A difference."),
    "difference": code("print(a - b)", printed("-0.5\n")),
    "product words": words("A product."),
    "product": code("print(a * b)", printed("7.5\n")),
    "minus words": words("A sign."),
    "minus": code("c = -a\nassert c < 0"),
    "where it breaks": words(BREAKS),
    "exercises": words(EXERCISES),
    "summary": words("".join(ENDING)),
}


def chapter():
    cells = copy.deepcopy(CELLS)
    for name, cell in cells.items():
        cell |= {"id": name.replace(" ", "-"), "metadata": cell.get("metadata", {})}
    nb = {"cells": list(cells.values()), "metadata": run_chapters.METADATA}
    for number, cell in book.code_cells(nb):
        cell["execution_count"] = number
    return nb | {"nbformat": 4, "nbformat_minor": 5}, cells


def save(nb, path):
    path.write_text(json.dumps(nb), encoding="utf-8")
    return path


def nbval(folder, **variables):
    """Run the strict comparison on the notebooks of a folder; return its report, and what was
    said about the cells that failed: (notebook, number) -> text."""
    options = ["--nbval", "--nbval-current-env", "-p", "conftest", "-p", "no:xdist"]
    options += ["-p", "no:cacheprovider", "--color=no", "--tb=short"]
    path = os.pathsep.join([str(book.ROOT), str(book.ROOT / "tools")])
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env=os.environ | variables | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    parts = re.split(r"(?m)^_+ (\w+).ipynb::Cell (\d+) _+$", run.stdout)
    said = zip(parts[1::3], map(int, parts[2::3]), parts[3::3], strict=True)
    return run.stdout + run.stderr, {(name, number): text for name, number, text in said}


LOOK = """import os
print(os.listdir(), "of_the_user" in globals(), os.environ["MPLBACKEND"])
print([os.environ.get(name) for name in ("PYTHONPATH", "OMP_NUM_THREADS")])"""
SEEN = "[] False module://matplotlib_inline.backend_inline\n[None, '1']\n"


def test_a_chapter_finds_an_empty_folder_and_nothing_of_the_user(tmp_path):
    startup = tmp_path / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("of_the_user = True")
    hostile = {"IPYTHONDIR": str(tmp_path / ".ipython"), "MPLBACKEND": "Agg"}
    cell = code(LOOK, printed(SEEN)) | {"id": "look", "execution_count": 1}
    save(chapter()[0] | {"cells": [cell]}, tmp_path / "look.ipynb")
    report, said = nbval(tmp_path, OMP_NUM_THREADS="7", **hostile)
    assert not said and "2 passed" in report, report


# What is done to which cell, and what the rejection must say.


def falsify_a_digit(cells):
    cells["sum"]["outputs"][0]["text"] = "5.6\n"
    return "sum", "Cell outputs differ"


def move_a_curve(cells):
    data = cells["figure"]["outputs"][0]["data"]
    svg = "".join(data["image/svg+xml"])
    curve = max(re.findall(r'd="([^"]*)" clip-path', svg), key=len)
    x, y = re.search(r"L (\S+) (\S+)", curve).groups()
    moved = curve.replace(f"L {x} {y}", f"L {x} {float(y) - 1:.6f}", 1)
    data["image/svg+xml"] = svg.replace(curve, moved)
    return "figure", "the figures differ, first at character"


def raise_a_warning(cells):
    cells["difference"]["source"] = "import warnings\nwarnings.warn('old')\nprint(a - b)"
    return "difference", "stderr"


def strip_an_output(cells):
    cells["product"]["outputs"] = []
    return "product", "Unexpected output fields"


def drop_a_minus_sign(cells):
    cells["minus"]["source"] = "c = a\nassert c < 0"
    return "minus", "AssertionError"


def test_every_spoiled_cell_is_rejected_and_no_other(tmp_path):
    path = save(chapter()[0], tmp_path / "whole.ipynb")
    aside(run_chapters.run_and_store, [path])
    nb = book.read(path)
    assert [fault for check in form.CHECKS for fault in check(nb)] == []
    cells = dict(zip(CELLS, nb["cells"], strict=True))
    spoilers = [falsify_a_digit, move_a_curve, raise_a_warning, strip_an_output, drop_a_minus_sign]
    reasons = dict(spoil(cells) for spoil in spoilers)
    save(nb, tmp_path / "spoiled.ipynb")

    report, said = nbval(tmp_path)
    number_of = {cell["id"]: number for number, cell in book.code_cells(nb)}
    assert {("spoiled", number_of[name]) for name in reasons} == said.keys(), report
    # With the spoiled one as a whole, whose cells show again what is not stored.
    assert f"6 failed, {2 * len(number_of) - 4} passed" in report
    for name, reason in reasons.items():
        assert reason in said["spoiled", number_of[name]], report


# The checks of form, and for each the faults that it must find: a cell, and what is put into it.
FAULTS = {
    form.every_cell_is_compared: [
        ("sum", {"execution_count": None}),
        ("difference", {"metadata": {"tags": ["nbval-ignore-output"]}}),
        ("difference", {"source": "# NBVAL_SKIP\nprint(a - b)"}),
    ],
    form.every_print_is_stored: [("sum", {"outputs": []}), ("figure", {"outputs": []})],
    form.every_figure_is_svg_with_words: [
        ("figure", {"outputs": [drawn("image/png")]}),
        ("figure", {"metadata": {"mystnb": {"figure": FIGURE}}}),
        ("figure", {"metadata": {"mystnb": {"image": {"alt": ALT}}}}),
    ],
    form.tables_can_be_read: [
        ("sum", {"outputs": [table(columns=8)]}),
        ("sum", {"outputs": [table(columns=7, id="T_a1b2c")]}),
        ("sum", {"outputs": [table(columns=2, cell="a long sen...")]}),
        ("sum", {"outputs": [printed("[np.float64(5.5)]")]}),
    ],
    form.outputs_are_the_same_everywhere: [
        ("sum", {"outputs": [printed("<object at 0x7f3a5c0d2e50>")]}),
        ("sum", {"outputs": [printed("/home/reader/file")]}),
        ("sum", {"outputs": [printed("at 12:30:59")]}),
        ("sum", {"outputs": [printed("old", name="stderr")]}),
    ],
    form.it_needs_only_what_it_names: [
        ("sum", {"source": "%pip install torch"}),
        ("sum", {"source": "import helpers"}),
        ("sum", {"source": "from . import helpers"}),
    ],
    form.every_equation_is_checked: [
        ("sum", {"metadata": {}}),
        ("sum", {"source": "print(a + b)"}),
        ("sum", {"metadata": {"checks": {"eq-small-sum": "believed"}}}),
        ("equation", {"source": "A sum."}),
        ("equation", {"source": "$$\na = a\n$$ (sum-eq)\n\n$$\na + b\n$$ (eq-small-sum)"}),
    ],
    form.what_is_folded_says_what_it_is: [
        ("refusal", {"metadata": {"tags": ["hide-cell"]}}),
        ("refusal", {"metadata": folded("hide-cell", "in both orders")}),
        ("refusal", {"metadata": folded("hide-cell", f"Check of (1.1): {PROMPT}")}),
        (
            "refusal",
            {"metadata": folded("hide-cell", PROMPT) | {"tags": ["hide-cell", "hide-input"]}},
        ),
        ("refusal", {"source": "print(a < b)"}),
        ("difference", {"metadata": looked_up("what comes out")}),
        ("difference", {"metadata": looked_up(PROMPT) | {"tags": ["hide-output"]}}),
        ("difference", {"metadata": looked_up(PROMPT), "outputs": []}),
    ],
    form.it_has_the_anatomy_of_a_chapter: [
        ("opening", {"source": "\n".join(book.OPENING[1:])}),
        ("summary", {"source": ENDING[-1]}),
        ("product words", {"cell_type": "code", "outputs": []}),
        ("refusal", {"metadata": {}}),
        ("product", {"source": "1\n" * 31}),
    ],
    form.each_exercise_has_a_solution: [
        ("exercises", {"source": EXERCISES.replace(old, new, 1)})
        for old, new in [
            ("{solution-start} ex-1", "{solution-start} ex-7"),
            ("{solution-start} ex-1", "{solution-start}"),
            ("\n:label: ex-1", ""),
            ("```{solution-end}", "```{note}"),
            ("{exercise-start}\n:label: ex-2", "{exercise-start}\n:label: ex-1"),
            ("```{exercise-end}", "```{solution-end}"),
            ("```{exercise-start}\n:label: ex-0\n", "```{note}\n"),
        ]
    ],
    form.it_says_how_long_it_takes_to_read: [
        ("opening", {"source": f"# Small\n10 {book.OPENING[-1]}"}),
        ("opening", {"source": "# Small"}),
    ],
    form.only_what_must_be_is_stored: [
        ("sum", {"metadata": {"collapsed": True}}),
        ("sum", {"metadata": {"jupyter": {"source_hidden": True}}}),
        ("refusal", {"metadata": {"tags": ["hide-cell"]}}),
        ("sum", {"id": "product"}),
        ("sum", {"id": None}),
    ],
}


def test_every_check_of_form_has_a_fault_to_find():
    assert list(FAULTS) == form.CHECKS


@pytest.mark.parametrize(
    "check, name, change",
    [(check, *fault) for check, faults in FAULTS.items() for fault in faults],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_of_form_is_found(check, name, change):
    nb, cells = chapter()
    assert not list(check(nb))
    cells[name].update(change)
    assert len(list(check(nb))) == 1


def test_what_is_looked_up_needs_no_assertion():
    nb, cells = chapter()
    cells["difference"]["metadata"] = looked_up(PROMPT)
    assert not list(form.what_is_folded_says_what_it_is(nb))


def test_a_table_of_seven_columns_is_no_fault():
    nb, cells = chapter()
    cells["sum"]["outputs"] = [table(columns=7)]
    assert not list(form.tables_can_be_read(nb))


def test_a_version_of_python_is_not_stored():
    nb, _ = chapter()
    nb["metadata"] = nb["metadata"] | {"language_info": {"name": "python", "version": "3.11.7"}}
    assert len(list(form.only_what_must_be_is_stored(nb))) == 1
