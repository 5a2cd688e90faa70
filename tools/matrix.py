"""With which Pythons and which versions of the packages does the book run?

    python tools/matrix.py              every Python of the book that is found here
    python tools/matrix.py 3.12         one

For each Python three sets of packages: the locked one, the oldest that the ranges of the
requirements allow, and the newest. In each the chapters run twice: strictly, with every
output and figure compared, and, where that fails, for their assertions alone. A figure
belongs to one version of matplotlib, so only the locked set is expected to pass strictly.
Prints a Markdown table; fails if an assertion fails anywhere, or a locked set anything.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
PYTHONS = ["3.11", "3.12", "3.13"]
SETS = {
    "locked": ["--require-hashes", "-r", "requirements/full.lock.txt"],
    "oldest": ["--resolution", "lowest-direct", "-r", "requirements/test.txt"],
    "newest": ["--upgrade", "-r", "requirements/test.txt"],
}
NAMED = ["torch", "numpy", "matplotlib", "fastai"]  # in the table


def uv(*arguments):
    command = [UV, "--no-progress", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def failing_chapters(python, *options):
    """Run the chapters; return the names of those with a cell that failed."""
    quiet = ["-q", "--tb=no", "-rfE", "--color=no", "-p", "no:cacheprovider"]
    command = [python, "-m", "pytest", "chapters", *quiet, *options]
    env = os.environ | {"COLUMNS": "200"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if result.returncode not in (0, 1):
        sys.exit(result.stdout + result.stderr)
    pattern = r"^(?:FAILED|ERROR) chapters/(\w+)\.ipynb"
    failed = set(re.findall(pattern, result.stdout, re.MULTILINE))
    assert bool(failed) == (result.returncode == 1), result.stdout
    return sorted(failed)


def try_out(base, packages, folder):
    """One row of the table, and whether it is as it should be."""
    python = folder / "bin" / "python"
    for step in (
        ["venv", "--quiet", "--python", base, folder],
        ["pip", "install", "--quiet", "--python", python, *SETS[packages]],
    ):
        done = uv(*step)
        if done.returncode:
            return [f"cannot be installed: {done.stderr.strip()[-300:]}"], False
    listing = uv("pip", "freeze", "--python", python).stdout
    pins = dict(line.split("==") for line in listing.split() if "==" in line)
    strict = failing_chapters(python)
    loose = failing_chapters(python, "--nbval-lax") if strict else []
    row = [", ".join(f"{name} {pins[name]}" for name in NAMED)]
    row += [", ".join(failed) or "all" for failed in (strict, loose)]
    row[1:] = ["all pass" if cell == "all" else f"fail: {cell}" for cell in row[1:]]
    return row, not loose and (packages != "locked" or not strict)


def main(versions):
    good = True
    print("| Python | packages | versions | every output | assertions |")
    print("|---|---|---|---|---|")
    for version in versions:
        found = uv("python", "find", "--system", "--no-python-downloads", version)
        if found.returncode:
            print(f"| {version} | | not found on this machine | | |")
            continue
        for packages in SETS:
            with tempfile.TemporaryDirectory() as folder:
                python = found.stdout.strip()
                row, right = try_out(python, packages, Path(folder, "venv"))
            row += [""] * (3 - len(row))
            print("|", " | ".join([version, packages, *row]), "|", flush=True)
            good = good and right
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or PYTHONS))
