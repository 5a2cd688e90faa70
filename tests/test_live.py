"""The figures that come alive: their numbers against PyTorch's, and what a reader can do."""

import math
import random
import re

import book
import pytest
import torch
from website import Visit, axe_faults

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
        script = self.name.capitalize()
        return self.page.evaluate(f"states => states.map({script}.numbers)", states)

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


@pytest.fixture
def figure(browser, address, request):
    with Visit(browser, address, reduced_motion="reduce") as visit:
        figure = Figure(visit, address, request.param)
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


def differing(figure, states, by_pytorch, sparse=1):
    states = states[::sparse]
    found = figure.numbers(states)
    pairs = zip(states, found, strict=True)
    return [(s, f, by_pytorch(s)) for s, f in pairs if not close(f, by_pytorch(s))]


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


@of("digits")
def test_the_three_narrow_formats_are_bit_exact(figure):
    states = list(margins())
    for state, found in zip(states, figure.numbers(states), strict=True):
        expected = digits_by_pytorch(state)
        for name in ("float32", "bfloat16", "float16"):
            same = found[name] == expected[name] or math.isnan(found[name] + expected[name])
            assert same, (state, name, found[name], expected[name])
        if state["form"] == "log1p":
            assert found["exact"] == pytest.approx(expected["exact"], rel=1e-12, abs=0)


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
            "([values, name]) => values.map((x) => Digits.round(x, Digits.FORMATS[name]))",
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


# Figure -> states, the same numbers by PyTorch, and two mistakes that the comparison notices
COMPARED = {
    "temperature": (
        temperatures,
        temperature_by_pytorch,
        [("z / T)", "z * T)"), ("evaluate(scores, T", "evaluate(scores, 1")],
    ),
    "digits": (
        margins,
        digits_by_pytorch,
        [("steps % 2", "steps % 3"), ("1 - B) - M", "-B) - M"), ("fl(1 + e)", "1 + e")],
    ),
}


@of(*COMPARED)
def test_the_numbers_are_pytorchs(figure):
    states, by_pytorch, _ = COMPARED[figure.name]
    assert differing(figure, list(states()), by_pytorch) == []


MISTAKES = [(name, *pair) for name, (_, _, pairs) in COMPARED.items() for pair in pairs]


@pytest.mark.parametrize("name, right, wrong", MISTAKES)
def test_the_comparison_of_numbers_can_fail(browser, address, name, right, wrong):
    text = (book.ROOT / f"assets/live/{name}.js").read_text(encoding="utf-8")
    assert right in text
    with Visit(browser, address) as visit:
        spoiled = text.replace(right, wrong)
        visit.context.route(f"**/live/{name}.js", lambda route: route.fulfill(body=spoiled))
        figure = Figure(visit, address, name)
        figure.open()
        states, by_pytorch, _ = COMPARED[name]
        assert differing(figure, list(states()), by_pytorch, sparse=10)


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
def test_predict_and_see_why(figure):
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
    assert figure.said == truth
    links = figure.why.locator("a").all()
    assert links
    for link in links:
        target = link.get_attribute("href").partition("#")[2]
        assert figure.page.locator(f"[id='{target}']").count() == 1
        assert re.fullmatch(r"\(\d+\.\d+\)", link.inner_text())


@pytest.mark.parametrize("name", LIVE)
def test_the_picture_moves_from_the_guess_to_the_truth(browser, address, name):
    with Visit(browser, address) as visit:
        figure = Figure(visit, address, name)
        figure.open()
        wrong = figure.section.locator(".answers > :not([data-right]):is([value], .guess)")
        wrong.first.click()
        seen = [figure.said]
        visit.wait_until(f"document.querySelector('#live-{name} .why').checkVisibility()")
        moved = figure.said
        assert seen[0] != moved
        figure.section.locator(".skip").click()
        # Whatever is on its way stops when the reader does something else.
        wrong.first.click()
        figure.section.locator(".reset").click()
        start = figure.said
        figure.page.wait_for_timeout(2500)
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
    box = figure.section.bounding_box()
    assert -400 < box["y"] < 900


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
    for act in [*figure.answers()[:1], figure.section.locator(".skip")]:
        act.click()
        assert list(axe_faults(figure.page, within=f"#live-{figure.name}")) == []
        assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
        assert figure.section.evaluate(CUT_OFF) == []


@of(*LIVE)
def test_a_touch_answers(figure, browser, address):
    with Visit(browser, address, has_touch=True, reduced_motion="reduce") as visit:
        touched = Figure(visit, address, figure.name)
        touched.open()
        touched.answers()[0].tap()
        assert touched.why.is_visible()
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
    without a server it lives."""
    place, cell = LIVE[name]
    assert cell["metadata"]["mystnb"]["figure"]["name"] and "hide-input" in cell["metadata"]["tags"]
    with Visit(browser, address, java_script_enabled=False) as visit:
        figure = Figure(visit, address, name)
        visit.page.goto(figure.url)
        assert not figure.section.is_visible()
    with Visit(browser, site.as_uri(), reduced_motion="reduce") as visit:
        visit.page.goto(f"{site.as_uri()}/{place}")
        figure = Figure(visit, f"{site.as_uri()}/", name)
        figure.answers()[0].click()
        assert figure.why.is_visible()
        visit.page.emulate_media(media="print")
        assert not figure.section.is_visible()
        assert visit.wrong == []
