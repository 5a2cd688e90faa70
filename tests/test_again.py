"""tools/again.py: a cell that needs what later cells have changed is found, and named."""

import again
from nbformat.v4 import new_output
from notebooks import notebook
from shell import Shell, in_a_new_process
from test_gate import code, nbval, printed, save


def changes(path):
    """Of a notebook that stores what its cells show."""
    return in_a_new_process(changes_here, path.resolve())


def changes_here(path):
    shell = Shell(path)
    for number, cell in enumerate(shell.cells, start=1):
        shown = [(kind, text) for kind, texts in shell.run(number).items() for text in texts]
        cell.outputs = [
            new_output("stream", name=kind, text=text)
            if kind.startswith("std")
            else new_output("display_data", data={kind: text})
            for kind, text in shown
        ]
    return again.changes(shell)


def test_what_a_cell_has_left_for_an_earlier_one_is_found(tmp_path):
    drawing = (
        "import matplotlib.pyplot as plt\n"
        'get_ipython().run_line_magic("config", "InlineBackend.figure_formats = [\'svg\']")\n'
        "plt.plot([1, n])\nplt.show()"
    )
    cells = [
        "n = 1\nm = 1\nk = [1]",
        "print(n)",
        "m",
        "[k.append(2), len(k)]",
        drawing,
        "print('always')",
        "del m\nprint(n)\nn = 2",
    ]
    found = changes(notebook(tmp_path, *cells))
    assert found == {
        2: "has another stdout",
        3: "ends with NameError",
        4: "has another text/plain",
        5: "has another image/svg+xml",
        7: "ends with NameError",
    }


def test_a_cell_that_ends_its_kernel_is_found(tmp_path):
    cells = ["import os\nended = False", "if ended: os._exit(1)", "ended = True"]
    assert changes(notebook(tmp_path, *cells)) == {2: "ends with its process"}


def test_the_suite_rejects_such_a_chapter(tmp_path):
    cells = [code("n = 1"), code("print(n)", printed("1\n")), code("print(3)", printed("3\n"))]
    for name, last in [("good", "m = 2"), ("bad", "n = 2")]:
        nb = {"cells": [*cells, code(last)], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        for number, cell in enumerate(nb["cells"], start=1):
            cell |= {"id": f"c{number}", "execution_count": number, "metadata": {}}
        save(nb, tmp_path / f"{name}.ipynb")
    report, said = nbval(tmp_path)
    assert not said and "1 failed, 9 passed" in report, report
    assert "bad.ipynb: cell [2], run again after all others, has another stdout" in report
