"""A chapter in a shell of this process: its cells run as in a kernel, and show what they would.

Such a process can be forked, so that what may follow a cell is tried without running again
what stands before it: attack.py does so, and again.py. This needs a system with fork: Linux,
macOS.
"""

import ast
import io
import multiprocessing
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout

import nbformat
import surroundings
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

NOT_COMPARED = {"image/png", "image/jpeg"}  # by nbval


class Shell:
    """The code cells of a notebook, and a shell that runs them: that of this process, if it is a
    kernel, or a new one. One in a process."""

    def __init__(self, path):
        nb = nbformat.read(path, as_version=4)
        self.path = path
        self.cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        surroundings.settle()
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        if not InteractiveShell.initialized():
            os.chdir(path.parent)  # a kernel runs there; there is its matplotlibrc
        no_history = Config({"HistoryManager": {"enabled": False}})  # it has a thread
        self.shell = InteractiveShell.instance(config=no_history)
        if not hasattr(self.shell, "kernel"):
            # When it is imported, pandas looks for a shell with a kernel, else for a terminal.
            self.shell.kernel = None
        self.shell.builtin_trap.__enter__()
        self.shell.display_pub = CapturingDisplayPublisher()
        self.shown = self.shell.display_pub.outputs
        self.shell.display_trap.hook = CapturingDisplayHook(self.shell, self.shown)
        # A kernel makes this shell while a cell of its own runs, with its own hook.
        sys.displayhook = self.shell.display_trap.hook
        # To note an error is faster than to format its traceback.
        self.shell.showtraceback = self.shell.showsyntaxerror = lambda *_, **__: None

    def run(self, number, tree=None):
        """Run a cell, or a tree in its place; kind -> texts of what it shows, and "error" -> the
        name of the exception that ended it."""
        self.shown.clear()
        # As text, for a chapter may read the source of its functions.
        source = ast.unparse(tree) if tree else self.cells[number - 1].source
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            result = self.shell.run_cell(source)
        shown = [("stdout", out.getvalue()), ("stderr", err.getvalue())]
        shown += [pair for output in self.shown for pair in output["data"].items()]
        if error := result.error_before_exec or result.error_in_exec:
            shown.append(("error", type(error).__name__))
        return by_kind(shown)


def stored(cell):
    """What a cell shows on its page, as Shell.run returns it."""
    old = [(output.name, output.text) for output in cell.outputs if "text" in output]
    old += [pair for output in cell.outputs for pair in output.get("data", {}).items()]
    return by_kind(old)


def by_kind(outputs):
    """Texts by stream and by MIME type: the order between kinds is not compared."""
    kinds = defaultdict(list)
    for kind, text in outputs:
        if text and kind not in NOT_COMPARED:
            kinds[kind].append(text)
    return kinds


def differing(old, new):
    """The kinds of which two runs show something else."""
    return sorted(kind for kind in old | new if old.get(kind) != new.get(kind))


def in_a_new_process(function, *arguments):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(function, *arguments).result()
