"""Messages and symptoms: each message that a CPU gives is PyTorch's own, each line does what the
page says of it."""

import copy
import html
import math
import re
import warnings
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from book import CHAPTERS, ROOT, code_cells, read
from torch import nn

PAGE = (ROOT / "appendix" / "messages.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"(?ms)^\((msg-[a-z0-9-]+)\)=\n### (.*?)\n(.*?)(?=^\(msg-|\Z)")
CODE = re.compile(r"(`+) ?(.+?) ?\1(?!`)")
# A message in a heading of which the rest is left out ends so.
REST = " …"


def parts_of(text):
    """What an entry says, its line of code, and the messages that it gives beside its heading."""
    (line,) = re.findall(r"(?s)```python\n(.*?)\n```", text)
    said = re.sub(r"(?ms)^```.*?^```$", "", text)
    also = "".join(re.findall(r"\*Also[:,]\*(.*?)(?=\*Not run here|\n\n|\Z)", said, re.S))
    messages = [code for _, code in CODE.findall(also) if " " in code]
    return said, line, messages


ENTRIES = {label: (heading, *parts_of(text)) for label, heading, text in ENTRY.findall(PAGE)}


@dataclass
class Case:
    """How an entry is tried, in code.

    given: makes the fault. call: what raises the message, or a symptom that holds. Then the
    page's line is run, and `after` must give what `right` gives (which is asked before the line
    is), and so after `sound`, which takes the fault away, if there is one. A line that asserts
    must fail, and pass after `sound`. also: what raises further messages. numbers: what the text
    states.
    """

    call: str
    right: str = "mean_loss(z0, y0)"
    after: str = "F.cross_entropy(z, y)"
    given: str = ""
    sound: str = ""
    also: tuple = ()
    numbers: tuple = ()


def mean_loss(z, y, w=None):
    """The mean loss of classes in axis 1 by its definition, in another way than PyTorch's."""
    z, y = z.movedim(1, -1).flatten(0, -2).double(), y.flatten()
    losses = torch.stack([row.exp().sum().log() - row[k] for row, k in zip(z, y, strict=True)])
    w = torch.ones(z.shape[1]).double() if w is None else w.double()
    return (w[y] * losses).sum() / w[y].sum()


def binary_loss(t, y):
    """The mean of the yes-or-no questions with logits t and answers y."""
    return -(y * t.sigmoid().log() + (1 - y) * (-t).sigmoid().log()).mean()


def floor(K, squeezed=1):
    """The least loss of K classes whose logits differ by no more than this."""
    return f"{math.log(math.exp(squeezed) + K - 1) - squeezed:.4f}"


def smoothing_floor(K, eps=0.1):
    a, b = 1 - eps + eps / K, eps / K
    return f"{-a * math.log(a) - (K - 1) * b * math.log(b):.4f}"


def learns(model, optimiser):
    """Does a step change the model?"""
    before = copy.deepcopy(model.state_dict())
    optimiser.zero_grad()
    model(torch.ones(2, 4)).logsumexp(1).sum().backward()
    optimiser.step()
    return any(not torch.equal(v, before[k]) for k, v in model.state_dict().items())


class One(torch.Tensor):
    """As fastai's TensorImage."""


class Other(torch.Tensor):
    """As fastai's TensorCategory."""


def world():
    """The names that the lines of the page use."""
    generator = torch.Generator().manual_seed(0)
    z = 2 * torch.randn(5, 4, generator=generator)
    y = torch.tensor([0, 2, 1, 3, 2])
    here = {"z": z, "z0": z.clone(), "y": y, "y0": y.clone(), "K": 4, "g": generator}
    here["p"] = torch.randn(5, 4, generator=generator).softmax(1)
    here["w"] = torch.tensor([0.4, 3.0, 1.5, 2.0])
    return globals() | here | {"F": F, "nn": nn}


IMAGES = "z = torch.randn(2, 3, 4, 4, generator=g); z0 = z; "
MASK = IMAGES + "y = torch.randint(3, (2, 4, 4), generator=g); y0 = y; "
LEAF = "z = z.requires_grad_(); "
BINARY = "z = z0[:, 0]; y = (y0 > 1).float(); z0, y0 = z, y; "
LOSS = "loss"
ROW_LOSSES = "losses = F.cross_entropy(z, y, reduction='none'); "
WEIGHTED = ROW_LOSSES.replace("reduction", "weight=w, reduction")
LEAST_TWICE = [floor(K) for K in (2, 3, 4, 10)]
# After a sigmoid: half of the answers are no, half are yes.
LEAST_OF_HALVES = f"{(math.log(2) + math.log1p(math.exp(-1))) / 2:.4f}"
# The accuracy that rises with the loss: probabilities of the true class, of two.
EARLIER, LATER = [0.9, 0.9, 0.45, 0.4], [0.999, 0.999, 0.55, 0.001]


def mean_nats(chances):
    return f"{-sum(map(math.log, chances)) / len(chances):.2f}"


CASES = {
    "msg-out-of-range": Case(
        "F.cross_entropy(z, y)", given="y = y0 + 1", also=("F.cross_entropy(z0, y0 - 1)",)
    ),
    "msg-void": Case(
        "F.cross_entropy(z, y)",
        given=MASK + "y[0, 0] = y[1, 2, 3] = 255; z0 = z.movedim(1, 3)[y < 255]; y0 = y[y < 255]",
        after=LOSS,
    ),
    "msg-device-assert": Case("True", given="y = y0 + 1", sound="y = y0; y[0] = -100"),
    "msg-column": Case("F.cross_entropy(z, y)", given="y = y0[:, None]"),
    "msg-one-hot": Case("F.cross_entropy(z, y)", given="y = F.one_hot(y0, 4)"),
    "msg-float-labels": Case(
        "F.cross_entropy(z, y)", given="y = y0.float()", also=("F.cross_entropy(z0, y0.int())",)
    ),
    "msg-uint8": Case(
        "F.cross_entropy(z, y)",
        given=MASK + "y = y.byte()",
        also=(
            "F.cross_entropy(z[:, :, 0, 0], y[:, 0, 0], weight=torch.ones(3), label_smoothing=0.1)",
        ),
    ),
    "msg-mask-channel": Case("F.cross_entropy(z, y)", given=MASK + "y = y[:, None].float()"),
    "msg-mask-size": Case(
        "F.cross_entropy(z, y)",
        "mean_loss(nn.Upsample(size=8, mode='bilinear')(z), y)",
        given=IMAGES + "y = torch.randint(3, (2, 8, 8), generator=g)",
    ),
    "msg-batch-size": Case(
        "F.cross_entropy(head(x.view(-1, 4)), y)",
        "mean_loss(x.reshape(10, 24) @ A, y)",
        given="x, A = torch.randn(10, 6, 4, generator=g), torch.randn(24, 3, generator=g); "
        "y = torch.arange(10) % 3; head = lambda t: t @ A[: t.shape[1]]",
    ),
    "msg-classes-last": Case(
        "F.cross_entropy(z, y)",
        "mean_loss(z.transpose(1, 2), y)",
        LOSS,
        given="z = torch.randn(2, 6, 4, generator=g); y = torch.randint(4, (2, 6), generator=g)",
    ),
    "msg-softmax-dim": Case(
        "F.softmax(z)", "torch.ones(2, 3)", "q.sum(-1)", given="z = torch.randn(2, 3, 4)"
    ),
    "msg-weight-length": Case(
        "F.cross_entropy(z, y, weight=y.bincount().float())",
        "mean_loss(z, y, torch.tensor([5 / 4, 5 / 4, 5 / 12, 5 / 4]))",
        "F.cross_entropy(z, y, weight=w)",
        given="y = torch.tensor([0, 2, 1, 2, 2])",
        also=("F.cross_entropy(z.T[None, :, :, None], y[None, :, None], weight=w[:3])",),
    ),
    "msg-weight-type": Case(
        "F.cross_entropy(z, y, weight=w)",
        "mean_loss(z, y, w)",
        "F.cross_entropy(z, y, weight=w)",
        given="w = w.double()",
    ),
    "msg-devices": Case(
        "criterion.weight.device.type == 'cpu'",
        "True",
        "criterion.weight.is_meta",
        given="criterion = nn.CrossEntropyLoss(weight=w); z = z.to('meta')",
    ),
    "msg-scalar": Case("losses.backward()", after=LOSS, given=LEAF + ROW_LOSSES),
    "msg-no-grad": Case(
        "(z.argmax(1) != y).float().mean().backward()",
        "(z0.softmax(1) - F.one_hot(y, 4)) / 5",
        "torch.autograd.grad(loss, z)[0]",
        given=LEAF,
    ),
    "msg-exchanged": Case("F.cross_entropy(y, z)", after=LOSS),
    "msg-tensor": Case(
        "F.cross_entropy(z, y)", given="y = y0.tolist()", also=("F.cross_entropy((z,), y0)",)
    ),
    "msg-module": Case("nn.CrossEntropyLoss(z, y)", after=LOSS),
    "msg-bce-size": Case(
        "F.binary_cross_entropy_with_logits(z, y)",
        "binary_loss(z0, y)",
        "F.binary_cross_entropy_with_logits(z, y)",
        given=BINARY + "z = z0[:, None]",
    ),
    "msg-bce-type": Case(
        "F.binary_cross_entropy_with_logits(z, y)",
        "binary_loss(z, y0)",
        "F.binary_cross_entropy_with_logits(z, y)",
        given=BINARY + "y = y0.long()",
        also=("F.binary_cross_entropy(z.sigmoid(), y)",),
    ),
    "msg-bce-range": Case("F.binary_cross_entropy(z, y)", "binary_loss(z, y)", LOSS, given=BINARY),
    "msg-kl-mean": Case(
        "F.kl_div(z.log_softmax(1), p)", "(p * (p / z.softmax(1)).log()).sum() / 5", LOSS
    ),
    "msg-ignore-soft": Case(
        "F.cross_entropy(z, p, ignore_index=0)",
        "-(p * z.softmax(1).log()).sum(1)[[0, 2, 3]].mean()",
        LOSS,
        given="keep = torch.tensor([True, False, True, True, False])",
    ),
    "msg-fastai-types": Case(
        "F.cross_entropy(z, y)", given="z = z0.as_subclass(One); y = y0.as_subclass(Other)"
    ),
    "msg-memory": Case(
        "True",
        "mean_loss(x @ W.T, y)",
        LOSS,
        given="x, W = torch.randn(5, 3, generator=g), torch.randn(4, 3, generator=g)",
    ),
    "msg-ln-k": Case(
        "loss > 30",
        given="loss = F.cross_entropy(100 * torch.eye(4)[[1, 2, 3, 0]], torch.arange(4))",
        sound="loss = F.cross_entropy(z / 10, y)",
        numbers=[f"{math.log(K):.4f}" for K in (2, 3, 10, 1000, 50_257)],
    ),
    "msg-start-high": Case(
        "F.cross_entropy(x @ embedding.weight.T, y) > math.log(1000) + 10 and "
        "F.cross_entropy(0 * x, y, reduction='sum') > math.log(64) + 10",
        "True",
        "abs(F.cross_entropy(x @ embedding.weight.T, y).item() - math.log(1000)) < 0.1",
        given="torch.manual_seed(0); embedding = nn.Embedding(1000, 64); "
        "x, y = torch.randn(64, 64), torch.arange(64)",
    ),
    "msg-start-low": Case(
        "F.cross_entropy(z, y) / len(y) < math.log(4) / 2",
        "math.log(4)",
        "loss.item()",
        given="z = 0 * z",
    ),
    "msg-softmax-twice": Case(
        "{f'{F.cross_entropy(q, y):.4f}' for q in (z.softmax(1), z.sigmoid())} == {LEAST_TWICE[2]} "
        "and f'{F.binary_cross_entropy_with_logits(yes, yes):.4f}' == LEAST_OF_HALVES",
        "0.0",
        "loss.item()",
        given="z = 400.0 * F.one_hot(y, 4) - 200; yes = torch.tensor([0.0, 1])",
        numbers=[*LEAST_TWICE, LEAST_OF_HALVES, floor(3, 2)],
    ),
    "msg-perfect": Case(
        "f'{F.cross_entropy(q, y):.4f}' == floor(3)",
        "0.0",
        "loss.item() + 0.0",
        given="q, y = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([1])",
        numbers=[floor(3), f"{math.e / (math.e + 2):.3f}"],
    ),
    "msg-smoothing-floor": Case(
        "f'{F.cross_entropy(z, y, label_smoothing=0.1):.4f}' == smoothing_floor(10)",
        "-math.log(0.91)",
        "plain.item()",
        given="z, y = torch.tensor([[0.91] + 9 * [0.01]]).log(), torch.tensor([0])",
        numbers=[smoothing_floor(3), smoothing_floor(10), "0.1"],
    ),
    "msg-negative-nll": Case("F.nll_loss(z.softmax(1), y) < 0", after=LOSS),
    "msg-negative-kl": Case(
        "F.kl_div(z.softmax(1), p, reduction='batchmean') < 0",
        "(p * (p / z.softmax(1)).log()).sum() / 5",
        LOSS,
    ),
    "msg-kl-less": Case(
        "torch.autograd.grad(of_kl, z)[0].allclose(torch.autograd.grad(of_ce, z)[0], atol=1e-7)",
        "(of_ce - of_kl).detach()",
        "H_p",
        given="p[0] = F.one_hot(y[0], 4); "
        + LEAF
        + "of_kl = F.kl_div(z.log_softmax(1), p, reduction='batchmean'); "
        "of_ce = F.cross_entropy(z, p)",
    ),
    "msg-negative-soft": Case(
        "F.cross_entropy(z, v) < 0 and F.binary_cross_entropy_with_logits(5 * z, 2 * z.sign()) < 0",
        "-(v.softmax(1) * z.softmax(1).log()).sum() / 5",
        LOSS,
        given="v = z0 - 9",
    ),
    "msg-zero-column": Case(
        "F.cross_entropy(z, y.float()[:, None]) == 0",
        "binary_loss(z[:, 0], y)",
        LOSS,
        given="z = z0[:, :1]; y = (y0 > 1).long()",
    ),
    "msg-zero-rounded": Case(
        "F.cross_entropy(z, y) == 0 and F.cross_entropy((z / 16.7 * 36).double(), y) > 0",
        "math.log(math.log1p(math.exp(-16.7)))",
        "loss.log().item()",
        given="z, y = torch.tensor([[16.7, 0.0]]), torch.tensor([0])",
        numbers=[f"{24 * math.log(2):.2f}"],
    ),
    "msg-nan-batch": Case(
        "F.cross_entropy(z, y).isnan()",
        "sum(mean_loss(z[[n]], y[[n]]).item() for n in range(5) if y[n] >= 0) / (n_kept() or 1)",
        "loss.item()",
        given="y = torch.full((5,), -100); n_kept = lambda: (y >= 0).sum().item()",
        sound="y = y0; y[1] = -100",
    ),
    "msg-nan-log": Case(
        "(-z.softmax(1).log()[:, 0]).isposinf() and (-half.softmax(1).log()[:, 0]).isposinf() and "
        "spoiled(z / 104 * 88.8, 0) and spoiled((z / 104 * 11.2).half(), 0) and spoiled(z, 1)",
        "104.0",
        "loss.item()",
        given="z, y = torch.tensor([[0.0, 104.0]]), torch.tensor([0]); half = z / 104 * 17.34; "
        "half = half.half(); spoiled = lambda z, k: torch.func.grad(lambda z: "
        "-z.softmax(1).log()[0, k])(z).isnan().any()",
        numbers=[f"{n * math.log(2):.1f}" for n in (150, 25, 128, 16)],
    ),
    "msg-masked": Case(
        "F.cross_entropy(z, p).isnan() and F.cross_entropy(z, y, label_smoothing=0.1).isposinf() "
        "and F.cross_entropy(z, 0 * y + 3).isposinf()",
        "-(p[:, :3] * z0[:, :3].softmax(1).log()).sum() / 5",
        LOSS,
        given="z[:, 3] = -math.inf; p[:, 3] = 0; p = p / p.sum(1, keepdim=True)",
    ),
    "msg-nan-gradient": Case(
        "F.cross_entropy(z, y).isfinite() and "
        "torch.autograd.grad(F.cross_entropy(z, y), z)[0].isnan().any()",
        "True",
        "torch.autograd.grad(loss, z)[0].isfinite().all().item()",
        given="y[1] = -100; z[1, 2] = math.nan; " + LEAF,
    ),
    "msg-half": Case(
        "F.cross_entropy(z, y).isposinf() and F.cross_entropy(z[:, :2], y) > 0 and "
        "F.cross_entropy(torch.zeros(65_520, 2).half(), torch.zeros(65_520).long()) == 0 and "
        "F.cross_entropy(torch.zeros(65_520, 2).half(), -100 * (torch.arange(65_520) < 1)) > 0",
        "torch.tensor(math.log(10))",
        LOSS,
        given="z, y = torch.zeros(30_000, 10).half(), torch.zeros(30_000).long()",
    ),
    "msg-bits": Case(
        "True",
        "-z.softmax(1).log2()[torch.arange(5), y].mean()",
        "bits",
        given="loss = F.cross_entropy(z, y)",
        numbers=[f"{math.log(2):.4f}", f"{1 / math.log(2):.4f}"],
    ),
    "msg-mean": Case(
        "not torch.isclose(losses.mean(), F.cross_entropy(z, y, weight=w))",
        "F.cross_entropy(z, y, weight=w)",
        LOSS,
        given=WEIGHTED,
    ),
    "msg-weights-idle": Case(
        "torch.isclose(F.cross_entropy(z, y, weight=w), F.cross_entropy(z, y))",
        "mean_loss(z, y, w) * w[y].mean()",
        LOSS,
        given="z, y = z0[2:3], y0[2:3]",
        sound="z, y = z0, y0",
    ),
    "msg-weights-smoothing": Case(
        "F.cross_entropy(z, y, weight=w, label_smoothing=0.1) > rows.max()",
        "(rows[0] + 3 * rows[1] + rows[2] + 3 * rows[3] + 3 * rows[4]) / 11",
        LOSS,
        given="z = torch.tensor([[0, 0, 0, -6.0], [0, 0, 3, -3]])[[0, 1, 0, 1, 1]]; "
        "y = torch.tensor([0, 2, 1, 2, 2]); w = torch.tensor([1.0, 1, 3, 50]); "
        "rows = -((0.9 * F.one_hot(y, 4) + 0.025) * z.softmax(1).log()).sum(1); "
        "losses = F.cross_entropy(z, y, label_smoothing=0.1, reduction='none')",
    ),
    "msg-focal": Case(
        "not torch.isclose(((1 - (-w[y] * losses).exp()) ** 2 * w[y] * losses).mean(), right)",
        "right",
        LOSS,
        given=ROW_LOSSES + "q_y = z.softmax(1)[torch.arange(5), y]; "
        "right = -(w[y] * (1 - q_y) ** 2 * q_y.log()).sum() / 5",
    ),
    "msg-get-preds": Case(
        "F.cross_entropy(q, y) > 1.5 * F.cross_entropy(z, y)",
        after=LOSS,
        given="z = z0 = z0 + 4 * F.one_hot(y, 4); q = z.softmax(1)",
    ),
    "msg-stuck": Case(
        "not learns(model, optimiser)",
        "True",
        "learns(model, optimiser)",
        given="model = nn.Sequential(nn.Linear(4, 3)); "
        "optimiser = torch.optim.SGD(model.parameters(), lr=0.1); model[0] = nn.Linear(4, 3)",
    ),
    "msg-frequencies": Case(
        "F.cross_entropy(f.log().expand(5, 4), y) < math.log(4)",
        "F.cross_entropy(f.log().expand(5, 4), y)",
        "H_f",
        given="y = torch.tensor([0, 2, 3, 2, 2]); f = y.bincount() / 5",
    ),
    "msg-climbs": Case(
        "(backward(), backward() / 2)[1].equal(right)",
        "right",
        "backward()",
        given="layer = nn.Linear(4, 4); optimiser = torch.optim.SGD(layer.parameters(), lr=0.1); "
        "backward = lambda: (F.cross_entropy(layer(z), y).backward(), layer.weight.grad)[1]; "
        "right = torch.autograd.grad(F.cross_entropy(layer(z), y), layer.weight)[0]",
    ),
    "msg-overfit": Case(
        "sum(q > 0.5 for q in EARLIER) + 1 == sum(q > 0.5 for q in LATER)",
        "(True, True)",
        "(q.argmax(1).equal(z.argmax(1)), F.nll_loss(q.log(), y).item() < 1)",
        given="q = torch.tensor(LATER); z = torch.stack([q, 1 - q], 1).log(); "
        "y = torch.zeros(4).long(); T = 4.0",
        numbers=[mean_nats(EARLIER), mean_nats(LATER)],
    ),
    "msg-epoch": Case(
        "(0.5 + 0.5 + 2) / 3 == 1",
        "80 / 136",
        "total / 136",
        given="total = 0.5 * 64 + 0.5 * 64; loss, y = torch.tensor(2.0), torch.zeros(8)",
        numbers=["0.5", f"{(0.5 * 128 + 2 * 8) / 136:.3f}", f"{(0.5 + 0.5 + 2) / 3:.3f}"],
    ),
    "msg-parts": Case(
        "not torch.isclose((mean_loss(z, y) + last) / 2, mean_loss(z0, y0))",
        "mean_loss(z0, y0)",
        "loss + last / count",
        given="z, y, count = z0[:4], y0[:4], 5; last = mean_loss(z0[4:], y0[4:])",
    ),
    "msg-ranks": Case(
        "f'{(F.cross_entropy(z, y) + 10) / 2:.2f}' == '6.25'",
        "4.0",
        "(loss.item() + 2 * 10 * ranks / count) / 2",
        given="z = torch.tensor([[0.0, math.log(math.expm1(2.5))]]).expand(8, 2); "
        "y = torch.zeros(8).long(); ranks, count = 2, 10",
        numbers=[f"{(2.5 + 10) / 2:.2f}", f"{(8 * 2.5 + 2 * 10) / 10:.2f}", "2.5"],
    ),
    "msg-shift": Case(
        "F.cross_entropy(z.flatten(0, 1), ids.flatten()) > 19 and "
        "F.cross_entropy(z[:, :-2].flatten(0, 1), ids[:, 2:].flatten()) > 19",
        "True",
        "0 <= loss.item() < 1e-6",
        given="ids = (torch.arange(6)[:, None] + torch.arange(12)) % 50; "
        "z = 20.0 * F.one_hot((ids + 1) % 50, 50)",
    ),
    "msg-padding": Case(
        "not (ids.masked_fill(ids == 9, -100) == 9).any()",
        "torch.tensor([[4, 5, 9, -100], [6, 9, -100, -100]])",
        "labels",
        given="ids = torch.tensor([[4, 5, 9, 9], [6, 9, 9, 9]]); "
        "mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])",
    ),
    "msg-imbalance": Case(
        "(f.log().expand(5, 4).argmax(1) == 2).all()",
        "torch.tensor([5 / 4, 5 / 4, 5 / 12, 5 / 4])",
        "w",
        given="y = torch.tensor([0, 2, 1, 2, 2]); f = y.bincount(minlength=K) / 5",
        sound="y[0] = -100",
    ),
    "msg-several": Case(
        "F.cross_entropy(z, t).isfinite()",
        "binary_loss(z, t)",
        LOSS,
        given="t = torch.tensor([[1.0, 1, 0, 0]]).expand(5, 4)",
    ),
    "msg-teacher": Case(
        "slope(1000 * torch.ones(())) < slope(10 * torch.ones(())) / 5000",
        "(T * ((z / T).softmax(1) - (v / T).softmax(1)) / 5).detach()",
        "torch.autograd.grad(loss, z)[0]",
        given="v = p.log(); T = 3.0; "
        "slope = lambda T: (((z0 / T).softmax(1) - (v / T).softmax(1)) / T).norm(); " + LEAF,
    ),
}
# What needs a GPU.
NOT_RUN = {"msg-device-assert", "msg-devices", "msg-memory"}


def run(code, names):
    exec(code, names)


def message_of(call, names):
    """What PyTorch says of a call, in an error or a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            eval(call, names)
        except Exception as error:
            return str(error)
    return "nothing"


def code_of(heading):
    return "".join(code for _, code in CODE.findall(heading))


def is_message(label, heading):
    """Is it all code, and made here?"""
    return label not in NOT_RUN and f"`{code_of(heading)}`" == heading.removesuffix(REST)


@pytest.mark.parametrize("label", CASES)
def test_an_entry_is_true(label):
    heading, said, line, also = ENTRIES[label]
    case, names = CASES[label], world()
    run(case.given, names)
    if is_message(label, heading):
        message, shown = message_of(case.call, names), code_of(heading)
        assert message.startswith(shown) if heading.endswith(REST) else message == shown, message
    else:
        assert eval(case.call, names), case.call
    assert [message_of(call, names) for call in case.also] == also
    if line.startswith("assert"):
        with pytest.raises(AssertionError):
            run(line, names)
        run(case.sound, names)
        run(line, names)
        return
    for change in ["", case.sound] if case.sound else [""]:
        run(change, names)
        right = eval(case.right, names)
        run(line, names)
        found = eval(case.after, names)
        torch.testing.assert_close(found, right, check_dtype=False, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("label", CASES)
def test_every_number_of_an_entry_is_computed(label):
    heading, said, _, _ = ENTRIES[label]
    prose = CODE.sub("", f"{heading}\n{said}")
    assert set(re.findall(r"\d+\.\d+", prose)) == set(CASES[label].numbers)


def test_a_uint8_label_of_156_loses_its_smoothing():
    """What the entry on uint8 says beside its message: 156 is -100 in eight bits."""
    z, kept = torch.randn(1, 200, generator=torch.Generator().manual_seed(0)), []
    for label in (155, 156, 157):
        byte = torch.tensor([label], dtype=torch.uint8)
        wrong, right = (F.cross_entropy(z, y, label_smoothing=0.5) for y in (byte, byte.long()))
        kept.append(torch.isclose(wrong, right).item())
        assert (byte == -100).item() == (label == 156)
    assert kept == [True, False, True]


def test_the_look_at_the_labels_sees_a_uint8_of_156():
    names = world() | {"y": torch.full((5,), 156, dtype=torch.uint8)}
    with pytest.raises(AssertionError):
        run(ENTRIES["msg-device-assert"][2], names)


def test_every_entry_is_tried_and_has_its_proof():
    assert list(ENTRIES) == list(CASES)
    assert len(re.findall(r"(?m)^### ", PAGE)) == len(CASES)
    chapters = r"\]\(#(?!msg-)[a-z]+-[a-z0-9-]+\)"
    assert [
        label for label, (_, said, *_) in ENTRIES.items() if not re.search(chapters, said)
    ] == []


def test_every_line_is_one_and_fits_into_its_box():
    lines = [line for _, _, line, _ in ENTRIES.values()]
    assert [line for line in lines if "\n" in line or len(line) > 88] == []


def test_what_is_not_run_says_so():
    shown = {label: "*Not run here.*" in said for label, (_, said, *_) in ENTRIES.items()}
    assert {label for label, marked in shown.items() if marked} == NOT_RUN


def test_the_words_of_an_entry_lead_to_it_from_the_index(site):
    page = (site / "appendix" / "terms.html").read_text(encoding="utf-8")
    entries = re.findall(r"(?s)<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    names = [re.sub("<.*?>", "", word).strip().removeprefix("nn.") for word, _ in entries]
    places = dict(zip(names, (where for _, where in entries), strict=True))
    found = re.findall(r"(?m)^\((msg-[a-z0-9-]+)\)=\n###.*\n\n```\{index\} (.*)$", PAGE)
    assert found and PAGE.count("{index}") == len(found)
    for label, words in found:
        for word in words.split(", "):
            assert f'href="messages.html#{label}"' in places[word], (label, word)


# Sizes and types, which are those of one call.
OF_ONE_CALL = re.compile(r"\d+|\b(Byte|Double|Float|Int|Long)\b")
OTHER_CAUSES = {
    "msg-out-of-range": "F.cross_entropy(z[:, :1], (y > 0).long())",
    "msg-one-hot": "F.cross_entropy(z[:, 0], y)",
    "msg-bce-size": "F.binary_cross_entropy_with_logits(z, y.float())",
    "msg-no-grad": "F.cross_entropy(nn.Linear(4, 4).requires_grad_(False)(z), y).backward()",
    "msg-bce-range": "F.binary_cross_entropy(z.softmax(1) * math.nan, p)",
}


@pytest.mark.parametrize("label", OTHER_CAUSES)
def test_a_message_comes_from_its_other_cause_as_well(label):
    message, heading = message_of(OTHER_CAUSES[label], world()), code_of(ENTRIES[label][0])
    alike = [re.sub(r"\[.*?\]", "", OF_ONE_CALL.sub("…", text)) for text in (message, heading)]
    assert alike[0] == alike[1]


def messages_of_chapters():
    """The tables of chapters whose rows are named by their messages."""
    for chapter in CHAPTERS:
        for _, cell in code_cells(read(chapter)):
            for output in cell["outputs"]:
                table = "".join(output.get("data", {}).get("text/html", ""))
                if re.search(r"<th>message</th>\s*<th></th>", table):
                    found = re.findall(r"<th>(.*?)</th>\s*<td>", table)
                    yield from map(html.unescape, found)


def test_every_message_of_a_chapter_has_its_entry():
    listed = {code_of(heading) for heading, *_ in ENTRIES.values()}
    listed |= {message for _, _, _, also in ENTRIES.values() for message in also}
    kinds = {OF_ONE_CALL.sub("…", message) for message in listed}
    found = list(messages_of_chapters())
    assert len(found) >= 8
    assert [m for m in found if OF_ONE_CALL.sub("…", m) not in kinds] == []
