"""Measure on a GPU what the chapters could only measure on a CPU: digits, time and memory.

    python tools/gpu.py             writes appendix/gpu.md, in about two minutes
    python tools/gpu.py --dry       tiny sizes on the CPU, printed: does the script work?

Needs PyTorch and NumPy, and a GPU with 16 GiB. Its page is dated, and not made again with the book.
"""

import argparse
import datetime
import gc
import math
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torch.utils.checkpoint

PAGE = Path(__file__).resolve().parent.parent / "appendix" / "gpu.md"
FORMATS = (torch.float32, torch.bfloat16, torch.float16)
MARGINS = (0, 4, 8, 12, 16, 17)
CHUNK = 1024  # rows

TEXT = """# Measured on a GPU

The chapters were run on a CPU, where a result may differ. These numbers were measured on {day} \
on one {machine}, with PyTorch {version}, by `tools/gpu.py`. Other machines and \
versions give other numbers.

(gpu-digits)=
## Digits kept

Worst relative error in 4,096 rows of 10 classes, of the loss and of the label's entry of the \
gradient ("force"), against exact values of the stored logits. The label's logit leads by about \
the margin; 1 means that nothing is left. Last line: the lead of two logits from which on the loss \
is stored as 0 ([chapter 12](#prec-why-zero)).

{digits}

(gpu-batch)=
## The mean over a batch

1,000 classes, all logits equal: the exact loss is ln 1000 = 6.9078 ([chapter 12](#prec-batch)).

{batches}

(gpu-time)=
## Time and memory

Loss and both gradients of the logits X W in bfloat16, for {rows:,} rows of {inputs:,} inputs: \
median time of {repeats} steps after two to warm up, and the most memory above the inputs \
([chapter 13](../chapters/13_scale.ipynb)). Ratios are to the first line of each table. Compare \
50,257, an odd number, with 50,304, the next multiple of 64.

{times}
"""


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def name(dtype):
    return str(dtype).removeprefix("torch.")


def compiled(function):
    return torch.compile(function, dynamic=False)


# Digits


def each_loss(z, y):
    return F.cross_entropy(z, y, reduction="none")


def stored_logits(margin, dtype, rows):
    """Ten classes; the label's logit leads the best of the others by about the margin."""
    generator = torch.Generator().manual_seed(margin)
    z = torch.randn(rows, 10, generator=generator, dtype=torch.float64)
    y = torch.randint(10, (rows,), generator=generator)[:, None]
    z.scatter_(1, y, -math.inf)
    z.scatter_(1, y, z.amax(dim=1, keepdim=True) + margin)
    return z.to(dtype), y[:, 0]


def exact(z, y):
    """Loss and label's entry, from ln s with s = sum of exp(z_j - z_y), in float64."""
    behind = z.double() - z.double().gather(1, y[:, None])
    log_s = behind.scatter(1, y[:, None], -math.inf).logsumexp(dim=1)
    return torch.where(log_s < -30, log_s.exp(), F.softplus(log_s)), -log_s.sigmoid()


def worst(found, right):
    error = ((found.double().cpu() - right) / right).abs().max().item()
    return "1" if abs(error - 1) < 1e-6 else f"{error:.0e}"


def digits(device, rows):
    ways = {"eager": each_loss, "compiled": compiled(each_loss)}
    for way, loss_of in ways.items():
        lines = []
        for margin in MARGINS:
            line = [margin]
            for dtype in FORMATS:
                z, y = stored_logits(margin, dtype, rows)
                leaf = z.to(device).requires_grad_()
                loss = loss_of(leaf, y.to(device))
                loss.sum().backward()
                force = leaf.grad.cpu().gather(1, y[:, None])[:, 0]
                errors = zip((loss.detach(), force), exact(z, y), strict=True)
                line += [worst(found, right) for found, right in errors]
            lines.append(line)
        ends = [["zero from", *(x for d in FORMATS for x in (zero_from(loss_of, d, device), ""))]]
        columns = [f"{name(d)} {what}" for d in FORMATS for what in ("loss", "force")]
        yield f"**{way}**\n\n{table(['margin', *columns], lines + ends)}"


def zero_from(loss_of, dtype, device):
    """The margin of two classes from which on the loss is stored as zero."""
    margins = torch.arange(0, 110, 1 / 64).to(dtype).unique()
    z = torch.stack([margins, 0 * margins], dim=1).to(device)
    loss = loss_of(z, torch.zeros(len(z), dtype=torch.long, device=device)).cpu()
    return f"{margins[loss == 0].min().item():.2f}"


# The mean over a batch


def batches(device, sizes):
    for dtype in FORMATS[1:]:
        for rows in sizes:
            z = torch.zeros(1, 1000, dtype=dtype, device=device).expand(rows, 1000)
            y = torch.zeros(rows, dtype=torch.long, device=device)
            values = (
                F.cross_entropy(z, y),
                each_loss(z, y).sum() / rows,
                F.cross_entropy(z.float(), y),
            )
            yield [name(dtype), f"{rows:,}", *(f"{v.item():.4f}" for v in values)]


# Time and memory


def plain(X, W, y):
    return F.cross_entropy(X @ W.T, y)


def widened(X, W, y):
    return F.cross_entropy((X @ W.T).float(), y)


def checkpointed(X, W, y):
    """The logits of a chunk of rows are made again on the way back."""
    total = 0
    for some, labels in zip(X.split(CHUNK), y.split(CHUNK), strict=True):
        part = torch.utils.checkpoint.checkpoint(
            sum_of_losses, some, W, labels, use_reentrant=False
        )
        total = total + part
    return total / len(X)


def sum_of_losses(X, W, y):
    return F.cross_entropy((X @ W.T).float(), y, reduction="sum")


def ways():
    yield "F.cross_entropy(X W)", plain
    yield "F.cross_entropy((X W).float())", widened
    yield f"{CHUNK:,} rows of (X W).float() at a time, by checkpoint", checkpointed
    yield "F.cross_entropy(X W), compiled", compiled(plain)
    yield "F.cross_entropy((X W).float()), compiled", compiled(widened)
    if hasattr(F, "linear_cross_entropy"):
        yield "F.linear_cross_entropy", F.linear_cross_entropy


def times(device, rows, inputs, classes, repeats):
    for K in classes:
        generator = torch.Generator().manual_seed(K)
        X = torch.randn(rows, inputs, generator=generator).bfloat16().to(device).requires_grad_()
        W = (torch.randn(K, inputs, generator=generator) / inputs**0.5).bfloat16().to(device)
        W.requires_grad_()
        y = torch.randint(K, (rows,), generator=generator).to(device)
        lines, first = [], None
        for way, loss_of in ways():
            seconds, peak = measure(loss_of, X, W, y, repeats)
            first = first or (seconds, peak)
            ratios = (
                f"{a / b:.2f}" if b else "" for a, b in zip((seconds, peak), first, strict=True)
            )
            lines.append([way, f"{1e3 * seconds:.1f}", f"{peak / 2**20:,.0f}", *ratios])
        head = [f"{K:,} classes", "ms", "MiB", "time", "memory"]
        yield table(head, lines)


def measure(loss_of, X, W, y, repeats):
    """Median seconds of a step, and the most memory that it takes."""

    def step():
        torch.autograd.grad(loss_of(X, W, y), (X, W))

    on_gpu = torch.cuda.is_available()
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    for _ in range(2):
        step()
    gc.collect()
    before = torch.cuda.memory_allocated() if on_gpu else 0
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(repeats):
        wait()
        began = time.perf_counter()
        step()
        wait()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), (torch.cuda.max_memory_allocated() if on_gpu else 0) - before


def page(dry):
    if not dry and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA GPU here: --dry tries the script on the CPU.")
    device = torch.device("cpu" if dry else "cuda")
    rows, inputs, repeats = (64, 16, 1) if dry else (8192, 1024, 10)
    # An odd number of classes is slow for a GPU; the next multiple of 64 is not.
    classes = [500] if dry else [50_257, 50_304, 131_072]
    sizes = [256] if dry else [256, 4096, 20_000, 200_000]
    head = ["format", "rows", "mean", "none, then .sum() / N", "z.float(), mean"]
    return TEXT.format(
        day=datetime.date.today().isoformat(),
        machine="CPU" if dry else torch.cuda.get_device_name(),
        version=torch.__version__,
        digits="\n\n".join(digits(device, 64 if dry else 4096)),
        batches=table(head, batches(device, sizes)),
        times="\n\n".join(times(device, rows, inputs, classes, repeats)),
        rows=rows,
        inputs=inputs,
        repeats=repeats,
    )


def write(page, path, about, arguments):
    """The command of a tool that measures: its page, or a dry run that is printed."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU, printed")
    if parser.parse_args(arguments).dry:
        print(page(True))
    else:
        path.write_text(page(False), encoding="utf-8")


def main(arguments=None):
    write(page, PAGE, __doc__, arguments)


if __name__ == "__main__":
    main()
