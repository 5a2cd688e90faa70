"""No hidden state: after a whole run each cell can be run again alone, and shows the same.

A reader does so: changes a cell, runs it, and runs one above it. The process that has run the
chapter is forked once for each cell, so that none sees what another one has left.
"""

import json
import os
import signal

import book
import pytest
from notebooks import notebook
from shell import Shell, differing, in_a_new_process

SECONDS = 300  # for a cell


def changes(path):
    """Number of a cell -> how it differs when it is run again."""
    return in_a_new_process(changes_here, path.resolve())


def changes_here(path):
    shell = Shell(path)
    numbers = range(1, len(shell.cells) + 1)
    first = [shell.run(number) for number in numbers]
    second = (again(shell, number) for number in numbers)
    found = {n: how(*shown) for n, *shown in zip(numbers, first, second, strict=True)}
    return {number: said for number, said in found.items() if said}


def how(first, second):
    """How the second run differs from the first; None if it does not."""
    kinds = [kind for kind in differing(first, second) if kind != "stderr"]
    if "error" in kinds:
        return f"ends with {second['error'][0]}" if "error" in second else "ends without an error"
    return f"has another {' and '.join(kinds)}" if kinds else None


def again(shell, number):
    """What a cell shows when a child runs it again."""
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            signal.alarm(SECONDS)
            with open(write, "w", encoding="utf-8") as pipe:
                json.dump(shell.run(number), pipe)
        finally:
            os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        shown = pipe.read()
    os.waitpid(child, 0)
    return json.loads(shown) if shown else {"error": ["its process"]}


@pytest.mark.parametrize("chapter", book.CHAPTERS, ids=lambda path: path.stem)
def test_each_cell_can_be_run_again_on_its_own(chapter):
    found = changes(chapter)
    assert not found, "\n".join(
        f"{chapter.name}: cell [{number}], run again after all others, {said}: give a name of its"
        " own to what it reads, or changes"
        for number, said in found.items()
    )


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
