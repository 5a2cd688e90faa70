"""The explorer, in a real browser: its numbers against PyTorch's, its handles, its links."""

import html
import math
import random
import re

import book
import mpmath
import pytest
import torch
import torch.nn.functional as F
from website import Visit, axe_faults

START = "z=1,2,0&y=0"

# Open the states one after the other, as a link does, and read what the page then shows.
READ = r"""
async (hashes) => {
  const found = []
  for (const hash of hashes) {
    if (location.hash !== `#${hash}`) {
      const arrived = new Promise((done) => addEventListener("hashchange", done, { once: true }))
      location.hash = hash
      await arrived
    }
    const numbers = { z: [], p: [], q: [], surprise: [], share: [], gradient: [], texts: [] }
    for (const field of document.querySelectorAll("#explorer td input"))
      numbers.z.push(Number(field.dataset.value))
    for (const data of document.querySelectorAll("#explorer data")) {
      const [name, k] = data.dataset.part.split("-")
      if (k) numbers[name].push(Number(data.value))
      else numbers[name] = Number(data.value)
      numbers.texts.push([data.value, data.textContent])
    }
    found.push(numbers)
  }
  return found
}
"""


@pytest.fixture
def visit(browser, address):
    with Visit(browser, address) as visit:
        visit.open(f"{address}explorer.html#{START}")
        yield visit
        assert visit.wrong == []


def read(visit, *hashes):
    return visit.page.evaluate(READ, list(hashes))


def part(visit, name):
    return visit.page.locator(f"[data-part='{name}']")


def handle(visit, k, what="Logit"):
    return visit.page.get_by_role("slider", name=f"{what} of class {k}")


def link(visit):
    return part(visit, "link").input_value().partition("#")[2]


# Numbers


def states():
    """Hundreds of states: tame and extreme, every kind of target, with their addresses."""
    rng = random.Random(8)
    for number in range(300):
        K = rng.randint(2, 10)
        T = rng.choice([1, 1, 0.05, 0.5, 3, 20])
        spread = rng.choice([0, 0.01, 1, 5, 30, 700]) * min(T, 1)
        z = [round(rng.uniform(-spread, spread), 6) + 0.0 for _ in range(K)]
        if number % 7 == 0:
            z = [z[0]] * K  # a tie
        state = {"z": z, "T": T, "y": rng.randrange(K)}
        kind = rng.choice(["hard", "smoothed", "soft"])
        if kind == "smoothed":
            state["eps"] = rng.choice([0, 0.1, 0.3, 1])
        elif kind == "soft":
            state["p"] = [rng.choice([0, 0.2, 1, 7.5, rng.random()]) for _ in range(K)]
            state["p"][rng.randrange(K)] = 2.0
        yield state
    for z in ([1000, -1000], [-1000.0] * 10, [0, 0, 750], [100, 0, 0, 0, 0], [40, 0, 0]):
        for y in range(2):
            yield {"z": z, "T": 1, "y": y}
            yield {"z": z, "T": 1, "y": y, "eps": 0.1}


def formats():
    """Thousands of states with a format, shifted and not."""
    rng = random.Random(12)
    for state in [*states()] * 4:
        spread = {"format": rng.choice(["float64", "float32", "bfloat16", "float16"])}
        yield state | spread | ({"shift": "off"} if rng.random() < 0.5 else {})


def stored_by_pytorch(state):
    """The loss step by step in its format. In float32 the rounded result of double stands for exp
    and log, whose own result may be a neighbour of it (tests/test_live.py)."""
    dtype = getattr(torch, state["format"])

    def own(function, x):
        return function(x.double()).to(dtype) if dtype == torch.float32 else function(x)

    z = torch.tensor(state["z"], dtype=torch.float64)
    p = loss_of(state, z)[1].to(dtype)
    z = z.to(dtype) / torch.tensor(state["T"], dtype=torch.float64).to(dtype)
    if "shift" not in state:
        z = z - z.max()
    total = torch.zeros((), dtype=dtype)
    for e in own(torch.exp, z):
        total = total + e
    loss = torch.zeros((), dtype=dtype)
    for weight, surprise in zip(p, own(torch.log, total) - z, strict=True):
        loss = loss + weight * surprise if weight > 0 else loss
    assert loss.dtype == dtype
    return loss.item()


NUMERICS = (book.ROOT / "assets/explorer/numerics.js").read_text(encoding="utf-8")
EVALUATE = """given.map((state) => {
  const { z, y, T, eps, p } = state
  const kind = p ? "soft" : eps === undefined ? "hard" : "smoothed"
  const target = Numerics.target({ kind, z, y, eps, p })
  const stored = state.format && Numerics.stored(z, T, target, state.format, !state.shift)
  return { z, p: target, ...Numerics.evaluate(z, T, target), stored }
})"""


def by_script(computed, script=NUMERICS):
    """What the script of the explorer computes for states."""
    return lambda states: computed([script], EVALUATE, states)


def on_page(visit):
    """What the page shows in states."""
    return lambda states: read(visit, *map(hash_of, states))


def differently_stored(numbers_of, sparse=1):
    every = list(formats())[::sparse]
    for state, numbers in zip(every, numbers_of(every), strict=True):
        found, expected = numbers["stored"], stored_by_pytorch(state)
        same = found == expected or math.isnan(found + expected)
        if state["format"] == "float64" and math.isfinite(expected):
            same = abs(found - expected) <= 1e-12 * max(1, expected, *map(abs, state["z"]))
        if not same:
            yield f"{hash_of(state)}: {found}, and by PyTorch {expected}"


def test_a_format_stores_the_loss_that_pytorch_stores(computed):
    """Bit for bit in the narrow formats."""
    wrong = list(differently_stored(by_script(computed)))
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("fl(Math.exp(g))", "Math.exp(g)"),
        ("- M)\n", "- M - 1)\n"),
        ("&& steps % 2", "&& steps % 3"),
        ("fl(fl(score) / fl(T))", "fl(score / T)"),
        ("isShifted ? Math.max", "!isShifted ? Math.max"),
    ],
)
def test_the_comparison_of_formats_can_fail(computed, right, wrong):
    assert right in NUMERICS
    spoiled = by_script(computed, NUMERICS.replace(right, wrong))
    assert any(differently_stored(spoiled, sparse=12))


def test_a_format_and_the_shift_can_be_chosen(visit):
    read(visit, "z=20,6,0&y=0")
    part(visit, "format").select_option("float16")
    assert link(visit) == "z=20,6,0&y=0&format=float16"
    assert part(visit, "stored").inner_text() == "exactly 0"
    part(visit, "shift").uncheck()
    assert link(visit) == "z=20,6,0&y=0&format=float16&shift=off"
    assert part(visit, "stored").inner_text() == "∞"
    part(visit, "format").select_option("float32")
    assert part(visit, "stored").get_attribute("value") == "0"
    part(visit, "y").select_option("class 1")
    assert part(visit, "stored").inner_text() == "14.0000"


def hash_of(state):
    return "&".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in state.items()
        if not (name == "y" and "p" in state)
    )


def loss_of(state, z):
    """By PyTorch's own function, and the target that it takes."""
    if "p" in state:
        p = torch.tensor(state["p"], dtype=torch.float64)
        p = p / p.sum()
        return F.cross_entropy(z / state["T"], p), p
    y, eps = torch.tensor(state["y"]), state.get("eps", 0.0)
    p = F.one_hot(y, len(z)).double() * (1 - eps) + eps / len(z)
    return F.cross_entropy(z / state["T"], y, label_smoothing=eps), p


def by_pytorch(state):
    """The same numbers, from PyTorch's own functions."""
    z = torch.tensor(state["z"], dtype=torch.float64, requires_grad=True)
    loss, p = loss_of(state, z)
    loss.backward()
    log_q = F.log_softmax(z.detach() / state["T"], dim=0)
    return {
        "z": state["z"],
        "p": p.tolist(),
        "q": torch.softmax(z.detach() / state["T"], dim=0).tolist(),
        "surprise": (-log_q).tolist(),
        "share": (-p * log_q).tolist(),
        "loss": loss.item(),
        "entropy": torch.special.entr(p).sum().item(),
        "kl": F.kl_div(log_q, p, reduction="sum").item(),
        "gradient": z.grad.tolist(),
    }


def differences(found, expected, tolerance=1e-12):
    for name, values in expected.items():
        pairs = (
            zip(found[name], values, strict=True)
            if isinstance(values, list)
            else [(found[name], values)]
        )
        for here, there in pairs:
            if not abs(here - there) <= tolerance * max(1, abs(there)):
                yield f"{name}: {here}, and by PyTorch {there}"


def all_differences(numbers_of, sparse=1):
    every = list(states())[::sparse]
    for numbers, state in zip(numbers_of(every), every, strict=True):
        for difference in differences(numbers, by_pytorch(state)):
            yield f"{hash_of(state)}: {difference}"


def test_the_numbers_are_pytorchs(computed):
    wrong = list(all_differences(by_script(computed)))
    assert not wrong, "\n".join(wrong[:20])


def test_the_page_shows_these_numbers(visit):
    """Each kind of target, and each format, from its address."""
    wrong = [*all_differences(on_page(visit), 7), *differently_stored(on_page(visit), 31)]
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("Math.exp(-g) / (1 + others)", "Math.exp(-g) / others"),
        ("g + Math.log1p(others)", "g + others"),
        ("(z[top] - score) / T", "z[top] - score"),
        ("smoothing / K", "smoothing / (K - 1)"),
        ("- target + q[k]", "- target"),
        ("value - p[k],", "p[k] - value,"),
        ("(d) => d / T", "(d) => d"),
    ],
)
def test_the_comparison_of_numbers_can_fail(computed, right, wrong):
    assert right in NUMERICS
    spoiled = by_script(computed, NUMERICS.replace(right, wrong))
    assert any(all_differences(spoiled, sparse=10))


def test_small_numbers_keep_their_digits_where_pytorchs_vanish(visit):
    assert F.cross_entropy(torch.tensor([100.0, 0, 0, 0, 0]).double(), torch.tensor(0)) == 0
    for z in ([100, 0, 0, 0, 0], [40, 1, 0], [1000, 400, 0], [17, 0], [0, -300, -300.5]):
        (found,) = read(visit, f"z={','.join(map(str, z))}&y=0")
        with mpmath.workdps(1000):
            others = mpmath.fsum(mpmath.exp(mpmath.mpf(v) - z[0]) for v in z[1:])
            loss = float(mpmath.log1p(others))
            own = float(-others / (1 + others))
            second = float(mpmath.exp(mpmath.mpf(z[1]) - z[0]) / (1 + others))
        here = [found["loss"], found["kl"], found["gradient"][0], found["q"][1]]
        assert here == pytest.approx([loss, loss, own, second], rel=1e-12, abs=0), z


def test_what_is_written_is_what_is_meant(visit):
    superscripts = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    for numbers in read(visit, "z=100,0,0,0,0&y=1", "z=1,2,0&y=0&eps=0.1", "z=0,999&y=0"):
        for value, text in numbers["texts"]:
            written = text.replace("−", "-").replace("·10", "e").translate(superscripts)
            assert math.isclose(float(written), float(value), rel_tol=5e-3, abs_tol=5e-5)


def points(visit, name):
    """The points of a path of the triangle, as columns x, y, 1."""
    path = visit.page.locator(f".{name}").get_attribute("d")
    pairs = re.findall(r"([\d.]+),([\d.]+)", path)
    return torch.tensor([[float(x), float(y), 1] for x, y in pairs], dtype=torch.float64).T


def test_the_contours_lie_where_the_text_says(visit):
    read(visit, "z=0,0,0&p=0.5,0.3,0.2")
    levels = set(map(float, re.findall(r"[\d.]+", part(visit, "levels").inner_text())))
    q = torch.linalg.solve(points(visit, "simplex"), points(visit, "contour"))
    q = q[:, q.amin(0) > 5e-4]  # nearer the sides a pixel is too coarse
    p = torch.tensor([[0.5], [0.3], [0.2]], dtype=torch.float64)
    excess = (p * (p / q).log()).sum(0).tolist()
    nearest = [min(levels, key=lambda level: abs(level - value)) for value in excess]
    assert excess == pytest.approx(nearest, abs=0.05)
    assert set(nearest) == levels and len(levels) > 1


# Steps


@pytest.mark.parametrize(
    "state, eta, steps",
    [
        ({"z": [1.0, 2.0, 0.0], "y": 0, "T": 1}, 1, 3),
        ({"z": [-2.0, -1.0, 2.5], "p": [0.5, 0.3, 0.2], "y": 0, "T": 1}, 0.5, 59),
        ({"z": [0.3, -1.2, 2.1, 0.4], "y": 2, "eps": 0.2, "T": 0.5}, 2, 20),
        ({"z": [5.0, -5.0], "y": 1, "T": 3}, 20, 10),
    ],
)
def test_a_step_is_a_step_of_gradient_descent(visit, state, eta, steps):
    (found,) = read(visit, f"{hash_of(state)}&eta={eta}&steps={steps}")
    z = torch.tensor(state["z"], dtype=torch.float64, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss, _ = loss_of(state, z)
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, z)
        with torch.no_grad():
            z -= eta * gradient
    assert list(differences(found, {"z": z.tolist()}, 1e-11)) == []
    # The curve says where it began and where it ends; the triangle has a dot for each step.
    label = part(visit, "curve").get_attribute("aria-label")
    assert f"{losses[0]:.4f} nats at the start" in label
    if len(state["z"]) == 3:
        assert visit.page.locator(".stop").count() == steps


def test_the_buttons_walk_and_walk_back(visit):
    (one, three) = read(visit, f"{START}&steps=1", f"{START}&steps=3")
    read(visit, START)
    for _ in range(3):
        part(visit, "step").click()
    assert part(visit, "walked").inner_text() == "3 steps: loss 0.2188 nats"
    assert read(visit, f"{START}&steps=3") == [three]
    for _ in range(2):
        part(visit, "back").click()
    assert float(part(visit, "loss").get_attribute("value")) == one["loss"]
    part(visit, "steps").click()
    assert link(visit) == f"{START}&steps=11"
    part(visit, "restart").click()
    assert link(visit) == START
    assert part(visit, "back").is_disabled()


def test_a_change_after_some_steps_begins_a_new_path_there(visit):
    (three,) = read(visit, f"{START}&steps=3")
    part(visit, "y").select_option("class 2")
    assert "steps" not in link(visit)
    assert read(visit, link(visit))[0]["z"] == three["z"]


# Handles


def test_keyboard(visit):
    slider = handle(visit, 1)
    slider.focus()
    for key, expected in [
        *(("ArrowUp", 2.1), ("ArrowRight", 2.2), ("ArrowDown", 2.1), ("ArrowLeft", 2)),
        *(("Shift+ArrowUp", 2.01), ("PageUp", 3.01), ("PageDown", 2.01)),
        *(("End", 5), ("ArrowUp", 5), ("Home", -5), ("ArrowDown", -5)),
    ]:
        visit.page.keyboard.press(key)
        assert float(slider.get_attribute("aria-valuenow")) == expected, key
        assert link(visit) == f"z=1,{expected},0&y=0", key
    spoken = slider.get_attribute("aria-valuetext")
    assert spoken == "−5.0000; q is 0.0018; loss 0.3151 nats"
    assert slider.get_attribute("aria-valuemin") == "-5"
    visit.page.keyboard.press("Tab")
    assert handle(visit, 2).evaluate("node => node === document.activeElement")


def test_a_target_can_be_moved_if_it_is_soft(visit):
    target = handle(visit, 0, "Target probability")
    assert target.count() == 0
    visit.page.get_by_role("radio", name="soft").check()
    assert link(visit) == "z=1,2,0&p=1,0,0"
    read(visit, "z=1,2,0&p=0.5,0.3,0.2")
    for key, p in [("ArrowUp", "0.55,0.27,0.18"), ("End", "1,0,0"), ("Home", "0,0.5,0.5")]:
        target.press(key)
        assert link(visit) == f"z=1,2,0&p={p}"


def middle(slider):
    box = slider.locator("circle").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_mouse(visit):
    x, y = middle(handle(visit, 2))
    visit.page.mouse.move(x, y + 3)  # not quite in the middle
    visit.page.mouse.down()
    visit.page.mouse.move(x + 5, y + 3 - 66, steps=5)
    visit.page.mouse.up()
    visit.page.mouse.move(x, y - 200)  # let go
    assert link(visit) == "z=1,2,3&y=0"  # 220 px are ten units
    visit.page.wait_for_url("**/explorer.html#z=1,2,3&y=0")


def test_a_finger_drags_a_handle_and_does_not_scroll(browser, address):
    with Visit(browser, address, has_touch=True) as visit:
        visit.page.set_viewport_size({"width": 360, "height": 740})
        visit.open(f"{address}explorer.html#{START}")
        slider = handle(visit, 0)
        slider.evaluate("node => node.scrollIntoView({ block: 'center' })")
        x, y = middle(slider)
        before = visit.page.evaluate("scrollY")
        finger = visit.context.new_cdp_session(visit.page)
        for kind, at in [("Start", y), ("Move", y + 20), ("Move", y + 44), ("End", None)]:
            points = [] if at is None else [{"x": x, "y": at}]
            finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        field = "document.querySelector('[data-part=link]').value"
        visit.wait_until(f"{field}.endsWith('#z=-1,2,0&y=0')")
        assert visit.page.evaluate("scrollY") == before
        assert visit.wrong == []


def test_a_slider_moves_by_small_steps_and_comes_back(visit):
    for name, right in [("T", "T=1.05"), ("eta", "eta=1.1")]:
        for key, state in [("ArrowRight", f"{START}&{right}"), ("ArrowLeft", START)]:
            part(visit, name).press(key)
            assert link(visit) == state
        # Firefox takes steps of one where it is told "any": here factors of ten.
        assert float(part(visit, name).get_attribute("step")) < 0.1


def test_steps_are_counted_and_the_keyboard_stays_where_they_are_taken(visit):
    read(visit, f"{START}&steps=2")
    assert part(visit, "walked").inner_text().startswith("2 steps: loss ")
    for button in ("back", "restart"):
        part(visit, "step").press("Enter")
        read(visit, f"{START}&steps=1")
        part(visit, button).press("Enter")
        assert part(visit, "step").evaluate("button => button === document.activeElement")


def test_a_value_stands_in_the_line_of_its_letter(visit):
    """WebKit raises it otherwise, like an exponent."""
    assert part(visit, "T-shown").evaluate("value => getComputedStyle(value).display") == "inline"


def test_controls(visit):
    part(visit, "classes").select_option("5")
    assert link(visit) == "z=1,2,0,0,0&y=0"
    part(visit, "y").select_option("class 4")
    part(visit, "T").focus()
    visit.page.keyboard.press("End")
    assert link(visit) == "z=1,2,0,0,0&y=4&T=20"
    visit.page.get_by_role("radio", name="smoothed").check()
    part(visit, "eps").focus()
    visit.page.keyboard.press("ArrowRight")
    assert link(visit) == "z=1,2,0,0,0&y=4&eps=0.11&T=20"
    part(visit, "eta").focus()
    visit.page.keyboard.press("Home")
    assert link(visit).endswith("&eta=0.01")
    part(visit, "classes").select_option("2")
    assert link(visit) == "z=1,2&y=1&eps=0.11&T=20&eta=0.01"
    part(visit, "three").click()
    assert link(visit) == "z=1,2,0&y=1&eps=0.11&T=20&eta=0.01"
    field = visit.page.get_by_role("spinbutton", name="Logit of class 2")
    field.fill("-123.456")
    field.press("Enter")
    assert link(visit).startswith("z=1,2,-123.456&")
    assert part(visit, "range").input_value() == "200"


# Addresses


def test_a_new_visit_and_the_way_back_lead_to_the_same_numbers(visit):
    states = [START, "z=-2,-1,2.5&p=0.5,0.3,0.2&eta=0.5&steps=59", "z=0.1,0.2&y=1&T=0.3"]
    found = read(visit, *states)
    for numbers, state in reversed(list(zip(found, states, strict=True))):
        assert read(visit, state) == [numbers]
        with visit.context.new_page() as other:
            other.goto(visit.page.url)
            assert other.evaluate(READ, [state]) == [numbers]
        if state != START:
            visit.page.go_back()


def test_the_state_in_the_address_is_the_state_to_the_last_bit(visit):
    wild = "z=0.30000000000000004,-1e-7,123.45678901234567&p=1,2,4&T=0.7&eta=0.3&steps=17"
    (found,) = read(visit, wild)
    part(visit, "step").click()
    assert link(visit) == wild.replace("steps=17", "steps=18")
    part(visit, "back").click()
    assert read(visit, START, link(visit))[1] == found


# What stands in an address -> the state that it leads to.
MEANT = {
    "": START,
    "z=": START,
    "z=1": START,
    "z=1,two": START,
    "z=1,NaN,3&y=0": START,
    "z=1,Infinity&y=0": START,
    "z=%3Cb%3E,2&y=%00": START,
    "z=1,2,3": "z=1,2,3&y=0",
    "z=1,2,3&y=7": "z=1,2,3&y=0",
    "z=1,2,3&y=-1&T=0": "z=1,2,3&y=0&T=0.05",
    "z=1,2,3&y=1.5&T=warm&eta=": "z=1,2,3&y=1",
    "z=1e9,-1e9&y=1": "z=1000,-1000&y=1",
    "z=1,2,3&p=1,2": "z=1,2,3&y=0",
    "z=1,2,3&p=0,0,0&y=2": "z=1,2,3&y=2",
    "z=1,2,3&p=1,-1,1&y=2": "z=1,2,3&y=2",
    "z=1,2&y=1&format=int8&shift=yes": "z=1,2&y=1",
    "z=1,2&y=1&format=toString": "z=1,2&y=1",
    "z=1,2&y=1&eps=3&steps=1e9": "z=1,2&y=1&eps=1&steps=1000",
    "z=1,2,3,4,5,6,7,8,9,10,11&y=9": "z=1,2,3,4,5,6,7,8,9,10&y=9",
}


def test_an_address_that_means_little_still_leads_somewhere(visit, address):
    found = {}
    for hash in MEANT:
        visit.page.goto("about:blank")  # or the page would stay, and be told of another state
        visit.page.goto(f"{address}explorer.html#{hash}")
        found[hash] = link(visit)
    assert found == MEANT


# Links into the explorer, and what the text says of them


def links_to_states(site):
    """Page, text of the paragraph, and the states that it links to."""
    for path in sorted(site.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        for paragraph in re.findall(r"(?s)<p>.*?</p>", page):
            links = r'href="(?:[^"]*explorer\.html|)#(z=[^"]*)"'
            if states := re.findall(links, html.unescape(paragraph)):
                text = html.unescape(re.sub(r"<[^>]*>", "", paragraph))
                yield path.relative_to(site).as_posix(), text, states


def test_every_link_to_a_state_says_what_it_means(site, visit):
    links = [(page, state) for page, _, states in links_to_states(site) for state in states]
    for page, state in links:
        read(visit, state)
        assert link(visit) == state, f"{page}: write it as {link(visit)}"
    texts = [book.prose(book.read(chapter)) for chapter in book.CHAPTERS]
    texts.append((book.ROOT / "explorer.md").read_text(encoding="utf-8"))
    assert len(links) == sum(text.count("](explorer:") for text in texts)


def unshown(visit, text, states):
    """The decimals that a text prints and the explorer does not show in these states."""
    starts = [re.sub(r"&steps=\d+", "", state) for state in states]
    shown = [
        value
        for numbers in read(visit, *states, *starts)
        for name, values in numbers.items()
        if name != "texts"
        for value in (values if isinstance(values, list) else [values])
    ]
    for printed in re.findall(r"\d+\.\d{4,}", text):
        places = len(printed.partition(".")[2])
        if not any(f"{abs(value):.{places}f}" == printed for value in shown):
            yield printed


def test_the_numbers_in_the_text_are_those_of_the_explorer(site, visit):
    """Each decimal that stands beside a link to a state is one that the state shows."""
    for page, text, states in links_to_states(site):
        assert not list(unshown(visit, text, states)), f"{page}: {text}"
    # The comparison can fail.
    assert list(unshown(visit, "ln 3 is 1.0986 and not 1.0987", ["z=0,0,0&y=1"])) == ["1.0987"]


def test_the_list_of_examples_offers_the_links_of_the_text(visit):
    choices = part(visit, "example").locator("option").all_inner_texts()
    texts = visit.page.locator("article li a[href^='#z=']").all_inner_texts()
    assert choices == ["(your own)", *texts]
    part(visit, "example").select_option(texts[1])
    visit.page.wait_for_url("**#z=-2,-1,0,1,2&y=3")
    assert float(part(visit, "loss").get_attribute("value")) == pytest.approx(1.4519, abs=1e-4)
    handle(visit, 0).press("ArrowUp")
    assert part(visit, "example").input_value() == ""


# Surroundings


# Contrast depends on the scheme alone, and what is cut off on the width alone.
@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 360)])
def test_nothing_is_inaccessible_or_cut_off(browser, address, scheme, width):
    with Visit(browser, address) as visit:
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.set_viewport_size({"width": width, "height": 900})
        for state in [
            f"{START}&steps=5",
            "z=1,-2,0.3,4,-3.3,2,0,-1,3,1.5&y=4&eps=0.3&T=2",
            "z=-1000,1000,0&p=0.2,0.3,0.5&T=0.05",
        ]:
            visit.open(f"{address}explorer.html")
            read(visit, state)
            assert list(axe_faults(visit.page, within="#explorer")) == [], state
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            for drawing in visit.page.locator("#explorer svg:visible").all():
                box = drawing.bounding_box()
                assert 0 <= box["x"] and box["x"] + box["width"] <= width + 1, state
        assert visit.wrong == []


def test_the_drawings_follow_the_width(visit):
    wide = part(visit, "columns").bounding_box()["width"]
    visit.page.set_viewport_size({"width": 360, "height": 740})
    visit.wait_until(f"document.querySelector('[data-part=columns]').clientWidth < {wide}")
    assert handle(visit, 0).count() == 1


def test_it_works_without_a_server(site, browser):
    with Visit(browser, site.as_uri()) as visit:
        visit.page.goto(f"{(site / 'explorer.html').as_uri()}#{START}")
        part(visit, "step").click()
        assert part(visit, "loss").inner_text() == "0.5959"
        visit.page.wait_for_url(f"**#{START}&steps=1")
        assert visit.wrong == []


def test_without_javascript_the_page_says_so(browser, address):
    with Visit(browser, address, java_script_enabled=False) as visit:
        visit.page.goto(f"{address}explorer.html")
        notice = visit.page.locator("article noscript p")
        assert "JavaScript, which is switched off" in notice.text_content()
        assert notice.is_visible()
        assert not visit.page.locator("#explorer").is_visible()
