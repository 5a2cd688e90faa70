"""The known answers in vectors/: true, sharp enough for every mistake, and never a false alarm."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys

import book
import check
import jsonschema
import make
import mistakes
import mpmath
import mutants
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import world

VECTORS = book.ROOT / "vectors"
DATA = json.loads(check.FILE.read_text(encoding="utf-8"))
WIDE = ["float64", "float32"]
ALL = [*WIDE, "bfloat16", "float16"]


def alarms(function, cases, form=None, **how):
    """What is found wrong, a line each; and in how many cases it was looked for."""
    lines, looked = [], 0
    for case in cases:
        try:
            lines += [f"{case}: {line}" for line in check.faults(function, case, form, **how)]
            looked += 1
        except check.Skip:
            pass
    return lines, looked


# The file.


def test_the_file_is_what_its_source_makes():
    assert check.FILE.read_text(encoding="utf-8") == make.text(), "python vectors/make.py"


def test_the_file_is_as_its_schema_says():
    schema = json.loads((VECTORS / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(DATA)
    ids = [case["id"] for case in DATA["cases"]]
    assert len(ids) == len(set(ids)) <= 80
    for name in ("groups", "flags"):
        used = {
            part for c in DATA["cases"] for part in ([c["group"]] if name == "groups" else c[name])
        }
        assert used == DATA[name].keys()
    cited = {key for flag in DATA["flags"].values() for key in flag["mistakes"]}
    assert cited == DATA["mistakes"].keys()


@pytest.mark.parametrize("format", ALL)
def test_inputs_are_exact_in_every_format_of_their_case(format):
    kind = getattr(torch, format)
    for case in [c for f in check.FUNCTIONS for c in check.cases(f, [format], beyond=True)]:
        inputs = [case.logits, case.upstream, case.options.get("weight"), case.probabilities]
        for values in (torch.tensor(v) for v in inputs if v is not None):
            same = torch.allclose(values.to(kind).double(), values, rtol=0, atol=0, equal_nan=True)
            assert same, case


def by_definition(case, rows):
    """The value for rows of mpmath numbers: -ln of exp(z) / sum of exp(z), term by term."""
    o = check.DEFAULTS | case.options
    K, soft = len(rows[0]), case.labels is None
    w = np.ones(K) if o["weight"] is None else o["weight"]
    eps = mpmath.mpf(o["label_smoothing"])
    losses, weights = [], []
    for n, z in enumerate(rows):
        y = None if soft else case.labels.reshape(-1)[n]
        if y is not None and y == o["ignore_index"]:
            losses.append(0)
            continue
        z = [v * o["logit_scale"] for v in z]
        if c := o["softcap"]:
            z = [c * mpmath.tanh(v / c) for v in z]
        p = (
            np.moveaxis(np.atleast_2d(case.probabilities), 1, -1).reshape(-1, K)[n]
            if soft
            else np.eye(K)[y]
        )
        total = mpmath.fsum(map(mpmath.exp, z))
        q = [mpmath.exp(v) / total for v in z]
        share = [w[k] * ((1 - eps) * p[k] + eps / K) for k in range(K)]
        loss = -mpmath.fsum(a * mpmath.log(b) for a, b in zip(share, q, strict=True) if a)
        losses.append(loss + o["z_loss"] * mpmath.log(total) ** 2)
        weights.append(1 if soft else w[y])
    up = case.upstream.reshape(-1)
    if o["reduction"] == "none":
        return losses, mpmath.fsum(u * v for u, v in zip(up, losses, strict=True))
    total = mpmath.fsum(losses) / (sum(weights) if o["reduction"] == "mean" else 1)
    return [total], up[0] * total


def test_the_answers_are_those_of_the_definition_and_of_its_differences():
    looked = 0
    for case in check.cases(formats=["float64"], beyond=True):
        if (
            case.refuse
            or case.logits.size > 70
            or not np.isfinite(case.logits).all()
            or not case.logits.size
        ):
            continue
        if not np.isfinite(case.value).all():
            continue
        z = np.moveaxis(np.atleast_2d(case.logits), 1, -1)
        with mpmath.workdps(60 + int(0.9 * np.ptp(z, axis=-1).max())):
            rows = [[mpmath.mpf(v) for v in row] for row in z.reshape(-1, z.shape[-1]).tolist()]
            values, start = by_definition(case, rows)
            written = [mpmath.mpf(v) for v in case.spec["value"]["data"]]
            for found, value in zip(written, values, strict=True):
                assert abs(found - value) <= abs(value) * mpmath.mpf(10) ** -48, case
            gradient = np.moveaxis(
                np.atleast_2d(np.reshape(case.spec["gradient"]["data"], case.logits.shape)), 1, -1
            )
            h = mpmath.mpf(10) ** -30
            for (n, k), found in np.ndenumerate(gradient.reshape(len(rows), -1)):
                before = rows[n][k]
                rows[n][k] = before + h
                slope = (by_definition(case, rows)[1] - start) / h
                rows[n][k] = before
                assert abs(mpmath.mpf(found) - slope) < 1e-25, case
        looked += 1
    assert looked > 35


# No false alarm.


@pytest.mark.parametrize("format", ALL)
@pytest.mark.parametrize(
    "function, what",
    [(F.cross_entropy, "cross_entropy"), (F.linear_cross_entropy, "cross_entropy")]
    + [(F.log_softmax, "log_softmax"), (F.softmax, "softmax"), (torch.logsumexp, "logsumexp")],
)
def test_pytorch_is_right(function, what, format):
    found, looked = alarms(function, check.cases(what, [format]))
    assert found == [] and looked >= {"cross_entropy": 25}.get(what, 2)


def test_what_lies_beyond_pytorch_is_only_what_is_said_to():
    beyond = [c for c in check.cases("cross_entropy", ALL, beyond=True) if c.beyond]
    right = [str(case) for case in beyond if not check.faults(F.cross_entropy, case)]
    assert right == []


def test_the_compiled_loss_is_right():
    """By the decompositions of PyTorch's compiler; its code in C++ would take ten minutes."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(recompile_limit=100, accumulated_recompile_limit=100):
        compiled = torch.compile(F.cross_entropy, backend="aot_eager_decomp_partition")
        cases = check.cases("cross_entropy", ["float32"], ["ignored", "weights", "smoothing"])
        found, looked = alarms(compiled, cases, "torch")
    assert found == [] and looked >= 15


def chapter_functions(name, *functions):
    """Names that the cells of a chapter define which hold these functions."""
    cells = book.code_cells(book.read(book.ROOT / f"chapters/{name}.ipynb"))
    names = {"torch": torch, "F": F}
    for source in (book.source(cell) for _, cell in cells):
        if any(source.startswith(f"def {function}(") for function in functions):
            exec(source, names)
    return names


def rows_and_labels(case):
    return case.logits.ndim == 2 and case.labels is not None and not case.refuse


def plain_mean(case):
    return rows_and_labels(case) and not case.options and -100 not in case.labels


def test_the_functions_of_chapters_5_and_12_are_right():
    names = chapter_functions("05_log_sum_exp", "lse", "cross_entropy")
    names |= chapter_functions("12_precision", "accurate_loss")
    cases = check.cases("cross_entropy", WIDE, beyond=True)
    finite = [c for c in cases if np.isfinite(c.logits).all() and len(c.logits)]
    mean = [case for case in finite if plain_mean(case)]
    assert alarms(names["cross_entropy"], mean, "torch") == ([], len(mean)) and len(mean) >= 10
    losses = [c for c in finite if rows_and_labels(c) and c.options == {"reduction": "none"}]
    losses = [c for c in losses if -100 not in c.labels]

    def accurate(logits, target, reduction):
        return names["accurate_loss"](logits, target)

    found, looked = alarms(accurate, losses, "torch")
    assert found == [] and {"digits/sure", "formats/sure"} <= {c.id for c in losses}
    sums = [c for c in check.cases("logsumexp", WIDE) if np.isfinite(c.value).all()]
    found, looked = alarms(lambda z, dim: names["lse"](z.movedim(dim, -1)), sums, "torch")
    assert found == [] and looked == len(sums) >= 6


def test_the_function_of_chapter_6_is_right():
    names = chapter_functions("06_pytorch_loss", "losses_and_divisor", "cross_entropy")
    cases = [c for c in check.cases("cross_entropy", WIDE) if c.logits.ndim > 1]
    found, looked = alarms(names["cross_entropy"], cases, "torch")
    assert found == [] and looked >= 70


def test_the_gradient_of_chapter_7_is_right():
    names = chapter_functions("07_gradient", "check_arguments", "cross_entropy_gradient")
    function = names["cross_entropy_gradient"]
    looked = 0
    for case in check.cases("cross_entropy", WIDE):
        if not rows_and_labels(case) or -100 in case.labels or not len(case.logits):
            continue
        if case.options not in ({}, {"reduction": "sum"}):
            continue
        logits = torch.tensor(case.logits, dtype=getattr(torch, case.format))
        reduction = case.options.get("reduction", "mean")
        found = (
            function(logits, torch.tensor(case.labels), reduction).double().numpy() * case.upstream
        )
        assert not check.off(found, case.gradient, case.gradient_bound).any(), case
        looked += 1
    assert looked >= 16


EXPLORER = """({ numerics, rows, T }) => {
  const { evaluate } = new Function(`${numerics}; return Numerics`)()
  return rows.map(({ z, p }) => {
    const { loss, gradient } = evaluate(z, T, p)
    return [loss, ...gradient]
  })
}"""


def test_the_numbers_of_the_explorer_are_right(browser):
    numerics = (book.ROOT / "assets/explorer/numerics.js").read_text(encoding="utf-8")
    page = browser.new_page()

    def explorer(logits, target, upstream, reduction="mean", label_smoothing=0.0, logit_scale=1.0):
        p = target if target.shape == logits.shape else np.eye(logits.shape[1])[target]
        p = (1 - label_smoothing) * p + label_smoothing / logits.shape[1]
        rows = [{"z": z, "p": t} for z, t in zip(logits.tolist(), p.tolist(), strict=True)]
        given = {"numerics": numerics, "rows": rows, "T": 1 / logit_scale}
        found = np.array(page.evaluate(EXPLORER, given))
        losses, gradient = found[:, 0], found[:, 1:]
        if reduction == "none":
            return losses, gradient * upstream[:, None]
        divisor = len(logits) if reduction == "mean" else 1
        return losses.sum() / divisor, gradient * upstream / divisor

    cases = [
        case
        for case in check.cases("cross_entropy", ["float64"], beyond=True)
        if case.logits.ndim == 2 and 0 < case.logits.size < 2000 and not case.refuse
        if case.labels is not None and -100 not in case.labels or "Unnormalised" not in case.flags
        if case.labels is None or -100 not in case.labels
    ]
    found, looked = alarms(explorer, cases, "plain")
    assert found == [] and looked >= 20


# Every mistake is noticed.


def test_what_is_right_passes():
    for function, what in [
        (mistakes.Right(), "cross_entropy"),
        (mistakes.Blocked(), "cross_entropy"),
        (mistakes.logsumexp, "logsumexp"),
        (mistakes.log_softmax, "log_softmax"),
        (mistakes.softmax, "softmax"),
    ]:
        assert alarms(function, mistakes.usual(mistakes.all_cases(what)), "plain")[0] == []


@pytest.fixture(scope="module")
def table():
    return list(mistakes.table())


def test_every_public_mistake_is_made_again_and_noticed_by_a_flag_that_names_it(table):
    assert DATA["mistakes"].keys() <= mistakes.MISTAKES.keys()
    for name, found, flags, _ in table:
        assert found, f"{name} is not noticed"
        if name in DATA["mistakes"]:
            naming = {flag for flag, value in DATA["flags"].items() if name in value["mistakes"]}
            assert naming & flags.keys(), f"{name}: {naming} do not notice it, {set(flags)} do"


# Options that are right one by one, and what is not a number.
NOTICED_BY_ONE_CASE = {
    "weights-lost-in-none": "smoothing/none",
    "weights-of-gradient-lost-in-none": "smoothing/none",
    "smoothing-lost-in-none": "smoothing/none",
    "smoothing-ignored-rows-in-none": "smoothing/none",
    "weights-lost-in-sum": "smoothing/sum",
    "sum-over-weights": "smoothing/sum",
    "smoothing-lost-in-sum": "smoothing/sum",
    "sum-of-probabilities-as-mean": "weights/probabilities-sum",
    "divisor-at-least-one": "weights/small",
    "nan-swallowed": "edges/nan",
    "ignored-times-zero": "ignored/nan",
}


def test_what_one_case_alone_notices(table):
    noticed = {name: {case.id for case in found} for name, found, *_ in table}
    for name, only in NOTICED_BY_ONE_CASE.items():
        assert noticed[name] == {only}, name


def readme():
    return " ".join((VECTORS / "README.md").read_text(encoding="utf-8").split())


def test_readme_counts_the_mistakes(table):
    public, beyond = DATA["mistakes"], [name for name, *_, all_beyond in table if all_beyond]
    others = len(mistakes.MISTAKES) - len(public)
    said = f"makes {len(public)} public mistakes again, and {others} without an address"
    assert said in readme()
    counts = sum(name in public for name in beyond), sum(name not in public for name in beyond)
    assert "{} of the public ones and {} of the others only with".format(*counts) in readme()


# What changes nothing that can be seen: the sides of !=, an error that another line raises, a
# value at a class or row that does not count, another size of a block.
EQUIVALENT = [
    "self.counting(ignore_index, self.y)",
    "y > self.K",
    "column 55: 0",
    "column 89: 0",
    "513",
    "np.zeros  →  np.ones",
    "new <= 0",
    "line 12, column 56: 0",
    "line 12, column 52: 0",
    "line 7, column 43: 0",
    "top = np.where(np.isfinite(top), top, 0)",
]


def test_mechanical_changes_are_noticed():
    noticed = mistakes.measure()
    assert len(noticed) >= 350
    missed = [name for name, found in noticed.items() if not found]
    assert [n for n in missed if not any(part in n for part in EQUIVALENT)] == []
    assert len(missed) <= 14
    said = f"Of {len(noticed)} mechanical changes of a right implementation"
    assert said in readme() and f"{len(noticed) - len(missed)} are noticed" in readme()


def test_changes_of_a_function_that_no_case_was_chosen_for_are_noticed():
    """Chapter 6's: its mutants were not looked at while the cases were chosen."""
    cells = book.code_cells(book.read(book.ROOT / "chapters/06_pytorch_loss.ipynb"))
    sources = [book.source(cell) for _, cell in cells]
    sources = [s for s in sources if s.startswith(("def losses_and", "def cross_entropy("))]
    cases = [c for c in check.cases("cross_entropy", ["float64"]) if c.logits.ndim > 1]
    missed, tried = [], 0
    for mutant in mutants.mutants("\n\n\n".join(sources)):
        names = {"torch": torch}
        exec(compile(mutant.tree, "mutant", "exec"), names)
        function = names.get("cross_entropy")
        tried += 1
        if function and not any(wrong(function, case) for case in cases):
            missed.append(str(mutant))
    assert tried >= 80
    # What stands at a row that does not count, and which column is counted.
    assert len(missed) <= 2, "\n".join(missed)


def wrong(function, case):
    try:
        return check.faults(function, case, "torch", explain=False)
    except check.Skip:
        return False


# What a failure means.


@pytest.mark.parametrize(
    "name, said",
    [
        ("mean-over-rows", "divided by the number of rows that count"),
        ("weights-before-mask", "divided by the weights of all rows, ignored ones, too"),
        ("ignored-in-mean", "divided by the number of all rows"),
        ("gathered-shards", "too big by exactly ln 2"),
        ("first-upstream", "the upstream gradient of the first row is used for all"),
        ("smoothing-lost", "label smoothing is not used"),
        ("smoothing-by-label-weight", "the smooth part is weighted by the label"),
        ("smoothing-ignored-rows", "ignored rows are smoothed"),
        ("smoothing-others", "smoothing e / (K - 1) for the other classes"),
        ("double-shift", "labels of the next row: shifted once too often"),
        ("always-zero", "all zero"),
        ("ignore-lost", "ignored rows are not ignored"),
        ("overwritten", "something is written into them"),
        ("late-subtraction", "digits of a far offset"),
        ("scale-lost", "too big by the factor 1/scale"),
        ("sum-over-rows", "divided by the number of rows, as a mean"),
        ("log-of-softmax", "infinite"),
        ("nan-at-masked", "where a logit is infinite"),
        ("sixteen-bit-buffer", "digits are lost"),
        ("negative-ignored", "for a label that is no class"),
        ("read-modify-write", "wrong at the label only"),
        ("tail-dropped", "the last 5 classes, less than a block, are left out"),
        ("many-classes", "only the first 1024 classes are summed"),
        ("padded-lanes", "which pad the last block, are summed as -cap"),
        ("divisor-at-least-one", "divided by 1, as the weights sum to less"),
        ("sum-over-weights", "divided by the weights of the rows, as a mean"),
        ("nan-swallowed", "a number, and should be NaN"),
        ("cancelled", "digits of a small loss: 1 + x is rounded before its logarithm"),
    ],
)
def test_a_failure_says_what_it_means(name, said):
    function, what = mistakes.MISTAKES[name]
    found, _ = alarms(function, mistakes.all_cases(what), "plain")
    assert any(said in line for line in found), "\n".join(found)


class NotUsed(mistakes.Right):
    def upstream(self, up):
        return np.ones_like(up)


class NotRescaled(mistakes.Right):
    def exp_sum(self, d):
        total, top = 0, np.full((len(d), 1), -np.inf)
        for start in range(0, self.K, 512):
            part = d[:, start : start + 512]
            top = np.maximum(top, part.max(axis=1, keepdims=True))
            total = total + np.exp(part - top).sum(axis=1, keepdims=True)
        return total


def lines(function, id, format="float32", form="plain", **how):
    """What is said of it in one case, whatever it is called."""
    (case,) = [
        c for f in check.FUNCTIONS for c in check.cases(f, [format], beyond=True) if c.id == id
    ]
    return " | ".join(check.faults(function, case, form, **how))


@pytest.mark.parametrize(
    "function, id, said",
    [
        (NotUsed(), "labels/none", "looks like: the upstream gradient is not used"),
        (NotRescaled(), "blocks/4099", "looks like: the sums of earlier blocks are not rescaled"),
        (lambda z, y, **_: np.float32(0), "edges/masked-label", "a number, and should be infinite"),
        (lambda z, y, upstream, **_: (np.float32(np.inf), z * 0), "labels/mean", ": infinite"),
        (mistakes.IgnoreLost(), "ignored/none", "looks like: ignored rows are not ignored"),
    ],
)
def test_a_reason_is_the_right_one_alone(function, id, said):
    found = lines(function, id).split(" | ")[-1 if "upstream" in said else 0]
    assert found.endswith(said)


def test_a_gradient_of_zeros_is_not_said_to_be_a_small_one():
    said = lines(lambda z, y, upstream, **_: (z[0, 0, 0], z * 0), "formats/rows", "float16")
    assert said.endswith(": all zero")


@pytest.mark.parametrize("id", ["digits/sure", "blocks/4099", "labels/mean"])
@pytest.mark.parametrize("share", [1e-3, 0.37])
def test_an_error_without_a_meaning_is_given_none(id, share):
    """No upstream for a loss that the usual formula rounds, no fraction for a single number."""

    def function(logits, target, upstream, **options):
        value, gradient = mistakes.Right()(logits, target, upstream, **options)
        return value * (1 + share), gradient

    said = lines(function, id, "float64")
    known = "small loss" if id == "digits/sure" else None
    assert known in said if known else re.search(r" for [-\d.]+($| \||: digits are lost)", said), (
        said
    )


# A flag that is printed has to lead to the mistake.


@pytest.mark.parametrize(
    "name, flag",
    [
        ("first-upstream", "Upstream"),
        ("always-zero", "Plain"),
        ("double-shift", "Plain"),
        ("gathered-shards", "Tie"),
        ("ignored-in-mean", "Divisor"),
        ("smoothing-lost", "Smoothing"),
        ("smoothing-by-label-weight", "SmoothingWeights"),
        ("padded-lanes", "Softcap"),
        ("many-classes", "Blocks"),
        (NotUsed(), "Upstream"),
    ],
)
def test_the_first_flag_is_that_of_the_mistake(name, flag):
    function = mistakes.MISTAKES[name][0] if isinstance(name, str) else name
    table, failed = {}, []
    for case in check.cases(formats=["float32"]):
        if found := check.faults(function, case, "plain"):
            failed.append((case, found))
        for own in case.flags:
            counts = table.setdefault(own, {"right": 0, "WRONG": 0})
            counts["WRONG" if found else "right"] += 1
    assert check.suspicious(table, failed)[0] == flag


# What is no answer.


def detached(logits, target, **options):
    return F.cross_entropy(logits.detach(), target, **options)


def of_another_device(logits, target, **options):
    raise NotImplementedError("Could not run 'aten::exp' with arguments from the 'X' backend.")


def always_raises(logits, target, **options):
    raise RuntimeError("out of order")


def always_nan(logits, target, **options):
    return F.cross_entropy(logits, target * 0, **options) * float("nan")


@pytest.mark.parametrize(
    "function, id, form, said",
    [
        (detached, "labels/mean", "torch", "the value has no gradient"),
        (detached, "labels/mean", "rows", "the value has no gradient"),
        (of_another_device, "labels/mean", "torch", "it raised NotImplementedError: Could not run"),
        (always_raises, "refused/K", "torch", "out of order; also if all labels are classes"),
        (always_nan, "refused/K", "torch", "it gave NaN, also if all labels are classes"),
        (lambda z, y, **_: 1.5, "labels/mean", "torch", "it returned a float, not a tensor"),
        (lambda z, y, **_: None, "labels/mean", "plain", "it returned None, not numbers"),
        (lambda z, y, **_: (1, 2, 3), "labels/mean", "plain", "it returned 3 results"),
        (lambda z, y, **_: z.sum(), "labels/none", "torch", "the value has the shape (), not (5,)"),
        (F.cross_entropy, "labels/mean", "plain", "called in the form plain; --form"),
    ],
)
def test_what_is_no_answer_is_said_so(function, id, form, said):
    if form == "rows":

        def function(logits, target):
            return F.cross_entropy(logits.detach(), target, reduction="none")

    assert said in lines(function, id, form=form)


def test_values_without_gradients_are_counted():
    notes = []
    case = check.cases(formats=["float32"], groups=["labels"])[0]
    value = lambda *arguments, **options: mistakes.Right()(*arguments, **options)[0]  # noqa: E731
    assert check.faults(value, case, "plain", notes=notes) == [] and notes == [case]
    assert check.faults(detached, case, "torch", gradients=False) == []


def test_formats_and_groups_that_are_none_are_refused():
    for wrong in ({"formats": ["bf16"]}, {"groups": ["labels", "ignorde"]}):
        with pytest.raises(ValueError, match="no such format or group: (bf16|ignorde)"):
            check.cases(**wrong)


def test_a_module_is_called_with_what_it_takes():
    module = torch.nn.CrossEntropyLoss()
    found, looked = alarms(module, check.cases(formats=["float32"], groups=["labels"]))
    assert (found, looked) == ([], 1) and check.form_of(module) == "torch"
    made = check.load("torch.nn:CrossEntropyLoss")
    found, looked = alarms(made, check.cases(formats=["float32"]))
    assert found == [] and looked > 45 and check.form_of(made) == "torch"


# The command, and the same in pytest, in a folder with nothing but what one downloads.

MINE = """
import numpy as np

def loss(logits, target, upstream, reduction="mean", ignore_index=-100):
    z = logits - logits.max(axis=1, keepdims=True)
    log_q = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    rows = np.arange(len(z))
    losses = -log_q[rows, target]
    gradient = np.exp(log_q)
    gradient[rows, target] -= 1
    if reduction == "none":
        return losses, gradient * upstream[:, None]
    n = len(z) if reduction == "mean" else 1
    return losses.sum() / n, gradient * upstream / n
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("check.py", "cross_entropy.json"):
        shutil.copy(VECTORS / name, tmp_path)
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


def command(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_says_what_is_right_and_what_is_not(folder):
    status, said = command(folder, "check.py", "mine:loss", "--groups", "labels", "blocks")
    assert status == 0, said
    assert re.search(r"Plain +6 +· ", said) and "Skipped, no label_smoothing: 2" in said
    status, said = command(folder, "check.py", "mine:loss", "--targets", "probabilities", "--flat")
    assert status == 1 and "Probabilities" in said and "AllIgnored" not in said
    status, said = command(folder, "check.py", "mine.py:loss", "--flat")
    assert status == 1
    assert "ignored/mean:float64" in said and "tracel-ai/burn/issues/5568" in said
    assert re.search(r"\n\d+ right, \d+ wrong, 0 expected, \d+ skipped of \d+ checks\.", said)


TORCH = """
import torch.nn.functional as F

number = 3

def later(logits, target, **options):
    raise NotImplementedError

def leaves(logits, target):
    raise SystemExit(0)

def value(logits, target):
    return F.cross_entropy(logits, target).item()
"""


@pytest.mark.parametrize(
    "arguments, status, said",
    [
        ("theirs.py:later --groups labels", 2, "Nothing was checked."),
        ("theirs.py:value --groups labels", 1, "called in the form torch, float64, float32"),
        ("theirs.py:value --groups ignored blocks", 1, " more: ignored/"),
        ("theirs.py:value --groups labels", 1, "Its parameters are logits, target."),
        ("theirs.py:number", 2, "is an int: give a function"),
        ("theirs.py:nothing", 2, "theirs has no nothing"),
        ("theirs.py", 2, "not of the form module:name"),
        ("nowhere.py:loss", 2, "there is no file nowhere.py"),
        ("broken.py:loss", 2, "broken cannot be imported: ZeroDivisionError: division by zero"),
        ("theirs.py:leaves --groups labels", 1, "it raised SystemExit: 0"),
        ("theirs.py:value --groups digits", 2, "or with another --what, or with --beyond"),
        ("theirs.py:value --slack -1", 2, "--slack has to be a positive number"),
        ("nowhere:loss", 2, "nowhere cannot be imported: No module named 'nowhere'"),
        ("mistakes_of_none:Right --expected no.txt", 2, "No such file"),
        ("theirs.py:value --formats float32 bf16", 2, "invalid choice: 'bf16'"),
        ("theirs.py:value --groups labels ignorde", 2, "invalid choice: 'ignorde'"),
        ("theirs.py:value --device nonsense", 2, "--device nonsense: "),
        ("theirs.py:value --device meta", 2, "--device meta: "),
        ("mine.py:loss --device cpu", 2, "--device is for the forms torch and linear, not plain"),
        ("mine.py:loss --expected known.txt", 2, "there is no case labels/men"),
    ],
)
def test_a_wrong_use_is_said_in_a_line(folder, monkeypatch, capsys, arguments, status, said):
    (folder / "theirs.py").write_text(TORCH, encoding="utf-8")
    (folder / "broken.py").write_text("1 / 0", encoding="utf-8")
    (folder / "known.txt").write_text("labels/men a slip\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    try:
        found = check.main(arguments.split())
    except SystemExit as stop:
        found = stop.code
    finally:
        for name in ("theirs", "mine"):
            sys.modules.pop(name, None)
    printed = capsys.readouterr()
    assert found == status and said in printed.out + printed.err


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_a_file_that_is_not_there_or_broken_is_not_a_wrong_function(folder, text):
    file = folder / "cross_entropy.json"
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    status, said = command(folder, "check.py", "mine:loss")
    assert status == 2 and "cross_entropy.json cannot be read; copy it again" in said


def test_expected_failures_need_a_reason_and_are_missed_when_they_pass(folder):
    line = "{} there are no ignored rows in our data #1\n"
    known = folder / "known.txt"
    _, said = command(folder, "check.py", "mine:loss", "--flat")
    wrong = set(re.findall(r"(\w+/[\w-]+):float\d\d", said))
    known.write_text("# ours\n" + "".join(map(line.format, sorted(wrong))), encoding="utf-8")
    status, said = command(folder, "check.py", "mine:loss", "--flat", "--expected", "known.txt")
    assert status == 0, said
    assert "Expected to fail, there are no ignored rows in our data #1: " in said
    known.write_text(
        known.read_text(encoding="utf-8") + line.format("labels/mean"), encoding="utf-8"
    )
    status, said = command(folder, "check.py", "mine:loss", "--flat", "--expected", "known.txt")
    assert status == 1 and "Expected to fail, and right: labels/mean." in said
    known.write_text("labels/mean\n", encoding="utf-8")
    status, said = command(folder, "check.py", "mine:loss", "--flat", "--expected", "known.txt")
    assert status != 0 and "a reason is missing" in said


def test_three_lines_make_it_a_test_of_pytest(folder):
    text = (VECTORS / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import check.*?)```", text, re.DOTALL)
    (folder / "test_mine.py").write_text(code, encoding="utf-8")
    status, said = command(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py")
    assert status == 1 and re.search(r"\d+ failed, \d+ passed, \d+ skipped", said), said
    assert "Skip" not in said.partition("short test summary")[2]
    assert "test_known_answers[ignored/mean:float32]" in said


# Other libraries: run by hand alone (world.py); here, whether it asks as check.py does.


@pytest.mark.parametrize("name", world.WORLD)
def test_other_libraries_are_asked_as_check_asks(name):
    asked = []
    for tried in world.WORLD[name].tries:
        assert tried.form in check.FORMS and tried.what in check.FUNCTIONS
        cases = tried.cases()
        assert cases, tried.name
        asked += map(str, cases)
        if callable(tried.function) and tried.form == "plain":
            known = {"logits", "target", "upstream", *check.DEFAULTS}
            assert set(check.parameters(tried.function)) <= known
    patterns = {pattern for tried in world.WORLD[name].tries for pattern in tried.other}
    assert [p for p in patterns if not fnmatch.filter(asked, p)] == []
    assert all("==" in p or p == "packaging" for p in world.WORLD[name].packages)


# The casebook of chapter 14.

CHAPTER = book.ROOT / "chapters/14_test_your_loss.ipynb"


def casebook_of(sources):
    """Key -> (address, date, how near to the report), from the chapter's text of the casebook."""
    (text,) = [m for s in sources for m in re.findall(r'CASEBOOK = """(.*?)"""', s, re.DOTALL)]
    found = {}
    for line in text.splitlines():
        if " | " not in line:  # the name of a family
            continue
        key, what, about, where, date, *mark = line.split(" | ")
        assert key not in found, f"{key} stands twice"
        assert mark in ([], ["≈"])
        copy = "of this kind" if mark else "as reported"
        found[key] = (f"https://github.com/{where}", date, copy)
    return found


def disagreements(found, public):
    for key in sorted(found.keys() ^ public.keys()):
        yield f"{key}: only in {'the chapter' if key in found else 'cross_entropy.json'}"
    for key in found.keys() & public.keys():
        for name, here in zip(["address", "date", "copy"], found[key], strict=True):
            if here != (there := public[key][name]):
                yield f"{key}: its {name} is {here} in the chapter, {there} in cross_entropy.json"


def test_the_casebook_of_the_chapter_and_the_file_agree():
    sources = [book.source(cell) for _, cell in book.code_cells(book.read(CHAPTER))]
    public = json.loads(check.FILE.read_text(encoding="utf-8"))["mistakes"]
    found = casebook_of(sources)
    assert list(disagreements(found, public)) == []
    assert found.keys() <= mistakes.MISTAKES.keys()
    # Each has its faulty steps, in a dictionary of the chapter's.
    code = "\n".join(sources)
    assert [key for key in found if not re.search(rf'^ +"{key}": ', code, re.MULTILINE)] == []
    # What the text says of the folder.
    words = " ".join(book.words(book.read(CHAPTER)))
    data = json.loads(check.FILE.read_text(encoding="utf-8"))
    assert f"{len(data['cases'])} cases" in words and f"notice all {len(public)} mistakes" in words


def test_a_casebook_that_differs_is_found():
    text = 'CASEBOOK = """a family\nx | w | i | o/r/issues/1 | 2026-01 | ≈\n"""'
    found = casebook_of([text])
    assert found == {"x": ("https://github.com/o/r/issues/1", "2026-01", "of this kind")}
    where = "https://github.com/o/r/issues/1"
    right = {"address": where, "date": "2026-01", "copy": "of this kind"}
    assert list(disagreements(found, {"x": right})) == []
    assert len(list(disagreements(found, {"x": right | {"date": "2026-02"}}))) == 1
    assert len(list(disagreements(found, {"x": right | {"copy": "as reported"}}))) == 1
    assert len(list(disagreements(found, {"y": right}))) == 2
