"""What a reader copies: formulas as LaTeX, and the explorer's link to a state."""

import pytest
from book import CHAPTERS, equations, read
from website import Visit

LIST = "appendix/equations.html"
FIRST, FORMULAS = next((c, found) for c in CHAPTERS if (found := equations(read(c))))
CHAPTER = f"chapters/{FIRST.stem}.html"
FIRST_FORMULA = FORMULAS[0][1].strip()

WHOLE = ""
MISSING = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
REFUSED = "navigator.clipboard.writeText = () => Promise.reject(Error('refused'))"
clipboards = pytest.mark.parametrize(
    "clipboard, says",
    [(WHOLE, "Copied"), (MISSING, "Selected: copy it"), (REFUSED, "Selected: copy it")],
    ids=["whole", "missing", "refused"],
)


@pytest.fixture
def visit(browser, address):
    with Visit(browser, address) as visit:
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield visit
        assert visit.wrong == []


def press(visit, button, says):
    """Press the button and do what it says; it says so until the clock goes on."""
    usual = button.inner_text()
    visit.page.clock.pause_at("2100-01-01")
    button.click()
    button.filter(has_text=says).wait_for()
    if says != "Copied":
        visit.page.keyboard.press("Control+c")
    visit.page.clock.run_for(5_000)
    button.filter(has_text=usual).wait_for()


def copied(visit):
    """What the clipboard holds, as a page sees it that may use it."""
    with visit.context.new_page() as other:
        other.goto(visit.page.url)
        text = other.evaluate("navigator.clipboard.readText()")
        other.evaluate("navigator.clipboard.writeText('')")  # for the next to read its own
        return text


@clipboards
def test_a_button_copies_its_formula_or_says_what_to_do(visit, address, clipboard, says):
    visit.page.add_init_script(clipboard)
    visit.page.clock.install()
    visit.open(address + CHAPTER)
    formula = visit.page.locator("div.math", has_text="(1.1)")
    formula.hover()
    press(visit, formula.locator("button"), says)
    dollars = "" if says == "Copied" else "$$"
    assert copied(visit).replace("\n", "") == f"{dollars}{FIRST_FORMULA}{dollars}"


@clipboards
def test_a_button_copies_the_link_or_says_what_to_do(visit, address, clipboard, says):
    visit.page.add_init_script(clipboard)
    visit.page.clock.install()
    visit.open(f"{address}explorer.html#z=1,2,0&y=0")
    visit.page.get_by_label("True class y").select_option("class 1")
    press(visit, visit.page.locator("[data-part=copy]"), says)
    assert copied(visit) == f"{address}explorer.html#z=1,2,0&y=1"


def test_a_selection_is_copied_with_its_formulas_as_latex(visit, address):
    visit.open(address + CHAPTER)
    inline = visit.page.locator("article p span.math").first
    inline.evaluate("formula => getSelection().selectAllChildren(formula.closest('p'))")
    visit.page.keyboard.press("Control+c")
    text = copied(visit)
    assert f"${inline.get_attribute('data-tex')}$" in text and "\n" not in text.strip(), text


def names_of_buttons(visit):
    return visit.page.locator("div.math > button").evaluate_all("all => all.map(b => b.ariaLabel)")


def test_the_name_of_a_button_says_which_formula_it_copies(visit, address):
    visit.open(address + CHAPTER)
    numbers = visit.page.locator("div.math").evaluate_all(
        "all => all.map(f => f.querySelector('.eqno')?.textContent.match(/[(].*[)]/)[0])"
    )
    assert "(1.1)" in numbers and None in numbers
    assert names_of_buttons(visit) == [
        f"Copy formula {number} as LaTeX" if number else "Copy this formula as LaTeX"
        for number in numbers
    ]


def test_the_buttons_in_the_list_of_equations_are_no_stops_of_the_tab_key(visit, address):
    visit.open(address + LIST)
    names = names_of_buttons(visit)
    assert names[0] == "Copy formula (1.1) as LaTeX" and len(set(names)) == len(names)
    visit.page.locator(".listed a").first.focus()
    for _ in range(20):
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.localName") != "button"
    visit.open(address + CHAPTER)
    stops = visit.page.locator("div.math > button").evaluate_all("all => all.map(b => b.tabIndex)")
    assert set(stops) == {0}
