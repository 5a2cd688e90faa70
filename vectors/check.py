"""Check an implementation of cross-entropy, softmax or log-sum-exp against known answers.

    python check.py torch.nn.functional:cross_entropy
    python check.py my_module:my_loss --formats float32 float16 --groups labels ignored

One file, with cross_entropy.json beside it; numpy alone, and the library of what is checked.
README.md has the forms of functions, and examples for other libraries and languages.
"""

import argparse
import importlib
import inspect
import json
import math
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, "")
FILE = Path(__file__).with_name("cross_entropy.json")
DEFAULTS = {"reduction": "mean", "ignore_index": -100, "label_smoothing": 0.0, "weight": None}
DEFAULTS |= {"logit_scale": 1.0, "softcap": 0.0, "z_loss": 0.0}
FUNCTIONS = ["cross_entropy", "log_softmax", "logsumexp", "softmax"]


class Skip(Exception):
    """The function does not claim to do this."""


# The file


def array(spec, part=None, dtype=float):
    """Numbers of the file as an array: data, or runs of value and times."""
    packed = spec[part] if part else spec
    values = packed.get("data")
    if values is None:
        values = [v for v, n in packed["runs"]]
        counts = [n for v, n in packed["runs"]]
        return np.repeat(np.array(values, dtype=dtype), counts).reshape(spec["shape"])
    return np.array(values, dtype=dtype).reshape(spec["shape"])


class Case:
    """A case in one format: inputs as numpy arrays (bfloat16: in float64), options, answers."""

    def __init__(self, data, spec, format):
        self.spec, self.format = spec, format
        self.unit = data["formats"][format]
        for name in ("id", "group", "flags", "function"):
            setattr(self, name, spec[name])
        self.beyond = format in spec["beyond"]
        self.refuse = spec.get("refuse", False)
        self.logits = array(spec["logits"])
        self.upstream = array(spec["upstream"])
        self.labels = array(spec["labels"], dtype=np.int64) if "labels" in spec else None
        self.probabilities = array(spec["probabilities"]) if "probabilities" in spec else None
        self.target = self.probabilities if self.labels is None else self.labels
        self.options = dict(spec["options"])
        if "weight" in self.options:
            self.options["weight"] = array(self.options["weight"])
        if not self.refuse:
            self.value = array(spec["value"])
            self.value_bound = self.bound(spec["value"])
            self.gradient = array(spec["gradient"]) if spec["gradient"] else None
            if spec["gradient"]:
                self.gradient_bound = self.bound(spec["gradient"])

    def flatten(self):
        """Positions as rows, and one row as a batch: (N, K) always."""
        K = self.logits.shape[1] if self.logits.ndim > 1 else len(self.logits)

        def rows(tensor):
            return (
                tensor
                if tensor is None
                else np.moveaxis(np.atleast_2d(tensor), 1, -1).reshape(-1, K)
            )

        per_row = self.options.get("reduction") == "none" or self.function == "logsumexp"
        like_logits = self.function in ("log_softmax", "softmax")
        flat = rows if like_logits else np.ravel if per_row else lambda values: values
        self.logits, self.probabilities = rows(self.logits), rows(self.probabilities)
        if self.labels is not None:
            self.labels = self.labels.reshape(-1)
        self.target = self.probabilities if self.labels is None else self.labels
        self.upstream = flat(self.upstream)
        if not self.refuse:
            self.value, self.value_bound = flat(self.value), flat(self.value_bound)
            if self.gradient is not None:
                self.gradient, self.gradient_bound = rows(self.gradient), rows(self.gradient_bound)
        return self

    def bound(self, spec):
        unit = self.unit
        bound = array(spec, "inner") * unit["inner"] + array(spec, "outer") * unit["outer"]
        return bound + unit["floor"]

    def __str__(self):
        return f"{self.id}:{self.format}"


def cases(
    function="cross_entropy",
    formats=("float64", "float32"),
    groups=(),
    beyond=False,
    flat=False,
    targets=None,
):
    """The cases of a function, in the order of the file.

    beyond: what PyTorch does not reach, too; flat: as rows, for functions of (N, K);
    targets: "labels" or "probabilities", for functions that take no others.
    """
    data = json.loads(FILE.read_text(encoding="utf-8"))
    found = [
        Case(data, spec, format)
        for spec in data["cases"]
        if spec["function"] == function and (not groups or spec["group"] in groups)
        if targets is None or targets in spec
        for format in formats
        if format in spec["formats"] and (beyond or format not in spec["beyond"])
    ]
    return [case.flatten() for case in found] if flat else found


# Forms of functions: each calls one with a case, and gives value, gradient, logits afterwards.


def plain(function, case, device=None):
    """f(logits, target, upstream=..., **options) -> value, or (value, gradient), in numpy."""
    kind = np.dtype(numpy_format(case))
    arrays = {
        k: v.astype(kind) if isinstance(v, np.ndarray) else v for k, v in case.options.items()
    }
    logits = case.logits.astype(kind)
    inputs = [logits] if case.target is None else [logits, target_as(case, kind)]
    keywords = supported(function, arrays)
    upstream = case.upstream.astype(kind)
    if takes(function, "upstream"):
        keywords["upstream"] = upstream if upstream.ndim else upstream[()]
    elif case.target is None and takes(function, "axis"):
        keywords["axis"] = 1
    result = function(*inputs, **keywords)
    value, gradient = result if isinstance(result, tuple) else (result, None)
    return value, gradient, logits


def numpy_format(case):
    if case.format != "bfloat16":
        return case.format
    with suppress(ImportError):  # it teaches numpy this format
        return importlib.import_module("ml_dtypes").bfloat16
    raise Skip("numpy has no bfloat16 (without ml_dtypes)")


def target_as(case, kind):
    return case.probabilities.astype(kind) if case.labels is None else case.labels.copy()


def to_torch(case, device):
    import torch

    kind = getattr(torch, case.format)

    def convert(values):
        if isinstance(values, np.ndarray):
            whole = values.dtype == np.int64
            return torch.tensor(values, dtype=torch.int64 if whole else kind, device=device)
        return values

    return torch, convert


def torch_backward(torch, value, leaf, upstream):
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value, leaf, upstream.expand_as(value))
        return gradient
    return None


def torch_form(function, case, device=None):
    """f(logits, target, **options), as torch.nn.functional.cross_entropy; f(z, dim) without target."""
    torch, convert = to_torch(case, device)
    leaf = convert(case.logits).requires_grad_()
    options = supported(function, {k: convert(v) for k, v in case.options.items()})
    inputs = [leaf]
    if case.target is None:
        options["dim"] = 1
    else:
        inputs.append(convert(case.target))
    value = function(*inputs, **options)
    gradient = torch_backward(torch, value, leaf, convert(case.upstream))
    return value, gradient, leaf


def linear_form(function, case, device=None):
    """f(input, linear_weight, target, **options): the rows of the identity times the logits."""
    torch, convert = to_torch(case, device)
    if case.logits.ndim != 2 or not len(case.logits):
        raise Skip("rows of logits only")
    if len(case.logits) > 1 and not np.isfinite(case.logits).all():
        raise Skip("infinite logits cannot come out of a product of several rows")
    leaf = convert(np.ascontiguousarray(case.logits.T)).requires_grad_()
    options = supported(function, {k: convert(v) for k, v in case.options.items()})
    value = function(convert(np.eye(len(case.logits))), leaf, convert(case.target), **options)
    gradient = torch_backward(torch, value, leaf, convert(case.upstream))
    return value, None if gradient is None else gradient.T, leaf.T


def rows_form(function, case, device=None):
    """f(logits, target) -> losses; classes last, no options: optax, mlx, tf.nn by keywords.

    The library is known by the module of the function: jax, mlx, tensorflow, torch, or numpy.
    """
    if set(case.options) - {"reduction"}:
        raise Skip("no options")
    if case.target is None:
        raise Skip("a loss")
    to, back = library(function, case)
    z = case.logits if case.logits.ndim == 1 else np.moveaxis(case.logits, 1, -1)
    target = case.target
    if case.labels is None and target.ndim > 1:
        target = np.moveaxis(target, 1, -1)
    reduction = case.options.get("reduction", "mean")
    if case.labels is not None and (target == -100).any():
        raise Skip("no ignored rows")
    factor = 1 / max(z[..., 0].size, 1) if reduction == "mean" else 1
    rows, gradient = back(
        lambda x: call_rows(function, x, to(target)), to(z), case.upstream * factor
    )
    rows = np.asarray(rows, dtype=float)
    value = rows if reduction == "none" else rows.sum() * factor
    if gradient is not None:
        gradient = np.asarray(gradient, dtype=float)
        gradient = gradient if z.ndim == 1 else np.moveaxis(gradient, -1, 1)
    return value, gradient, case.logits


def call_rows(function, z, target):
    names = parameters(function)
    return (
        function(logits=z, labels=target)
        if "labels" in names and names[0] != "logits"
        else function(z, target)
    )


def library(function, case):
    """How to make its arrays, and how to go back through a function of them."""
    name = (getattr(function, "__module__", None) or "").partition(".")[0]
    if name in {"jax", "optax", "flax"}:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", case.format == "float64")

        def back(f, x, upstream):
            value, pull = jax.vjp(f, x)
            return value, pull(jnp.broadcast_to(jnp.asarray(upstream, value.dtype), value.shape))[0]

        return lambda v: jnp.asarray(v, kind_of(v, case)), back
    if name == "mlx":
        import mlx.core as mx

        def to(v):
            return (
                mx.array(v.astype(np.int32))
                if v.dtype == np.int64
                else mx.array(v, getattr(mx, case.format))
            )

        def back(f, x, upstream):
            value = f(x)
            upstream = mx.broadcast_to(mx.array(upstream, value.dtype), value.shape)
            return [np.array(v[0].astype(mx.float32)) for v in mx.vjp(f, [x], [upstream])]

        return to, back
    if name == "tensorflow":
        import tensorflow as tf

        def back(f, x, upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = f(x)
            upstream = tf.broadcast_to(tf.cast(upstream, value.dtype), value.shape)
            gradient = tape.gradient(value, x, upstream)
            return tf.cast(value, "float64"), tf.cast(gradient, "float64")

        return lambda v: tf.cast(v, kind_of(v, case)), back
    if name == "torch":
        torch, convert = to_torch(case, None)

        def back(f, x, upstream):
            value = f(x.requires_grad_())
            gradient = torch_backward(torch, value, x, torch.tensor(upstream).to(value))
            return value.detach().double(), None if gradient is None else gradient.double()

        return convert, back
    kind = numpy_format(case)
    return lambda v: v if v.dtype == np.int64 else v.astype(kind), lambda f, x, upstream: (
        f(x),
        None,
    )


def kind_of(values, case):
    return (
        "int64"
        if case.format == "float64" and values.dtype == np.int64
        else "int32"
        if values.dtype == np.int64
        else case.format
    )


FORMS = {"torch": torch_form, "linear": linear_form, "rows": rows_form, "plain": plain}


def parameters(function):
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a builtin does not say
        return []


def takes(function, name):
    with suppress(TypeError, ValueError):
        found = inspect.signature(function).parameters
        return name in found or any(p.kind is p.VAR_KEYWORD for p in found.values())
    return False


def supported(function, options):
    """The options, if the function has parameters of these names."""
    if parameters(function):
        for name in options:
            if not takes(function, name):
                raise Skip(f"no {name}")
    return options


def form_of(function):
    module = getattr(function, "__module__", None) or type(function).__module__
    if module.startswith("torch") or "torch" in str(getattr(sys.modules.get(module), "torch", "")):
        return "linear" if "linear" in getattr(function, "__name__", "") else "torch"
    return "rows" if module.split(".")[0] in {"optax", "jax", "mlx", "tensorflow"} else "plain"


def numbers(values):
    if values is None:
        return None
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values).astype(float)


# Comparing


def off(found, answer, bound):
    """Where it is neither the same nor near enough."""
    with np.errstate(invalid="ignore"):
        near = np.abs(found - answer) <= bound
    return ~(near | (found == answer) | (np.isnan(found) & np.isnan(answer)))


def faults(function, case, form=None, device=None, gradients=True, slack=1.0, explain=True):
    """What is wrong with the function in this case: a list of lines, empty if it is right.

    Raises Skip where it does not have an option or format of the case.
    """
    call = FORMS[form or form_of(function)]
    try:
        with np.errstate(all="ignore"):
            value, gradient, logits = (numbers(v) for v in call(function, case, device))
    except Skip:
        raise
    except NotImplementedError as error:
        raise Skip(str(error).split("\n")[0]) from None
    except Exception as error:
        text = str(error).split("\n")[0]
        return [] if case.refuse else [f"it raised {type(error).__name__}: {text[:100]}"]
    if case.refuse:
        refused = np.isnan(value).any()
        return [] if refused else [f"it gave {show(value)} for a label that is no class"]
    meaning = reason if explain else lambda *_: ""
    also = [a["value"] for a in case.spec.get("also", [])]
    found = []
    if value.shape != case.value.shape:
        found.append(f"the value has the shape {value.shape}, not {case.value.shape}")
    elif also and (value == float(also[0])).all():
        pass
    elif off(value, case.value, slack * case.value_bound).any():
        found.append(compare("value", value, case.value) + meaning(case, "value", value))
    if gradients and gradient is not None and case.gradient is not None:
        if gradient.shape != case.gradient.shape:
            found.append(f"the gradient has the shape {gradient.shape}, not {case.gradient.shape}")
        elif off(gradient, case.gradient, slack * case.gradient_bound).any():
            found.append(
                compare("gradient", gradient, case.gradient) + meaning(case, "gradient", gradient)
            )
    if logits.shape == case.logits.shape and not np.array_equal(
        logits, case.logits, equal_nan=True
    ):
        found.append("the logits are no longer what they were: something is written into them")
    return found


def show(x):
    return f"{x.flat[0]:.9g}" if x.size == 1 else "entries that differ"


def compare(name, found, answer):
    if found.size == 1:
        return f"{name} {found.flat[0]:.9g} for {answer.flat[0]:.9g}"
    wrong = ~((found == answer) | (np.isnan(found) & np.isnan(answer)))
    with np.errstate(invalid="ignore"):
        distance = np.where(wrong, np.abs(found - answer), -1)
    at = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), found.shape)
    place = ", ".join(map(str, at))
    return f"{name} [{place}] {found[at]:.9g} for {answer[at]:.9g}"


# What a failure means: the answer that one gets by each of these mistakes is compared with
# what was found.


def answer(case, **changes):
    """Value and gradient in float64, with some of the inputs changed."""
    o = DEFAULTS | case.options | changes
    z, cap, scale = case.logits, o["softcap"], o["logit_scale"]
    squeeze = z.ndim == 1
    z = z[None] if squeeze else z
    rows = np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])
    N, K = rows.shape
    tanh = np.tanh(scale * rows / cap) if cap else 0
    x = cap * tanh if cap else scale * rows
    w = np.ones(K) if o["weight"] is None else o["weight"]
    eps = o["label_smoothing"]
    if case.labels is None:
        p = np.moveaxis(case.probabilities[None] if squeeze else case.probabilities, 1, -1)
        p, counted = p.reshape(-1, K), np.ones(N, bool)
        divisor = N
    else:
        y = o.get("labels", case.labels).reshape(-1)
        counted = y != o["ignore_index"]
        p = np.zeros((N, K))
        p[np.arange(N), np.where(counted, y, 0) % K] = 1
        divisor = w[np.where(counted, y, 0) % K][counted].sum()
    a = w * ((1 - eps) * p + eps / K) * counted[:, None]
    a = o["coefficients"](a, p, counted) if "coefficients" in o else a
    top = x.max(axis=1, keepdims=True)
    lse = top + np.log(np.exp(x - top).sum(axis=1, keepdims=True))
    log_q = x - top - np.log(np.exp(x - top).sum(axis=1, keepdims=True))
    z_loss = o["z_loss"] * np.where(counted[:, None], lse, 0)
    losses = -np.where(a == 0, 0, a * log_q).sum(axis=1) + (z_loss * lse)[:, 0]
    divisor = o.get("divisor", divisor) if o["reduction"] == "mean" else o.get("sum_divisor", 1)
    up = o.get("upstream", case.upstream)
    g = (a.sum(axis=1, keepdims=True) + 2 * z_loss) * np.exp(log_q) - a
    g = g * scale * (1 - tanh**2)
    if o["reduction"] == "none":
        shape = np.shape(case.value)
        value, g = losses.reshape(shape), g * up.reshape(-1, 1)
    else:
        value, g = losses.sum() / divisor, g * up / divisor
    g = np.moveaxis(g.reshape(np.moveaxis(z, 1, -1).shape), -1, 1)
    return {"value": np.asarray(value), "gradient": g[0] if squeeze else g}


def changed_answers(case):
    """Pairs: what a mistake is called, and the answers that it gives."""
    K = case.logits.shape[1] if case.logits.ndim > 1 else len(case.logits)
    N = case.logits.size // K
    o = DEFAULTS | case.options
    w = o["weight"]
    mean = o["reduction"] == "mean"
    counted = None if case.labels is None else case.labels != o["ignore_index"]

    def by(name, **changes):
        with np.errstate(all="ignore"):
            return name, answer(case, **changes)

    if mean:
        if counted is not None:
            yield by("divided by the number of all rows", divisor=N)
            yield by(
                "divided by the number of rows that count, not by their weights",
                divisor=counted.sum(),
            )
        if w is not None and counted is not None:
            safe = np.where(counted, case.labels, 0)
            yield by(
                "divided by the weights of all rows, ignored ones, too", divisor=(w[safe]).sum()
            )
        if w is not None and counted is None:
            yield by(
                "divided by the weights of the targets, not by the rows",
                divisor=(
                    case.probabilities * w.reshape((-1,) + (1,) * (case.probabilities.ndim - 2))
                ).sum(),
            )
        yield by("not divided: a sum", divisor=1)
        yield by("divided by the number of entries", divisor=N * K)
        yield by("divided by the number of batches, not of positions", divisor=len(case.logits))
    if o["reduction"] == "sum":
        yield by("divided by the number of rows, as a mean", sum_divisor=N)
    if w is not None:
        yield by("the class weights are not used", weight=None)
    if o["label_smoothing"]:
        eps, ones = o["label_smoothing"], np.ones(K) if w is None else w
        yield by("label smoothing is not used", label_smoothing=0.0)
        yield by(
            "smoothing e / (K - 1) for the other classes",
            coefficients=lambda a, p, c: (
                ones * ((1 - eps) * p + eps / max(K - 1, 1) * (1 - p)) * c[:, None]
            ),
        )
        yield by(
            "smoothing e / K for the other classes only",
            coefficients=lambda a, p, c: ones * ((1 - eps) * p + eps / K * (1 - p)) * c[:, None],
        )
        yield by(
            "the smooth part is a sum over the classes, not a mean",
            coefficients=lambda a, p, c: ones * ((1 - eps) * p + eps) * c[:, None],
        )
        if w is not None:
            yield by(
                "the smooth part is weighted by the label, not class by class",
                coefficients=lambda a, p, c: (
                    (p @ w)[:, None] * ((1 - eps) * p + eps / K) * c[:, None]
                ),
            )
            yield by(
                "the smooth part has no weights",
                coefficients=lambda a, p, c: ((1 - eps) * w * p + eps / K) * c[:, None],
            )
        if counted is not None and not counted.all():
            yield by(
                "ignored rows are smoothed",
                coefficients=lambda a, p, c: ones * ((1 - eps) * p * c[:, None] + eps / K),
            )
    if counted is not None and counted.any() and not counted.all():
        yield by("ignored rows are not ignored", ignore_index=None)
    if o["logit_scale"] != 1:
        yield by("the scale is not used", logit_scale=1.0)
    if o["softcap"]:
        yield by("the cap is not used", softcap=0.0)
    if case.labels is not None and N > 1 and counted.all():
        shifted = np.roll(case.labels.reshape(-1), -1)
        yield by("labels of the next row: shifted once too often", labels=shifted)
    if (up := case.upstream).size > 1:
        yield by(
            "the upstream gradient of the first row is used for all",
            upstream=np.full(N, up.flat[0]),
        )
    yield by("the upstream gradient is not used", upstream=np.ones_like(up))


def reason(case, part, found):
    """What this failure looks like, as the end of a sentence; or nothing."""
    right = getattr(case, part)
    bound = getattr(case, part + "_bound")
    finite = np.isfinite(right)
    if np.isnan(found[finite]).any():
        return f": NaN in {int(np.isnan(found[finite]).sum())} places" + (
            ", where a logit is infinite" if np.isinf(case.logits).any() else ""
        )
    if np.isinf(found[finite]).any():
        return ": infinite, for " + (
            "exp of a logit overflows, or its sum does"
            if np.abs(right[finite]).max() < 100
            else "the format"
        )
    if case.function == "cross_entropy":
        for name, answers in changed_answers(case):
            other = answers[part]
            room = 4 * bound + 1e-9 * np.abs(other)
            if off(other, right, 2 * bound).any() and not off(found, other, room).any():
                return f": {name}"
    if "Offset" in case.flags and np.isfinite(found).all():
        return ": digits of a far offset: subtract the maximum first, then the score"
    found, right, bound = found[finite], right[finite], bound[finite]
    if not found.any() and right.any():
        return ": all zero"
    if not off(found, -right, bound).any():
        return ": the sign"
    if part == "value" and case.function == "cross_entropy":
        for n in range(2, 17):
            for sign, word in ((1, "too big"), (-1, "too small")):
                change = sign * math.log(n)
                if (
                    not off(found, right + change, 4 * bound).any()
                    and (np.abs(change) > 8 * bound).all()
                ):
                    return f": {word} by exactly ln {n}: of {n} shards or copies"
    with np.errstate(all="ignore"):
        ratio = found / right
    ratio = ratio[np.isfinite(ratio) & (np.abs(right) > 100 * bound)]
    if ratio.size and np.ptp(ratio) <= 1e-3 * abs(ratio[0]) and abs(ratio[0] - 1) > 1e-4:
        return f": {factor(case, float(np.median(ratio)))}"
    wrong = off(found, right, bound)
    if wrong.size > 1 and not wrong.flat[0] and wrong.mean() > 0.5:
        return ": right in the first entry, wrong in most others"
    if part == "gradient" and case.labels is not None and case.logits.ndim == 2 and finite.all():
        at_label = np.zeros(case.logits.shape, bool)
        valid = (case.labels >= 0) & (case.labels < case.logits.shape[1])
        at_label[np.nonzero(valid)[0], case.labels[valid]] = True
        if not wrong.reshape(at_label.shape)[~at_label].any():
            return ": wrong at the label only: digits of q - 1, or of the format"
    if (np.abs(found - right) < 2**-6 * np.maximum(np.abs(right), 1e-3)).all():
        return ": digits are lost: something is rounded on the way"
    return ""


def factor(case, ratio):
    """A constant factor, in the letters of the case."""
    K = case.logits.shape[1] if case.logits.ndim > 1 else len(case.logits)
    N = case.logits.size // K
    scale = case.options.get("logit_scale", 1)
    known = {"the scale": scale, "1/scale": 1 / scale}
    known |= {"1 - e": 1 - case.options.get("label_smoothing", 0), "2": 2, "1/2": 0.5}
    known |= {"K": K, "1/K": 1 / K, "N": N, "1/N": 1 / N, "1/ln 2 (bits for nats)": 1 / math.log(2)}
    for name, value in known.items():
        if value and abs(value - 1) > 1e-3 and abs(ratio / value - 1) < 1e-3:
            return f"too big by the factor {name}"
    near = Fraction(ratio).limit_denominator(64)
    exact = f", {near}" if near and abs(float(near) / ratio - 1) < 1e-4 else ""
    return f"a constant factor, {ratio:.5g}{exact}"


# The command


def load(name):
    module, _, attribute = name.partition(":")
    if module.endswith(".py"):
        sys.path.insert(0, str(Path(module).resolve().parent))
        module = Path(module).stem
    found = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def expected(path):
    """Lines `id reason` or `id:format reason`; what stands behind # does not count."""
    lines = [
        line.partition("#")[0].split(None, 1)
        for line in Path(path).read_text(encoding="utf-8").splitlines()
    ]
    reasons = {}
    for line in filter(None, lines):
        if len(line) < 2:
            raise SystemExit(f"{path}: a reason is missing behind {line[0]}")
        reasons[line[0]] = line[1]
    return reasons


def suspicious(table, most=4):
    """The flags with the largest share of wrong checks: most likely what it is about."""
    shares = {
        flag: row["WRONG"] / max(row["WRONG"] + row["right"], 1) for flag, row in table.items()
    }
    return sorted((flag for flag in shares if shares[flag]), key=shares.get, reverse=True)[:most]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("function", help="module:name, or path/to/file.py:name")
    parser.add_argument("--what", choices=FUNCTIONS, help="by its name, else cross_entropy")
    parser.add_argument("--form", choices=FORMS, help="how it is called; by its module, else plain")
    parser.add_argument("--formats", nargs="+", default=["float64", "float32"])
    parser.add_argument("--groups", nargs="+", default=[], metavar="GROUP")
    parser.add_argument("--targets", choices=["labels", "probabilities"], help="only these")
    parser.add_argument("--device", help="of torch")
    parser.add_argument("--no-gradients", action="store_true")
    parser.add_argument(
        "--beyond", action="store_true", help="the level that PyTorch itself does not reach, too"
    )
    parser.add_argument("--flat", action="store_true", help="(N, K) in every case")
    parser.add_argument("--slack", type=float, default=1.0, help="multiply the bounds of rounding")
    parser.add_argument("--expected", metavar="FILE", help="known failures: lines of id and reason")
    options = parser.parse_args(arguments)
    function = load(options.function)
    name = options.function.rpartition(":")[2].rpartition(".")[2]
    what = options.what or (name if name in FUNCTIONS else "cross_entropy")
    known = expected(options.expected) if options.expected else {}
    every = cases(
        what, options.formats, options.groups, options.beyond, options.flat, options.targets
    )
    if not every:
        parser.error("no case of these groups and formats")

    table, failed, skipped, passed = {}, [], {}, []
    for case in every:
        reason = known.get(str(case)) or known.get(case.id)
        try:
            found = faults(
                function,
                case,
                options.form,
                options.device,
                not options.no_gradients,
                options.slack,
            )
        except Skip as why:
            result = "skipped"
            skipped.setdefault(str(why), []).append(case)
        else:
            result = "right" if not found else "expected" if reason else "WRONG"
            if result == "WRONG":
                failed.append((case, found))
            if reason and not found:
                passed.append(case)
        for flag in case.flags:
            table.setdefault(flag, dict.fromkeys(["right", "WRONG", "expected", "skipped"], 0))[
                result
            ] += 1

    print(f"{options.function} as {what}, {', '.join(options.formats)}: {len(every)} checks\n")
    print(f"{'flag':20}{'right':>7}{'WRONG':>7}{'expected':>10}{'skipped':>9}")
    for flag, row in table.items():
        print(
            f"{flag:20}"
            + "".join(
                f"{n or '·':>{width}}" for n, width in zip(row.values(), (7, 7, 10, 9), strict=True)
            )
        )
    about = json.loads(FILE.read_text(encoding="utf-8"))
    if failed:
        print("\nWrong:")
    for case, found in failed:
        print(f"  {case} — {case.spec['about']}")
        for line in found:
            print(f"      {line}")
    for flag in suspicious(table):
        print(f"\n{flag}: {about['flags'][flag]['about']}. {about['flags'][flag]['why']}")
        for key in about["flags"][flag]["mistakes"]:
            m = about["mistakes"][key]
            print(f"    {m['date']} {m['what']}: {m['address']}")
    for why, which in skipped.items():
        print(f"\nSkipped, {why}: {len(which)}")
    for case in passed:
        print(f"\nExpected to fail, and right: {case}. Take its line out of {options.expected}.")
    if failed:
        print(f"\n{len(failed)} of {len(every)} checks are wrong.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
