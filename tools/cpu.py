"""Measure on this CPU what each way to the loss of chapter 13 costs: time and memory, as ratios.

    python tools/cpu.py             writes appendix/cpu.md and its picture, in about ten minutes
    python tools/cpu.py --dry       a tiny size, printed: does the script work?

Needs a C++ compiler, for torch.compile. Its page is dated, and not made again with the book.
"""

import ast
import datetime
import itertools
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import book
import matplotlib
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from gpu import compiled, table, write
from torch.profiler import ProfilerActivity, profile

PAGE = book.ROOT / "appendix" / "cpu.md"
PICTURE = PAGE.with_suffix(".svg")
CHAPTER = book.ROOT / "chapters" / "13_scale.ipynb"

TEXT = """# Measured on a CPU

What the ways of [chapter 13](../chapters/13_scale.ipynb) cost, measured on {day} with PyTorch \
{version} on one thread of an {machine} CPU, by `tools/cpu.py`: {rows:,} rows of {inputs} inputs, \
{classes:,} classes, float32. A record of that day: no test makes it again, and other machines, \
sizes and versions give other numbers.

Time is the processor's, the median of {repeats} rounds in which each way ran once, as a ratio to \
the first line of its table; its range is in brackets. Memory is the most that was held above the \
inputs, in units of the matrix of logits. A tile is the part of it made at a time.

(cpu-from-x)=
## From inputs and weights

The loss of the logits X W, and both gradients.

```{{figure}} cpu.svg
:name: fig-cpu
:alt: {alt}

Down is less memory, left is less time; blue is PyTorch, orange is the chapter.
```

{from_x}

(cpu-from-z)=
## From stored logits

{from_z}
"""


def of_the_chapter(name):
    """A function or class of the chapter: its cells run, with nothing but their definitions."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    space = {}
    for _, cell in book.code_cells(book.read(CHAPTER)):
        if "hide-cell" not in cell["metadata"].get("tags", []):
            tree = ast.parse(book.source(cell))
            tree.body = [node for node in tree.body if isinstance(node, kept)]
            exec(compile(tree, CHAPTER.name, "exec"), space)
    return space[name]


def step(loss, inputs):
    leaves = [t.detach().requires_grad_() for t in inputs]
    return torch.autograd.grad(loss(*leaves), leaves)


def most_held(loss, inputs):
    """The most bytes of tensors, above the inputs, in one step."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step(loss, inputs)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        seen.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    events = sorted((e for e in events if e["name"] == "[memory]"), key=lambda e: e["ts"])
    return max(itertools.accumulate(e["args"]["Bytes"] for e in events))


def measured(ways, inputs, unit, repeats):
    """Way -> its times, as ratios to the first way's median, and its memory in units."""
    right = step(next(iter(ways.values())), inputs)
    for name, loss in ways.items():
        for found, expected in zip(step(loss, inputs), right, strict=True):
            error = (found - expected).abs().max() / expected.abs().max()
            assert error < 1e-4, f"{name} is wrong by {error:.0e}"
    times = {name: [] for name in ways}
    for _ in range(repeats):
        for name, loss in ways.items():
            began = time.process_time()
            step(loss, inputs)
            times[name].append(time.process_time() - began)
    first = statistics.median(next(iter(times.values())))
    return {
        name: ([t / first for t in times[name]], most_held(loss, inputs) / unit)
        for name, loss in ways.items()
    }


def lines(results):
    for name, (times, memory) in results.items():
        span = f"({min(times):.2f} to {max(times):.2f})"
        yield name, f"{statistics.median(times):.2f} {span}", f"{memory:.2f}"


def draw(results):
    matplotlib.rc_file(CHAPTER.parent / "matplotlibrc")
    fig, ax = plt.subplots(figsize=(6.8, 4.2))
    for number, (times, memory) in enumerate(results.values(), 1):
        color = "C1" if number > 4 else "C0"
        ax.plot([min(times), max(times)], [memory, memory], color=color, lw=1)
        ax.plot(statistics.median(times), memory, "o", color=color, ms=14)
        ax.annotate(
            number, (statistics.median(times), memory), color="white", ha="center", va="center"
        )
    ax.set_xlabel("time, ratio to line 1")
    ax.set_ylabel("most memory, in matrices of logits")
    ax.set_xlim(0)
    ax.set_ylim(0)
    fig.savefig(PICTURE, metadata={"Date": None})


def page(dry):
    torch.set_num_threads(1)
    N, K, inputs, repeats = (48, 300, 16, 1) if dry else (1024, 16_000, 256, 9)
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(N, inputs, generator=generator)
    W = torch.randn(inputs, K, generator=generator) / inputs**0.5
    y = torch.randint(K, (N,), generator=generator)
    z, fused = X @ W, of_the_chapter("FusedCrossEntropy").apply

    def from_logits(z):
        return F.cross_entropy(z, y)

    def two_steps(X, W):
        return F.cross_entropy(X @ W, y)

    def by_torch(options):
        return lambda X, W: F.linear_cross_entropy(X, W.T, y, options=options)

    def by_hand(rows, columns):
        return lambda X, W: fused(X, W, y, rows, columns)

    tiles = [(N // 4, K), (N // 8, K // 10), (N // 32, K // 10)]
    ways = {
        "1. `F.cross_entropy` of X W": two_steps,
        "2. the same, compiled": compiled(two_steps),
        "3. `F.linear_cross_entropy`": by_torch(None),
        "4. the same with `LinearCrossEntropyOptions()`": by_torch(
            torch.nn.LinearCrossEntropyOptions()
        ),
    } | {
        f"{i}. the chapter's `fused`, tiles of {a:,} × {b:,}": by_hand(a, b)
        for i, (a, b) in enumerate(tiles, 5)
    }
    from_x = measured(ways, [X, W], z.nbytes, repeats)
    ways = {"`F.cross_entropy`": from_logits, "the same, compiled": compiled(from_logits)}
    from_z = measured(ways, [z], z.nbytes, repeats)
    if not dry:
        draw(from_x)
    head = ["way", "time, ratio", "memory"]
    places = ", ".join(
        f"{number} at {statistics.median(times):.1f} and {memory:.1f}"
        for number, (times, memory) in enumerate(from_x.values(), 1)
    )
    return TEXT.format(
        day=datetime.date.today().isoformat(),
        version=torch.__version__.partition("+")[0],
        machine=platform.machine(),
        rows=N,
        classes=K,
        inputs=inputs,
        repeats=repeats,
        alt=f"Memory against time of the seven ways of the table. Time and memory: {places}.",
        from_x=table(head, lines(from_x)),
        from_z=table(head, lines(from_z)),
    )


def main(arguments=None):
    write(page, PAGE, __doc__, arguments)


if __name__ == "__main__":
    main()
