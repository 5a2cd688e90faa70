"""With which Pythons and which versions of the packages does the book run?

    python tools/matrix.py [--site-only] [VERSION ...]      by default, every Python of the book

For each Python that is found here three sets of packages: the locked one, the oldest that the
ranges of the requirements allow, and the newest. With each the website is built, and the chapters
run twice: strictly, with every output and figure compared, and, where that fails, for their
assertions alone. A figure belongs to one version of matplotlib, so only the locked set is
expected to pass strictly. Then PyTorch's loss is asked for the known answers of vectors/. Prints a
Markdown table; fails if a website or an assertion fails anywhere, a locked set anything, or the
newest PyTorch an answer.

A last row, which never fails, shows what will come: the website without Jupyter Book, which
holds Sphinx back, on the newest Sphinx.
"""

import argparse
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import packages_distributions
from pathlib import Path

import environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "uv" / "bin" / "uv"
SETS = ["locked", "oldest", "newest"]
NAMED = ["torch", "numpy", "matplotlib", "fastai", "sphinx"]  # in the table
NOT_SOURCES = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache")
# Extensions that only Jupyter Book needs.
JUPYTER_BOOK = {"jupyter_book", "sphinx_jupyterbook_latex"}


def run(*command, cwd=ROOT, **variables):
    env = os.environ | {"COLUMNS": "200"} | variables
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def why(result):
    """The line of its output that says what went wrong; all of it goes to stderr."""
    output = (result.stdout + result.stderr).strip()
    print(output, file=sys.stderr)
    lines = output.splitlines() or ["it said nothing"]
    first = next((line for line in lines if re.search("WARNING|ERROR|error", line)), lines[-1])
    return "fails: " + first.replace("|", "/")[:300]


def make_environment(base, folder, *packages):
    """Return what went wrong, and the versions in the environment."""
    python = folder / "bin" / "python"
    for step in (
        ["venv", "--python", base, folder],
        ["pip", "install", "--python", python, *packages],
    ):
        done = run(UV, "--quiet", *step)
        if done.returncode:
            return why(done), {}
    listing = run(UV, "pip", "freeze", "--python", python).stdout
    return None, dict(line.split("==") for line in listing.split() if "==" in line)


def options(packages, site_only):
    lock, ranges = ("site", "site") if site_only else ("full", "test")
    return {
        "locked": ["--require-hashes", "-r", f"requirements/{lock}.lock.txt"],
        "oldest": ["--resolution", "lowest-direct", "-r", f"requirements/{ranges}.txt"],
        "newest": ["--upgrade", "-r", f"requirements/{ranges}.txt"],
    }[packages]


def failing_chapters(python, *options):
    """Run the chapters; return the names of those with a cell that failed."""
    quiet = ["-q", "--tb=no", "-rfE", "--color=no", "-p", "no:cacheprovider"]
    result = run(python, "-m", "pytest", "chapters", *quiet, *options)
    if result.returncode not in (0, 1):
        sys.exit(result.stdout + result.stderr)
    pattern = r"^(?:FAILED|ERROR) chapters/(\w+)\.ipynb"
    failed = set(re.findall(pattern, result.stdout, re.MULTILINE))
    assert bool(failed) == (result.returncode == 1), result.stdout
    return ", ".join(sorted(failed))


def known_answers(python):
    """The formats in which PyTorch's loss fails one."""
    formats = ["float64", "float32", "bfloat16", "float16"]
    loss = "torch.nn.functional:cross_entropy"
    runs = {f: run(python, "vectors/check.py", loss, "--formats", f) for f in formats}
    return ", ".join(name for name, done in runs.items() if done.returncode)


def try_out(base, packages, site_only, folder):
    """The cells of one row, and whether it is as it should be."""
    venv, copy = folder / "venv", folder / "book"
    problem, pins = make_environment(base, venv, *options(packages, site_only))
    if problem:
        return [problem], False
    versions = ", ".join(f"{name} {pins[name]}" for name in NAMED if name in pins)
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCES)
    built = run("make", "--old-file=site-env", f"SITE={venv / 'bin'}", "book", cwd=copy)
    row = [versions, why(built) if built.returncode else "builds"]
    if site_only:
        return row, not built.returncode
    strict = failing_chapters(venv / "bin" / "python")
    loose = strict and failing_chapters(venv / "bin" / "python", "--nbval-lax")
    wrong = known_answers(venv / "bin" / "python")
    row += [f"fail: {failed}" if failed else "all pass" for failed in (strict, loose, wrong)]
    least = {"locked": strict or wrong, "newest": wrong}.get(packages)
    return row, not (built.returncode or loose or least)


def look_ahead(base, folder):
    """The cells of the last row: everything is taken from the settings that Jupyter Book makes."""
    copy = folder / "book"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCES)
    made = run(Path(sys.executable).with_name("jupyter-book"), "config", "sphinx", copy)
    if made.returncode:
        return [why(made)]
    settings = copy / "conf.py"
    extensions = [e for e in runpy.run_path(settings)["extensions"] if e not in JUPYTER_BOOK]
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"\nextensions = {extensions}\n")
    providers = packages_distributions()
    needed = {name for e in extensions for name in providers.get(e.split(".")[0], [])}
    lines = (ROOT / "requirements" / "site.txt").read_text(encoding="utf-8").splitlines()
    needed |= {Requirement(line).name for line in lines if line and line[0] != "#"}
    problem, pins = make_environment(base, folder / "venv", *needed - {"jupyter-book"})
    if problem:
        return [problem]
    sphinx = [folder / "venv" / "bin" / "python", "-m", "sphinx", "-n", "--keep-going", "-q"]
    built = run(*sphinx, copy, folder / "site", PYTHONPATH=str(copy / "_ext"))
    warnings = len(re.findall("WARNING|ERROR", built.stderr))
    verdict = "builds" if not warnings else f"builds, {warnings} warnings"
    return [f"sphinx {pins['sphinx']}", why(built) if built.returncode else verdict]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--site-only", action="store_true", help="leave out the chapters")
    parser.add_argument("versions", nargs="*", default=sum(environment.pythons().values(), []))
    args = parser.parse_args()
    head = ["Python", "packages", "versions", "website"]
    head += ["every output", "assertions", "known answers"]
    good = True

    def show(*cells):
        print("|", " | ".join([*cells, *[""] * (len(head) - len(cells))]), "|", flush=True)

    show(*head)
    show(*["---"] * len(head))
    for version in args.versions:
        found = run(UV, "python", "find", "--system", "--no-python-downloads", version)
        if found.returncode:
            show(version, "", "not found on this machine")
            continue
        for packages in SETS:
            with tempfile.TemporaryDirectory() as folder:
                base = found.stdout.strip()
                row, right = try_out(base, packages, args.site_only, Path(folder))
            show(version, packages, *row)
            good = good and right
        with tempfile.TemporaryDirectory() as folder:
            show(version, "without Jupyter Book", *look_ahead(base, Path(folder)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
