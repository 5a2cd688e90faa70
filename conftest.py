"""How the chapters are run in the tests: alone, in an empty folder, with nothing to help.

nbval starts each chapter's kernel in the chapter's own folder. Here it starts in a new,
empty one, so that the strict comparison is also the proof that a chapter needs no file
beside it. The figure style, which matplotlib otherwise finds in that folder, is named by
a variable. The kernels inherit this process's variables: they are set before any starts.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbval.plugin
import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent

os.environ["MATPLOTLIBRC"] = str(ROOT / "chapters" / "matplotlibrc")
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"  # sums in one order, and no fight between parallel tests
for variable in ("PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP"):
    os.environ.pop(variable, None)  # no module of ours, and no warning switched off


class KernelInAnEmptyFolder(nbval.plugin.RunningKernel):
    def __init__(self, *args, cwd, **kwargs):
        self.folder = tempfile.TemporaryDirectory(prefix="chapter-")
        # No start-up file of the user's, and no history that the kernels would share.
        os.environ["IPYTHONDIR"] = str(Path(self.folder.name, ".ipython"))
        work = Path(self.folder.name, "empty")
        work.mkdir()
        super().__init__(*args, cwd=str(work), **kwargs)

    def stop(self):
        super().stop()
        self.folder.cleanup()


nbval.plugin.RunningKernel = KernelInAnEmptyFolder

in_full = nbval.plugin.IPyNbCell.format_output_compare


def in_brief(cell, key, left, right):
    """Say where two figures differ; to list all differences of their texts takes minutes."""
    if key != "image/svg+xml":
        return in_full(cell, key, left, right)
    same = len(os.path.commonprefix([left, right]))
    around = slice(max(same - 40, 0), same + 40)
    cell.comparison_traceback += [
        f"mismatch '{key}': the figures differ, first at character {same}",
        f"stored: {left[around]!r}",
        f"drawn:  {right[around]!r}",
        "To see it: make outputs CHAPTER=..., then look at the notebook.",
    ]


nbval.plugin.IPyNbCell.format_output_compare = in_brief


class WholeChapters(LoadScopeScheduling):
    """The cells of a chapter stay on one process, in their order; every other test goes to
    the process that is free. The longest chapters go first.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return file if file.endswith(".ipynb") else nodeid


@pytest.hookimpl(optionalhook=True)  # -p no:xdist
def pytest_xdist_make_scheduler(config, log):
    return WholeChapters(config, log)


def pytest_configure(config):
    """Let matplotlib build its font cache here: in a chapter it would print a warning."""
    if not hasattr(config, "workerinput") and os.access(sys.prefix, os.W_OK):
        os.environ["MPLCONFIGDIR"] = str(Path(sys.prefix, "matplotlib"))
        import matplotlib.font_manager  # noqa: F401
