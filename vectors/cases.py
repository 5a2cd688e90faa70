"""The cases: inputs that tell right from wrong, and the mistakes that each was chosen for.

All logits, weights and probabilities have at most eight significant bits where a case is for
every format, so that one case serves all of them.
"""

ABOUT = (
    "Known answers for softmax, log-softmax, log-sum-exp and cross-entropy. README.md says how to"
    " use them. Natural logarithms; classes are axis 1; the gradient is that with respect to the"
    " logits, for the upstream given. An entry is right if it is off by at most"
    " inner * formats[f].inner + outer * formats[f].outer + formats[f].floor."
)

ALL = ["float64", "float32", "bfloat16", "float16"]
WIDE, SHORT = ALL[:2], ALL[2:]
INF, NAN = float("inf"), float("nan")

GROUPS = {
    "labels": "integer targets, no options: the three reductions with an upstream that is not one",
    "probabilities": "targets that are distributions, and targets that are not",
    "weights": "a weight for each class; the mean of labels divides by the weights of their rows",
    "ignored": "rows that do not count: neither in the sum, nor in the divisor, nor in the gradient",
    "smoothing": "(1 - e) p + e / K, weighted class by class",
    "layout": "one row alone, positions behind the classes",
    "blocks": "few classes, many classes, numbers of classes that no power of two divides",
    "formats": "what 16 bits cannot hold",
    "edges": "far offsets, wide gaps, classes that are switched off, nothing to average",
    "refused": "labels that are no class: an error, or NaN where nothing can be raised",
    "options": "scale, softcap and z-loss, which not every implementation has",
    "logsumexp": "ln of the sum of exp over the classes",
    "log_softmax": "z - logsumexp(z)",
    "softmax": "exp(z) / sum of exp(z)",
    "digits": "beyond the usual: answers that PyTorch itself does not give",
}


# What mistakes.py and the book make again is simpler than what these reports tell, or another
# mistake of the same kind; the rest is as reported.
OF_THIS_KIND = """garbage-rows ignore-lost out-of-range masked-overflow many-classes small-vocabulary
first-slice smoothing-by-label-weight nan-at-masked scale-lost sixteen-bit-buffer""".split()


def mistake(address, date, what, state):
    return {"address": "https://github.com/" + address, "date": date, "what": what, "state": state}


MISTAKES = {
    "mean-over-rows": mistake(
        "iree-org/iree/issues/24228",
        "2026-04",
        "the weighted mean divides by the number of rows",
        "open",
    ),
    "weights-before-mask": mistake(
        "tracel-ai/burn/issues/5568",
        "2026-09",
        "the weights of ignored rows are in the divisor",
        "closed",
    ),
    "ignored-in-mean": mistake(
        "llvm/torch-mlir/pull/3585", "2024-08", "the mean divides by ignored rows, too", "merged"
    ),
    "late-subtraction": mistake(
        "ml-explore/mlx/pull/4188",
        "2026-08",
        "lse - z_y, both rounded at the size of the logits",
        "merged",
    ),
    "rounded-lse": mistake(
        "pytorch/pytorch/pull/195829",
        "2026-09",
        "the same in a fused linear loss, and exp(z - lse) in its gradient",
        "open",
    ),
    "read-modify-write": mistake(
        "linkedin/Liger-Kernel/pull/1329",
        "2026-08",
        "the gradient of the true class is stored in 16 bits, read back, and lessened by 1/n",
        "",
    ),
    "garbage-rows": mistake(
        "linkedin/Liger-Kernel/pull/1338",
        "2026-08",
        "ignored rows keep what was in the memory before",
        "",
    ),
    "first-upstream": mistake(
        "linkedin/Liger-Kernel/issues/968",
        "2025-12",
        "without reduction, the first upstream gradient is used for all rows",
        "closed",
    ),
    "overwritten": mistake(
        "unslothai/unsloth/issues/5002",
        "2026-04",
        "the gradient is written into the logits",
        "closed",
    ),
    "smoothing-lost": mistake(
        "linkedin/Liger-Kernel/issues/243",
        "2024-09",
        "label smoothing is accepted and not passed on",
        "closed",
    ),
    "smoothing-by-label-weight": mistake(
        "linkedin/Liger-Kernel/pull/420",
        "2024-12",
        "label smoothing and class weights, combined: the weight of the label for that of each class",
        "merged",
    ),
    "always-zero": mistake(
        "linkedin/Liger-Kernel/issues/507", "2024-12", "the loss is 0, in an interpreter", ""
    ),
    "padded-lanes": mistake(
        "unslothai/unsloth/pull/10616",
        "2026-09",
        "with a softcap the lanes that pad the last block are summed, too",
        "merged",
    ),
    "cap-times-logit": mistake(
        "unslothai/unsloth-zoo/pull/593", "2026-04", "z tanh(z / c) for c tanh(z / c)", ""
    ),
    "scale-lost": mistake(
        "ServiceNow/Fast-LLM/issues/228",
        "2025-04",
        "the scale of the logits is missing in the gradient",
        "",
    ),
    "padding-as-zeros": mistake(
        "verl-project/verl/issues/2899",
        "2025-08",
        "what pads the last block is summed as logits of 0: exp(0) for each",
        "open",
    ),
    "smoothing-per-shard": mistake(
        "NVIDIA/Megatron-LM/issues/737",
        "2024-03",
        "smoothing takes the classes of one shard for all",
        "open",
    ),
    "log-of-softmax": mistake(
        "NVIDIA/Megatron-LM/pull/7466",
        "2026-09",
        "with smoothing, the logarithm of a softmax that has underflowed",
        "open",
    ),
    "gathered-shards": mistake(
        "NVIDIA/Megatron-LM/issues/7452",
        "2026-09",
        "gathered logits are summed once for each shard: the loss and ln TP",
        "open",
    ),
    "sixteen-bit-buffer": mistake(
        "NVIDIA/TransformerEngine/pull/3193",
        "2026-07",
        "the gradient is kept in the 16 bits of the logits, and used again",
        "merged",
    ),
    "zero-times-infinity": mistake(
        "google-deepmind/optax/issues/896", "2024-04", "0 times -inf is NaN", "closed"
    ),
    "nan-at-masked": mistake(
        "google-deepmind/optax/pull/1762",
        "2026-08",
        "the derivative is NaN at a logit of -inf",
        "open",
    ),
    "rounded-normaliser": mistake(
        "google-deepmind/optax/issues/1020",
        "2024-07",
        "the normaliser is rounded to bfloat16",
        "closed",
    ),
    "upstream-overflows": mistake(
        "jax-ml/jax/issues/40409",
        "2026-09",
        "the sum of the upstream gradients of log_softmax is kept in float16",
        "open",
    ),
    "masked-overflow": mistake(
        "jax-ml/jax/issues/17117",
        "2023-08",
        "large logits that are masked out make the gradient NaN; there, of classes",
        "open",
    ),
    "out-of-range": mistake(
        "pytorch/pytorch/issues/135546", "2024-09", "compiled code accepts labels out of range", ""
    ),
    "ignore-lost": mistake(
        "pytorch/pytorch/issues/108148", "2023-08", "a device that does not know ignore_index", ""
    ),
    "small-vocabulary": mistake(
        "pytorch/pytorch/pull/182867", "2026-05", "NaN for few classes on a device", ""
    ),
    "log-softmax-gap": mistake(
        "pytorch/pytorch/issues/94043",
        "2023-02",
        "log_softmax is -inf at a gap of 92, on a device",
        "",
    ),
    "count-overflows": mistake(
        "pytorch/pytorch/issues/61523", "2021-07", "the mean of many rows in float16 is NaN", "open"
    ),
    "unaligned-rows": mistake(
        "pytorch/pytorch/issues/143644",
        "2024-12",
        "517 columns of float64: rows after the first are wrong",
        "closed",
    ),
    "sum-overflows": mistake(
        "microsoft/onnxruntime/pull/24577",
        "2025-04",
        "the sum of exponentials is kept in float16",
        "",
    ),
    "late-log-softmax": mistake(
        "ml-explore/mlx/pull/4169",
        "2026-08",
        "log_softmax as z - lse, both rounded at the size of the logits",
        "merged",
    ),
    "no-maximum": mistake(
        "pytorch/executorch/pull/18407",
        "2026-03",
        "a softmax without subtracting the maximum",
        "merged",
    ),
    "many-classes": mistake(
        "ggml-org/llama.cpp/issues/10467",
        "2024-11",
        "with many classes the kernel fails silently",
        "closed",
    ),
    "first-slice": mistake(
        "ggml-org/llama.cpp/pull/10683",
        "2024-12",
        "only the first slice of the last axis is computed",
        "",
    ),
    "mean-of-means": mistake(
        "huggingface/transformers/pull/34191",
        "2024-10",
        "means of uneven micro-batches are averaged",
        "merged",
    ),
    "double-shift": mistake(
        "huggingface/transformers/pull/47395", "2026-07", "labels are shifted twice", "merged"
    ),
    "late-temperature": mistake(
        "PrimeIntellect-ai/prime-rl/pull/697",
        "2025-08",
        "log-probabilities are divided by the temperature, not the logits",
        "",
    ),
    "sum-over-rows": mistake(
        "paiml/aprender/pull/2182",
        "2026-06",
        "the gradient of a sum is divided by the number of rows; none reads one upstream entry",
        "merged",
    ),
    "entropy-of-zero": mistake(
        "Lightning-AI/torchmetrics/issues/1029", "2022-05", "p ln p, where p is 0", "closed"
    ),
    "clipped": mistake(
        "keras-team/tf-keras/issues/242",
        "2023-03",
        "probabilities are clipped at 1e-7: no gradient below",
        "",
    ),
    "smoothing-sum-overflows": mistake(
        "huggingface/transformers/issues/10674",
        "2021-03",
        "the sum of log-probabilities is kept in float16",
        "",
    ),
    "cancelled": mistake(
        "jax-ml/jax/issues/40384", "2026-09", "q_y - 1 cancels where q_y is near 1", ""
    ),
}
for name, report in MISTAKES.items():
    report["copy"] = "of this kind" if name in OF_THIS_KIND else "as reported"


def flag(about, why, *mistakes):
    unknown = set(mistakes) - MISTAKES.keys()
    assert not unknown, unknown
    return {"about": about, "why": why, "mistakes": list(mistakes)}


FLAGS = {
    "Plain": flag(
        "labels, ordinary logits",
        "Where this fails, nothing else need be looked at.",
        "always-zero",
        "double-shift",
    ),
    "Upstream": flag(
        "an upstream gradient that is not one, and differs from row to row",
        "With an upstream of ones a gradient that ignores it is right.",
        "first-upstream",
        "sum-over-rows",
    ),
    "InputKept": flag(
        "the logits must be what they were",
        "A gradient that is written into its input is right until somebody looks at the input.",
        "overwritten",
    ),
    "Divisor": flag(
        "what the mean divides by: the weights of the rows that count",
        "With equal weights and no ignored row all divisors are N.",
        "mean-over-rows",
        "weights-before-mask",
        "ignored-in-mean",
        "mean-of-means",
    ),
    "Ignored": flag(
        "rows whose label is ignore_index",
        "They may hold anything, and nothing of it may come out.",
        "ignored-in-mean",
        "ignore-lost",
        "garbage-rows",
        "masked-overflow",
        "weights-before-mask",
        "mean-of-means",
    ),
    "AllIgnored": flag(
        "nothing to average",
        "0 / 0. PyTorch says NaN, others 0; a sum is 0 in any case.",
        "ignore-lost",
    ),
    "Weights": flag(
        "class weights that differ", "Equal weights cancel in a mean of labels.", "mean-over-rows"
    ),
    "Smoothing": flag(
        "label smoothing",
        "The share of each class is e / K, of all classes, the true one included.",
        "smoothing-lost",
        "smoothing-per-shard",
    ),
    "SmoothingWeights": flag(
        "smoothing with class weights",
        "The weight of each class multiplies its own share; the divisor stays the weights of the labels.",
        "smoothing-by-label-weight",
    ),
    "SmoothingIgnored": flag(
        "smoothing with ignored rows",
        "The smooth part of an ignored row does not count, either.",
        "ignored-in-mean",
    ),
    "Probabilities": flag(
        "a distribution for each row",
        "A one-hot target hides which axis is summed, and a mean that divides by the weights.",
    ),
    "ZeroProbability": flag(
        "a probability of 0",
        "0 ln 0 is 0: a target's entropy, where it is used, must not be NaN.",
        "entropy-of-zero",
    ),
    "Unnormalised": flag(
        "targets that do not sum to one",
        "The gradient is q times the sum of the target, minus the target. q - p is right only for distributions.",
    ),
    "Layout": flag(
        "one row without a batch; positions behind the classes",
        "If two axes are of the same length, a wrong axis is not noticed.",
        "first-slice",
    ),
    "FewClasses": flag(
        "one, two, three classes", "Fewer than a vector register holds.", "small-vocabulary"
    ),
    "Blocks": flag(
        "classes that no power of two divides",
        "The last block is padded, or left out; the next row is not aligned.",
        "padding-as-zeros",
        "unaligned-rows",
        "many-classes",
    ),
    "Offset": flag(
        "a large number is added to all logits of a row",
        "It cancels, unless it was rounded before.",
        "late-subtraction",
        "rounded-lse",
        "no-maximum",
    ),
    "RowMaximum": flag(
        "rows of very different size",
        "One maximum for the whole batch underflows the others.",
        "no-maximum",
    ),
    "Gap": flag(
        "a label far behind",
        "Its probability underflows, or is clipped; its loss is an ordinary number, and its gradient -1.",
        "log-of-softmax",
        "clipped",
    ),
    "Masked": flag(
        "logits of -inf",
        "They drop out: no loss, no gradient, no NaN; also where a whole block is switched off.",
        "nan-at-masked",
    ),
    "Tie": flag(
        "equal logits", "No class is the largest one; random inputs never tie.", "gathered-shards"
    ),
    "SixteenBits": flag(
        "labels that are nearly certain",
        "Only one rounding, at the end, keeps the digits of the label's gradient.",
        "read-modify-write",
        "sixteen-bit-buffer",
        "rounded-normaliser",
    ),
    "NotANumber": flag(
        "a logit of NaN",
        "It comes out again, in its row alone, or a broken model looks sound; of an ignored row nothing does.",
    ),
    "Count": flag("65,536 positions", "Their number is infinite in float16.", "count-overflows"),
    "Empty": flag("no rows", "A mean of nothing is NaN, or 0 by convention."),
    "Refused": flag(
        "labels that are no class",
        "Read or clamped silently, they train on something else.",
        "out-of-range",
    ),
    "Scale": flag(
        "logits times a scale, or over a temperature",
        "Before the softmax, and once more in the gradient.",
        "scale-lost",
        "late-temperature",
    ),
    "Softcap": flag(
        "c tanh(z / c)",
        "Its derivative is 1 - tanh²; padding must stay -inf.",
        "cap-times-logit",
        "padded-lanes",
    ),
    "ZLoss": flag("z_loss lse² is added to each row", "It has a gradient of its own."),
    "LogSumExp": flag("log-sum-exp", "As the loss, without a label."),
    "LogSoftmax": flag(
        "log-softmax",
        "As the loss, for all labels at once.",
        "late-log-softmax",
        "log-softmax-gap",
        "unaligned-rows",
    ),
    "Softmax": flag("softmax", "Its gradient mixes all classes.", "no-maximum", "sum-overflows"),
    "SmallLoss": flag(
        "a loss near zero keeps its digits", "1 - q_y cancels, and ln(1 + x) loses x.", "cancelled"
    ),
    "ZeroTimesInfinity": flag(
        "a probability of 0 on a logit of -inf",
        "By 0 ln 0 = 0 it drops out.",
        "zero-times-infinity",
    ),
    "HalfSum": flag(
        "sums above 65,504",
        "float16 has no such number; its sums belong into float32.",
        "sum-overflows",
        "smoothing-sum-overflows",
        "upstream-overflows",
    ),
}

CASES = []


def tensor(value, shape=None):
    """Nested lists, or runs [value, times] with their shape."""
    if shape is None:
        shape, flat = [], value
        while isinstance(flat, list):
            shape.append(len(flat))
            flat = flat[0] if flat else 0
        for _ in shape[1:]:
            value = [entry for part in value for entry in part]
        return {"shape": shape, "data": [written(v) for v in value] if shape else [written(value)]}
    return {"shape": shape, "runs": [[written(v), n] for v, n in value]}


def written(v):
    if v != v:
        return "NaN"
    if abs(v) == INF:
        return "Infinity" if v > 0 else "-Infinity"
    return int(v) if v == int(v) else v


def case(
    id,
    about,
    flags,
    logits,
    target=None,
    upstream=1,
    *,
    formats=ALL,
    beyond=(),
    bound="stable",
    function="cross_entropy",
    refuse=False,
    also=None,
    **options,
):
    group = id.split("/")[0]
    assert group in GROUPS and all(f in FLAGS for f in flags.split())
    logits = logits if isinstance(logits, dict) else tensor(logits)
    if "weight" in options:
        options["weight"] = tensor(options["weight"])
    new = {
        "id": id,
        "group": group,
        "function": function,
        "about": about,
        "flags": flags.split(),
        "formats": formats,
        "beyond": list(beyond),
        "bound": bound,
        "logits": logits,
        "upstream": upstream if isinstance(upstream, dict) else tensor(upstream),
        "options": options,
    }
    if target is not None:
        target = target if isinstance(target, dict) else tensor(target)
        new["probabilities" if target["shape"] == logits["shape"] else "labels"] = target
    if also:
        new["also"] = also
    if refuse:
        new["refuse"] = True
    CASES.append(new)


# Five rows, four classes: both signs, every class, rows that differ.
Z = [
    [2, -1, 0.5, 0.25],
    [0.25, 1.25, -0.75, 2],
    [-1.5, -1.25, 2.25, -0.75],
    [0, 0.5, -2, 3],
    [1.5, -0.5, 1, -1],
]
Y = [0, 2, 1, 3, 2]
GAPPY = [0, -100, 1, -100, 2]
W = [0.5, 3, 1.5, 2]
W2 = W[::-1]  # of the labels of GAPPY: 6.5, which is no number of rows
P = [
    [0.5, 0.25, 0.125, 0.125],
    [0.125, 0.25, 0.5, 0.125],
    [0, 0.75, 0.25, 0],
    [1, 0, 0, 0],
    [0.25, 0.25, 0.125, 0.375],
]
UP = [2, -1, 0.5, 0.25, 3]  # the first is not 1, or two mistakes would look the same
E = 0.125

case("labels/mean", "the mean of five rows", "Plain Upstream", Z, Y, 3)
case("labels/sum", "their sum", "Plain Upstream", Z, Y, -0.5, reduction="sum")
case("labels/none", "one loss for each row", "Plain Upstream InputKept", Z, Y, UP, reduction="none")

case(
    "probabilities/mean", "the mean of five distributions", "Probabilities ZeroProbability", Z, P, 3
)
case(
    "probabilities/none",
    "one loss for each",
    "Probabilities Upstream ZeroProbability",
    Z,
    P,
    UP,
    reduction="none",
)
case(
    "probabilities/unnormalised",
    "rows that sum to 1/2, 2, 1 and 0",
    "Unnormalised",
    Z[:4],
    [[0.25, 0.125, 0.125, 0], [0.5, 0.5, 0.25, 0.75], [0, 0.75, 0.25, 0], [0, 0, 0, 0]],
    [1, 2, -1, 0.5],
    reduction="none",
)

case(
    "weights/mean",
    "labels: the mean divides by the sum of their weights",
    "Weights Divisor",
    Z,
    Y,
    3,
    weight=W,
)
case(
    "weights/probabilities-mean",
    "probabilities: the mean divides by the number of rows",
    "Weights Divisor Probabilities",
    Z,
    P,
    3,
    weight=W,
)
case(
    "weights/probabilities-none",
    "each share of the target times the weight of its class",
    "Weights Probabilities Unnormalised",
    Z,
    P,
    UP,
    weight=W,
    reduction="none",
)
case(
    "weights/probabilities-sum",
    "their sum",
    "Weights Probabilities Upstream",
    Z,
    P,
    -0.5,
    weight=W,
    reduction="sum",
)
case(
    "weights/small",
    "a label of weight 0; the weights of the labels sum to 1/2",
    "Weights Divisor",
    Z[:4],
    [0, 2, 1, 2],
    3,
    weight=[0, 0.25, 0.125, 2],
)

case("ignored/mean", "two of five rows are ignored", "Ignored Divisor", Z, GAPPY, 3)
case(
    "ignored/none",
    "they have the loss 0 and no gradient",
    "Ignored Upstream",
    Z,
    GAPPY,
    UP,
    reduction="none",
)
case(
    "ignored/weights",
    "the divisor is the sum of the weights of the rows that count",
    "Ignored Weights Divisor",
    Z,
    GAPPY,
    1,
    weight=W2,
)
case(
    "ignored/class",
    "ignore_index is one of the classes",
    "Ignored Divisor",
    Z,
    Y,
    1,
    ignore_index=2,
)
case(
    "ignored/other",
    "ignore_index is 255",
    "Ignored",
    Z,
    [255, 2, 1, 255, 2],
    1,
    ignore_index=255,
    reduction="sum",
)
case(
    "ignored/large",
    "an ignored row of large logits",
    "Ignored",
    [[1, 2, 0.5], [1024, 1, 2048], [0.5, 1, 3]],
    [1, -100, 0],
    2,
)
case(
    "ignored/nan",
    "an ignored row of NaN and infinity",
    "Ignored NotANumber",
    [[1, 2, 0.5], [NAN, 1, INF], [0.5, 1, 3]],
    [1, -100, 0],
    2,
    beyond=ALL,
)
case(
    "ignored/all",
    "all rows are ignored: mean",
    "AllIgnored Ignored",
    Z[:2],
    [-100, -100],
    1,
    also=[{"value": "0", "why": "0 by convention"}],
)
case(
    "ignored/all-sum",
    "all rows are ignored: sum",
    "AllIgnored Ignored",
    Z[:2],
    [-100, -100],
    1,
    reduction="sum",
)

case("smoothing/mean", "labels, e = 1/8", "Smoothing", Z, Y, 3, label_smoothing=E)
case(
    "smoothing/weights",
    "labels and class weights",
    "Smoothing SmoothingWeights Weights Divisor",
    Z,
    Y,
    3,
    label_smoothing=E,
    weight=W,
)
case(
    "smoothing/ignored",
    "ignored rows",
    "Smoothing SmoothingIgnored Ignored Divisor",
    Z,
    GAPPY,
    3,
    label_smoothing=E,
)
case(
    "smoothing/all",
    "weights and ignored rows",
    "Smoothing SmoothingWeights SmoothingIgnored Ignored Weights Divisor",
    Z,
    GAPPY,
    1,
    label_smoothing=E,
    weight=W2,
)
case(
    "smoothing/none",
    "weights and ignored rows: one loss for each row",
    "Smoothing SmoothingWeights SmoothingIgnored Ignored Weights Upstream",
    Z,
    GAPPY,
    UP,
    label_smoothing=E,
    weight=W2,
    reduction="none",
)
case(
    "smoothing/sum",
    "weights and ignored rows: the sum",
    "Smoothing SmoothingWeights SmoothingIgnored Ignored Weights Upstream",
    Z,
    GAPPY,
    -0.5,
    label_smoothing=E,
    weight=W2,
    reduction="sum",
)
case(
    "smoothing/probabilities",
    "smoothed distributions",
    "Smoothing Probabilities",
    Z,
    P,
    3,
    label_smoothing=E,
)
case(
    "smoothing/probabilities-weights",
    "with class weights",
    "Smoothing SmoothingWeights Probabilities Weights",
    Z,
    P,
    1,
    label_smoothing=E,
    weight=W,
)

Z3 = [
    [[2, 0.5, -1, 0], [0.25, -0.5, 1.25, 3], [-0.75, 1, 2, -2]],
    [[-1.5, 0, 1, 0.5], [2.5, 0.75, -1, 1.5], [0.5, -3, 0.25, 1]],
]
Y3 = [[0, 2, 1, 1], [2, 0, -100, 1]]
P3 = [
    [[0.5, 0.25, 0, 0.125], [0.25, 0.5, 1, 0.125], [0.25, 0.25, 0, 0.75]],
    [[0.125, 1, 0.5, 0.25], [0.125, 0, 0.25, 0.25], [0.75, 0, 0.25, 0.5]],
]
Z4 = [
    [
        [
            [((7 * n + 5 * k + 3 * h + 2 * w) * (k + 2) % 13 - 6) / 4 for w in range(2)]
            for h in range(5)
        ]
        for k in range(3)
    ]
    for n in range(2)
]
Y4 = [[[(n + 2 * h + w) % 3 for w in range(2)] for h in range(5)] for n in range(2)]
U3 = [[2, -1, 0.5, 3], [0.25, -2, 1, 1]]
U4 = [[[(h - 2 * w + n + 1) / 2 for w in range(2)] for h in range(5)] for n in range(2)]
case("layout/row", "one row, one label, no batch", "Layout", [2, -1, 0.5, 0.25], 2, 3)
case(
    "layout/row-probabilities",
    "one row, one distribution",
    "Layout Probabilities",
    [2, -1, 0.5, 0.25],
    [0.5, 0.25, 0, 0.25],
    3,
    reduction="none",
)
case(
    "layout/positions",
    "2 texts, 3 classes, 4 positions; weights, smoothing, one ignored",
    "Layout Smoothing SmoothingWeights SmoothingIgnored Ignored Weights Divisor",
    Z3,
    Y3,
    3,
    weight=W[:3],
    label_smoothing=E,
)
case(
    "layout/positions-probabilities",
    "a smoothed distribution for each position",
    "Layout Probabilities Upstream Smoothing",
    Z3,
    P3,
    U3,
    reduction="none",
    label_smoothing=E,
)
case(
    "layout/image",
    "2 images, 3 classes, 5 by 2 pixels",
    "Layout Upstream",
    Z4,
    Y4,
    U4,
    reduction="none",
)

case(
    "blocks/1",
    "one class: the loss is 0, and so is the gradient",
    "FewClasses",
    [[2.5], [-1]],
    [0, 0],
    1,
)
case("blocks/2", "two classes", "FewClasses", [[0.5, -1], [-2, 1.5], [0.25, 3]], [0, 1, 0], 1)
case(
    "blocks/517",
    "three rows of 517 classes",
    "Blocks",
    tensor(
        [[-2, 300], [3, 1], [0, 216], [1, 10], [-1, 500], [4, 1], [0.5, 6], [0, 516], [2, 1]],
        [3, 517],
    ),
    [300, 511, 516],
    [1, 2, -1],
    reduction="none",
)
case(
    "blocks/4099",
    "4,099 classes: the mass, and the labels, are in the tail",
    "Blocks",
    tensor([[-4, 4096], [5, 1], [2, 2], [-3, 4097], [4, 1], [6, 1]], [2, 4099]),
    [4096, 4098],
    1,
)
case(
    "blocks/65537",
    "65,537 classes, smoothed",
    "Blocks Smoothing",
    tensor([[-8, 65536], [2, 1], [-6, 1], [-8, 65535], [-5, 1]], [2, 65537]),
    [65536, 3],
    1,
    formats=WIDE,
    label_smoothing=E,
)

BIG = 32768
case(
    "edges/offset",
    "equal logits of 32,768",
    "Offset Tie",
    [[BIG, BIG], [-BIG, -BIG]],
    [0, 1],
    [1, 2],
    reduction="none",
)
case(
    "edges/offset-million",
    "an offset of 2^20",
    "Offset",
    [[2**20 + 3, 2**20, 2**20 + 1], [3 - 2**20, -(2**20), 1 - 2**20]],
    [0, 1],
    1,
    formats=WIDE,
)
case(
    "edges/rows",
    "one row of large logits, one of small ones",
    "RowMaximum Offset",
    [[1024, 1023, 1020], [-1024, -1023, -1020], [0, 1, 2]],
    [1, 0, 2],
    [1, 2, -1],
    reduction="none",
    formats=["float64", "float32", "float16"],
)
case(
    "edges/gap",
    "a label 20, and one 104 behind",
    "Gap",
    [[0, 20, 1], [0, 3, 104]],
    [0, 0],
    [1, -2],
    reduction="none",
)
case(
    "edges/gap-wide",
    "a label 1,000 behind",
    "Gap",
    [[0, 1000, 1], [-1000, 0, 2]],
    [0, 0],
    [1, -2],
    reduction="none",
)
case(
    "edges/gap-smoothing",
    "smoothing over a class 1,000 behind",
    "Gap Smoothing",
    [[0, 1000, 1], [-1000, 0, 2]],
    [1, 2],
    1,
    label_smoothing=E,
)
case(
    "edges/masked",
    "classes that are switched off",
    "Masked",
    [[-INF, 1, 2, 0.5], [3, -INF, -INF, 1]],
    [2, 3],
    [1, -2],
    reduction="none",
)
case(
    "edges/masked-label",
    "the label is switched off: an infinite loss with a finite gradient",
    "Masked Gap",
    [[-INF, 1, 2, 0.5]],
    [0],
    1,
)
case(
    "edges/masked-block",
    "the first 1,100 classes are switched off",
    "Masked Blocks",
    tensor([[-INF, 1100], [2, 1], [0, 99], [1, 600], [-INF, 600]], [2, 1200]),
    [1100, 3],
    1,
)
case(
    "edges/nan",
    "a logit of NaN: its row is NaN, and no other",
    "NotANumber",
    [[2, -1, 0.5], [0.25, NAN, -0.75], [-1.5, 0, 1]],
    [0, 2, 1],
    [2, 1, -1],
    reduction="none",
)
case(
    "edges/empty",
    "no rows: mean",
    "Empty",
    tensor([], [0, 3]),
    tensor([], [0]),
    1,
    also=[{"value": "0", "why": "0 by convention"}],
)

case(
    "formats/sure",
    "labels 5, 7 and 9 ahead",
    "SixteenBits",
    [[5, 0, -1], [-2, 0, 7], [0, 9, 1]],
    [0, 2, 1],
    [1, 2, -1],
    reduction="none",
    beyond=SHORT,
    bound="rounded once",
)
case(
    "formats/mean",
    "the same, as a mean of many rows",
    "SixteenBits",
    tensor([[4, 1], [0, 2], [-1, 1]] * 48, [48, 4]),
    [0] * 48,
    48,
    beyond=SHORT,
    bound="rounded once",
)
case(
    "formats/rows",
    "65,536 positions",
    "Count",
    tensor([[0.5, 1024], [-1, 1024]] * 64, [64, 2, 1024]),
    tensor([[1, 65536]], [64, 1024]),
    1024,
    beyond=["float16"],
)

case("refused/K", "a label of K", "Refused", Z[:2], [1, 4], 1, refuse=True)
case(
    "refused/negative",
    "a label of -1, which is not ignore_index",
    "Refused",
    Z[:2],
    [1, -1],
    1,
    refuse=True,
)

case(
    "options/scale",
    "logits times 1/2: a temperature of 2",
    "Scale",
    Z,
    Y,
    3,
    formats=WIDE,
    logit_scale=0.5,
)
case(
    "options/softcap", "a cap of 2", "Softcap", Z, Y, UP, formats=WIDE, reduction="none", softcap=2
)
case(
    "options/softcap-block",
    "a cap, and a class more than a block",
    "Softcap Blocks",
    tensor([[-3, 1024], [2, 1]], [1, 1025]),
    [3],
    1,
    formats=WIDE,
    softcap=4,
)
case(
    "options/z-loss",
    "1/4 lse² is added, in rows that count",
    "ZLoss Ignored",
    Z,
    GAPPY,
    UP,
    formats=WIDE,
    reduction="none",
    z_loss=0.25,
)

case(
    "logsumexp/positions",
    "classes are axis 1 of three",
    "LogSumExp Layout",
    Z3,
    None,
    U3,
    function="logsumexp",
)
case(
    "logsumexp/offset",
    "far from zero, on both sides; a gap of 2,000",
    "LogSumExp Offset RowMaximum Gap",
    [[1024, 1023, 1020], [-1024, -1023, -1020], [0, 1000, -1000]],
    None,
    [1, 2, -1],
    function="logsumexp",
    formats=["float64", "float32", "float16"],
)
case(
    "logsumexp/masked",
    "classes that are switched off",
    "LogSumExp Masked",
    [[-INF, 1, 2], [0, -INF, -INF]],
    None,
    [1, -2],
    function="logsumexp",
)
case(
    "logsumexp/nothing",
    "no finite score: ln 0",
    "LogSumExp Masked",
    [[-INF, -INF]],
    None,
    [1],
    function="logsumexp",
)

UPS = [[[a - 2 * b + c / 2 for c in range(4)] for b in range(3)] for a in range(2)]
case(
    "log_softmax/offset",
    "equal logits of 32,768, and of -32,768",
    "LogSoftmax Offset Tie",
    [[BIG, BIG], [-BIG, -BIG]],
    None,
    [[1, 2], [0, -1]],
    function="log_softmax",
)
case(
    "log_softmax/gap",
    "gaps of 92 and 1,000",
    "LogSoftmax Gap",
    [[0, -92, 1], [0, 1000, -1000]],
    None,
    [[1, 2, -1], [0.5, 1, 3]],
    function="log_softmax",
)
case(
    "log_softmax/positions",
    "classes are axis 1 of three",
    "LogSoftmax Layout",
    Z3,
    None,
    UPS,
    function="log_softmax",
)

case(
    "softmax/positions",
    "classes are axis 1 of three",
    "Softmax Layout",
    Z3,
    None,
    UPS,
    function="softmax",
)
case(
    "softmax/offset",
    "far from zero, on both sides; a gap of 2,000",
    "Softmax Offset RowMaximum Gap",
    [[1024, 1023, 1020], [-1024, -1023, -1020], [0, 1000, -1000]],
    None,
    [[1, 2, -1], [0, 1, 0], [0.5, -2, 1]],
    function="softmax",
    formats=["float64", "float32", "float16"],
)
case(
    "softmax/masked",
    "classes that are switched off",
    "Softmax Masked",
    [[-INF, 1, 2], [0, -INF, -INF]],
    None,
    [[1, 2, -1], [0, 1, 0]],
    function="softmax",
)

case(
    "digits/sure",
    "labels 17 and 40 ahead",
    "SmallLoss",
    [[17, 0, -9], [0, 0, 40]],
    [0, 2],
    [1, 2],
    formats=WIDE,
    beyond=WIDE,
    bound="relative",
    reduction="none",
)
case(
    "digits/masked-probabilities",
    "a probability of 0 on a logit of -inf",
    "ZeroTimesInfinity Masked",
    [[-INF, 0, 1], [1, 2, -INF]],
    [[0, 0.5, 0.5], [0.25, 0.75, 0]],
    [1, 2],
    beyond=ALL,
    reduction="none",
)
case(
    "digits/half-sum",
    "70,000 equal logits",
    "HalfSum Blocks",
    tensor([[0.5, 70000]], [1, 70000]),
    [69999],
    1,
    formats=["float16"],
    beyond=["float16"],
    reduction="sum",
)
case(
    "digits/half-smoothing",
    "log-probabilities whose sum is -80,000",
    "HalfSum Smoothing",
    tensor([[20, 1], [0, 3999]], [1, 4000]),
    [0],
    1,
    formats=["float16"],
    beyond=["float16"],
    label_smoothing=E,
)
case(
    "log_softmax/half-upstream",
    "65,536 upstream gradients of 1",
    "HalfSum LogSoftmax",
    tensor([[8, 1], [0, 65535]], [1, 65536]),
    None,
    tensor([[1, 65536]], [1, 65536]),
    function="log_softmax",
    formats=["float16"],
)
