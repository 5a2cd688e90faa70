"""tools/run_chapters.py stores a chapter wholly or not at all, the same on every machine."""

import json
import os
import signal
import subprocess
import sys
import time

import book
import pytest
import run_chapters
import test_chapters
from nbclient.exceptions import DeadKernelError
from notebooks import aside, notebook


def test_a_chapter_finds_nothing_of_the_user_around_it(tmp_path, monkeypatch):
    startup = tmp_path / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("of_the_user = True")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    hostile = {"MPLBACKEND": "Agg", "PYTHONOPTIMIZE": "1", "OMP_NUM_THREADS": "7"}
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    look = f"import os\n[os.environ.get(k) for k in {list(hostile)}], 'of_the_user' in globals()"
    nb = aside(run_chapters.run, notebook(tmp_path, look))
    # The kernel itself chooses the backend that stores figures.
    seen = nb.cells[0].outputs[0].data["text/plain"]
    assert seen == "(['module://matplotlib_inline.backend_inline', None, '1'], False)"


def test_a_home_that_cannot_be_written_leaves_no_mark(tmp_path, monkeypatch):
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    nb = aside(run_chapters.run, notebook(tmp_path, "import matplotlib.pyplot"))
    assert nb.cells[0].outputs == []


def test_another_kernel_of_the_same_name_is_not_taken(tmp_path, monkeypatch):
    foreign = tmp_path / "kernels" / "python3" / "kernel.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    for name in ("JUPYTER_PATH", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    nb = aside(run_chapters.run, notebook(tmp_path, "import sys\nprint(sys.executable)"))
    assert nb.cells[0].outputs[0].text.strip() == sys.executable


class Client:
    """In place of nbclient's; `fault` is what it raises."""

    def __init__(self, *_, **__):
        pass

    async def async_execute(self, **_):
        raise self.fault


def test_only_a_dead_kernel_is_called_so(tmp_path, monkeypatch):
    path = notebook(tmp_path, "1")
    monkeypatch.setattr(run_chapters, "NotebookClient", Client)
    Client.fault = DeadKernelError()
    with pytest.raises(SystemExit, match="died or was interrupted"):
        aside(run_chapters.run, path)
    Client.fault = AssertionError("a fault of ours")
    with pytest.raises(AssertionError, match="a fault of ours"):
        aside(run_chapters.run, path)


# A process in the background of a shell is deaf to Ctrl-C, and so are its children.
RUN = """
import pathlib, signal, sys, book, run_chapters
signal.signal(signal.SIGINT, signal.default_int_handler)
book.CHAPTERS = [pathlib.Path(sys.argv[1])]
sys.exit(run_chapters.main([]))
"""


def test_an_interrupted_chapter_stays_as_it_was(tmp_path):
    path = notebook(tmp_path, "open('begun', 'w').close()\nimport time\ntime.sleep(600)")
    before = path.read_bytes()
    command = [sys.executable, "-c", RUN, path]
    with subprocess.Popen(
        command, cwd=book.ROOT / "tools", stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            while not (tmp_path / "begun").exists() and run.poll() is None:
                time.sleep(0.1)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=120)
        finally:
            run.kill()
    assert run.returncode == 1 and "interrupted" in said and "Traceback" not in said
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["begun", "small.ipynb"]


def test_a_second_run_changes_no_chapter(tmp_path):
    path = notebook(tmp_path, "print({1: 2})\nid")
    runs = [aside(run_chapters.run_and_store, [path])["small"] for _ in range(2)]
    assert [changed for changed, _ in runs] == [True, False]


def test_as_a_script_a_chapter_is_called_one(tmp_path):
    path = notebook(tmp_path, "1")
    aside(run_chapters.run_and_store, [path])
    command = [sys.executable, "-m", "nbconvert", "--to", "script", "--log-level=ERROR", path]
    subprocess.run(command, check=True)
    assert path.with_suffix(".py").exists()


def test_what_an_editor_left_out_is_put_back(tmp_path):
    """Colab stores format 4.0, and the ids of cells in their metadata."""
    path = notebook(tmp_path, "1", "2", "3")
    nb = book.read(path) | {"nbformat_minor": 0, "metadata": {"colab": {"provenance": []}}}
    for cell, metadata in zip(nb["cells"], [{"id": "one"}, {"id": "one"}, {}], strict=True):
        del cell["id"]
        cell["metadata"] = metadata
    path.write_text(json.dumps(nb), encoding="utf-8")
    assert "make outputs" in "".join(test_chapters.only_what_must_be_is_stored(nb))
    assert aside(run_chapters.run_and_store, [path])["small"][0]
    stored = book.read(path)
    assert [cell["id"] for cell in stored["cells"]] == ["one", "one-2", "cell-3"]
    assert list(test_chapters.only_what_must_be_is_stored(stored)) == []
    assert not aside(run_chapters.run_and_store, [path])["small"][0]


@pytest.mark.parametrize("tag, folded", [("hide-cell", 1), ("hide-input", 1), ("other", 0)])
def test_what_the_website_folds_is_folded_in_jupyterlab(tag, folded):
    hidden = {"source_hidden": True}
    book_s = {"checks": {"eq-a": "exact"}, "mystnb": {"code_prompt_show": "all"}, "tags": [tag]}
    for editor_s in ({}, {"jupyter": hidden}, {"jupyter": {"outputs_hidden": True}}):
        kept = run_chapters.kept(book_s | editor_s | {"collapsed": True})
        assert kept == (book_s | {"jupyter": hidden} if folded else book_s)


@pytest.mark.parametrize(
    "cell, reason",
    [
        ("1 / 0", "cell [1] failed"),
        ("import warnings\nwarnings.warn('old')", "cell [1] wrote to stderr"),
    ],
)
def test_a_chapter_that_fails_or_warns_is_not_stored(tmp_path, monkeypatch, capsys, cell, reason):
    path = notebook(tmp_path, cell)
    before = path.read_bytes()
    assert aside(run_chapters.run_and_store, [path]) == {}
    assert path.read_bytes() == before
    assert f"small: NOT STORED, {reason}" in capsys.readouterr().err


def test_a_chapter_that_is_not_there_is_told_from_those_that_are():
    said = run_chapters.main(["chapters/01_likelyhood.ipynb"])
    assert said.startswith("There is no 01_likelyhood in _toc.yml; there are: ")
    assert book.CHAPTERS[0].stem in said


def test_a_second_run_changes_no_record():
    known, used = {"a", "b"}, {"torch": "2"}

    def ran(a, b, changed=False):
        return {"a": (changed, a), "b": (False, b)}

    start = {"versions": {}, "seconds": {"gone": 5}}
    first = run_chapters.recorded(start, ran(4, 70), used, known)
    assert first == {"versions": used, "seconds": {"a": 5, "b": 50}}
    assert run_chapters.recorded(first, ran(90, 1), used, known) == first
    # One chapter alone, run with whatever versions, is no news of the others.
    newer = {"torch": "3"}
    assert run_chapters.recorded(first, {"a": (False, 90)}, newer, known) == first
    # A chapter that changed, or a new version, is.
    changed = run_chapters.recorded(first, ran(9, 1, changed=True), used, known)
    assert changed["seconds"] == {"a": 10, "b": 50}
    upgraded = run_chapters.recorded(first, ran(9, 1), newer, known)
    assert upgraded == {"versions": newer, "seconds": {"a": 10, "b": 1}}
