"""How long the commands take, and how the book's own kernels compare with PyTorch's.

    python tools/bench.py [--quick]     prints a report and writes it to BENCHMARKS.md

--quick leaves out the fresh clone and the test suite, and writes nothing. Run it on a
machine that does nothing else.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import book
import measure_site
import surroundings
import torch
import torch.nn.functional as F
from measure_site import table
from torch.utils.benchmark import Timer


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
        f"PyTorch {torch.__version__}, one thread."
    )


# The commands.

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
        again = seconds("make", "book", cwd=clone)
        return first, again, measure_site.measure_site(clone / "_build" / "html")


def floor():
    """Each chapter in one bare process: the interpreter, the imports and the cells."""
    bare = [sys.executable, "-c", BARE]
    return {path.stem: seconds(*bare, path, cwd=book.ROOT / "tools") for path in book.CHAPTERS}


def commands():
    first, again, pages = clone_to_site()
    bare = floor()
    pytest = [sys.executable, "-m", "pytest", "-q"]
    cores = os.cpu_count()
    parallel = seconds(*pytest)
    cells = seconds(*pytest, "chapters")
    serial = seconds(*pytest, "-n", "0")
    least = sum(bare.values())
    rows = [
        ["fresh clone to website (`make book`, packages in the cache)", f"{first:.0f} s"],
        ["website again", f"{again:.1f} s"],
        ["test suite (`make test`)", f"{parallel:.0f} s"],
        ["of it the chapters alone", f"{cells:.0f} s"],
        ["test suite in one process", f"{serial:.0f} s"],
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


# The kernels: the losses of N examples over K classes, in float32.


def naive(z, y):
    powers = torch.exp(z)
    return -torch.log((powers / powers.sum(1, keepdim=True))[torch.arange(len(y)), y])


def stable(z, y):
    """The book's: log-sum-exp with the maximum taken out, minus the true logit."""
    top = z.max(1, keepdim=True).values
    lse = top.squeeze(1) + torch.log(torch.exp(z - top).sum(1))
    return lse - z[torch.arange(len(y)), y]


def by_log_softmax(z, y):
    return F.nll_loss(F.log_softmax(z, dim=1), y, reduction="none")


def fused(z, y):
    return F.cross_entropy(z, y, reduction="none")


KERNELS = {
    "naive": naive,
    "stable, by hand": stable,
    "nll_loss(log_softmax)": by_log_softmax,
    "cross_entropy": fused,
}


def median_time(loss, z, y):
    timer = Timer("loss(z, y)", globals={"loss": loss, "z": z, "y": y})
    return timer.blocked_autorange(min_run_time=1).median


def worst_error(loss, z, y):
    return (loss(z, y) - fused(z.double(), y)).abs().max().item()


def kernels():
    torch.set_num_threads(1)
    rows = []
    for N, K in ((4096, 10), (256, 50_000)):
        g = torch.Generator().manual_seed(0)
        y = torch.randint(K, (N,), generator=g)
        z = 10 * torch.randn(N, K, generator=g)
        times = {name: median_time(loss, z, y) for name, loss in KERNELS.items()}
        for name, loss in KERNELS.items():
            ratio = times[name] / times["cross_entropy"]
            row = [f"{N} × {K}", name, f"{1e3 * times[name]:.2f} ms", f"{ratio:.1f}"]
            # With all logits raised the loss does not change; the naive form overflows.
            rows.append(row + [f"{worst_error(loss, z + up, y):.0e}" for up in (0, 100)])
    head = ["N × K", "loss", "time", "ratio", "worst error", "logits + 100"]
    return ["## Kernels", table(head, rows)]


def main(quick):
    surroundings.settle()
    report = ["# Benchmarks", "The last run of `make bench`.", machine()]
    if not quick:
        report += commands()
    report += kernels()
    text = "\n\n".join(report) + "\n"
    print(text)
    if not quick:
        (book.ROOT / "BENCHMARKS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
