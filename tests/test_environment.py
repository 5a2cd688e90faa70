"""tools/environment.py: an environment is as its lock says, or it does not count."""

import ast
import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import environment
import pytest

SCRIPT = Path(environment.__file__)
RUN = environment.run
UV = shutil.which("uv", path=Path(sys.prefix).with_name("uv") / "bin") or shutil.which("uv")
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


# PyTorch's CPU build, by uv itself, from folders that are laid out as an index is.


def put_wheel(index, name, version):
    """Put an empty wheel into an index; return its lines in a lock."""
    (index / name).mkdir(parents=True)
    stem = f"{name.replace('-', '_')}-{version}"
    wheel, info = index / name / f"{stem}-py3-none-any.whl", f"{stem}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Name: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    link = f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>'
    (index / name / "index.html").write_text(f"<!DOCTYPE html>{link}", encoding="utf-8")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via book\n"


@pytest.fixture
def indices(project, monkeypatch):
    """The lock of a project whose packages, and CPU builds of two of them, are in folders."""
    package_index, cpu_index = project.root / "packages", project.root / "cpu builds"
    names = ["numpy", "nvidia-cublas", "torch", "torchvision", "triton"]
    lock = "".join(put_wheel(package_index, name, "1") for name in names)
    for name in ("torch", "torchvision"):
        put_wheel(cpu_index, name, "1+cpu")
    for name in ("UV_INDEX", "UV_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", package_index.as_uri())
    monkeypatch.setattr(environment, "CPU_INDEX", cpu_index.as_uri())
    monkeypatch.setattr(environment, "run", RUN)
    uv = project.folder("uv") / "bin" / "uv"
    uv.symlink_to(UV or pytest.skip("there is no uv here: make test brings it"))
    project.lock("full", lock)
    return lock


def versions(folder):
    (packages,) = folder.glob("lib/python*/site-packages")
    return {one.name: one.version for one in distributions(path=[str(packages)])}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no CUDA build")
def test_torch_cpu_takes_two_packages_from_another_index(project, indices):
    environment.main("full-cpu")
    wanted = {"numpy": "1", "torch": "1+cpu", "torchvision": "1+cpu"}
    assert versions(project.folder("full-cpu")) == wanted


def test_torch_cpu_holds_all_else_to_its_hash(project, indices, capfd):
    project.lock("full", re.sub("sha256:.{8}", "sha256:00000000", indices, count=1))
    with pytest.raises(environment.Problem):
        environment.main("full-cpu")
    assert "Hash mismatch for `numpy==1`" in capfd.readouterr().err
    assert not project.folder("full-cpu").exists()


def test_a_rule_against_new_packages_does_not_hide_those_of_the_lock(project, indices, monkeypatch):
    (project.root / "uv").mkdir()
    (project.root / "uv" / "uv.toml").write_text('exclude-newer = "2020-01-01"')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.root))
    environment.main("full")
    assert versions(project.folder("full"))["numpy"] == "1"


def test_torch_cpu_is_the_same_as_without_where_no_cuda_is(project, indices, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    environment.main("full-cpu")
    assert versions(project.folder("full-cpu"))["torch"] == "1"


def test_all_that_cuda_brings_is_known_by_its_name():
    lock = environment.lock_of(Path("full-cpu")).read_text(encoding="utf-8")
    names = [name for name, _ in re.findall(environment.PYTORCH, lock)]
    assert names == ["torch", "torchvision"]
    left = re.sub(environment.PYTORCH, "", re.sub(environment.CUDA, "", lock))
    # Without CUDA no package is for Linux alone.
    assert "sys_platform == 'linux'" in lock and "sys_platform == 'linux'" not in left


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


def test_a_failed_installation_names_the_disks(start, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    said = start()
    for place in (tmp_path, tmp_path / "my böok"):
        assert re.search(rf"\d GB in {re.escape(str(place))}\b", said)


def test_pip_and_uv_fetch_from_the_same_place_and_install_here(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX_URL", raising=False)
    variables = environment.clean_variables()
    assert variables["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert "PIP_TARGET" not in variables


def test_packages_are_kept_here_where_the_user_has_no_place_for_them(tmp_path, monkeypatch):
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert environment.cache_folder() == str(tmp_path / ".cache" / "uv")
    (tmp_path / "a file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "a file"))
    assert environment.cache_folder() == str(environment.ROOT / ".venv" / "cache")


# The Makefile.


def make(*words, **variables):
    return subprocess.run(
        ["make", *words],
        cwd=environment.ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


def test_no_switch_of_the_user_reaches_what_make_starts(tmp_path):
    (tmp_path / "show.mk").write_text("show:\n\t@env\n")
    hostile = dict.fromkeys(["PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTEST_PLUGINS"], "x")
    shown = make("-f", "Makefile", "-f", tmp_path / "show.mk", "show", **hostile, KEPT="x").stdout
    assert "KEPT=x" in shown
    assert not [name for name in hostile if f"{name}=" in shown]


def test_torch_cpu_is_taken_by_all_that_runs_chapters():
    for target in ("test", "outputs", "lab"):
        planned = make("-n", target, "TORCH=cpu").stdout
        assert "environment.py full-cpu" in planned and ".venv/full-cpu/bin" in planned
        assert ".venv/full/" not in planned
    assert "full" not in make("-n", "book", "TORCH=cpu").stdout
