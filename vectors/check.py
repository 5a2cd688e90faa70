"""Check an implementation of cross-entropy, softmax or log-sum-exp against known answers.

    python check.py torch.nn.functional:cross_entropy
    python check.py my_module:my_loss --formats float32 float16 --groups labels ignored

One file, with cross_entropy.json beside it; numpy alone, and the library of what is checked.
README.md has the forms of functions, and examples for other libraries and languages.
"""

import argparse
import copy
import importlib
import inspect
import json
import math
import sys
import traceback
import unittest
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, "")
FILE = Path(__file__).with_name("cross_entropy.json")
DEFAULTS = {"reduction": "mean", "ignore_index": -100, "label_smoothing": 0.0, "weight": None}
DEFAULTS |= {"logit_scale": 1.0, "softcap": 0.0, "z_loss": 0.0}
FUNCTIONS = ["cross_entropy", "log_softmax", "logsumexp", "softmax"]
FORMATS = ["float64", "float32", "bfloat16", "float16"]


class Skip(unittest.SkipTest):
    """The function does not claim to do this. pytest counts it as skipped."""


class Wrong(Exception):
    """What is wrong before any number can be compared."""


class Raised(Wrong):
    """The function raised something."""


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
    if unknown := {*formats} - {*FORMATS} | {*groups} - data["groups"].keys():
        raise ValueError(f"no such format or group: {', '.join(sorted(unknown))}")
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
    if isinstance(result, tuple) and len(result) != 2:
        raise Wrong(f"it returned {len(result)} results, not a value, or a value and a gradient")
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
    if not isinstance(value, torch.Tensor):
        raise Wrong(f"it returned {kind(value)}, not a tensor")
    if upstream.ndim and upstream.shape != value.shape:
        raise Wrong(f"the value has the shape {tuple(value.shape)}, not {tuple(upstream.shape)}")
    if not value.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(value, leaf, upstream.expand_as(value), allow_unused=True)
    return gradient


def kind(value):
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


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

    The library is that of the function, or what its file imports: see library_of.
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


LIBRARIES = {"torch": "torch", "jax": "jax", "optax": "jax", "flax": "jax"}
LIBRARIES |= {"mlx": "mlx", "tensorflow": "tensorflow"}


def module_of(function):
    return getattr(function, "__module__", None) or type(function).__module__


def imported(function):
    """The names of the modules from which what stands in the function's file comes."""
    for value in list(getattr(sys.modules.get(module_of(function)), "__dict__", {}).values()):
        name = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        if isinstance(name, str):
            yield name.partition(".")[0]


def library_of(function):
    """torch, jax, mlx or tensorflow, whose arrays it takes; or numpy."""
    name = module_of(function).partition(".")[0]
    found = [name] if name in LIBRARIES else sorted(LIBRARIES.keys() & {*imported(function)})
    return LIBRARIES[found[0]] if found else "numpy"


def library(function, case):
    """How to make its arrays, and how to go back through a function of them."""
    name = library_of(function)
    if name == "jax":
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
            value = tf.cast(value, "float64")
            return value, None if gradient is None else tf.cast(gradient, "float64")

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


def signature(function):
    """Its parameters, or those of a module's forward; None if a builtin does not say."""
    forward = getattr(function, "forward", None)
    with suppress(TypeError, ValueError):
        return inspect.signature(forward if callable(forward) else function).parameters
    return None


def parameters(function):
    return list(signature(function) or [])


def takes(function, name):
    found = signature(function) or {}
    return name in found or any(p.kind is p.VAR_KEYWORD for p in found.values())


def supported(function, options):
    """The options, if the function has parameters of these names."""
    if parameters(function):
        for name in options:
            if not takes(function, name):
                raise Skip(f"no {name}")
    return options


def form_of(function):
    name = module_of(function).partition(".")[0]
    if name == "torch" or name not in LIBRARIES and "torch" in imported(function):
        return "linear" if "linear" in getattr(function, "__name__", "") else "torch"
    return "rows" if name in LIBRARIES else "plain"


def numbers(values):
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values).astype(float)


def called(function, case, form, device):
    """Value, gradient or None, logits afterwards; raises Skip, Raised, Wrong."""
    try:
        with np.errstate(all="ignore"):
            value, gradient, logits = FORMS[form](function, case, device)
    except (Skip, Wrong):
        raise
    except (Exception, SystemExit) as error:
        text = str(error).split("\n")[0]
        # PyTorch's own says that this device, not that this function, lacks an operation.
        if isinstance(error, NotImplementedError) and not text.startswith("Could not run"):
            raise Skip(text or "not implemented") from None
        hint = isinstance(error, TypeError | AttributeError)
        hint = f" (called in the form {form}; --form if it has another)" if hint else ""
        text = f": {text[:100]}" if text else ""
        raise Raised(f"it raised {type(error).__name__}{text}{hint}") from None
    if value is None or isinstance(value, str):
        raise Wrong(f"it returned {kind(value)}, not numbers")
    try:
        gradient = None if gradient is None else numbers(gradient)
        return numbers(value), gradient, numbers(logits)
    except Exception as error:
        text = str(error).split("\n")[0]
        raise Wrong(f"it returned {kind(value)} that cannot be read: {text[:100]}") from None


# Comparing


def off(found, answer, bound):
    """Where it is neither the same nor near enough."""
    with np.errstate(invalid="ignore"):
        near = np.abs(found - answer) <= bound
    return ~(near | (found == answer) | (np.isnan(found) & np.isnan(answer)))


def faults(
    function, case, form=None, device=None, gradients=True, slack=1.0, explain=True, notes=None
):
    """What is wrong with the function in this case: a list of lines, empty if it is right.

    Raises Skip where it does not have an option or format of the case. To the list notes a case is
    added whose gradient was not looked at, as the function, of the form plain, gives none.
    """
    form = form or form_of(function)
    if case.refuse:
        return refusal(function, case, form, device)
    try:
        value, gradient, logits = called(function, case, form, device)
    except Wrong as error:
        return [str(error)]
    meaning = reason if explain else lambda *_: ""
    also = [a["value"] for a in case.spec.get("also", [])]
    found = []
    if value.shape != case.value.shape:
        found.append(f"the value has the shape {value.shape}, not {case.value.shape}")
    elif also and (value == float(also[0])).all():
        pass
    elif off(value, case.value, slack * case.value_bound).any():
        found.append(compare("value", value, case.value) + meaning(case, "value", value))
    if gradients and case.gradient is not None:
        by_itself = form == "plain" or form == "rows" and library_of(function) == "numpy"
        if gradient is None and by_itself:
            notes is None or notes.append(case)
        elif gradient is None:
            found.append("the value has no gradient (--no-gradients, if that is meant)")
        elif gradient.shape != case.gradient.shape:
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


def refusal(function, case, form, device):
    """A label that is no class has to raise, or give NaN; and the same call with classes must not."""
    try:
        value = called(function, case, form, device)[0]
        if not np.isnan(value).any():
            return [f"it gave {show(value)} for a label that is no class"]
    except Raised:
        pass
    except Wrong as error:
        return [str(error)]
    allowed = copy.copy(case)
    allowed.labels = allowed.target = case.labels % case.logits.shape[1]
    try:
        value = called(function, allowed, form, device)[0]
    except Wrong as error:
        return [f"{error}; also if all labels are classes"]
    return ["it gave NaN, also if all labels are classes"] if np.isnan(value).any() else []


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


def exp_sum(d, top=0):
    return np.exp(d).sum(axis=1, keepdims=True)


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
    log_sum = np.log(o.get("total", exp_sum)(x - top, top))
    lse, log_q = top + log_sum, x - top - log_sum
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
            if w is not None or not counted.all():
                yield by("divided by the number of rows that count", divisor=counted.sum())
        if w is not None and counted is not None:
            safe = np.where(counted, case.labels, 0)
            if 0 < w[case.labels[counted]].sum() < 1:
                yield by("divided by 1, as the weights sum to less", divisor=1)
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
        if case.logits.ndim > 2:
            yield by("divided by the number of batches, not of positions", divisor=len(case.logits))
    if o["reduction"] == "sum":
        yield by("divided by the number of rows, as a mean", sum_divisor=N)
        if w is not None and counted is not None:
            own = w[case.labels[counted]].sum()
            yield by("divided by the weights of the rows, as a mean", sum_divisor=own)
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
    yield by("the upstream gradient is not used", upstream=np.ones_like(case.upstream))
    if (up := case.upstream).size > 1:
        yield by(
            "the upstream gradient of the first row is used for all",
            upstream=np.full(N, up.flat[0]),
        )


def changed_sums(case):
    """The same, for what goes wrong between blocks of classes."""
    K = case.logits.shape[1] if case.logits.ndim > 1 else len(case.logits)
    cap = case.options.get("softcap")

    def not_rescaled(block):
        def total(d, top):
            found, largest = 0, np.full((len(d), 1), -np.inf)
            for start in range(0, K, block):
                part = d[:, start : start + block]
                largest = np.maximum(largest, part.max(axis=1, keepdims=True))
                found = found + np.nan_to_num(exp_sum(part - largest))
            return found

        return total

    def sums(block):
        left = K % block
        if left:
            name = f"{block - left} classes more, which pad the last block, are summed"
            yield (
                name + " as logits of 0",
                lambda d, top: exp_sum(d) + (block - left) * np.exp(-top),
            )
            if cap:
                yield (
                    name + " as -cap",
                    lambda d, top: exp_sum(d) + (block - left) * np.exp(-cap - top),
                )
        if block < K:
            if left:
                name = f"the last {left} classes, less than a block, are left out"
                yield name, lambda d, top: exp_sum(d[:, : K - left])
            if K - left > block:
                name = f"only the first {block} classes are summed"
                yield name, lambda d, top: exp_sum(d[:, :block])
            yield "the sums of earlier blocks are not rescaled", not_rescaled(block)

    for block in (2**n for n in range(5, 17)):
        for name, total in sums(block):
            with np.errstate(all="ignore"):
                yield name, answer(case, total=total)


def looks_like(case, part, found):
    """The names of the first mistakes that give such an answer."""
    right, bound = getattr(case, part), getattr(case, part + "_bound")
    with np.errstate(all="ignore"):
        usual = answer(case)[part]
        for mistakes in (changed_answers, changed_sums):
            names = []
            for name, answers in mistakes(case):
                if len(names) == 3:
                    break
                other = answers[part]
                # The bound is of the right answer, which may be 0 where the other is not.
                room = 4 * bound + max(1e-9, 8 * case.unit["outer"]) * np.abs(other)
                # The change must be one, and not the rounding of answer() itself.
                changes = off(other, right, 2 * room).any() and off(other, usual, 2 * room).any()
                if changes and name not in names and not off(found, other, room).any():
                    names.append(name)
            if names:
                return names
    return []


# ln of the largest number, and minus that of the smallest one; 16 bits compute in 32.
RANGE = {"float64": (709, 745), "float32": (88, 103), "bfloat16": (88, 103), "float16": (11, 103)}


def where_from(case):
    """Why a number may be infinite, as far as the logits can say it."""
    z = np.where(np.isfinite(case.logits), case.logits, 0)
    z = np.moveaxis(np.atleast_2d(z), 1, -1)
    largest, smallest = RANGE[case.format]
    why = []
    if z.max() + math.log(z.shape[-1]) > largest:
        why.append("exp of a logit overflows, or its sum does")
    if np.ptp(z, axis=-1).max() > smallest:
        why.append("the logarithm of a probability that has underflowed")
    return ": " + ", or ".join(why) if why else ""


def reason(case, part, found):
    """What this failure looks like, as the end of a sentence; or nothing."""
    right = getattr(case, part)
    bound = getattr(case, part + "_bound")
    finite = np.isfinite(right)
    if (nan := int(np.isnan(found[finite]).sum())) and np.isnan(case.logits).any():
        return f": NaN in {nan} of {found.size}, from a row that is NaN or from an ignored one"
    if nan:
        infinite = ", where a logit is infinite" if np.isinf(case.logits).any() else ""
        return f": NaN in {nan} of {found.size}{infinite}"
    if np.isinf(found[finite]).any():
        return ": infinite" + where_from(case)
    if (off(found, right, bound) & ~finite).any():
        return ": a number, and should be " + ("NaN" if np.isnan(right).any() else "infinite")
    if not found[finite].any() and right[finite].any():
        return ": all zero"
    if case.function == "cross_entropy" and (names := looks_like(case, part, found)):
        return ": looks like: " + ", or ".join(names)
    found, wrong, right, bound = (
        found[finite],
        off(found, right, bound),
        right[finite],
        bound[finite],
    )
    error = np.abs(found - right)
    unit = max(case.unit["inner"], case.unit["outer"]) * max(
        1, np.abs(case.upstream).max(initial=0)
    )
    if "Offset" in case.flags and (error <= 8 * unit * np.abs(case.logits).max()).all():
        return ": digits of a far offset: subtract the maximum first, then the score"
    if "SmallLoss" in case.flags and (error <= 8 * unit).all():
        return ": digits of a small loss: 1 + x is rounded before its logarithm"
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
    if said := factor(case, found, right, bound):
        return f": {said}"
    if wrong.size > 1 and not wrong.flat[0] and wrong.mean() > 0.5:
        return ": right in the first entry, wrong in most others"
    small = error < 2**-6 * np.maximum(np.abs(right), 1e-6)
    if part == "gradient" and case.labels is not None and case.logits.ndim == 2 and finite.all():
        at_label = np.zeros(case.logits.shape, bool)
        valid = (case.labels >= 0) & (case.labels < case.logits.shape[1])
        at_label[np.nonzero(valid)[0], case.labels[valid]] = True
        if not wrong[~at_label].any():
            digits = ": digits of q - 1, or of the format" if (error < 2**-6).all() else ""
            return f": wrong at the label only{digits}"
    # Rounding errs to both sides.
    sides = Counter(np.sign(found - right)[error > bound])
    if small.all() and (sides.total() < 8 or min(sides[-1], sides[1]) > sides.total() / 8):
        return ": digits are lost: something may be rounded on the way"
    return ""


def factor(case, found, right, bound):
    """A factor that all entries share, in the letters of the case; of one entry, only a known one."""
    K = case.logits.shape[1] if case.logits.ndim > 1 else len(case.logits)
    N = case.logits.size // K
    scale = case.options.get("logit_scale", 1)
    known = {"the scale": scale, "1/scale": 1 / scale}
    known |= {"1 - e": 1 - case.options.get("label_smoothing", 0), "2": 2, "1/2": 0.5}
    known |= {"K": K, "1/K": 1 / K, "N": N, "1/N": 1 / N, "1/ln 2 (bits for nats)": 1 / math.log(2)}
    clear = np.abs(right) > 100 * bound
    if not clear.any():
        return ""

    def is_factor(c):
        return not off(found, c * right, 4 * bound * max(1, abs(c))).any()

    for name, value in known.items():
        if value and abs(value - 1) > 1e-3 and is_factor(value):
            return f"too big by the factor {name}"
    ratio = float(np.median(found[clear] / right[clear]))
    if (
        clear.sum() < 2
        or abs(ratio - 1) < 1e-4
        or np.unique(np.abs(right[clear])).size < 2
        or not is_factor(ratio)
    ):
        return ""
    near = Fraction(ratio).limit_denominator(64)
    exact = f", {near}" if near and abs(float(near) / ratio - 1) < 1e-6 else ""
    return f"a constant factor, {ratio:.5g}{exact}"


# The command


def load(name):
    """What `module:name` or `file.py:name` names; LookupError where nothing is."""
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise LookupError(f"{name}: not of the form module:name, or path/to/file.py:name")
    if module.endswith(".py"):
        if not Path(module).is_file():
            raise LookupError(f"there is no file {module}")
        sys.path.insert(0, str(Path(module).resolve().parent))
        module = Path(module).stem
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise LookupError(f"{module} cannot be imported: {error}") from None
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise LookupError(f"{module} cannot be imported: {type(error).__name__}: {error}") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise LookupError(f"{getattr(found, '__name__', module)} has no {part}")
        found = getattr(found, part)
    if inspect.isclass(found) and hasattr(found, "forward"):
        return of_class(found)
    if inspect.isclass(found) or not callable(found):
        raise LookupError(
            f"{name} is {kind(found)}: give a function, or an instance that is called"
        )
    return found


def of_class(cls):
    """A class of modules as a function: an instance for each call, made with the options."""

    def function(logits, target, **options):
        return cls(**options)(logits, target)

    made = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(cls).parameters.values()]
    given = list(inspect.signature(function).parameters.values())[:2]
    made = [p for p in made if p.name in DEFAULTS]
    function.__signature__ = inspect.Signature(given + made)
    function.__module__, function.__name__ = cls.__module__, cls.__name__
    return function


def expected(path):
    """Lines `id reason` or `id:format reason`; those that begin with # do not count."""
    data = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
    ids = {case["id"] for case in data} | {f"{c['id']}:{f}" for c in data for f in c["formats"]}
    reasons = {}
    for line in map(str.strip, Path(path).read_text(encoding="utf-8").splitlines()):
        if not line or line.startswith("#"):
            continue
        name, _, why = line.partition(" ")
        if name not in ids:
            raise LookupError(f"{path}: there is no case {name}")
        if not why.strip():
            raise LookupError(f"{path}: a reason is missing behind {name}")
        reasons[name] = why.strip()
    return reasons


# Words of a failure, and the flag that they point at.
NAMED = {
    "upstream gradient": "Upstream",
    "as a mean": "Upstream",
    "divided by": "Divisor",
    "rows are not ignored": "Ignored",
    "class weights": "Weights",
    "label smoothing": "Smoothing",
    "smoothing e /": "Smoothing",
    "smooth part": "SmoothingWeights",
    "rows are smoothed": "SmoothingIgnored",
    "block": "Blocks",
    "classes are summed": "Blocks",
    "far offset": "Offset",
    "a logit overflows": "Offset",
    "underflowed": "Gap",
    "logit is infinite": "Masked",
    "digits of q - 1": "SixteenBits",
    "the scale": "Scale",
    "the cap": "Softcap",
    "as -cap": "Softcap",
    "shards": "Tie",
    "written into": "InputKept",
    "label that is no class": "Refused",
}
NO_NUMBER = ("it returned", "the value has no gradient")


def suspicious(table, failed=(), most=4):
    """Few flags that explain all failures: those that the reasons name, then the largest shares."""
    shares = {flag: (row["WRONG"] + 1) / (sum(row.values()) + 2) for flag, row in table.items()}
    shares = {flag: share for flag, share in shares.items() if table[flag]["WRONG"]}
    left, found = [], []
    for case, lines in failed:
        words = " ".join(lines)
        named = {flag for part, flag in NAMED.items() if part in words and flag in shares}
        if not words.startswith(NO_NUMBER):
            left.append((named, named | {*case.flags}))
    plain = sum("Plain" in flags for _, flags in left)
    names = Counter(flag for named, _ in left for flag in named)
    if (
        plain
        and plain == sum(table["Plain"].values())
        and max(names.values(), default=0) < len(left) / 2
    ):
        found.append("Plain")
    while left and len(found) < most:
        names = Counter(flag for named, _ in left for flag in named)
        covers = Counter(flag for _, flags in left for flag in flags - {*found})
        if not covers:
            break
        best = max(covers, key=lambda flag: (names[flag], shares[flag], covers[flag]))
        found.append(best)
        left = [(named, flags) for named, flags in left if best not in flags]
    return found


def grouped(failed):
    """What is wrong: the cases of the same lines together, at most three of them in full."""
    groups = {}
    for case, lines in failed:
        groups.setdefault(tuple(lines), []).append(case)
    for lines, those in groups.items():
        for case in those[:3]:
            yield f"  {case} — {case.spec['about']}"
        if len(those) > 3:
            yield f"  and {len(those) - 3} more: " + ", ".join(map(str, those[3:]))
        for line in lines:
            yield f"      {line}"


def arguments_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    try:
        groups = list(json.loads(FILE.read_text(encoding="utf-8"))["groups"])
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"{FILE} cannot be read; copy it again, beside check.py: {error}")
    parser.add_argument("function", help="module:name, or path/to/file.py:name")
    parser.add_argument("--what", choices=FUNCTIONS, help="by its name, else cross_entropy")
    parser.add_argument("--form", choices=FORMS, help="how it is called; by its module, else plain")
    parser.add_argument("--formats", nargs="+", default=FORMATS[:2], choices=FORMATS)
    parser.add_argument("--groups", nargs="+", default=[], metavar="GROUP", choices=groups)
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
    if not 0 < options.slack < math.inf:
        parser.error(f"--slack has to be a positive number, not {options.slack}")
    try:
        options.known = expected(options.expected) if options.expected else {}
        options.loaded = load(options.function)
    except (LookupError, OSError, UnicodeDecodeError) as error:
        parser.error(str(error))
    options.form = options.form or form_of(options.loaded)
    name = options.function.rpartition(":")[2].rpartition(".")[2]
    options.what = options.what or (name if name in FUNCTIONS else "cross_entropy")
    if options.device:
        if options.form not in ("torch", "linear"):
            parser.error(f"--device is for the forms torch and linear, not {options.form}")
        import torch

        try:
            torch.zeros(1, device=options.device).cpu()
        except Exception as error:
            parser.error(f"--device {options.device}: {str(error).splitlines()[0]}")
    options.cases = cases(
        options.what, options.formats, options.groups, options.beyond, options.flat, options.targets
    )
    if not options.cases:
        parser.error(
            f"no case of {options.what} has these groups, formats and targets: ask for others,"
            " or with another --what, or with --beyond"
        )
    return options


def main(arguments=None):
    """Prints what is found. 0: right; 1: something is wrong; 2: nothing was checked."""
    options = arguments_of(arguments)
    table, failed, skipped, values_only = {}, [], {}, []
    passed, used, reasons = {}, set(), Counter()
    for case in options.cases:
        key = str(case) if str(case) in options.known else case.id
        reason = options.known.get(key)
        try:
            found = faults(
                options.loaded,
                case,
                options.form,
                options.device,
                not options.no_gradients,
                options.slack,
                notes=values_only,
            )
        except Skip as why:
            result = "skipped"
            skipped.setdefault(str(why), []).append(case)
        else:
            result = "right" if not found else "expected" if reason else "WRONG"
            if result == "WRONG":
                failed.append((case, found))
            if result == "expected":
                used.add(key)
                reasons[reason] += 1
            if reason and not found:
                passed[key] = case
        for flag in case.flags:
            table.setdefault(flag, dict.fromkeys(["right", "WRONG", "expected", "skipped"], 0))[
                result
            ] += 1
    stale = passed.keys() - used
    done = {"wrong": len(failed), "expected": reasons.total()}
    done["skipped"] = sum(map(len, skipped.values()))
    done = {"right": len(options.cases) - sum(done.values())} | done

    print(
        f"{options.function} as {options.what}, called in the form {options.form},"
        f" {', '.join(options.formats)}: {len(options.cases)} checks\n"
    )
    print(f"{'flag':20}{'right':>7}{'WRONG':>7}{'expected':>10}{'skipped':>9}")
    for flag, row in table.items():
        print(
            f"{flag:20}"
            + "".join(
                f"{n or '·':>{width}}" for n, width in zip(row.values(), (7, 7, 10, 9), strict=True)
            )
        )
    if failed:
        print("\nWrong:")
    for line in grouped(failed):
        print(line)
    about = json.loads(FILE.read_text(encoding="utf-8"))
    for flag in suspicious(table, failed):
        print(f"\n{flag}: {about['flags'][flag]['about']}. {about['flags'][flag]['why']}")
        for key in about["flags"][flag]["mistakes"]:
            m = about["mistakes"][key]
            print(f"    {m['date']} {m['what']}: {m['address']}")
    print()
    for why, number in reasons.items():
        print(f"Expected to fail, {why}: {number}")
    for key in sorted(stale):
        print(f"Expected to fail, and right: {key}. Take its line out of {options.expected}.")
    for why, which in skipped.items():
        print(f"Skipped, {why}: {len(which)}")
    if any(why.startswith("no ") for why in skipped) and (names := parameters(options.loaded)):
        print(f"Its parameters are {', '.join(names)}.")
    if values_only:
        print(f"Gradients not given: {len(values_only)} checks of values only.")
    print(
        ", ".join(f"{n} {word}" for word, n in done.items()) + f" of {len(options.cases)} checks."
    )
    if done["skipped"] == len(options.cases):
        print("Nothing was checked.")
        return 2
    return int(bool(failed or stale))


if __name__ == "__main__":
    sys.exit(main())
