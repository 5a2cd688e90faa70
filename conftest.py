"""How the chapters are run in the tests: alone, in an empty folder, with nothing to help.

nbval starts each chapter's kernel in the chapter's own folder. Here it starts in a new,
empty one, so that the strict comparison is also the proof that a chapter needs no file
beside it. The figure style, which matplotlib otherwise finds in that folder, is named by
a variable. The kernels inherit this process's variables: they are set before any starts.
"""

import json
import os
import tempfile
from pathlib import Path

import again
import nbval.plugin
import pytest
import surroundings
from xdist.scheduler import LoadScopeScheduling

surroundings.settle()
os.environ["MATPLOTLIBRC"] = str(Path(__file__).parent / "chapters" / "matplotlibrc")


# Four names of nbval are replaced that are no interface of it: hence its cap in
# requirements/test.txt. To raise that, see whether IPyNbFile still makes its kernel by
# RunningKernel(..., cwd=...) and its cells, in collect, by IPyNbCell.from_parent(..., name=...,
# cell_num=...), and IPyNbCell.compare_outputs still calls format_output_compare;
# tests/test_gate.py and test_again.py fail where one does not.
class KernelInAnEmptyFolder(nbval.plugin.RunningKernel):
    def __init__(self, *args, cwd, **kwargs):
        self.folder = tempfile.TemporaryDirectory(prefix="chapter-")
        empty = Path(self.folder.name, "empty")
        empty.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            # No start-up file of the user's, and no history that the kernels would share.
            patch.setenv("IPYTHONDIR", str(Path(self.folder.name, ".ipython")))
            super().__init__(*args, cwd=str(empty), **kwargs)

    def stop(self):
        super().stop()
        self.folder.cleanup()


nbval.plugin.RunningKernel = KernelInAnEmptyFolder

from_parent = nbval.plugin.IPyNbCell.from_parent


def counted_from_one(parent, *, name, cell_num, **rest):
    """Cell 17 is the one that a reader sees as [17]; nbval counts from 0."""
    return from_parent(parent, name=f"Cell {cell_num + 1}", cell_num=cell_num + 1, **rest)


nbval.plugin.IPyNbCell.from_parent = counted_from_one


class CellsAgain(pytest.Item):
    """After the last cell of a chapter, in its kernel: each cell alone (tools/again.py)."""

    def runtest(self):
        chapter, kernel = Path(self.path), self.parent.kernel
        answer = Path(kernel.folder.name, "changes.json")
        source = f"""
import json, pathlib, sys
sys.path.insert(0, {str(Path(again.__file__).parent)!r})
import again, shell
found = again.changes(shell.Shell(pathlib.Path({str(chapter)!r})))
pathlib.Path({str(answer)!r}).write_text(json.dumps(found), encoding="utf-8")"""
        # Without questions, as nbval runs the cells.
        asked = kernel.execute_cell_input(source, allow_stdin=False)
        kernel.await_reply(asked, timeout=4 * again.SECONDS)
        found = json.loads(answer.read_text(encoding="utf-8"))
        assert not found, "\n".join(
            f"{chapter.name}: cell [{number}], run again after all others, {said}: if it did not fail"
            " before, give a name of its own to what it reads, or changes"
            for number, said in found.items()
        )

    def reportinfo(self):
        return self.path, 0, self.name


collect = nbval.plugin.IPyNbFile.collect


def collect_and_run_again(file):
    yield from collect(file)
    if file.compare_outputs:
        yield CellsAgain.from_parent(file, name="Cells again")


nbval.plugin.IPyNbFile.collect = collect_and_run_again

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

    --dist loadgroup does not do it: xdist 3.8 writes a group into item._nodeid, and pytest 9
    makes the nodeid from another attribute. _split_scope is private: when xdist is upgraded,
    see whether LoadScopeScheduling still calls it; if not, each test file waits in one process.
    """

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return file if file.endswith(".ipynb") else nodeid


# Optional, for tests/test_gate.py, which runs pytest without xdist.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return WholeChapters(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """One more than there are cores, for each waits for its browser now and then."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        surroundings.build_font_cache()
