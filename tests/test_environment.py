"""tools/environment.py: an environment is as its lock says, or it does not count."""

import ast
import os
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import environment
import pytest

SCRIPT = Path(environment.__file__)
ALL_ANEW = ["venv uv", "install uv", "venv site", "sync site"]


class Project:
    """An empty project, where each step of an installation is written down instead of done."""

    def __init__(self, root):
        self.root = root
        self.steps = []
        (root / "requirements").mkdir()
        self.lock("uv", "a==1")
        self.lock("site", "a==1")

    def lock(self, name, text):
        (self.root / "requirements" / f"{name}.lock.txt").write_text(text, encoding="utf-8")

    def folder(self, name="site"):
        return self.root / ".venv" / name

    def run(self, *command):
        step = next(word for word in command if word in ("venv", "install", "sync"))
        python = command[command.index("--python") + 1] if step == "sync" else command[0]
        folder = command[-1] if step == "venv" else python.parent.parent
        assert not (folder / "stamp").exists(), "interrupted here, it would count as whole"
        if step == "venv":
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").symlink_to(sys.executable)
        self.steps.append(f"{step} {folder.name}")


@pytest.fixture
def project(tmp_path, monkeypatch):
    project = Project(tmp_path)
    monkeypatch.setattr(environment, "check_this_python", lambda: None)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "run", project.run)
    environment.main("site")
    assert project.steps == ALL_ANEW
    project.steps.clear()
    return project


def test_an_environment_that_is_up_to_date_is_left_alone(project):
    environment.main("site")
    assert project.steps == []


@pytest.mark.parametrize(
    "lock, steps", [("site", ["sync site"]), ("uv", ["venv uv", "install uv"])]
)
def test_another_lock_changes_only_what_it_names(project, lock, steps):
    project.lock(lock, "a==2")
    environment.main("site")
    assert project.steps == steps
    environment.main("site")
    assert project.steps == steps


def kill_it_before_its_stamp(project):
    (project.folder() / "stamp").unlink()


def remove_its_interpreter(project):
    (project.folder() / "bin" / "python").unlink()
    (project.folder() / "bin" / "python").symlink_to(project.root / "gone")


def make_it_with_another_python(project):
    stamp = project.folder() / "stamp"
    stamp.write_text(stamp.read_text().replace(f"Python {environment.THIS_PYTHON}", "Python 3.9"))


def move_it_here(project):
    stamp = project.folder() / "stamp"
    stamp.write_text(stamp.read_text().replace(str(project.root), "/elsewhere"))


@pytest.mark.parametrize(
    "change",
    [kill_it_before_its_stamp, remove_its_interpreter, make_it_with_another_python, move_it_here],
    ids=lambda change: change.__name__,
)
def test_an_environment_of_no_use_is_made_anew(project, change):
    (project.folder() / "old").touch()
    change(project)
    environment.main("site")
    assert project.steps == ["venv site", "sync site"]
    assert not (project.folder() / "old").exists()
    environment.main("site")
    assert project.steps == ["venv site", "sync site"]


def test_an_interruption_leaves_nothing(project, monkeypatch):
    def interrupted(*command):
        raise KeyboardInterrupt

    project.lock("site", "a==2")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(environment, "run", interrupted)
        environment.main("site")
    assert not project.folder().exists()
    environment.main("site")
    assert project.steps == ["venv site", "sync site"]


def test_two_runs_at_once_make_it_once(project, monkeypatch):
    begun, waiting = threading.Event(), threading.Event()

    def slow(*command):
        begun.set()
        assert waiting.wait(60)
        project.run(*command)

    def note(text, **options):
        if "waiting for it" in text:
            waiting.set()

    monkeypatch.setattr(environment, "run", slow)
    monkeypatch.setattr(environment, "print", note, raising=False)
    project.lock("site", "a==2")
    runs = [threading.Thread(target=environment.main, args=["site"]) for _ in range(2)]
    runs[0].start()
    assert begun.wait(60)
    runs[1].start()
    for thread in runs:
        thread.join()
    assert project.steps == ["sync site"]


# The script itself, with other Pythons and without a network.


def test_a_python_that_is_too_old_can_read_it():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a copy in a new project; every step of its installation fails."""
    project = tmp_path / "my böok"
    shutil.copytree(SCRIPT.parent.parent / "requirements", project / "requirements")
    (project / "tools").mkdir()
    copy = shutil.copy(SCRIPT, project / "tools")
    monkeypatch.setattr(subprocess, "call", lambda *arguments, **options: 1)
    monkeypatch.setattr(sys, "argv", ["environment.py", "site"])

    def start():
        with pytest.raises(SystemExit) as end:
            runpy.run_path(copy, run_name="__main__")
        made = project / ".venv"
        assert not made.exists() or os.listdir(made) == ["lock"]
        return str(end.value)

    return start


def test_a_wrong_python_is_told_what_to_do(start, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    message = start()
    assert "This is Python 3.9" in message
    assert "make book PYTHON=python3" in message


@pytest.mark.parametrize("version", sum(environment.pythons().values(), []))
def test_the_pythons_of_the_book_are_taken(monkeypatch, version):
    monkeypatch.setattr(environment, "THIS_PYTHON", version)
    environment.check_this_python()


def test_a_failed_installation_says_what_to_do_and_leaves_nothing(start):
    assert "run the same command again" in start()


def test_pip_and_uv_fetch_from_the_same_place_and_install_here(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX_URL", raising=False)
    variables = environment.clean_variables()
    assert variables["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert "PIP_TARGET" not in variables
