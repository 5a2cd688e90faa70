"""Try implementations from the package index on the known answers: python world.py

    python world.py              # all of them, then WORLD.md; some gigabytes, half an hour
    python world.py optax mlx    # these anew, and the table from what is kept of the others

Each gets a virtual environment of its own, world-NAME in --folder, with the versions given below.
An adapter has the form `plain`, `torch` or `linear` of check.py. No test and no other command runs this.
"""

import argparse
import json
import os
import platform
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import check
import numpy as np

TABLE = Path(__file__).with_name("WORLD.md")
WIDE = ["float64", "float32"]
ALL = [*WIDE, "bfloat16", "float16"]
PATIENCE = 300  # seconds for one case


def class_axis(z):
    return min(z.ndim - 1, 1)


def by_rows(value, reduction, count):
    """Of losses of rows, for libraries that leave this to their users."""
    return {"none": lambda: value, "sum": value.sum, "mean": lambda: value.sum() / count}[
        reduction
    ]()


def none_ignored(target):
    if target.dtype == np.int64 and (target == check.DEFAULTS["ignore_index"]).any():
        raise NotImplementedError("no ignored rows")


# JAX, optax


def jax_back(function, z, upstream):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", z.dtype == np.float64)
    value, back = jax.vjp(function, jnp.asarray(z))
    return value, back(jnp.broadcast_to(jnp.asarray(upstream, value.dtype), value.shape))[0]


def optax_labels(logits, target, upstream, reduction="mean", ignore_index=-100):
    import jax.numpy as jnp
    import optax

    counted = target != ignore_index
    where = {} if counted.all() else {"where": jnp.asarray(counted)}

    def value(z):
        rows = optax.softmax_cross_entropy_with_integer_labels(
            z, jnp.asarray(target), axis=class_axis(z), **where
        )
        return by_rows(rows, reduction, counted.sum())

    return jax_back(value, logits, upstream)


def optax_probabilities(logits, target, upstream, reduction="mean", label_smoothing=0.0):
    import jax.numpy as jnp
    import optax

    def value(z):
        p = optax.smooth_labels(jnp.asarray(target), label_smoothing)
        return by_rows(optax.softmax_cross_entropy(z, p), reduction, len(target))

    return jax_back(value, logits, upstream)


# Keras, TensorFlow


def tensorflow_back(function, z, upstream):
    import tensorflow as tf

    z = tf.convert_to_tensor(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = function(z)
    gradient = tape.gradient(value, z, tf.cast(tf.broadcast_to(upstream, value.shape), value.dtype))
    return tf.cast(value, "float64"), None if gradient is None else tf.cast(gradient, "float64")


def keras_back(function, z, upstream):
    import keras

    back = {"jax": jax_back, "tensorflow": tensorflow_back}[keras.backend.backend()]
    return back(function, z, upstream)


def keras_reduction(reduction, weight=None):
    return "mean_with_sample_weight" if reduction == "mean" and weight is not None else reduction


def keras_labels(logits, target, upstream, weight=None, ignore_index=-100, reduction="mean"):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True,
        ignore_class=ignore_index if (target == ignore_index).any() else None,
        reduction=keras_reduction(reduction, weight),
        dtype=logits.dtype.name,
    )
    of_rows = None if weight is None else weight[np.where(target == ignore_index, 0, target)]
    return keras_back(lambda z: loss(target, z, sample_weight=of_rows), logits, upstream)


def keras_probabilities(logits, target, upstream, reduction="mean", label_smoothing=0.0):
    import keras

    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True,
        label_smoothing=label_smoothing,
        reduction=keras_reduction(reduction),
        dtype=logits.dtype.name,
    )
    return keras_back(lambda z: loss(target, z), logits, upstream)


# MLX


def mlx_back(function, z, upstream):
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    kind = getattr(mx, z.dtype.name)
    z, upstream = (mx.array(np.asarray(v, dtype=float), mx.float64) for v in (z, upstream))
    value, gradient = mx.vjp(function, [z.astype(kind)], [upstream.astype(kind)])
    return tuple(np.array(v[0].astype(mx.float64)) for v in (value, gradient))


def mlx_cross_entropy(logits, target, upstream, reduction="mean", label_smoothing=0.0):
    import mlx.core as mx
    from mlx.nn.losses import cross_entropy

    none_ignored(target)
    mx.set_default_device(mx.cpu)
    y = (
        mx.array(target.astype(np.int32))
        if target.dtype == np.int64
        else mx.array(target.astype(float), mx.float64).astype(getattr(mx, logits.dtype.name))
    )
    return mlx_back(
        lambda z: cross_entropy(
            z, y, axis=class_axis(z), label_smoothing=label_smoothing, reduction=reduction
        ),
        logits,
        upstream,
    )


# tinygrad


def tinygrad_tensor(values, kind):
    from tinygrad import Tensor, dtypes

    narrow = np.float64 if kind == "float64" else np.float32
    return Tensor(np.asarray(values, dtype=narrow)).cast(getattr(dtypes, kind))


def tinygrad_back(function, z, upstream):
    kind = z.dtype.name
    x = tinygrad_tensor(z, kind)
    value = function(x)
    gradient = value.gradient(x, gradient=tinygrad_tensor(upstream, kind))[0]
    wide = "float64" if kind == "float64" else "float32"
    return value.cast(wide).numpy(), gradient.cast(wide).numpy()


def tinygrad_target(target):
    from tinygrad import Tensor

    whole = target.dtype == np.int64
    return Tensor(target) if whole else tinygrad_tensor(target, target.dtype.name)


def tinygrad_cross_entropy(logits, target, upstream, reduction="mean", label_smoothing=0.0):
    none_ignored(target)
    y = tinygrad_target(target)
    return tinygrad_back(lambda z: z.cross_entropy(y, reduction, label_smoothing), logits, upstream)


def tinygrad_sparse(
    logits, target, upstream, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    y = tinygrad_target(target)
    return tinygrad_back(
        lambda z: z.sparse_categorical_crossentropy(y, ignore_index, label_smoothing, reduction),
        logits,
        upstream,
    )


def tinygrad_nll(logits, target, upstream, weight=None, ignore_index=-100, reduction="mean"):
    y = tinygrad_target(target)
    w = None if weight is None else tinygrad_tensor(weight, logits.dtype.name)
    return tinygrad_back(
        lambda z: z.log_softmax(1).nll_loss(y, w, ignore_index, reduction), logits, upstream
    )


# ONNX: one operator as a model, values alone


def onnx_model(operator, inputs, opset=13, **attributes):
    from onnx import helper

    kinds = [helper.np_dtype_to_tensor_dtype(v.dtype) for v in inputs.values()]
    names = zip(inputs, kinds, strict=True)
    graph = helper.make_graph(
        [helper.make_node(operator, list(inputs), ["out"], **attributes)],
        "g",
        [helper.make_tensor_value_info(name, kind, None) for name, kind in names],
        [helper.make_tensor_value_info("out", kinds[0], None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def by_reference(*what, **attributes):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx_model(*what, **attributes)).run(None, what[1])[0]


def by_runtime(*what, **attributes):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    model = onnx_model(*what, **attributes).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, what[1])[0]


def onnx_loss(run, logits, target, weight, ignore_index, reduction):
    if logits.ndim == 1:
        raise NotImplementedError("two dimensions at least")
    inputs = {"z": logits, "y": target} | ({} if weight is None else {"w": weight})
    attributes = {"ignore_index": ignore_index, "reduction": reduction}
    return run("SoftmaxCrossEntropyLoss", inputs, **attributes)


def reference_cross_entropy(logits, target, weight=None, ignore_index=-100, reduction="mean"):
    return onnx_loss(by_reference, logits, target, weight, ignore_index, reduction)


def runtime_cross_entropy(logits, target, weight=None, ignore_index=-100, reduction="mean"):
    return onnx_loss(by_runtime, logits, target, weight, ignore_index, reduction)


# scikit-learn


def sklearn_log_loss(logits, target, weight=None, reduction="mean"):
    from scipy.special import softmax
    from sklearn.metrics import log_loss

    none_ignored(target)
    if reduction == "none":
        raise NotImplementedError("no losses of rows")
    return log_loss(
        target,
        softmax(logits, axis=1),
        normalize=reduction == "mean",
        sample_weight=None if weight is None else weight[target],
        labels=np.arange(logits.shape[1]),
    )


def sklearn_multinomial(logits, target, upstream, weight=None, reduction="mean"):
    from sklearn._loss import HalfMultinomialLoss

    none_ignored(target)
    loss = HalfMultinomialLoss(n_classes=logits.shape[1])
    w = None if weight is None else weight[target]
    rows, gradient = loss.loss_gradient(target.astype(logits.dtype), logits.copy(), sample_weight=w)
    if reduction == "none":
        return rows, gradient * upstream[:, None]
    divisor = 1 if reduction == "sum" else len(rows) if w is None else w.sum()
    return rows.sum() / divisor, gradient * upstream / divisor


# Triton's kernels, in its interpreter, which takes the bits of bfloat16 for whole numbers


def liger(
    input,
    target,
    weight=None,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
    softcap=0.0,
    z_loss=0.0,
):
    from liger_kernel.ops import cross_entropy
    from liger_kernel.transformers.functional import liger_cross_entropy

    cross_entropy.tanh = Interpreted.tanh
    if weight is not None:
        raise NotImplementedError("no weights, in the interpreter")
    return liger_cross_entropy(
        input.clone(),  # it writes the gradient into what it is given
        target,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
        softcap=softcap or None,
        lse_square_scale=z_loss,
    )


def liger_softmax(input, dim):
    from liger_kernel.ops import LigerSoftmaxFunction

    if input.ndim > 2:
        raise NotImplementedError("the last axis alone")
    return LigerSoftmaxFunction.apply(input)


def cut_cross_entropy(
    input, linear_weight, target, ignore_index=-100, reduction="mean", softcap=0.0
):
    from cut_cross_entropy import linear_cross_entropy, tl_utils

    tl_utils.tl_libdevice = Interpreted
    options = {"ignore_index": ignore_index, "reduction": reduction, "softcap": softcap or None}
    return linear_cross_entropy(input, linear_weight, target, filter_eps=None, **options)


class Interpreted:
    """The two functions of CUDA's library that the interpreter does not have."""

    def log1p(x):
        return Interpreted.of(np.log1p, x)

    def tanh(x):
        return Interpreted.of(np.tanh, x)

    def of(function, x):
        from triton.language import core
        from triton.runtime.interpreter import TensorHandle

        return core.tensor(TensorHandle(function(x.handle.data), x.handle.dtype), x.type)


# What is tried


@dataclass
class Try:
    """A function, how it is asked, and where it means something else: {pattern of a case: why}."""

    name: str
    function: object  # an adapter, or where the function itself is
    formats: list
    what: str = "cross_entropy"
    form: str = "plain"
    targets: str = None
    flat: bool = False
    other: dict = field(default_factory=dict)
    slow: tuple = ()

    def cases(self):
        every = check.cases(self.what, self.formats, flat=self.flat, targets=self.targets)
        return [case for case in every if case.id not in self.slow]

    def load(self):
        return self.function if callable(self.function) else check.load(self.function)

    def meant_otherwise(self, case):
        """Why it may differ there, without being wrong; the pattern is of id:format."""
        return next((why for p, why in self.other.items() if fnmatch(case, p)), None)


@dataclass
class Environment:
    packages: list
    tries: list
    variables: dict = field(default_factory=dict)


def three(back, *paths, formats=ALL, **how):
    """softmax, log_softmax and logsumexp, where the library has them."""

    def adapter(path):
        def plain(logits, upstream):
            function = check.load(path)
            return back(lambda z: function(z, axis=1), logits, upstream)

        return plain

    return [
        Try(path.replace(":", "."), adapter(path), formats, what, **how)
        for what, path in zip(["softmax", "log_softmax", "logsumexp"], paths, strict=True)
    ]


def operators(run, formats, **how):
    """The same of ONNX, values alone."""
    names = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "logsumexp": "ReduceLogSumExp"}

    def adapter(operator):
        how = {"axes": [1], "keepdims": 0} if operator == "ReduceLogSumExp" else {"axis": 1}
        return lambda logits: run(operator, {"z": logits}, **how)

    return [Try(name, adapter(name), formats, what, **how) for what, name in names.items()]


SOFT = "probabilities"
# Differing conventions and promises: pattern of id:format, and why
LAST = {"refused/negative:*": "−1 is the last class"}
UNCHECKED = {"refused/*": "labels are not looked at"}
NO_LOSS = {"refused/*": "a label that is no class has no loss"}
ONE_SUM = {"probabilities/unnormalised:*": "probabilities are taken to sum to 1"}
EMPTY = {"edges/empty:*": "an empty batch is an error"}
EMPTY_ROW = {"edges/empty:*": "the mean of no rows is an array without entries"}
ONE_CLASS = {"blocks/1:*": "two classes at least"}
CLIPPED = {"edges/masked-label:*": "probabilities are clipped, as documented"}


def rounded(*cases):
    return dict.fromkeys(cases, "16 bits are rounded on the way, too")


INTERPRETED = ("formats/rows", "blocks/65537")  # minutes each, where Python takes every step
WORLD = {
    "optax": Environment(
        ["optax==0.2.8", "jax==0.12.0.1"],
        [
            Try(
                "optax.softmax_cross_entropy_with_integer_labels",
                optax_labels,
                ALL,
                targets="labels",
                other=LAST
                | rounded("labels/none:float16", "layout/image:*float16", "blocks/517:float16"),
            ),
            Try("optax.softmax_cross_entropy", optax_probabilities, ALL, targets=SOFT, flat=True),
            *three(jax_back, "jax:nn.softmax", "jax:nn.log_softmax", "jax:nn.logsumexp"),
        ],
    ),
    "keras": Environment(
        ["keras==3.15.1", "jax==0.12.0.1"],
        [
            Try(
                "SparseCategoricalCrossentropy",
                keras_labels,
                ALL,
                targets="labels",
                flat=True,
                other=NO_LOSS | EMPTY_ROW,
            ),
            Try("CategoricalCrossentropy", keras_probabilities, ALL, targets=SOFT, flat=True),
            *three(keras_back, "keras:ops.softmax", "keras:ops.log_softmax", "keras:ops.logsumexp"),
        ],
        {"KERAS_BACKEND": "jax"},
    ),
    "tensorflow": Environment(
        ["tensorflow-cpu==2.21.0"],
        [
            Try(
                "tf.nn.sparse_softmax_cross_entropy_with_logits",
                "tensorflow:nn.sparse_softmax_cross_entropy_with_logits",
                ALL,
                form="rows",
                targets="labels",
            ),
            Try(
                "tf.nn.softmax_cross_entropy_with_logits",
                "tensorflow:nn.softmax_cross_entropy_with_logits",
                ALL,
                form="rows",
                targets=SOFT,
                other=ONE_SUM,
            ),
            *three(
                tensorflow_back,
                "tensorflow:nn.softmax",
                "tensorflow:nn.log_softmax",
                "tensorflow:reduce_logsumexp",
                other=rounded("softmax/positions:float16"),
            ),
            Try(
                "keras.losses.SparseCategoricalCrossentropy",
                keras_labels,
                ALL,
                targets="labels",
                flat=True,
                other=EMPTY_ROW,
            ),
            Try(
                "keras.losses.CategoricalCrossentropy",
                keras_probabilities,
                ALL,
                targets=SOFT,
                flat=True,
                other=ONE_SUM,
            ),
        ],
        {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    ),
    "mlx": Environment(
        ["mlx[cpu]==0.32.4"],
        [
            Try(
                "mlx.nn.losses.cross_entropy",
                mlx_cross_entropy,
                ALL,
                other=UNCHECKED | ONE_SUM | EMPTY | rounded("layout/image:bfloat16"),
            ),
            *three(mlx_back, "mlx.core:softmax", "mlx.nn:log_softmax", "mlx.core:logsumexp"),
        ],
    ),
    "tinygrad": Environment(
        ["tinygrad==0.14.0"],
        [
            Try(
                "Tensor.cross_entropy",
                tinygrad_cross_entropy,
                ALL,
                other=NO_LOSS | rounded("layout/image:bfloat16"),
                slow=INTERPRETED,
            ),
            Try(
                "Tensor.sparse_categorical_crossentropy",
                tinygrad_sparse,
                ALL,
                targets="labels",
                flat=True,
                other=NO_LOSS | rounded("layout/image:bfloat16"),
                slow=INTERPRETED,
            ),
            Try(
                "log_softmax, nll_loss",
                tinygrad_nll,
                ALL,
                targets="labels",
                flat=True,
                other=NO_LOSS | rounded("layout/image:bfloat16"),
                slow=INTERPRETED,
            ),
            *three(
                tinygrad_back,
                "tinygrad:Tensor.softmax",
                "tinygrad:Tensor.log_softmax",
                "tinygrad:Tensor.logsumexp",
            ),
        ],
        {"DEV": "PYTHON"},
    ),
    "onnx": Environment(
        ["onnx==1.23.2"],
        [
            Try(
                "SoftmaxCrossEntropyLoss",
                reference_cross_entropy,
                ALL,
                targets="labels",
                other=LAST | EMPTY,
            ),
            *operators(by_reference, ALL, other=rounded("log_softmax/positions:*float16")),
        ],
    ),
    "onnxruntime": Environment(
        ["onnxruntime==1.32.0", "onnx==1.23.2"],
        [
            Try(
                "SoftmaxCrossEntropyLoss",
                runtime_cross_entropy,
                [*WIDE, "float16"],
                targets="labels",
                other=LAST | EMPTY,
            ),
            *operators(by_runtime, [*WIDE, "float16"]),
        ],
    ),
    "scikit-learn": Environment(
        ["scikit-learn==1.9.1", "scipy==1.18.1"],
        [
            Try(
                "metrics.log_loss of a softmax",
                sklearn_log_loss,
                WIDE,
                targets="labels",
                flat=True,
                other=ONE_CLASS | CLIPPED | EMPTY,
            ),
            Try(
                "HalfMultinomialLoss",
                sklearn_multinomial,
                WIDE,
                targets="labels",
                flat=True,
                other=ONE_CLASS | UNCHECKED,
            ),
            Try("scipy.special.softmax", "scipy.special:softmax", WIDE, "softmax"),
            Try("scipy.special.log_softmax", "scipy.special:log_softmax", WIDE, "log_softmax"),
            Try("scipy.special.logsumexp", "scipy.special:logsumexp", WIDE, "logsumexp"),
        ],
    ),
    "liger-kernel": Environment(
        ["liger-kernel==0.8.5", "torch==2.14.1", "triton==3.8.0", "packaging"],
        [
            Try(
                "liger_cross_entropy",
                liger,
                ["float32", "float16"],
                form="torch",
                targets="labels",
                flat=True,
                other=EMPTY,
                slow=INTERPRETED,
            ),
            Try(
                "LigerSoftmaxFunction",
                liger_softmax,
                ["float32", "float16"],
                "softmax",
                form="torch",
            ),
        ],
        {"TRITON_INTERPRET": "1"},
    ),
    "cut-cross-entropy": Environment(
        ["cut-cross-entropy==25.1.1", "torch==2.14.1", "triton==3.8.0"],
        [
            Try(
                "linear_cross_entropy",
                cut_cross_entropy,
                ["float16"],
                form="linear",
                targets="labels",
                flat=True,
                other=UNCHECKED,
                slow=INTERPRETED,
            )
        ],
        {"TRITON_INTERPRET": "1"},
    ),
}


# Inside an environment: a line before each case, and one after it


def inside(name, start):
    every = [(t, case) for t in WORLD[name].tries for case in t.cases()]
    for number, (tried, case) in list(enumerate(every))[start:]:
        print(json.dumps({"at": number, "name": tried.name, "case": str(case)}), flush=True)
        try:
            result = {"faults": check.faults(tried.load(), case, tried.form)}
        except check.Skip as why:
            result = {"skipped": str(why)}
        print(json.dumps({"at": number, **result}), flush=True)
    found = [p.partition("==")[0].partition("[")[0] for p in WORLD[name].packages]
    print(json.dumps({"versions": {p: version(p) for p in found}}), flush=True)


# Outside


def make(folder, packages):
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / "packages.txt"
    wanted = "\n".join([*packages, "numpy", "ml_dtypes"])
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted.split("\n")], check=True)
        stamp.write_text(wanted)
    return python


def lines(python, name, start):
    """What the process says; at last {"ended": why} if it has not come to its end."""
    env = dict(os.environ, **WORLD[name].variables)
    process = subprocess.Popen(
        [python, __file__, "--inside", name, "--start", str(start)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    said = queue.Queue()

    def read():
        for line in process.stdout:
            said.put(line)
        said.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        while (line := said.get(timeout=PATIENCE)) is not None:
            if line.startswith("{"):
                yield json.loads(line)
        if process.wait():
            yield {"ended": f"the process ended, with {process.returncode}"}
    except queue.Empty:
        yield {"ended": f"no answer in {PATIENCE} s"}
    finally:
        process.kill()
        process.wait()


def run(python, name):
    """Every case of an implementation; where its process ends, another goes on behind that case."""
    results, versions, start, last = {}, None, 0, None
    while versions is None:
        for line in lines(python, name, start):
            if "versions" in line:
                versions = line["versions"]
            elif "ended" in line:
                if last is None or last["at"] < start:
                    raise SystemExit(f"{name}: {line['ended']} before its first case")
                results[last["at"]] = {**last, "faults": [line["ended"]]}
                start = last["at"] + 1
            elif "case" in line:
                last = line
            else:
                results[line["at"]] = {**last, **line}
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": versions,
        "results": list(results.values()),
    }


# The table


def sort(tried, results):
    """Right, other convention {why: cases}, wrong {case: faults}, skipped {why: cases}."""
    right, other, wrong, skipped = [], {}, {}, {}
    for r in results:
        if r["name"] != tried.name:
            continue
        why = tried.meant_otherwise(r["case"])
        if "skipped" in r:
            skipped.setdefault(r["skipped"], []).append(r["case"])
        elif not r["faults"]:
            right.append(r["case"])
        elif why and not r["faults"][0].startswith("the process"):  # that is no convention
            other.setdefault(why, []).append(r["case"])
        else:
            wrong[r["case"]] = r["faults"]
    return right, other, wrong, skipped


def short(cases):
    """Ids, those together that are of the same formats."""
    formats, ids = {}, {}
    for case in cases:
        name, _, format = case.partition(":")
        formats.setdefault(name, []).append(format)
    for name, found in formats.items():
        ids.setdefault(", ".join(found), []).append(f"`{name}`")
    return "; ".join(f"{', '.join(names)} in {found}" for found, names in ids.items())


HEAD = """# The known answers, tried on other implementations

Written by `python vectors/world.py`, which gives each of these an environment of its own, on a CPU.
A number counts cases, each in each of its formats. *Other convention*: it means or promises something else
there, named below. *Wrong*: what that is stands in [BUGS.md](BUGS.md). *Cannot*: it has no such option or
shape, so that it was not asked; *asked* is the sum of the three behind it. The level that PyTorch does not reach itself (`--beyond`) was not asked for.
"""


def table(folder):
    """WORLD.md, from the results that are kept in the folder."""
    rows, notes = [], []
    for name, environment in WORLD.items():
        try:
            found = json.loads((folder / f"world-{name}" / "results.json").read_text())
        except FileNotFoundError:
            continue
        versions = ", ".join(f"{p} {v}" for p, v in found["versions"].items() if p != "packaging")
        rows.append(f"| **{versions}**, Python {found['python']}, {found['date']} ||||||||")
        for tried in environment.tries:
            right, other, wrong, skipped = sort(tried, found["results"])
            counts = [len(right), *(sum(map(len, d.values())) for d in (other, skipped))]
            asked = sum(counts[:2]) + len(wrong)
            groups = sorted(
                {c.partition("/")[0] for c in [*right, *sum(other.values(), []), *wrong]}
            )
            numbers = [asked, counts[0], counts[1], len(wrong), counts[2]]
            formats = {4: "all"}.get(len(tried.formats), " ".join(tried.formats))
            cells = [f"`{tried.name}`", " ".join(groups), formats, *numbers]
            rows.append("| " + " | ".join(str(c or "·") for c in cells) + " |")
            lines = [f"other convention, {why}: {short(cases)}" for why, cases in other.items()]
            if wrong:
                lines.append(f"wrong: {short(wrong)}")
            if skipped:
                cannot = ", ".join(f"{why} ({len(cases)})" for why, cases in skipped.items())
                lines.append(f"cannot: {cannot}")
            if tried.slow:
                lines.append("too slow there: " + ", ".join(f"`{id}`" for id in tried.slow))
            if lines:
                notes.append(f"- **{name}**, `{tried.name}`")
                notes += [f"  - {line}" for line in lines]
    head = "| function | groups | formats | asked | right | other convention | wrong | cannot |"
    text = [HEAD, head, "|---|---|---|" + "--:|" * 5, *rows]
    return "\n".join([*text, "\n## Case by case\n", *notes]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORLD))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--inside", choices=WORLD, help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options.inside, options.start)
    for name in options.names or WORLD:
        folder = options.folder / f"world-{name}"
        print(name, flush=True)
        found = run(make(folder, WORLD[name].packages), name)
        (folder / "results.json").write_text(json.dumps(found, indent=1))
    TABLE.write_text(table(options.folder), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
