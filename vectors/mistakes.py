"""Cross-entropy done right, and the public mistakes, each made again in a few lines.

    python mistakes.py              # the table: which flags notice which mistake
    python mistakes.py --mutants    # and what is noticed of mechanical changes (in the book's folder)

`Right` is a sound cross-entropy in numpy with its gradient, in small steps; a mistake replaces
one of them. The name of a public one is its key in cross_entropy.json, which has address and date.
"""

import inspect
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

import check
import numpy as np


class Right:
    """Loss and gradient; 16-bit formats are computed in float32 and rounded once."""

    def __call__(
        self,
        logits,
        target,
        upstream,
        weight=None,
        ignore_index=-100,
        reduction="mean",
        label_smoothing=0.0,
        logit_scale=1.0,
        softcap=0.0,
        z_loss=0.0,
    ):
        self.kind = logits.dtype
        self.wide = np.float32 if self.kind == np.float16 else self.kind
        self.reduction, self.eps = reduction, label_smoothing
        self.scale, self.cap, self.z_loss = logit_scale, softcap, z_loss
        self.shape = logits.shape if logits.ndim > 1 else (1, *logits.shape)
        z = self.rows(logits).astype(self.wide)
        self.K = z.shape[1]
        self.w = np.ones(self.K, self.wide) if weight is None else weight.astype(self.wide)
        self.soft = target.shape == logits.shape
        if self.soft:
            p, self.y = self.rows(target).astype(self.wide), None
            self.counts = np.ones(len(z), bool)
        else:
            self.y = self.labels(target.reshape(-1))
            self.counts = self.counting(self.y, ignore_index)
            self.refuse(self.y[self.counts])
            p = self.one_hot(self.y)
        x = self.transform(z)
        log_q, lse = self.log_softmax(x)
        a = self.coefficients(p)
        losses = self.losses(a, log_q) + self.z_loss * np.where(self.counts, lse, 0) ** 2
        divisor = self.divisor()
        up = np.broadcast_to(self.upstream(np.reshape(upstream, -1)), len(z)).astype(self.wide)
        gradient = self.gradient(a, log_q, lse, (up / divisor)[:, None]) * self.slope(z)
        gradient = self.unrows(self.finish(gradient, a)).reshape(logits.shape).astype(self.kind)
        value = self.reduce(losses, divisor)
        if reduction == "none":
            value = value.reshape(
                target.shape if not self.soft else np.delete(logits.shape, min(1, logits.ndim - 1))
            )
        return np.asarray(value).astype(self.kind), gradient

    def rows(self, tensor):
        """(N, K, ...) to (rows, K)"""
        tensor = tensor.reshape(self.shape)
        return np.moveaxis(tensor, 1, -1).reshape(-1, self.shape[1])

    def unrows(self, rows):
        shape = (self.shape[0], *self.shape[2:], self.shape[1])
        return np.moveaxis(rows.reshape(shape), -1, 1)

    def labels(self, y):
        return y

    def counting(self, y, ignore_index):
        return y != ignore_index

    def refuse(self, y):
        if ((y < 0) | (y >= self.K)).any():
            raise IndexError("a label is no class")

    def one_hot(self, y):
        p = np.zeros((len(y), self.K), self.wide)
        p[np.arange(len(y)), np.where(self.counts, y, 0)] = 1
        return p

    def transform(self, z):
        z = self.scale * z
        return self.cap * np.tanh(z / self.cap) if self.cap else z

    def slope(self, z):
        """The derivative of transform."""
        return (
            self.scale * (1 - np.tanh(self.scale * z / self.cap) ** 2) if self.cap else self.scale
        )

    def maximum(self, x):
        return x.max(axis=1, keepdims=True)

    def exp_sum(self, d):
        return np.exp(d).sum(axis=1, keepdims=True)

    def log_softmax(self, x):
        top = self.maximum(x)
        log_sum = np.log(self.exp_sum(x - top))
        return x - top - log_sum, (top + log_sum)[:, 0]

    def coefficients(self, p):
        """What multiplies -ln q_k in the loss of a row: 0 in rows that do not count."""
        p = (1 - self.eps) * p + self.eps / self.K
        return self.w * p * self.counts[:, None]

    def losses(self, a, log_q):
        return -np.where(a == 0, 0, a * log_q).sum(axis=1)

    def divisor(self):
        if self.reduction != "mean":
            return self.wide(1) if callable(self.wide) else self.wide.type(1)
        if self.soft:
            return np.asarray(len(self.counts), self.wide)
        return np.asarray(self.w[self.y[self.counts]].sum(), self.wide)

    def upstream(self, up):
        return up

    def probabilities(self, log_q, lse):
        return np.exp(log_q)

    def gradient(self, a, log_q, lse, factor):
        q = self.probabilities(log_q, lse)
        pull = (
            a.sum(axis=1, keepdims=True) + 2 * self.z_loss * np.where(self.counts, lse, 0)[:, None]
        )
        return np.where(self.counts[:, None], factor * (pull * q - a), 0)

    def finish(self, gradient, a):
        return gradient

    def reduce(self, losses, divisor):
        return losses if self.reduction == "none" else losses.sum() / divisor


class Blocked(Right):
    """The same in one pass over blocks of classes, as a kernel does it."""

    block = 512

    def log_softmax(self, x):
        top = np.full((len(x), 1), -np.inf, self.wide)
        total = np.zeros((len(x), 1), self.wide)
        for start in range(0, self.K, self.block):
            part = x[:, start : start + self.block]
            new = np.maximum(top, part.max(axis=1, keepdims=True))
            safe = np.where(np.isinf(new) & (new < 0), 0, new)  # -inf - (-inf) would be NaN
            total = total * np.exp(top - safe) + np.exp(part - safe).sum(axis=1, keepdims=True)
            top = new
        log_sum = np.log(total)
        return x - top - log_sum, (top + log_sum)[:, 0]


# The mistakes, by what they replace. Those named after the file's `mistakes` are public.


class MeanOverRows(Right):
    def divisor(self):
        return super().divisor() if self.reduction != "mean" else self.counts.sum()


class WeightsBeforeMask(Right):
    def divisor(self):
        safe = np.where(self.counts, self.y, 0) if self.y is not None else None
        return (
            self.w[safe].sum() if self.reduction == "mean" and not self.soft else super().divisor()
        )


class IgnoredInMean(Right):
    def divisor(self):
        return (
            len(self.counts)
            if self.reduction == "mean" and (self.w == 1).all()
            else super().divisor()
        )


class LateSubtraction(Right):
    def log_softmax(self, x):
        log_q, lse = super().log_softmax(x)
        return x - lse[:, None], lse


class RoundedLse(Right):
    def gradient(self, a, log_q, lse, factor):
        return super().gradient(a, self.transform(self.z) - lse[:, None], lse, factor)

    def transform(self, z):
        self.z = z
        return super().transform(z)


class ReadModifyWrite(Right):
    def gradient(self, a, log_q, lse, factor):
        stored = super().gradient(a, log_q, lse, factor) + factor * a
        return stored.astype(self.kind).astype(self.wide) - factor * a


class GarbageRows(Right):
    def finish(self, gradient, a):
        gradient[~self.counts] = 7.5  # whatever was in the memory
        return gradient


class FirstUpstream(Right):
    def upstream(self, up):
        return up[:1]


class Overwritten(Right):
    def __call__(self, logits, *arguments, **options):
        value, gradient = super().__call__(logits, *arguments, **options)
        logits[...] = gradient
        return value, logits


class SmoothingLost(Right):
    def coefficients(self, p):
        self.eps = 0
        return super().coefficients(p)


class SmoothingByLabelWeight(Right):
    def coefficients(self, p):
        own = (p * self.w).sum(axis=1, keepdims=True)
        return own * ((1 - self.eps) * p + self.eps / self.K) * self.counts[:, None]


class AlwaysZero(Right):
    def reduce(self, losses, divisor):
        return 0 * super().reduce(losses, divisor)


class PaddedLanes(Right):
    block = 512

    def exp_sum(self, d):
        lanes = -self.K % self.block
        if not self.cap:
            return super().exp_sum(d)
        return super().exp_sum(d) + lanes * np.exp(-self.cap - self.top)  # -inf has become -cap

    def maximum(self, x):
        self.top = super().maximum(x)
        return self.top


class CapTimesLogit(Right):
    def transform(self, z):
        return z * np.tanh(z / self.cap) if self.cap else super().transform(z)


class ScaleLost(Right):
    def slope(self, z):
        return super().slope(z) / self.scale


class PaddingAsZeros(Right):
    block = 512

    def exp_sum(self, d):
        return super().exp_sum(d) + -self.K % self.block * np.exp(-self.top)

    def maximum(self, x):
        self.top = super().maximum(x)
        return self.top


class SmoothingPerShard(Right):
    shards = 2

    def coefficients(self, p):
        own = -(-self.K // self.shards)
        first = np.arange(self.K) < own
        return self.w * ((1 - self.eps) * p + self.eps / own * first) * self.counts[:, None]


class LogOfSoftmax(Right):
    """In the smooth part alone."""

    def log_softmax(self, x):
        log_q, lse = super().log_softmax(x)
        return np.log(np.exp(log_q)) if self.eps else log_q, lse


class GatheredShards(Right):
    def exp_sum(self, d):
        return 2 * super().exp_sum(d)


class SixteenBitBuffer(Right):
    def probabilities(self, log_q, lse):
        return super().probabilities(log_q, lse).astype(np.float16).astype(self.wide)


class ZeroTimesInfinity(Right):
    def losses(self, a, log_q):
        return -(a * log_q).sum(axis=1) if self.soft else super().losses(a, log_q)


class NanAtMasked(Right):
    def finish(self, gradient, a):
        return np.where(np.isinf(self.x), np.nan, gradient)

    def transform(self, z):
        self.x = super().transform(z)
        return self.x


class RoundedNormaliser(Right):
    def log_softmax(self, x):
        lse = super().log_softmax(x)[1].astype(self.kind).astype(self.wide)
        return (x - lse[:, None] if self.kind == np.float16 else super().log_softmax(x)[0]), lse


class MaskedOverflow(Right):
    def finish(self, gradient, a):
        q = np.exp(self.x) / np.exp(self.x).sum(axis=1, keepdims=True)
        return gradient + 0 * np.where(self.counts[:, None], 0, q)

    def transform(self, z):
        self.x = super().transform(z)
        return self.x


class OutOfRange(Right):
    def labels(self, y):
        return np.minimum(y, self.K - 1)


class IgnoreLost(Right):
    def counting(self, y, ignore_index):
        return np.ones(len(y), bool)

    def labels(self, y):
        return np.where((y < 0) | (y >= self.K), 0, y)


class SmallVocabulary(Right):
    def exp_sum(self, d):
        return super().exp_sum(d) * (np.nan if self.K < 4 else 1)


class UnalignedRows(Right):
    def exp_sum(self, d):
        total = super().exp_sum(d)
        if self.kind == np.float64 and self.K % 2 and self.K > 512:
            total[1:] *= 2
        return total


class SumOverflows(Right):
    def exp_sum(self, d):
        return super().exp_sum(d).astype(self.kind).astype(self.wide)


class NoMaximum(Right):
    def maximum(self, x):
        return np.zeros((len(x), 1), self.wide)


class ManyClasses(Right):
    most = 1024

    def exp_sum(self, d):
        return super().exp_sum(d[:, : self.most])


class FirstSlice(Right):
    def finish(self, gradient, a):
        if len(self.shape) > 3:
            gradient[np.arange(len(gradient)) % self.shape[-1] > 0] = 0
        return gradient


class MeanOfMeans(Right):
    def reduce(self, losses, divisor):
        if self.reduction != "mean" or self.soft or len(losses) < 2:
            return super().reduce(losses, divisor)
        half = len(losses) // 2
        w = np.where(self.counts, self.w[np.where(self.counts, self.y, 0)], 0)
        return (
            sum(losses[part].sum() / w[part].sum() for part in (slice(half), slice(half, None))) / 2
        )


class DoubleShift(Right):
    def labels(self, y):
        return np.roll(y, -1)


class LateTemperature(Right):
    def log_softmax(self, x):
        log_q, lse = super().log_softmax(x / self.scale)
        return log_q * self.scale, lse


class SumOverRows(Right):
    """In the gradient alone."""

    def finish(self, gradient, a):
        return gradient / len(self.counts) if self.reduction == "sum" else gradient


class EntropyOfZero(Right):
    """p ln p is added and taken away, as in a divergence."""

    def losses(self, a, log_q):
        entropy = (a * np.log(a)).sum(axis=1)
        return (
            super().losses(a, log_q) + entropy - entropy
            if self.soft or self.eps
            else super().losses(a, log_q)
        )


class Clipped(Right):
    def finish(self, gradient, a):
        return np.where(self.below, 0, gradient)

    def losses(self, a, log_q):
        self.below = ((a > 0) & (log_q < np.log(1e-7))).any(axis=1, keepdims=True)
        return super().losses(
            a, np.where(np.isfinite(log_q), np.maximum(log_q, np.log(1e-7)), log_q)
        )


class SmoothingSumOverflows(Right):
    def losses(self, a, log_q):
        if not self.eps or self.kind != np.float16:
            return super().losses(a, log_q)
        share = self.eps / self.K * self.w * self.counts[:, None]
        smooth = -(self.w * log_q).sum(axis=1).astype(np.float16).astype(self.wide)
        return super().losses(a - share, log_q) + smooth * self.eps / self.K * self.counts


class Cancelled(Right):
    """This is Right itself, and PyTorch: what they lack, the flag SmallLoss notices."""


# Mistakes without an address, which no public suite of five noticed.


class CountOverflows(Right):
    def divisor(self):
        return np.asarray(super().divisor(), self.kind)


class TailDropped(Right):
    block = 512

    def exp_sum(self, d):
        whole = self.K // self.block * self.block or self.K
        return super().exp_sum(d[:, :whole])


class OneMaximum(Right):
    def maximum(self, x):
        return np.full((len(x), 1), x.max() if x.size else 0, self.wide)


class SmoothingOverRows(Right):
    def coefficients(self, p):
        return self.w * ((1 - self.eps) * p + self.eps / len(p)) * self.counts[:, None]


class NegativeIgnored(Right):
    def counting(self, y, ignore_index):
        return (y >= 0) & (y != ignore_index)


class SmoothingOthers(Right):
    def coefficients(self, p):
        others = (1 - p) / max(self.K - 1, 1)
        return self.w * ((1 - self.eps) * p + self.eps * others) * self.counts[:, None]


class SmoothingIgnoredRows(Right):
    def losses(self, a, log_q):
        return super().losses(
            a + np.where(self.counts[:, None], 0, self.w * self.eps / self.K), log_q
        )


class GradientOfDistributions(Right):
    def gradient(self, a, log_q, lse, factor):
        S = a.sum(axis=1, keepdims=True)
        return super().gradient(a, log_q, lse, factor) + factor * np.where(
            self.soft & ((self.w == 1).all()), (1 - S) * np.exp(log_q), 0
        )


class MaskedFirstBlock(Blocked):
    def log_softmax(self, x):
        log_q, lse = super().log_softmax(x)
        broken = np.isinf(x[:, : self.block]).all(axis=1)  # -inf - (-inf)
        return np.where(broken[:, None], np.nan, log_q), lse


class HalfAccumulator(Right):
    """A sum that is kept in 16 bits, whatever comes in."""

    def exp_sum(self, d):
        return np.exp(d.astype(np.float16)).sum(axis=1, keepdims=True).astype(self.wide)


# Options that are right one by one, and lost together.


class WeightsLostInNone(Right):
    def coefficients(self, p):
        if self.reduction == "none" and not self.soft:
            self.w = np.ones_like(self.w)
        return super().coefficients(p)


class WeightsOfGradientLostInNone(Right):
    def gradient(self, a, log_q, lse, factor):
        if self.reduction == "none" and not self.soft:
            a = a / self.w
        return super().gradient(a, log_q, lse, factor)


class WeightsLostInSum(Right):
    def coefficients(self, p):
        if self.reduction == "sum" and not self.soft:
            self.w = np.ones_like(self.w)
        return super().coefficients(p)


class SumOverWeights(Right):
    def divisor(self):
        by_weights = self.reduction == "sum" and (self.w != 1).any() and not self.soft
        return self.w[self.y[self.counts]].sum() if by_weights else super().divisor()


class SmoothingLostInNone(Right):
    def coefficients(self, p):
        if self.reduction == "none" and not self.soft:
            self.eps = 0
        return super().coefficients(p)


class SmoothingLostInSum(Right):
    def coefficients(self, p):
        if self.reduction == "sum":
            self.eps = 0
        return super().coefficients(p)


class SmoothingIgnoredRowsInNone(Right):
    def losses(self, a, log_q):
        kept = np.where(self.counts[:, None] | (self.reduction != "none"), 0, self.w)
        return super().losses(a + kept * self.eps / self.K, log_q)


class SumOfProbabilitiesAsMean(Right):
    def divisor(self):
        as_mean = self.reduction == "sum" and self.soft
        return len(self.counts) if as_mean else super().divisor()


class DivisorAtLeastOne(Right):
    def divisor(self):
        divisor = super().divisor()
        return np.where((divisor > 0) & (divisor < 1), 1, divisor)  # 0 / 0 has its own case


class NanSwallowed(Right):
    def transform(self, z):
        return np.where(np.isnan(z), -np.inf, super().transform(z))


class IgnoredTimesZero(Right):
    def finish(self, gradient, a):
        return gradient + 0 * np.where(self.counts[:, None], 0, self.x)

    def transform(self, z):
        self.x = super().transform(z)
        return self.x


# The three functions beside the loss, with their gradients.


def parts(logits):
    """Classes last: the logits, their maximum, exponentials below it and their sum."""
    z = np.moveaxis(
        logits.astype(np.float32 if logits.dtype == np.float16 else logits.dtype), 1, -1
    )
    top = z.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    e = np.exp(z - top)
    return z, top, e, e.sum(axis=-1, keepdims=True)


def logsumexp(logits, upstream):
    z, top, e, s = parts(logits)
    value = (top + np.log(s))[..., 0]
    gradient = upstream[:, None] * np.moveaxis(e / s, -1, 1)
    return value.astype(logits.dtype), gradient.astype(logits.dtype)


def log_softmax(logits, upstream):
    z, top, e, s = parts(logits)
    value = z - top - np.log(s)
    total = upstream.sum(axis=1, keepdims=True, dtype=z.dtype)
    gradient = upstream - np.moveaxis(e / s, -1, 1) * total
    return np.moveaxis(value, -1, 1).astype(logits.dtype), gradient.astype(logits.dtype)


def softmax(logits, upstream):
    z, top, e, s = parts(logits)
    q = np.moveaxis(e / s, -1, 1)
    gradient = q * (upstream - (q * upstream).sum(axis=1, keepdims=True))
    return q.astype(logits.dtype), gradient.astype(logits.dtype)


def late_log_softmax(logits, upstream):
    """z - lse"""
    gradient = log_softmax(logits, upstream)[1]
    return logits - np.expand_dims(logsumexp(logits, upstream[:, 0])[0], 1), gradient


def log_softmax_gap(logits, upstream):
    """ln of a softmax in which what is subnormal has become 0."""
    q, gradient = softmax(logits, upstream)[0], log_softmax(logits, upstream)[1]
    return np.log(np.where(q < np.finfo(np.float32).tiny, 0, q)).astype(logits.dtype), gradient


def upstream_overflows(logits, upstream):
    q, total = softmax(logits, upstream)[0], upstream.sum(axis=1, keepdims=True)
    return log_softmax(logits, upstream)[0], upstream - q * total


def key(made):
    """MeanOverRows, mean_over_rows -> mean-over-rows"""
    words = re.findall("[A-Z]?[a-z]+", made.__name__)
    return "-".join(words).lower()


MISTAKES = {
    key(cls): (cls(), "cross_entropy")
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Right) and cls not in (Right, Blocked)
}
MISTAKES |= {
    key(f): (f, "log_softmax") for f in (late_log_softmax, log_softmax_gap, upstream_overflows)
}


# Measuring


def all_cases(function="cross_entropy", formats=("float64", "float32", "float16")):
    return check.cases(function, formats, beyond=True)


def usual(cases):
    """Those in which Right is right."""
    return [case for case in cases if "SmallLoss" not in case.flags]


def noticed_by(function, cases, most=None):
    """The cases in which it is wrong."""
    found = []
    for case in cases:
        if check.faults(function, case, "plain", explain=False):
            found.append(case)
            if len(found) == most:
                break
    return found


def mutants():
    """Name, function of the file, and a changed one, for every change of one operation."""
    sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
    import mutants as changes

    for cls in (Right, Blocked):
        source = inspect.getsource(cls)
        for mutant in changes.mutants(source):
            yield f"{cls.__name__} {mutant}", "cross_entropy", (mutant.tree, cls.__name__)
    for function in (logsumexp, log_softmax, softmax):
        source = inspect.getsource(parts) + "\n\n" + inspect.getsource(function)
        for mutant in changes.mutants(source):
            yield (
                f"{function.__name__} {mutant}",
                function.__name__,
                (mutant.tree, function.__name__),
            )


def made(tree, name):
    """The function that a mutant's tree defines; or None, if it cannot be made."""
    names = dict(globals())
    try:
        exec(compile(tree, "mutant", "exec"), names)
        return names[name]() if isinstance(names[name], type) else names[name]
    except Exception:
        return None


def held_back(names, share=1 / 3, seed=20):
    """Those that were not looked at while the cases were chosen."""
    return set(random.Random(seed).sample(sorted(names), round(share * len(names))))


def table():
    """Each mistake, its cases, how many of them each flag has, and if only those beyond are any."""
    cases = {name: all_cases(name) for name in check.FUNCTIONS}
    for name, (made_again, function) in MISTAKES.items():
        among = cases[function] if name == "cancelled" else usual(cases[function])
        found = noticed_by(made_again, among)
        flags = Counter(flag for case in found for flag in case.flags)
        yield name, found, flags, all(case.beyond for case in found)


def main():
    public = json.loads(check.FILE.read_text(encoding="utf-8"))["mistakes"]
    missed = 0
    for name, found, flags, beyond in table():
        missed += not found
        by = ", ".join(f"{flag} {n}" for flag, n in flags.most_common()) or "NOT NOTICED"
        where = (
            public[name]["address"].partition("github.com/")[2] if name in public else "no address"
        )
        print(f"{name:26} {where:45} {by}{' (all beyond)' if found and beyond else ''}")
    print(f"\n{len(MISTAKES) - missed} of {len(MISTAKES)} mistakes are noticed.")
    if "--mutants" in sys.argv:
        show(measure())


def measure():
    """Name of each mutant -> whether it is noticed."""
    by_function = {name: usual(all_cases(name)) for name in check.FUNCTIONS}
    noticed = {}
    for name, function, made_from in mutants():
        changed = made(*made_from)
        with np.errstate(all="ignore"):
            noticed[name] = changed is None or bool(noticed_by(changed, by_function[function], 1))
    return noticed


def show(noticed):
    held = held_back(noticed)
    for title, names in (("seen", noticed.keys() - held), ("held back", held)):
        print(f"{title}: {sum(noticed[n] for n in names)} of {len(names)} mutants are noticed")
    for name in (n for n in noticed if not noticed[n]):
        print(f"  not noticed{' (held back)' if name in held else ''}: {name}")


if __name__ == "__main__":
    main()
