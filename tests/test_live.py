"""The figures that come alive: their numbers against PyTorch's, and what a reader can do."""

import itertools
import math
import random
import re
import shutil

import book
import figures
import pytest
import small_book
import torch
import torch.nn.functional as F
from site_server import serve
from website import Visit, axe_faults, build, once

LIVE = {
    cell["metadata"]["live"]: (f"chapters/{chapter.stem}.html", cell)
    for chapter in book.CHAPTERS
    for cell in book.read(chapter)["cells"]
    if "live" in cell["metadata"]
}
MOST_BYTES = 10_000


class Figure:
    """A live figure on its page."""

    def __init__(self, visit, address, name):
        self.visit, self.page, self.name = visit, visit.page, name
        self.url = address + LIVE[name][0]
        self.section = visit.page.locator(f"#live-{name}")

    def open(self, state=None):
        self.page.goto("about:blank")
        fragment = "" if state is None else f"#live={self.name}{state and '&'}{state}"
        self.page.goto(self.url + fragment)

    def numbers(self, states):
        """What the script of the figure computes for these states."""
        return self.page.evaluate(f"states => states.map({self.name.capitalize()}.numbers)", states)

    @property
    def said(self):
        return self.section.locator(".play > svg").get_attribute("aria-label")

    @property
    def why(self):
        return self.section.locator(".why")

    @property
    def state(self):
        href = self.section.locator(".here").get_attribute("href")
        assert href.startswith(f"#live={self.name}")
        return href.removeprefix(f"#live={self.name}").removeprefix("&")

    def answers(self):
        return self.section.locator(".answers > button[value], .answers > .guess").all()

    def controls(self):
        return self.section.locator(".controls input")


@pytest.fixture(scope="session")
def alone(tmp_path_factory, site):
    """An address of the website where below the title of a page with a live figure only the
    figure is kept: a chapter takes far longer to load."""

    def make(folder):
        shutil.copytree(site, folder)
        for name, (place, _) in LIVE.items():
            text = (site / place).read_text(encoding="utf-8")
            start, end = text.index("<p>", text.index("</h1>")), text.index("</article>")
            (figure,) = [f for f in figures.figures_of(text) if f'id="live-{name}"' in f]
            page = f"{text[:start]}{figure}</section>{text[end:]}"
            # The theme's script follows the reader through the sections that this list names.
            page = page.replace('id="pst-page-toc-nav"', "")
            (folder / place).write_text(page, encoding="utf-8")
        return folder

    with serve(once(tmp_path_factory, "alone", make)) as address:
        yield address


@pytest.fixture
def figure(browser, alone, request):
    with Visit(browser, alone, reduced_motion="reduce") as visit:
        figure = Figure(visit, alone, request.param)
        figure.open()
        yield figure
        assert visit.wrong == []


def of(*names):
    return pytest.mark.parametrize("figure", names, indirect=True)


def close(found, expected, tolerance=1e-12):
    """Nested lists and dictionaries of numbers that agree to twelve places."""
    if isinstance(expected, dict):
        return all(close(found[key], value, tolerance) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected or abs(found - expected) <= tolerance * max(1, abs(expected))


def script(name):
    return (book.ROOT / "assets" / name).read_text(encoding="utf-8")


def differing(computed, name, text, sparse=1):
    """The states in which the script of a figure computes something else than PyTorch."""
    make_states, by_pytorch, _ = COMPARED[name]
    states = list(make_states())[::sparse]
    scripts = [script("explorer/numerics.js"), "const alive = () => {}", text]
    found = computed(scripts, f"given.map({name.capitalize()}.numbers)", states)
    for state, numbers, expected in zip(states, found, by_pytorch(states), strict=True):
        if not close(numbers, expected):
            yield state, numbers, expected


# Temperature and shift


def temperatures():
    rng = random.Random(4)
    for _ in range(2000):
        z = [rng.choice([-1.0, 0.0, 1.7, round(rng.uniform(-5, 5), 1)]) for _ in range(3)]
        T = rng.choice([0.05, 0.1, 1, 20, 10 ** rng.uniform(-1.3, 1.3)])
        yield {f"z{k}": v for k, v in enumerate(z)} | {"T": T, "c": rng.uniform(-10, 10)}


def temperature_by_pytorch(state):
    z = torch.tensor([state[f"z{k}"] for k in range(3)], dtype=torch.float64) + state["c"]
    return {"given": (z / state["T"]).tolist(), "q": (z / state["T"]).softmax(dim=0).tolist()}


# Digits by format


def margins():
    rng = random.Random(12)
    for n in range(1201):
        for form in ("shift", "plain", "log1p"):
            o = rng.choice([0, 0, 1, -3, 20, 90, -90, rng.randint(-100, 100)])
            yield {"form": form, "m": round(n / 10, 1), "o": o}
            yield {"form": form, "m": rng.uniform(0, 120), "o": o}


def digits_by_pytorch(state):
    """Step by step in each format. PyTorch's exp, log and log1p return the rounded result for all
    numbers of 16 bits (the next test); in float32 the rounded result of double stands for them."""
    o, m = torch.tensor([state["o"], state["m"]], dtype=torch.float64)
    numbers = {"exact": (-m).exp().log1p().item()}
    for name in ("float64", "float32", "bfloat16", "float16"):
        dtype = getattr(torch, name)

        def own(function, x, dtype=dtype):
            return function(x.double()).to(dtype) if dtype == torch.float32 else function(x)

        label, other = (o + m).to(dtype), o.to(dtype)
        if state["form"] == "plain":
            total = own(torch.exp, label) + own(torch.exp, other)
            loss = own(torch.log, total) - label
        else:
            e = own(torch.exp, other - label)
            loss = own(torch.log1p, e) if state["form"] == "log1p" else own(torch.log, 1 + e)
        assert loss.dtype == dtype
        numbers[name] = loss.item()
    return numbers


def test_pytorchs_functions_round_their_result_in_16_bits():
    """For all numbers there are; and in float32 they are a neighbour at most."""
    every = torch.arange(-(2**15), 2**15).to(torch.int16)
    float32 = torch.cat([torch.linspace(-104, 88, 1_000_000), torch.logspace(-38, 38, 1_000_000)])
    for function in (torch.exp, torch.log, torch.log1p):
        for dtype in (torch.bfloat16, torch.float16):
            x = every.view(dtype)
            rounded = function(x.double()).to(dtype)
            assert torch.equal(function(x).nan_to_num(7), rounded.nan_to_num(7)), (function, dtype)
        rounded = function(float32.double()).float().nan_to_num(7)
        own = function(float32).nan_to_num(7)
        near = (own == rounded) | (own == rounded.nextafter(torch.tensor(torch.inf)))
        assert (near | (own == rounded.nextafter(torch.tensor(-torch.inf)))).all()


def test_the_three_narrow_formats_are_bit_exact(computed):
    states = list(margins())
    scripts = [script("explorer/numerics.js"), "const alive = () => {}", script("live/digits.js")]
    found = computed(scripts, "given.map(Digits.numbers)", states)
    for state, numbers in zip(states, found, strict=True):
        expected = digits_by_pytorch(state)
        for name in ("float32", "bfloat16", "float16"):
            same = numbers[name] == expected[name] or math.isnan(numbers[name] + expected[name])
            assert same, (state, name, numbers[name], expected[name])
        assert close(numbers["float64"], expected["float64"]), state
        if state["form"] == "log1p":
            assert numbers["exact"] == pytest.approx(expected["exact"], rel=1e-12, abs=0)
        assert close(numbers["exact"], expected["exact"]), state


@of("digits")
def test_numbers_are_rounded_to_every_format(figure):
    rng = random.Random(5)
    wild = [rng.uniform(-1, 1) * 2.0 ** rng.randint(-160, 130) for _ in range(20_000)]
    wild += [k * 2.0**e for e in (-150, -149, -134, -25, -24, -14, 0, 15) for k in range(64)]
    wild += [0.0, math.inf, -math.inf, 65504.0, 65519.0, 65520.0, -65520.0, 3.4e38, 3.39e38, 3.5e38]
    half = [1 + k * 2.0**-8 for k in range(64)] + [1 + k * 2.0**-11 for k in range(64)]
    values = torch.tensor(wild + half, dtype=torch.float64)
    for name in ("float64", "float32", "bfloat16", "float16"):
        found = figure.page.evaluate(
            "([values, name]) => values.map((x) => Numerics.round(x, Numerics.FORMATS[name]))",
            [values.tolist(), name],
        )
        expected = values.to(getattr(torch, name)).double()
        assert torch.equal(torch.tensor(found, dtype=torch.float64), expected), name


@of("digits")
def test_the_guess_is_compared_with_where_bfloat16_ends(figure):
    figure.section.locator(".guess").click()
    assert figure.section.locator(".verdict").inner_text() == "You said 20; it is 5.6."
    assert "bfloat16 0," in figure.said and f"{math.log(256):.2f}" in figure.why.inner_text()
    zero = {"m": [], "form": "shift", "o": 0}
    tried = [zero | {"m": round(n / 10, 1)} for n in range(400)]
    losses = [found["bfloat16"] for found in figure.numbers(tried)]
    assert losses.index(0) == 56 and not any(losses[56:])


# Log-sum-exp in one pass


def scores():
    rng = random.Random(13)
    for number in range(2000):
        spread = rng.choice([0, 1, 10, 1000])
        some = [round(rng.uniform(-spread, spread), 3) for _ in range(rng.randint(1, 14))]
        some = ["-inf" if rng.random() < 0.1 else x for x in some]
        yield {"z": ",".join(map(str, some)), "x": number % 61 / 2 - 10, "n": rng.randint(1, 15)}
    yield {"z": "-inf,-inf", "x": 1, "n": 2}


def onepass_by_pytorch(state):
    z = torch.tensor([*map(float, state["z"].split(",")), state["x"]], dtype=torch.float64)
    parts = [z[: n + 1] for n in range(min(state["n"], len(z)))]
    m = [part.amax() for part in parts]
    s = [(part - top.nan_to_num(neginf=0)).exp().sum() for part, top in zip(parts, m, strict=True)]
    lse = torch.logsumexp(parts[-1], dim=0)
    return {"m": [v.item() for v in m], "s": [v.item() for v in s], "lse": lse.item()}


@of("onepass")
def test_a_higher_score_shrinks_the_sum(figure):
    before, after = onepass_by_pytorch(figure.page.evaluate("Onepass.START"))["s"][-2:]
    question = figure.section.locator("p").first.inner_text()
    assert f"running sum was {before:.2f}" in question
    right = figure.section.locator("[data-right]")
    assert right.inner_text().startswith(f"{after:.2f}:")
    right.click()
    assert f"running sum {after:.2f}" in figure.said
    assert f"to {before * math.exp(-3):.2f}, and" in figure.why.inner_text()


@of("onepass")
def test_only_what_is_a_list_of_scores_counts(figure):
    figure.section.locator(".skip").click()
    field = figure.section.get_by_label("The scores before it")
    for text, state in [
        ("1, −2, 3e2", "z=1,-2,300"),
        ("1, two, 3", "z=1,-2,300"),
        ("1,,2", "z=1,-2,300"),
        ("", "z=1,-2,300"),
        ("1,1001", "z=1,-2,300"),
        (",".join("1" * 15), "z=1,-2,300"),
        ("-inf, −∞,0", "z=-inf,-inf,0"),
    ]:
        field.fill(text)
        assert figure.state == state, text
    field.press("Enter")
    assert field.input_value() == "-inf, −∞,0"


# Squared error against cross-entropy


def starts():
    rng = random.Random(7)
    for n in range(161):
        yield {"lead": round(n / 10 - 2, 1), "rate": 1}
        yield {"lead": rng.uniform(-2, 14), "rate": 10 ** rng.uniform(-1, 1)}


def races_by_pytorch(states):
    """By autograd, in double precision; all at once, for the gradient of a sum is that of each."""
    rate = torch.tensor([[state["rate"]] for state in states], dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(len(states), 2)
    found = [{"pulls": []} for _ in states]
    for name in ("cross", "squared"):
        z = torch.tensor([[0.0, state["lead"]] for state in states], dtype=torch.float64)
        z.requires_grad_()
        reached = []
        for step in range(101):
            q = z.softmax(dim=1)
            reached.append(q[:, 0].tolist())
            if name == "cross":
                loss = F.cross_entropy(z, target, reduction="sum")
            else:
                loss = (q - target).square().sum()
            (gradient,) = torch.autograd.grad(loss, z)
            if step == 0:
                for numbers, pull in zip(found, gradient[:, 0].neg().tolist(), strict=True):
                    numbers["pulls"].append(pull)
            z = (z - rate * gradient).detach().requires_grad_()
        for n, numbers in enumerate(found):
            numbers[name] = [reached[step][n] for step in (0, 1, 10, 100)]
    return found


@of("race")
def test_the_numbers_of_steps_in_the_words_are_true(figure):
    """The chapter's own for a lead of 10; and for the answer, by a loop of its own."""

    def steps(lead, force):
        for step in itertools.count():
            if lead <= 0:
                return step
            lead += 2 * force(1 / (1 + math.exp(lead)))

    def cross(v):
        return v - 1

    def squared(v):
        return -4 * v * (1 - v) ** 2

    question = figure.section.locator("p").first.inner_text()
    assert f"needs {steps(10, cross)} steps" in question and f"{steps(10, squared):,}" in question
    right = figure.section.locator("[data-right]")
    assert right.get_attribute("value") == str(steps(12, squared))
    assert right.inner_text().startswith(f"{round(steps(12, squared), -2):,}")
    right.click()
    assert f"after {steps(12, cross)} steps, and after {steps(12, squared):,}" in figure.said
    assert f"{steps(12, cross)} steps in place of {steps(10, cross)}" in figure.why.inner_text()
    assert f"= {math.exp(2):.1f} times" in figure.why.inner_text()


# Whose mean


def batches():
    rng = random.Random(6)
    for _ in range(1500):
        weights = [rng.choice([0, 0.4, 1, 6, round(rng.uniform(0, 6), 1)]) for _ in range(4)]
        ignored = [int(rng.random() < rng.choice([0, 0.3, 0.9])) for _ in range(5)]
        state = {f"w{k}": v for k, v in enumerate(weights)} | {"parts": rng.choice(["one", "two"])}
        yield state | {f"i{n}": v for n, v in enumerate(ignored)}


def rows_of_the_chapter():
    """What its cell names z and y, its decimals in double precision."""
    (chapter,) = [path for path in book.CHAPTERS if path.stem == "06_pytorch_loss"]
    sources = ["".join(cell["source"]) for cell in book.read(chapter)["cells"]]
    source = next(source for source in sources if source.startswith("z = torch.tensor("))
    exec(source.replace(").double()", ", dtype=torch.float64)"), names := {"torch": torch})
    return names


ROWS = rows_of_the_chapter()


def mean_by_pytorch(state):
    z, y = ROWS["z"], ROWS["y"]
    w = torch.tensor([state[f"w{k}"] for k in range(4)], dtype=torch.float64)
    labels = torch.tensor([-100 if state[f"i{n}"] else v for n, v in enumerate(y.tolist())])
    parts = [slice(0, 5)] if state["parts"] == "one" else [slice(0, 3), slice(3, 5)]
    means = [F.cross_entropy(z[part], labels[part], weight=w) for part in parts]
    return {
        "losses": F.cross_entropy(z, labels, weight=w, reduction="none").tolist(),
        "labels": torch.stack(means).mean().item(),
        "oneHot": F.cross_entropy(z, F.one_hot(y, 4).double(), weight=w).item(),
    }


@of("mean")
def test_doubled_weights_double_one_of_the_means(figure):
    before, after = figure.numbers(
        [figure.page.evaluate("Mean.BEFORE"), figure.page.evaluate("Mean.truth()")]
    )
    assert after["labels"] == pytest.approx(before["labels"], rel=1e-14)
    assert after["oneHot"] == pytest.approx(2 * before["oneHot"], rel=1e-14)
    figure.section.locator(".skip").click()
    shown = figure.section.locator(".play > svg").text_content()
    # As the table of the chapter has them.
    assert "mean 2.7719" in shown and "mean 3.7698" in shown


# Areas


def pairs():
    rng = random.Random(3)
    for _ in range(2000):
        q = {f"q{k}": rng.choice([0.05, 10, rng.uniform(0.05, 10)]) for k in range(3)}
        p = {f"p{k}": rng.choice([0, q[f"q{k}"], rng.uniform(0, 10)]) for k in range(3)}
        yield q | p | {"p0": p["p0"] or 1.5}


def areas_by_pytorch(state):
    p, q = (
        torch.tensor([state[f"{name}{k}"] for k in range(3)], dtype=torch.float64) for name in "pq"
    )
    p, q = p / p.sum(), q / q.sum()
    difference = F.kl_div(q.log(), p, reduction="none")
    return {
        "entropy": torch.special.entr(p).sum().item(),
        "loss": F.cross_entropy(q.log(), p).item(),
        "kl": difference.sum().item(),
        "excess": difference.clamp(min=0).sum().item(),
        "saved": difference.clamp(max=0).sum().neg().item(),
    }


@of("areas")
def test_the_words_about_the_areas_are_true(figure):
    truth = areas_by_pytorch(figure.page.evaluate("Areas.truth()"))
    before = areas_by_pytorch(figure.page.evaluate("Areas.START"))
    question = figure.section.locator("p").first.inner_text()
    assert f"costs {before['kl']:.3f} nats" in question
    right = figure.section.locator("[data-right]")
    assert right.inner_text().startswith(f"{truth['kl']:.2f}:")
    wrong = [a.inner_text() for a in figure.answers() if a.get_attribute("data-right") is None]
    assert wrong[1].startswith(f"{20 * before['kl']:.2f}: twenty times")
    right.click()
    why = figure.why.inner_text()
    assert f"ln 20 = {math.log(20):.2f}" in why and f"area of {math.log(20) / 2:.2f}" in why
    assert f"save {0.5 * math.log(0.495 / 0.4):.2f} with it" in why
    assert f"the difference is {truth['kl']:.3f}" in figure.said


def each(by_pytorch):
    return lambda states: map(by_pytorch, states)


# Figure -> states, the same numbers by PyTorch, and two mistakes that the comparison notices
COMPARED = {
    "temperature": (
        temperatures,
        each(temperature_by_pytorch),
        [("z / T)", "z * T)"), ("evaluate(scores, T", "evaluate(scores, 1")],
    ),
    "areas": (
        pairs,
        each(areas_by_pytorch),
        [
            ("value * Math.log(value / q[k])", "value * Math.log(q[k] / value)"),
            ("weight / total", "weight"),
        ],
    ),
    "race": (
        starts,
        races_by_pytorch,
        [("4 * label * wrong * wrong", "4 * label * wrong"), ("path[step] - 2 *", "path[step] -")],
    ),
    "mean": (
        batches,
        each(mean_by_pytorch),
        [
            ("counts: !state", "counts: state"),
            ("Mean.over(rows, rows.length)", "Mean.over(rows, 4)"),
        ],
    ),
    "onepass": (
        scores,
        each(onepass_by_pytorch),
        [("s * Math.exp(m - origin)", "s"), ("top === -Infinity ? 0 : top", "top")],
    ),
    "digits": (
        margins,
        each(digits_by_pytorch),
        [("fl(o + m)", "(o + m)"), ('form === "shift"', 'form !== "shift"')],
    ),
}


@pytest.mark.parametrize("name", [n for n in COMPARED if n != "digits"])  # bit for bit above
def test_the_numbers_are_pytorchs(computed, name):
    assert list(differing(computed, name, script(f"live/{name}.js"))) == []


MISTAKES = [(name, *pair) for name, (_, _, pairs) in COMPARED.items() for pair in pairs]


@pytest.mark.parametrize("name, right, wrong", MISTAKES)
def test_the_comparison_of_numbers_can_fail(computed, name, right, wrong):
    text = script(f"live/{name}.js")
    assert right in text
    assert any(differing(computed, name, text.replace(right, wrong), sparse=10))


@of("temperature")
def test_scores_times_ten_are_a_tenth_of_the_temperature(figure):
    truth = torch.tensor([25.0, 22, -5]).double().softmax(dim=0)
    for answer in figure.answers():
        answer.click()
        assert figure.said.startswith("The scores 25.00, 22.00, −5.00")
        assert f"{truth[0]:.3f}, {truth[1]:.3f}" in figure.said
        right = answer.get_attribute("value") == "0.1"
        assert figure.why.inner_text().startswith("Yes." if right else "No.")


# What a reader does


@of(*LIVE)
def test_predict_and_see_why(figure, site):
    """Nothing opens by itself; an answer opens the picture, and then says why, with a link."""
    assert not figure.section.locator(".play").is_visible()
    above = "document.querySelector('footer').getBoundingClientRect().top + scrollY"
    before = figure.page.evaluate(above)
    figure.page.wait_for_timeout(300)
    assert figure.page.evaluate(above) == before
    verdicts = []
    for answer in figure.answers():
        answer.focus()
        figure.page.keyboard.press("Enter")
        figure.why.wait_for()
        assert figure.section.locator(".play > svg").is_visible()
        assert figure.section.locator("svg .guess").count() > 0
        verdicts.append(figure.section.locator(".verdict").inner_text())
        assert answer.evaluate("button => button === document.activeElement")
    if figure.section.locator(".answers > button[value]").count():
        assert sorted(verdicts) == ["No."] * (len(verdicts) - 1) + ["Yes."]
        assert figure.section.locator(".answers > [data-right]").count() == 1
    # The picture of the truth is one, whatever the guess; it can be left, and come back to.
    truth = figure.said
    assert figure.page.locator(".live [role=status]").inner_text().startswith(verdicts[-1])
    figure.section.locator(".reset").click()
    assert figure.state == "" and not figure.why.is_visible()
    figure.answers()[0].click()
    figure.why.wait_for()
    assert figure.said == truth
    links = figure.why.locator("a").all()
    assert links
    whole_page = (site / LIVE[figure.name][0]).read_text(encoding="utf-8")
    for link in links:
        target = link.get_attribute("href").partition("#")[2]
        assert whole_page.count(f'id="{target}"') == 1
        assert re.fullmatch(r"\(\d+\.\d+\)", link.inner_text())


@pytest.mark.parametrize("name", LIVE)
def test_the_picture_moves_from_the_guess_to_the_truth(browser, alone, name):
    with Visit(browser, alone) as visit:
        # Time passes when it is told to.
        visit.page.clock.install(time=0)
        visit.page.clock.pause_at(1)
        figure = Figure(visit, alone, name)
        figure.open()
        wrong = figure.section.locator(".answers > :not([data-right]):is([value], .guess)")
        guessed = wrong.first.evaluate(
            """(answer) => {
              answer.click()
              return answer.closest(".live").querySelector(".play > svg").ariaLabel
            }"""
        )
        visit.page.clock.run_for(1700)
        assert not figure.why.is_visible()
        visit.page.clock.run_for(200)
        assert figure.why.is_visible() and figure.said != guessed
        figure.section.locator(".skip").click()
        # Whatever is on its way stops when the reader does something else.
        wrong.first.click()
        figure.section.locator(".reset").click()
        start = figure.said
        visit.page.clock.run_for(2500)
        assert figure.said == start and not figure.why.is_visible()
        assert visit.wrong == []


@of(*LIVE)
def test_every_control_moves_the_picture_and_stands_in_the_address(figure):
    figure.section.locator(".skip").click()
    assert not figure.why.is_visible()
    for number, control in enumerate(figure.controls().all()):
        before = figure.state, figure.said
        kind = control.get_attribute("type")
        if kind == "range":
            control.focus()
            figure.page.keyboard.press("ArrowRight")
            name = control.get_attribute("name")
            shown = figure.section.locator(f"output[data-of='{name}']").inner_text()
            assert control.get_attribute("aria-valuetext") == shown
            assert f"{name}={shown.replace('−', '-')}" in figure.state
        elif kind == "text":
            control.fill("1, 2, 3")
        else:
            control.click()
            if number and kind == "radio" and control.is_checked() and before[0] == figure.state:
                continue  # the usual one
        if not (kind == "radio" and before == (figure.state, figure.said)):
            assert (figure.state, figure.said) != before, control.get_attribute("name")
    figure.visit.wait_until(f"location.hash === '#live={figure.name}&{figure.state}'")
    # Who is given that address sees the same.
    state, said = figure.state, figure.said
    figure.open(state)
    assert (figure.state, figure.said) == (state, said)
    assert figure.section.locator(".play").is_visible() and not figure.why.is_visible()


@of(*LIVE)
def test_an_address_that_means_little_still_leads_somewhere(figure):
    for strange in ["", "T=warm&c=1e9&m=&w=-1", "%00=1&live=x", "z=,,&n=NaN&form=none&x=Infinity"]:
        figure.open(strange)
        assert figure.section.locator(".play").is_visible(), strange
        assert figure.state == "", strange
        assert "NaN" not in figure.said and "undefined" not in figure.said
    figure.page.goto(f"{figure.url}#live=another")
    assert not figure.visit.wrong


# Texts of the drawing that leave its frame or lie on each other, and what is too low for a finger.
CUT_OFF = r"""
(section) => {
  const frame = section.getBoundingClientRect()
  const boxes = [...section.querySelectorAll("svg text")]
    .map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([words, { width }]) => words && width)
  const cut = boxes.filter(([, box]) => box.left < frame.left || box.right > frame.right)
  const on = (a, b) => a.left < b.right - 3 && b.left < a.right - 3 &&
    a.top < b.bottom - 5 && b.top < a.bottom - 5
  const covered = boxes.flatMap(([words, box], n) =>
    boxes.slice(n + 1).filter(([, other]) => on(box, other)).map(([other]) => [`${words} | ${other}`]))
  const low = [...section.querySelectorAll("button, input[type=range]")]
    .filter((control) => control.checkVisibility() && control.getBoundingClientRect().height < 24)
  return [...cut, ...covered, ...low.map((control) => [control.outerHTML])].map(([words]) => words)
}
"""


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 390)])
@of(*LIVE)
def test_nothing_is_inaccessible_or_cut_off(figure, scheme, width):
    figure.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    figure.page.set_viewport_size({"width": width, "height": 900})
    figure.open()
    for act in [*figure.answers(), figure.section.locator(".skip")]:
        act.click()
        assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
        assert figure.section.evaluate(CUT_OFF) == []
    figure.answers()[0].click()
    assert list(axe_faults(figure.page, within=f"#live-{figure.name}")) == []


@pytest.mark.parametrize("name", LIVE)
def test_a_touch_answers(browser, alone, name):
    with Visit(browser, alone, has_touch=True, reduced_motion="reduce") as visit:
        touched = Figure(visit, alone, name)
        touched.open()
        touched.answers()[0].tap()
        touched.why.wait_for()
        assert visit.wrong == []


# Surroundings


@pytest.mark.parametrize("name", LIVE)
def test_a_script_is_small(name):
    path = book.ROOT / "assets" / "live" / f"{name}.js"
    assert path.stat().st_size <= MOST_BYTES
    assert (path.parent / "predict.js").stat().st_size <= MOST_BYTES


def test_only_the_page_of_a_figure_loads_its_script(site):
    for page in site.rglob("*.html"):
        here = page.relative_to(site).as_posix()
        scripts = re.findall(r'src="[^"]*live/(\w+)\.js"', page.read_text(encoding="utf-8"))
        expected = [name for name, (place, _) in LIVE.items() if place == here]
        assert scripts == (["predict", *expected] if expected else []), here


@pytest.mark.parametrize("name", LIVE)
def test_the_figure_carries_the_point_alone(browser, address, site, name):
    """Without scripts and on paper there is the figure, and nothing of its live form; in a folder
    without a server it lives, and an address leads to it."""
    place, cell = LIVE[name]
    assert cell["metadata"]["mystnb"]["figure"]["name"] and "hide-input" in cell["metadata"]["tags"]
    with Visit(browser, address, java_script_enabled=False) as visit:
        figure = Figure(visit, address, name)
        visit.page.goto(figure.url)
        assert not figure.section.is_visible()
    with Visit(browser, site.as_uri(), reduced_motion="reduce") as visit:
        figure = Figure(visit, f"{site.as_uri()}/", name)
        figure.open("")
        assert -400 < figure.section.bounding_box()["y"] < 900
        figure.answers()[0].click()
        figure.why.wait_for()
        visit.page.emulate_media(media="print")
        assert not figure.section.is_visible()
        assert visit.wrong == []


def test_all_of_them_stand_on_one_page(browser, site, tmp_path):
    """What `make figures` writes, to look at."""
    copy = tmp_path / "html"
    shutil.copytree(site, copy)
    page = figures.write(copy)
    with Visit(browser, tmp_path.as_uri(), reduced_motion="reduce") as visit:
        visit.page.goto(page.as_uri())
        assert (
            visit.page.locator("figure").count() == visit.page.locator(".live").count() == len(LIVE)
        )
        for name in LIVE:
            Figure(visit, "", name).answers()[0].click()
        visit.page.get_by_label("dark").check()
        visit.page.get_by_label("390 px").check()
        assert visit.page.locator(".why:visible").count() == len(LIVE)
        for link in visit.page.locator(".why a").all():
            place = link.get_attribute("href").partition("#")[0]
            assert (tmp_path / place).exists()
        assert visit.wrong == []


def test_a_form_that_is_not_there_and_an_equation_that_is_none_are_named(tmp_path):
    figure = {"image": {"alt": "A black rectangle"}, "figure": {"name": "fig-b", "caption": "B."}}
    drawn = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/svg+xml": small_book.FIGURE},
    }
    words = {"cell_type": "markdown", "id": "two", "metadata": {}, "source": "# Two figures"}
    cells = [
        small_book.code_cell(number, "plt.show()", [drawn], live=name, mystnb=kind)
        for number, name, kind in [(1, "gone", {}), (2, "areas", figure)]
    ]
    source = tmp_path / "source"
    small_book.write(source, second=[words, *cells])
    done = build(source, tmp_path)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    for cell, message in [
        (
            1,
            "its live form is 'gone', and there is no _templates/live/gone.html and no assets/live/",
        ),
        (2, "its live form 'areas' names eq-kl-decomposition, which is no equation"),
    ]:
        place = rf"02_more\.ipynb: cell \[{cell}\]: WARNING"
        assert re.search(f"{place}: {message}", done.stdout), done.stdout
    assert len(re.findall("WARNING|ERROR", done.stdout)) == 2, done.stdout
