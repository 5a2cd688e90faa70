"""What holds the book together: requirements and locks, workflow files, style, commands,
and that the environments are made wholly or not at all."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
RANGES = ["requirements.txt", "requirements/site.txt", "requirements/test.txt"]
LOCKS = {"uv": ["requirements/uv.txt"], "site": ["requirements/site.txt"], "full": RANGES}


def files():
    """The files of the project, with git or without."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout
    if (ROOT / ".git").exists() and listing:
        return sorted(ROOT / name for name in listing.split("\0") if name)
    hidden = {".ci", ".github"}
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f in hidden or not f.startswith((".", "_build", "__"))]
        found += [Path(folder, name) for name in names]
    return sorted(found)


def texts():
    for path in files():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            pass  # a font or an image; or deleted, and not yet committed


def run(*command, cwd=ROOT, **variables):
    return subprocess.run(
        command, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, timeout=300
    )


# Requirements: readable ranges, and exact locks that follow from them.


def ranges(*names):
    for name in names:
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            line = line.split("#")[0].strip()
            if line and not line.startswith("-r "):
                yield Requirement(line)


def read_lock(path):
    """Package -> version; anything that is not a pin with hashes or a comment is refused."""
    pins = {}
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pin, *hashes = line.split("--hash=")
        name, _, version = pin.split(";")[0].strip().partition("==")
        assert version, f"{path.name}: not an exact pin: {line}"
        assert hashes, f"{path.name}: no hash for {name}"
        for digest in hashes:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()), line
        assert name not in pins, f"{path.name}: {name} stands there twice"
        pins[name] = version
    return pins


LOCKED = {name: read_lock(ROOT / f"requirements/{name}.lock.txt") for name in LOCKS}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_is_in_step_with_the_ranges(lock):
    for requirement in ranges(*LOCKS[lock]):
        version = LOCKED[lock].get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in {lock}.lock.txt: make lock"
        assert requirement.specifier.contains(version), f"{requirement}: {version}"


def test_the_site_is_built_with_the_versions_that_are_tested():
    assert LOCKED["site"].items() <= LOCKED["full"].items()


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_place(lock):
    """An index or a folder of one machine would be asked for on all others."""
    text = (ROOT / f"requirements/{lock}.lock.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|@ |--index|--find-links|(^|\s)/\w", text)
    assert "make lock" in text


def test_no_requirement_is_named_twice():
    names = Counter(canonicalize_name(r.name) for r in ranges(*RANGES))
    assert [name for name, times in names.items() if times > 1] == []


# How a package shows that it is used, where that is not an import of its own name.
USED_AS = {
    "jupyter-book": "/jupyter-book build",
    "jupyterlab": "-m jupyterlab",
    "jupyterlab-myst": "with jupyterlab-myst",
    "sphinx-exercise": "sphinx_exercise",
    "sphinx-notfound-page": "notfound.extension",
    "pytest-xdist": "-n logical",
    "ruff": "/ruff check",
    "scikit-learn": "sklearn",
    "check-jsonschema": "/check-jsonschema",
    "zizmor": "/zizmor",
}


def test_no_requirement_is_unused():
    places = {"Makefile", "pytest.ini", "_config.yml"}
    written, imported = [], set()
    for path, text in texts():
        if path.name in places or (path.parts[0] == "_ext" and path.suffix == ".py"):
            written.append(text)
        if path.suffix == ".ipynb":
            cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
            text = "\n".join("".join(cell["source"]) for cell in cells)
        if path.suffix in {".py", ".ipynb"}:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    imported.update(alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported.add(node.module.split(".")[0])
    for requirement in ranges(*RANGES):
        name = canonicalize_name(requirement.name)
        mark = USED_AS.get(name, name.replace("-", "_"))
        used = mark in imported or any(mark in text for text in written)
        assert used, f"nothing uses {name}"


# The files of the project.


def test_the_site_does_not_look_for_pages_in_the_environments():
    """Sphinx would read 6 GB of packages first: a build of 4 s takes 14 s."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    excluded = re.search(r"^exclude_patterns:(.*(?:\n[ -].*)*)", config, re.MULTILINE)
    assert excluded and re.search(r"""["'](\.venv|\.\*)["']""", excluded[1])


def test_no_file_knows_the_machine_it_was_made_on():
    path_of_a_machine = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/|site-packages")
    for path, text in texts():
        if path.parent.name != "tests":  # a test may say what it looks for
            found = path_of_a_machine.search(text)
            assert not found, f"{path}: {found[0]}"


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_code_and_chapters_are_tidy(command):
    ruff = run(BIN / "ruff", *command.split(), ".")
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def schema(kind, path):
    return run(BIN / "check-jsonschema", "--builtin-schema", f"vendor.{kind}", path)


def zizmor(path):
    return run(BIN / "zizmor", "--offline", "--no-progress", path)


def test_workflow_files_are_valid_and_safe():
    assert WORKFLOWS
    for path in WORKFLOWS:
        for result in (schema("github-workflows", path), zizmor(path)):
            assert result.returncode == 0, result.stdout + result.stderr
    dependabot = schema("dependabot", ROOT / ".github" / "dependabot.yml")
    assert dependabot.returncode == 0, dependabot.stdout


@pytest.mark.parametrize(
    "lint, good, bad, complaint",
    [
        ("schema", "runs-on:", "run-on:", "runs-on"),
        ("zizmor", "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("zizmor", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@main", "unpinned"),
        ("zizmor", "run: make book", "run: echo ${{ github.head_ref }}", "injection"),
    ],
)
def test_the_checks_of_workflow_files_can_fail(tmp_path, lint, good, bad, complaint):
    text = (ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8")
    assert good in text
    spoiled = tmp_path / ".github" / "workflows" / "book.yml"
    spoiled.parent.mkdir(parents=True)
    spoiled.write_text(text.replace(good, bad, 1), encoding="utf-8")
    result = zizmor(spoiled) if lint == "zizmor" else schema("github-workflows", spoiled)
    assert result.returncode != 0
    assert complaint in result.stdout + result.stderr


# The commands.


def test_every_command_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    named = set()
    for name in ("README.md", "CONTRIBUTING.md", "intro.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:^|`|[A-Z]=\S+ )make ([a-z-]+)", text, re.MULTILINE))
    assert {"book", "test"} <= named <= targets
    described = run("make", "--no-print-directory", "help").stdout
    for target in targets - {"site-env", "full-env"}:
        assert re.search(rf"^  {target} +\w", described, re.MULTILINE), target


def test_jupyterlab_loads_the_extension_that_renders_the_chapters():
    """Each new JupyterLab may refuse it, and then shows directives as plain text."""
    listing = run(BIN / "jupyter", "labextension", "list")
    found = re.search(r"jupyterlab-myst v.*", listing.stdout + listing.stderr)
    assert found and "OK" in found[0], listing.stderr


# tools/environment.py: an environment is made wholly or not at all.


SCRIPT = ROOT / "tools" / "environment.py"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """The script, at work in an empty project; instead of installing it counts."""
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("uv", "site"):
        (tmp_path / "requirements" / f"{name}.lock.txt").write_text("a==1\n")
    module.made = 0

    def make(name, folder):
        assert not folder.exists()
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        time.sleep(0.1)
        module.made += 1

    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "make", make)
    return module


def test_an_environment_is_made_once(environment):
    environment.main("site")
    environment.main("site")
    assert environment.made == 1


def change_the_lock(root):
    (root / "requirements" / "site.lock.txt").write_text("a==2\n")


def remove_the_stamp(root):
    (root / ".venv" / "site" / "stamp").unlink()


def break_the_interpreter(root):
    python = root / ".venv" / "site" / "bin" / "python"
    python.unlink()
    python.symlink_to(root / "gone")


def move_the_folder(root):
    shutil.copytree(root / ".venv", root / "moved" / ".venv", symlinks=True)
    shutil.copytree(root / "requirements", root / "moved" / "requirements")
    return root / "moved"


@pytest.mark.parametrize(
    "change",
    [change_the_lock, remove_the_stamp, break_the_interpreter, move_the_folder],
    ids=lambda change: change.__name__,
)
def test_a_stale_environment_is_made_anew(environment, monkeypatch, change):
    environment.main("site")
    monkeypatch.setattr(environment, "ROOT", change(environment.ROOT) or environment.ROOT)
    environment.main("site")
    assert environment.made == 2
    environment.main("site")
    assert environment.made == 2


def test_an_interruption_leaves_nothing(environment, monkeypatch):
    make = environment.make

    def interrupted(name, folder):
        make(name, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.main("site")
    assert not (environment.ROOT / ".venv" / "site").exists()


def test_two_runs_at_once_make_it_once(environment, capsys):
    runs = [threading.Thread(target=environment.main, args=["site"]) for _ in range(2)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert environment.made == 1
    assert "waiting for it" in capsys.readouterr().out


def test_a_wrong_python_is_told_what_to_do():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 7))
    pretend = f"""
import runpy, sys
sys.version_info = (3, 9, 2, "final", 0)
sys.argv = ["environment.py", "site"]
runpy.run_path({str(SCRIPT)!r}, run_name="__main__")
"""
    result = run(sys.executable, "-c", pretend)
    assert result.returncode == 1
    assert "This is Python 3.9" in result.stderr
    assert "make book PYTHON=" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_failed_installation_leaves_nothing(tmp_path):
    project = tmp_path / "my böok"
    shutil.copytree(ROOT / "requirements", project / "requirements")
    (project / "tools").mkdir()
    shutil.copy(SCRIPT, project / "tools")
    no_network = {
        "PIP_INDEX_URL": "http://localhost:9",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_FIND_LINKS": "",
        "PIP_EXTRA_INDEX_URL": "",
    }
    result = run(sys.executable, "tools/environment.py", "site", cwd=project, **no_network)
    assert result.returncode == 1
    assert "run the same command again" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / ".venv" / "site").exists()
