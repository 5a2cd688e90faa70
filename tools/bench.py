"""How long the commands and the chapters take, and what a visit to the website costs.

    python tools/bench.py     prints a report and writes it to BENCHMARKS.md

Run it on a machine that does nothing else.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import book
import measure_site
import surroundings
from measure_site import table


def seconds(*command, cwd=book.ROOT):
    """Run a command and return how long it took; stop with its output if it fails."""
    start = time.perf_counter()
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{command} failed:\n{result.stdout}{result.stderr}")
    return time.perf_counter() - start


def machine():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores of {cpu}, {platform.system()}, Python {platform.python_version()}, "
        f"PyTorch {version('torch')}, one thread."
    )


BARE = """
import pathlib, sys, attack
chapter = attack.Chapter(pathlib.Path(sys.argv[1]))
for number in range(1, len(chapter.cells) + 1):
    chapter.run(number)
"""


def clone_to_site():
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "book")
        seconds("git", "clone", "--quiet", book.ROOT, clone)
        first = seconds("make", "book", cwd=clone)
        same = seconds("make", "book", cwd=clone)
        (clone / "index.md").touch()
        changed = seconds("make", "book", cwd=clone)
        return first, same, changed, measure_site.measure_site(clone / "_build" / "html")


def floor():
    """Each chapter in one bare process: the interpreter, the imports and the cells."""
    bare = [sys.executable, "-c", BARE]
    return {path.stem: seconds(*bare, path, cwd=book.ROOT / "tools") for path in book.CHAPTERS}


def commands():
    first, same, changed, pages = clone_to_site()
    bare = floor()
    pytest = [sys.executable, "-m", "pytest", "-q"]
    cores = os.cpu_count()
    parallel = seconds(*pytest)
    cells = seconds(*pytest, "chapters")
    least = sum(bare.values())
    rows = [
        ["fresh clone to website (`make book`, packages in the cache)", f"{first:.0f} s"],
        ["website again, when something has changed", f"{changed:.1f} s"],
        ["and when nothing has", f"{same:.1f} s"],
        ["test suite (`make test`)", f"{parallel:.0f} s"],
        ["of it the chapters alone", f"{cells:.0f} s"],
        ["floor: all chapters, each in one bare Python process", f"{least:.0f} s"],
        [f"floor divided by {cores} cores", f"{least / cores:.0f} s"],
        ["chapters alone, in units of that", f"{cells / (least / cores):.2f}"],
    ]
    slowest = sorted(bare.items(), key=lambda item: -item[1])
    chapters = [[name, f"{took:.1f} s"] for name, took in slowest]
    return [
        "## Commands",
        table(["what", "time"], rows),
        "## Chapters, each in a bare process",
        table(["chapter", "time"], chapters),
        "## Website",
        measure_site.EXPLAINED,
        table(measure_site.HEAD, measure_site.rows(pages)),
    ]


def main():
    report = ["# Benchmarks", "The last run of `make bench`.", machine(), *commands()]
    text = "\n\n".join(report) + "\n"
    print(text)
    (book.ROOT / "BENCHMARKS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    surroundings.settle()
    main()
