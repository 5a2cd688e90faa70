"""Make cross_entropy.json: the cases, their answers to fifty digits, their bounds of rounding.

    python make.py          # needs mpmath

The one source of the cases is cases.py. README.md derives what `Row` and the functions below it
bound: `inner` counts roundings of the arithmetic, `outer` those of what is stored.
"""

import json
import math
from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path

import mpmath
from cases import ABOUT, CASES, FLAGS, GROUPS, MISTAKES
from mpmath import mpf

FORMATS = {
    # unit roundoff of the arithmetic, of what is stored, and what may be lost near zero
    "float64": {"inner": 2**-53, "outer": 2**-53, "floor": 2**-1020},
    "float32": {"inner": 2**-24, "outer": 2**-24, "floor": 2**-124},
    "bfloat16": {"inner": 2**-24, "outer": 2**-8, "floor": 2**-124},
    "float16": {"inner": 2**-24, "outer": 2**-11, "floor": 2**-22},
}
SECOND_ORDER = mpf("1.1")  # the bounds are of first order; n u is at most 0.06 in any case here
RISES = 8  # a sound one-pass sum may rescale that often
LIBRARY = 4  # units by which exp, log, tanh may be off
KEPT = 64  # longer data are written as runs


class Row:
    """One row of logits: log-probabilities, and how far a sound algorithm may be from them."""

    def __init__(self, z, error=0):
        """error: a bound of what z itself may be off, in units of inner roundoff."""
        counts = Counter(z)
        self.m = m = max(counts)
        e = {v: mpmath.exp(v - m) for v in counts}
        s = mpmath.fsum(n * e[v] for v, n in counts.items())
        L = mpmath.log(s)
        K = len(z)
        self.q = {v: e[v] / s for v in counts}
        self.log_q = {v: v - m - L for v in counts}
        if len(counts) > 1 and L < mpf("1e-30"):  # the digits of a label far ahead
            others = mpmath.fsum(n * e[v] for v, n in counts.items() if v != m) + counts[m] - 1
            self.log_q[m] = -mpmath.log1p(others)
        self.lse = m + L
        gap = {v: m - v if v != -mpmath.inf else mpf(0) for v in counts}
        mean_gap = mpmath.fsum(n * self.q[v] * gap[v] for v, n in counts.items())
        # Relative, of the sum; then absolute, of the log-sum-exp and of ln q.
        of_sum = 2 * (mean_gap + error) + LIBRARY + (K - 1) + 6 * min(K - 1, RISES)
        self.of_lse = of_sum + LIBRARY * L + error
        self.of_log_q = {
            v: gap[v] + 2 * error + self.of_lse + (abs(self.log_q[v]) if self.q[v] else 0)
            for v in counts
        }
        # Relative, of q: by exp(z - max) / sum, or by exp(ln q).
        self.of_q = {v: 2 * self.of_log_q[v] + 8 for v in counts}


def size(x):
    return abs(x) if mpmath.isfinite(x) else mpf(0)


def times(a, b):
    """0 · ∞ = 0"""
    return mpf(0) if a == 0 else a * b


class Tensor(list):
    """Flat entries with their bounds: [answer, inner, outer]."""

    def dump(self, shape):
        answers, inner, outer = ([entry[i] for entry in self] for i in range(3))
        return {
            "shape": list(shape),
            **pack([digits(v) for v in answers]),
            "inner": pack([bound(v) for v in inner]),
            "outer": pack([bound(v) for v in outer]),
        }


@cache
def digits(x):
    if mpmath.isnan(x):
        return "NaN"
    if mpmath.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return mpmath.nstr(x, 50, min_fixed=-5, max_fixed=20) if x else "0"


@cache
def bound(x):
    """Two digits, rounded up."""
    x = x * SECOND_ORDER
    if not mpmath.isfinite(x) or x == 0:
        return 0
    if x < 1e-300:
        return 1e-300
    digit = 10.0 ** (math.floor(mpmath.log10(x)) - 1)
    return float(f"{math.ceil(float(x / digit)) * digit:.2g}")


def pack(values):
    if len(values) <= KEPT:
        return {"data": values}
    return {"runs": [[value, len(list(same))] for value, same in groupby(values)]}


def unpack(packed):
    if "data" in packed:
        return packed["data"]
    return [value for value, times in packed["runs"] for _ in range(times)]


@cache
def number(value):
    """Equal values are the same object, so that rows can be told apart by identity: faster."""
    return mpf(value.replace("Infinity", "inf") if isinstance(value, str) else value)


def numbers(packed):
    return [number(value) for value in unpack(packed)]


ZERO, ONE = number(0), number(1)


def identities(values):
    return tuple(map(id, values))


def each(function, *columns):
    """Its values down the columns, computed once for the same objects."""
    done = {}
    for items in zip(*columns, strict=True):
        if identities(items) not in done:
            done[identities(items)] = function(*items)
    return [done[identities(items)] for items in zip(*columns, strict=True)]


def split(shape):
    """How to find the rows of a tensor: number of batches, of classes, of positions."""
    if len(shape) == 1:
        return 1, shape[0], 1
    return shape[0], shape[1], math.prod(shape[2:])


def rows_of(values, shape):
    N, K, P = split(shape)
    return [[values[(n * K + k) * P + i] for k in range(K)] for n in range(N) for i in range(P)]


def back(rows, shape):
    """The entries of rows, in the order of the tensor."""
    N, K, P = split(shape)
    return Tensor(rows[n * P + i][k] for n in range(N) for k in range(K) for i in range(P))


def cross_entropy(case):
    options = {"reduction": "mean", "ignore_index": -100, "label_smoothing": 0} | case["options"]
    shape = case["logits"]["shape"]
    K = split(shape)[1]
    rows = rows_of(numbers(case["logits"]), shape)
    w = numbers(options["weight"]) if "weight" in options else [mpf(1)] * K
    eps = mpf(options["label_smoothing"])
    soft = "probabilities" in case
    if soft:
        targets = rows_of(numbers(case["probabilities"]), shape)
        counted = [True] * len(rows)
    else:
        labels = unpack(case["labels"])
        counted = [y != options["ignore_index"] for y in labels]
        targets = [[ONE if k == y else ZERO for k in range(K)] for y in labels]
    plain = not soft and not eps
    normaliser = case["bound"] == "stable"  # it is stored, too
    operations = 2 * ("weight" in options) + 4 * bool(eps) + 3 * soft  # roundings of a coefficient

    scale, cap = mpf(options.get("logit_scale", 1)), mpf(options.get("softcap", 0))
    z_loss = mpf(options.get("z_loss", 0))
    done = {}

    def entry(r, v, ak, t, S):
        """An entry of the gradient of a row's loss: S q - a, and what scale, cap, z-loss add."""
        if not (q := r.q[v]):  # of a switched-off class
            return [-ak * scale, 4 * ak, (5 + operations) * ak]
        of_q, by_z = r.of_q[v], 2 * z_loss * q
        g = (S + 2 * z_loss * r.lse) * q - ak
        inner = S * q * (of_q + 4) + 2 * ak + by_z * (r.of_lse + abs(r.lse) * (of_q + 4))
        outer = S * q * (normaliser + abs(r.log_q[v])) + 4 * abs(g)
        if plain and ak:  # minus the sum of the others is sound, too
            inner += (K - 1) * abs(g)
        if not plain:
            inner += (K - 1) * S * q
            outer += (3 + operations) * (S * q + ak)
        if case["bound"] == "relative":
            inner, outer = abs(g) * (max(r.of_q.values()) + 8), 4 * abs(g)
        factor = scale * (1 - t * t)
        inner = factor * (inner + 3 * abs(g)) + 12 * abs(scale * g) * t * t
        return [g * factor, inner, outer * factor]

    @cache
    def coefficient(wk, pk):
        return wk * ((1 - eps) * pk + eps / K)

    def row(z, p):
        """Loss, bounds; coefficients; a function that gives the gradient for an upstream."""
        key = identities(z), identities(p)
        if key in done:
            return done[key]
        if any(map(mpmath.isnan, z)):
            nan = [mpmath.nan, ZERO, ZERO]
            return (*nan, [nan] * K)
        x, tanh = z, [ZERO] * K
        if scale != 1:
            x = [scale * v for v in z]
        if cap:
            tanh = [mpmath.tanh(v / cap) for v in x]
            x = [cap * t for t in tanh]
        largest = max(map(size, set(x)))
        error = (6 * largest if cap else 0) + (largest if scale != 1 else 0)
        r = Row(x, error)
        a = [coefficient(wk, pk) for wk, pk in zip(w, p, strict=True)]
        loss = -mpmath.fsum(times(ak, r.log_q[v]) for ak, v in zip(a, x, strict=True))
        inner = outer = mpf(0)
        if mpmath.isfinite(loss):
            inner = mpmath.fsum(times(ak, r.of_log_q[v]) for ak, v in zip(a, x, strict=True))
            inner += 0 if plain else (K - 1) * abs(loss)
            outer = (1 + operations) * abs(loss) + normaliser * mpmath.fsum(a)
            if z_loss:
                inner += z_loss * abs(r.lse) * (2 * r.of_lse + 4 * abs(r.lse))
                loss += z_loss * r.lse**2
        if case["bound"] == "relative":
            inner = abs(loss) * max(r.of_q.values()) if mpmath.isfinite(loss) else inner
        S = mpmath.fsum(a)
        entries = each(lambda v, ak, t: entry(r, v, ak, t, S), x, a, tanh)
        done[key] = loss, inner, outer, entries
        return done[key]

    zero = (mpf(0), mpf(0), mpf(0), [[mpf(0)] * 3] * K)
    parts = [row(z, p) if c else zero for z, p, c in zip(rows, targets, counted, strict=True)]
    upstream = numbers(case["upstream"])
    N = len(rows)
    if options["reduction"] == "none":
        value = Tensor([loss, inner, outer] for loss, inner, outer, _ in parts)
        value_shape = shape[:1] + shape[2:] if len(shape) > 1 else []
        factors, more = upstream, 0
    else:
        total, inner, outer = (mpmath.fsum(p[i] for p in parts) for i in range(3))
        inner += (N - 1) * size(total)
        outer += size(total)
        divisor, more = mpf(1), 0
        if options["reduction"] == "mean":
            more = N - 1
            divisor = mpf(N)
            if not soft:
                divisor = mpmath.fsum(w[y] for y, c in zip(labels, counted, strict=True) if c)
            inner += more * size(total)
            outer += 2 * size(total)
        if divisor:
            value = Tensor([[total / divisor, inner / divisor, outer / divisor]])
            factors = [upstream[0] / divisor] * N
        else:
            value, factors = Tensor([[mpmath.nan, mpf(0), mpf(0)]]), [mpmath.nan] * N
        value_shape = []

    def scaled(c, part):
        def entry(old):
            g, inner, outer = old
            return [times(g, c), abs(c) * (inner + more * size(g)), abs(c) * outer]

        return each(entry, part[3])

    gradients = each(scaled, factors, parts)
    defined = case.get("gradient", True) and not any(mpmath.isnan(c) for c in factors)
    gradient = back(gradients, shape).dump(shape) if defined else None
    return value.dump(value_shape), gradient


def logsumexp(r, z, g):
    def slope(v):
        # Of exp(z - lse) with a rounded lse, too: a common offset may cost digits.
        q, lse = abs(g[0]) * r.q[v], abs(r.lse)
        return [g[0] * r.q[v], q * (r.of_q[v] + lse), q * (2 + lse)]

    return [[r.lse, r.of_lse + abs(r.lse), 2 * abs(r.lse)]], each(slope, z)


def log_softmax(r, z, g):
    G, size_g = mpmath.fsum(g), mpmath.fsum(map(abs, g))

    def value(v):
        return [r.log_q[v], r.of_log_q[v] if r.q[v] else ZERO, 1 + size(r.log_q[v])]

    def slope(v, gk):
        q = r.q[v]
        inner = q * (abs(G) * r.of_q[v] + (len(z) - 1) * size_g) + abs(gk)
        outer = q * abs(G) * (1 + size(r.log_q[v])) + 2 * (abs(gk) + q * abs(G))
        return [gk - q * G, inner, outer]

    return each(value, z), each(slope, z, g)


def softmax(r, z, g):
    q = [r.q[v] for v in z]
    mean = mpmath.fsum(p * gk for p, gk in zip(q, g, strict=True))
    M = mpmath.fsum(p * abs(gk) for p, gk in zip(q, g, strict=True))
    spread = mpmath.fsum(r.q[v] * r.of_q[v] * abs(gk) for v, gk in zip(z, g, strict=True))

    def slope(v, gk):
        around = abs(gk) + M
        inner = around * (r.of_q[v] + 2) + spread + (len(z) - 1) * M
        return [r.q[v] * (gk - mean), r.q[v] * inner, 4 * r.q[v] * around]

    return each(lambda v: [r.q[v], r.q[v] * r.of_q[v], 2 * r.q[v]], z), each(slope, z, g)


def of_rows(case):
    """log-sum-exp, softmax and log-softmax over the classes."""
    shape, kind = case["logits"]["shape"], case["function"]
    rows = rows_of(numbers(case["logits"]), shape)
    upstream = numbers(case["upstream"])
    per_row = [[u] for u in upstream] if kind == "logsumexp" else rows_of(upstream, shape)
    function = {"logsumexp": logsumexp, "log_softmax": log_softmax, "softmax": softmax}[kind]
    values, gradients = [], []
    for z, g in zip(rows, per_row, strict=True):
        if mpmath.isinf(max(z)):  # nothing but -inf: ln 0, without a gradient
            return Tensor([[max(z), ZERO, ZERO]]).dump(shape[:1]), None
        value, gradient = function(Row(z), z, g)
        values.append(value)
        gradients.append(gradient)
    if kind == "logsumexp":
        value = Tensor(row[0] for row in values).dump(shape[:1] + shape[2:])
    else:
        value = back(values, shape).dump(shape)
    return value, back(gradients, shape).dump(shape)


def answer(case):
    widest = 0
    for row in rows_of(numbers(case["logits"]), case["logits"]["shape"]):
        finite = [v for v in row if mpmath.isfinite(v)]
        widest = max(widest, max(finite) - min(finite)) if finite else widest
    with mpmath.workdps(70 + int(widest)):  # q - 1 loses as many digits as the gap has
        return cross_entropy(case) if case["function"] == "cross_entropy" else of_rows(case)


def complete(case):
    """With its answer, in the order in which a reader wants to see it."""
    keys = ["id", "group", "function", "about", "flags", "formats", "beyond", "bound"]
    keys += ["logits", "labels", "probabilities", "upstream", "options"]
    whole = {key: case[key] for key in keys if key in case}
    if case.get("refuse"):
        return whole | {"refuse": True}
    value, gradient = answer(case)
    return (
        whole
        | {"value": value, "gradient": gradient}
        | {k: case[k] for k in ("also",) if k in case}
    )


def text():
    """The file: readable, a field of a case to a line."""
    head = {
        "about": ABOUT,
        "version": 1,
        "formats": FORMATS,
        "groups": GROUPS,
        "flags": FLAGS,
        "mistakes": MISTAKES,
    }
    lines = [json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "cases": [']
    blocks = []
    for case in map(complete, CASES):
        fields = [
            f"   {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in case.items()
        ]
        blocks.append("  {\n" + ",\n".join(fields) + "\n  }")
    lines.append(",\n".join(blocks) + "\n ]\n}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("cross_entropy.json").write_text(text(), encoding="utf-8")
