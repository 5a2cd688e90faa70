"""What holds the book together: requirements and locks, workflow files, style, commands."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import environment
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
RANGES = ["requirements.txt", "requirements/site.txt", "requirements/test.txt"]
LOCKS = {name: [f"requirements/{name}.txt"] for name in ("uv", "tools", "site")} | {"full": RANGES}


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


def run(*command, **variables):
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=300
    )


def make(*arguments):
    return run("make", "--no-print-directory", *arguments)


def program(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


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


def test_the_documents_name_the_pythons_of_the_book():
    promised = sorted(environment.pythons()["promised"])
    lists = re.compile(r"Python (3\.\d+(?:(?:,| or| and| to) 3\.\d+)+)")
    for name in ("README.md", "CONTRIBUTING.md"):
        text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
        assert (named := lists.findall(text)), name
        for found in named:
            numbers = re.findall(r"3\.\d+", found)
            assert numbers == (promised[:: len(promised) - 1] if " to " in found else promised)
    target = f'target-version = "py{promised[0].replace(".", "")}"'
    assert target in (ROOT / "ruff.toml").read_text(encoding="utf-8")


def test_commands_and_workflows_do_not_name_the_pythons_again():
    for path, text in texts():
        if path.parts[0] in {".ci", ".github", "Makefile", "tools"}:
            assert not re.search(r"(?<![\d.])3\.1\d(?!\d)", text), path


# The files of the project.


def test_the_site_does_not_look_for_pages_in_the_environments():
    """Sphinx would read 6 GB of packages first: a build of 4 s takes 14 s."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    excluded = re.search(r"^exclude_patterns:(.*(?:\n[ -].*)*)", config, re.MULTILINE)
    assert excluded and re.search(r"""["'](\.venv|\.\*)["']""", excluded[1])


def test_no_file_knows_the_machine_it_was_made_on():
    path_of_a_machine = re.compile(
        r"(?<![\w.])/(?:home|root|work|Users)/|(?<!system-)site-packages"
    )
    for path, text in texts():
        if path.parent.name != "tests":  # a test may say what it looks for
            found = path_of_a_machine.search(text)
            assert not found, f"{path}: {found[0]}"


MODULES = {f: {p.stem for p in (ROOT / f).glob("*.py")} for f in ("_ext", "tools", "tests")}


@pytest.mark.parametrize(
    "folder, not_from", [("_ext", ["tools", "tests"]), ("tools", ["_ext", "tests"])]
)
def test_imports_go_in_one_direction(folder, not_from):
    foreign = set().union(*(MODULES[other] for other in not_from))
    for path in (ROOT / folder).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        imported = set(re.findall(r"(?m)^\s*(?:from|import) (\w+)", text))
        assert not imported & foreign, path


def test_the_page_on_the_architecture_knows_every_file():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for folder in ("_ext", "_templates", "tools", "tests"):
        for path in (ROOT / folder).iterdir():
            assert path.name in text or path.is_dir(), f"ARCHITECTURE.md does not name {path.name}"
    there = {str(path.relative_to(ROOT)) for path in files()} | {path.name for path in files()}
    named = re.findall(r"`([\w./]+\.(?:py|js|html|yml|md|json|txt))`", text)
    assert set(named) <= there


# Style, and what GitHub runs.


def test_code_chapters_and_workflow_files_are_tidy():
    lint = make("--old-file=full-env", f"FULL={os.path.relpath(BIN, ROOT)}", "lint")
    assert lint.returncode == 0, lint.stdout + lint.stderr


def jobs(workflow):
    text = (ROOT / ".github" / "workflows" / workflow).read_text(encoding="utf-8")
    return yaml.safe_load(text)["jobs"]


def test_the_weekly_report_hears_of_every_job():
    weekly = jobs("weekly.yml")
    assert sorted(weekly["report"]["needs"]) == sorted(weekly.keys() - {"report"})


@pytest.mark.parametrize(
    "results, number, done",
    [
        ("success success", "", []),
        ("success success", "7", ["close 7"]),
        ("success failure", "", ["create --title"]),
        ("success failure", "7", ["comment 7"]),
        ("cancelled success", "7", ["comment 7"]),
        ("success skipped", "7", ["comment 7"]),
    ],
)
def test_the_weekly_issue_is_closed_only_when_all_went_well(tmp_path, results, number, done):
    (step,) = jobs("weekly.yml")["report"]["steps"]
    assert step["env"]["RESULTS"] == "${{ join(needs.*.result, ' ') }}"
    program(
        tmp_path, "gh", 'case $2 in list) echo "$NUMBER" ;; *) echo "$2 $3" >> "$CALLS" ;; esac'
    )
    calls = tmp_path / "calls"
    calls.touch()
    variables = {"RESULTS": results, "NUMBER": number, "CALLS": str(calls), "TITLE": "", "RUN": ""}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert run("bash", "-e", "-c", step["run"], PATH=path, **variables).returncode == 0
    assert calls.read_text().splitlines() == done


# The commands.


def test_every_command_that_is_named_exists():
    described = set(re.findall(r"^  ([a-z-]+) +\w", make("help").stdout, re.MULTILINE))
    named = set()
    for name in ("README.md", "CONTRIBUTING.md", "index.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:^|`|[A-Z]=\S+ )make ([a-z-]+)", text, re.MULTILINE))
    assert {"book", "test"} <= named <= described
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))
    assert targets == described


def test_commands_need_no_tools_of_gnu():
    """macOS has those of BSD: its sed knows no \\t, its readlink no -f, and so on."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    of_gnu = r"\bsed\b.*\\[tn+?|sw]|sed -i|grep -\w*P|readlink -f|xargs -r|cp -\w*t|date -d|nproc"
    assert not re.findall(of_gnu, makefile)


@pytest.mark.skipif(sys.platform == "darwin", reason="for Debian and Ubuntu")
@pytest.mark.parametrize(
    "system, present, installed",
    [
        ("Debian", "google-chrome", []),
        ("Debian", "chromium", []),
        ("Debian", None, ["chromium-headless-shell"]),
        ("Ubuntu", None, ["curl", "chrome.deb"]),
    ],
)
def test_the_gate_installs_a_browser_where_there_is_none(tmp_path, system, present, installed):
    for name in ("bash", "dirname", "env", "mktemp", "id"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "python3").symlink_to(sys.executable)
    program(tmp_path, "sudo", 'exec "$@"')
    program(tmp_path, "make", 'echo "make $1"')
    program(tmp_path, "curl", "")
    program(
        tmp_path,
        "apt-get",
        "case $* in update*) exit ;; *chromium*) [ $SYSTEM = Debian ] || exit 100 ;; esac\n"
        'for last; do :; done; echo "${last##*/}" >> $INSTALLED',
    )
    if present:
        program(tmp_path, present, "")
    record = tmp_path / "installed"
    record.touch()
    variables = {"PATH": str(tmp_path), "SYSTEM": system, "INSTALLED": str(record)}
    gate = run(shutil.which("bash"), ROOT / ".ci" / "run", **variables)
    assert gate.stdout.split("\n")[:2] == ["make book", "make test"], gate.stderr
    assert record.read_text().split() == installed


def test_jupyterlab_loads_the_extension_that_renders_the_chapters():
    """Each new JupyterLab may refuse it, and then shows directives as plain text."""
    listing = run(BIN / "jupyter", "labextension", "list")
    found = re.search(r"jupyterlab-myst v.*", listing.stdout + listing.stderr)
    assert found and "OK" in found[0], listing.stderr
