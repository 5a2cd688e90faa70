"""The form of every chapter: what the cell-by-cell comparison of nbval cannot see.

Each check is a function that takes a notebook and yields what is wrong with it.
test_gate.py runs the same functions on a small chapter, whole and spoiled, to prove that they
can fail.
"""

import ast
import re
import sys
from collections import Counter

import book
import pytest
import run_chapters
from book import code_cells, prose, source, tags
from exercises import fences

MAY_IMPORT = {"matplotlib", "matplotlib_inline", "mpmath", "numpy", "scipy"}
MAY_IMPORT |= {"pandas", "sklearn", "sympy", "torch", "torchvision", "fastai", "PIL"}
MAY_IMPORT |= {"IPython"}  # where a notebook runs, it is there


def faults_of_the_contents(there, listed, numbered):
    for name in sorted(there - listed):
        yield f"chapters/{name}.ipynb is not in _toc.yml: list it there, or remove it"
    for name in sorted(listed - there):
        yield f"_toc.yml lists chapters/{name}, which is not there: write it, or remove the line"
    for name in sorted(listed - numbered):
        if not name.startswith("00_"):  # the tour comes before the first
            yield f"chapters/{name} stands in a part of _toc.yml that is not numbered: number it"


def test_the_contents_list_every_chapter():
    there = {path.stem for path in (book.ROOT / "chapters").glob("*.ipynb")}
    listed = {path.stem for path in book.LISTED}
    problems = list(faults_of_the_contents(there, listed, set(book.NUMBERS)))
    assert there and not problems, "\n".join(problems)


def test_a_chapter_that_is_missing_here_or_there_is_named():
    one, both = {"a"}, {"a", "Untitled"}
    assert "Untitled.ipynb is not in" in "".join(faults_of_the_contents(both, one, one))
    assert "lists chapters/Untitled" in "".join(faults_of_the_contents(one, both, both))
    assert "Untitled stands in a part" in "".join(faults_of_the_contents(both, both, one))


def output_texts(cell):
    for out in cell["outputs"]:
        yield "".join(out.get("text", ""))
        for kind, data in out.get("data", {}).items():
            if kind.startswith("text/"):
                yield "".join(data)


def every_cell_is_compared(nb):
    """nbval compares nothing where a cell has no count or says so in a tag."""
    counts = [cell["execution_count"] for _, cell in code_cells(nb)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, not 1 to {len(counts)}"
    for number, cell in code_cells(nb):
        loose = [t for t in tags(cell) if re.search("nbval|skip|raises", t, re.I)]
        if loose or re.search(r"#\s*(NBVAL|PYTEST)_", source(cell)):
            yield f"cell [{number}] is excused from the comparison"


def every_print_is_stored(nb):
    for number, cell in code_cells(nb):
        shown = [o for o in cell["outputs"] if o["output_type"] != "stream"]
        printed = [o for o in cell["outputs"] if o["output_type"] == "stream"]
        top = [n for s in ast.parse(source(cell)).body for n in walk_outside_def(s)]
        calls = {ast.unparse(n.func) for n in top if isinstance(n, ast.Call)}
        if "print" in calls and not printed:
            yield f"cell [{number}] prints, and nothing is stored"
        if "plt.show" in calls and not shown:
            yield f"cell [{number}] shows a figure, and none is stored"


def walk_outside_def(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk_outside_def(child)


def every_figure_is_svg_with_words(nb):
    for number, cell in code_cells(nb):
        kinds = [k for o in cell["outputs"] for k in o.get("data", {})]
        images = [k for k in kinds if k.startswith("image/")]
        if not images:
            continue
        if set(images) != {"image/svg+xml"}:
            yield f"cell [{number}] stores {images}; nbval compares only SVG"
        meta = cell["metadata"].get("mystnb", {})
        if len(meta.get("image", {}).get("alt", "").split()) < 10:
            yield f"cell [{number}]: the alt text says less than ten words"
        figure = meta.get("figure", {})
        if not figure.get("caption") or not figure.get("name", "").startswith("fig-"):
            yield f"cell [{number}]: a figure needs a caption and a name fig-…"


COLUMNS = 7  # of a table, beside its index: more do not fit beside the sidebars


def tables_can_be_read(nb):
    for number, cell in code_cells(nb):
        if any("np.float64(" in text for text in output_texts(cell)):
            yield f"cell [{number}] shows np.float64(...): turn it into a float, or a table"
        for out in cell["outputs"]:
            html = "".join(out.get("data", {}).get("text/html", ""))
            columns = html.partition("<tbody>")[2].partition("</tr>")[0].count("<td")
            if columns > COLUMNS:
                yield f"cell [{number}]: a table of {columns} columns: show {COLUMNS} at most"
            if re.search(r"<t[dh][^>]*>[^<]*\.\.\.</t", html):
                yield f"cell [{number}]: pandas has cut rows or words (...) of a table: show less"
            if re.search(r'id="T_', html):
                yield f"cell [{number}]: a Styler has ids at random: show the DataFrame itself"


def outputs_are_the_same_everywhere(nb):
    """No warning, path, address or time of day in a stored output."""
    changing = {
        "an address": r"0x[0-9a-f]{6,}",
        "a path": r"(?<![\w.])/(home|tmp|usr|root|var|Users)/|[A-Z]:\\",
        "a time of day": r"\b\d\d:\d\d:\d\d\b|\b\d+(\.\d+)? ?(ms|µs|ns)\b",
        "a progress bar": r"\d+%\|",
    }
    for number, cell in code_cells(nb):
        if any(o.get("name") == "stderr" for o in cell["outputs"]):
            yield f"cell [{number}] stores stderr"
        for text in output_texts(cell):
            for what, pattern in changing.items():
                if found := re.search(pattern, text):
                    yield f"cell [{number}] stores {what}: {found[0]}"


def it_needs_only_what_it_names(nb):
    """No pip cell, no shell, no import from this repository, no hidden set-up."""
    for number, cell in code_cells(nb):
        if re.search(r"^\s*[%!]", source(cell), re.MULTILINE):
            yield f"cell [{number}] holds a magic or a shell command"
            continue
        for name in book.imports(cell):
            if name not in MAY_IMPORT | sys.stdlib_module_names:
                yield f"cell [{number}] imports {name}"


def every_equation_is_checked(nb):
    times = Counter(label for label, _ in book.equations(nb))
    checked = set()
    for number, cell in code_cells(nb):
        if checks := book.checks(cell):
            checked.update(checks)
            if not book.asserts(cell):
                yield f"cell [{number}] checks {', '.join(checks)} and asserts nothing"
        for label, kind in checks.items():
            if kind not in book.KINDS:
                kinds = ", ".join(book.KINDS)
                yield f"cell [{number}] checks {label} by '{kind}', which is none of {kinds}"
    for label in sorted(times.keys() | checked):
        if times[label] > 1:
            yield f"equation {label} is labelled {times[label]} times"
        if label not in checked:
            yield f"equation {label} stands in the checks of no cell"
        if label not in times:
            yield f"the checks of a cell name {label}, an equation that is not there"
    for label in re.findall(r"(?m)\$\$ *\((?!eq-)([^()\s]+)\) *$", prose(nb)):
        yield f"equation {label}: the label of an equation begins with eq-"


def what_is_folded_says_what_it_is(nb):
    for number, cell in code_cells(nb):
        looked_up = "hide-output" in tags(cell)
        if not looked_up and not book.is_check(cell):
            continue
        prompt = cell["metadata"].get("mystnb", {}).get("code_prompt_show", "")
        if len(prompt.split()) < 4:
            does = "shows" if looked_up else "checks"
            yield f"cell [{number}]: say in its code_prompt_show, in four words or more, what it {does}"
        if looked_up:
            if set(tags(cell)) != {"hide-input", "hide-output"} or not cell["outputs"]:
                yield f"cell [{number}]: tag what is looked up hide-input and hide-output; it shows something"
            continue
        if re.search(r"✓|^Check|\(\d+\.\d+\)", prompt):
            yield f"cell [{number}]: its code_prompt_show gets tick, 'Check' and number by itself"
        if not book.asserts(cell) and "AssertionError" not in source(cell):
            yield f"cell [{number}] is folded as a check and asserts nothing: show it, or assert"
        if "hide-input" in tags(cell):
            yield f"cell [{number}] is tagged hide-cell and hide-input: leave one"


def it_has_the_anatomy_of_a_chapter(nb):
    text = prose(nb)
    for part in book.OPENING:
        if part not in opening(nb):
            yield f"the opening lacks '{part}'"
    for part in book.SECTIONS:
        if f"\n## {part}" not in text:
            yield f"no section '{part}'"
    # The line that stays of a folded cell is words.
    needs_words = [c["cell_type"] == "code" and not book.is_folded(c) for c in nb["cells"][1:]]
    kinds = [c["cell_type"] for c in nb["cells"]]
    if ("code", True) in zip(kinds, needs_words, strict=False):
        yield "two code cells follow each other without a word between them"
    for number, cell in code_cells(nb):
        if source(cell).count("\n") >= (90 if book.is_folded(cell) else 30):
            yield f"cell [{number}] is longer than {90 if book.is_folded(cell) else 30} lines"


def each_exercise_has_a_solution(nb):
    names, faults = fences(prose(nb))
    if faults:
        yield from faults
    elif odd := [name for name in names["exercise"] if name not in names["solution"]]:
        yield f"exercises without a solution: {', '.join(odd)}"
    elif len(names["exercise"]) < 3:
        yield f"{len(names['exercise'])} exercises: 3 at least"


def it_says_how_long_it_takes_to_read(nb):
    stated = re.search(rf"(\d+) {book.OPENING[-1]}", opening(nb))
    if not stated or int(stated[1]) != book.minutes(nb):
        said = f"says {stated[0]}" if stated else "does not say how long it takes"
        yield f"the opening {said}: write {book.minutes(nb)} {book.OPENING[-1]}"


def opening(nb):
    cells = nb["cells"]
    first_code = next(i for i, c in enumerate(cells) if c["cell_type"] == "code")
    return "\n".join(source(c) for c in cells[:first_code])


def only_what_must_be_is_stored(nb):
    """Metadata that differs between machines makes noise in every commit."""
    if nb["metadata"].keys() != {"kernelspec", "language_info"}:
        yield f"notebook metadata: {sorted(nb['metadata'])}"
    if nb["metadata"].get("language_info") != run_chapters.METADATA["language_info"]:
        yield "language_info names a version"
    for cell in nb["cells"]:
        if cell["metadata"] != run_chapters.kept(cell["metadata"]):
            yield f"cell {cell.get('id')} has metadata {cell['metadata']}: make outputs"
    ids = [cell.get("id") for cell in nb["cells"]]
    if None in ids or (nb["nbformat"], nb["nbformat_minor"]) < (4, 5):
        yield "saved in an old format, without ids of its cells, as by Colab: make outputs"
    elif len(set(ids)) != len(ids):
        yield "two cells have the same id: make outputs"
    for name in ids:
        if name and name.endswith(("-caption", "-check")):
            yield f"the id {name} ends as those that a plain copy adds: rename it"


CHECKS = [
    every_cell_is_compared,
    every_print_is_stored,
    every_figure_is_svg_with_words,
    tables_can_be_read,
    outputs_are_the_same_everywhere,
    it_needs_only_what_it_names,
    every_equation_is_checked,
    what_is_folded_says_what_it_is,
    it_has_the_anatomy_of_a_chapter,
    each_exercise_has_a_solution,
    it_says_how_long_it_takes_to_read,
    only_what_must_be_is_stored,
]


def test_a_reader_reads_words_code_and_figures():
    text = """(small-label)=
## Two *words*, and $a + b$

```{note}
:class: dropdown
See [a link](https://example.org) and {eq}`eq-small-sum`, `a + b`:

$$
a + b = b + a
$$ (eq-small-sum)
```

```python
not = read
```
"""
    read = "Two *words*, and formula See [a link and code, code: formula"
    cell = {"cell_type": "markdown", "source": text, "metadata": {}}
    assert " ".join(book.words({"cells": [cell]})) == read
    page = cell | {"source": "word " * 1000}  # 5 minutes
    shown = {"cell_type": "code", "source": "x\n\n" * 60, "metadata": {}}  # 5 minutes
    picture = {"data": {"image/svg+xml": "<svg/>", "text/plain": ""}}
    drawn = shown | {"outputs": [picture] * 10}  # 5 minutes more
    folded = drawn | {"metadata": {"tags": ["hide-cell"]}}
    for cells, minutes in [
        ([], 5),
        ([page, page], 10),
        ([page, shown], 10),
        ([page, drawn], 15),
        ([page, folded], 10),
        ([page, page | {"source": "word " * 600}], 10),
    ]:
        assert book.minutes({"cells": cells}) == minutes


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("chapter", book.CHAPTERS, ids=lambda path: path.stem)
def test_chapter(chapter, check):
    problems = list(check(book.read(chapter)))
    if any(
        word in problem for problem in problems for word in ("stores", "stored", "make outputs")
    ):
        what = "renews outputs and takes away what an editor left"
        problems.append(f"(make outputs CHAPTER={chapter.stem} {what})")
    assert not problems, "\n".join([chapter.name, *problems])


@pytest.mark.parametrize("page", ["index.md", "README.md"])
def test_it_is_said_which_chapters_need_fastai(page):
    text = " ".join((book.ROOT / page).read_text(encoding="utf-8").split())
    said = re.search(r"\(the tour: and `scikit-learn`; (.*?): and `fastai`\)", text)[1]
    said = re.sub(r"\(.*?\)", "", said)  # the addresses of links
    need = {
        book.NUMBERS[chapter.stem]
        for chapter in book.CHAPTERS
        for _, cell in code_cells(book.read(chapter))
        if "fastai" in book.imports(cell)
    }
    assert set(map(int, re.findall(r"\d+", said))) == need
