"""The proof that the suite can fail: spoiled copies of a real chapter are rejected,
each for the right reason, and an unspoiled copy passes."""

import copy
import json
import os
import re
import subprocess
import sys

import pytest
import test_chapters as form

CHAPTER = form.ROOT / "chapters" / "01_likelihood.ipynb"


@pytest.fixture
def nb():
    return copy.deepcopy(form.read(CHAPTER))


def cell_with(nb, text):
    return next(c for _, c in form.code_cells(nb) if text in form.source(c))


def nbval(nb, folder):
    """Run the strict comparison on a copy; return its report and, for each cell that
    failed, what was said about it."""
    (folder / "copy.ipynb").write_text(json.dumps(nb), encoding="utf-8")
    options = ["--nbval", "--nbval-current-env", "-p", "conftest", "-p", "no:xdist"]
    options += ["-p", "no:cacheprovider", "--color=no", "--tb=short"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "copy.ipynb"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(form.ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    parts = re.split(r"^_+ copy.ipynb::Cell (\d+) _+$", run.stdout, flags=re.MULTILINE)
    said = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    return run.stdout + run.stderr, said


def edit_source(cell, old, new):
    assert old in form.source(cell)
    cell["source"] = form.source(cell).replace(old, new, 1).splitlines(keepends=True)


def edit_output(cell, pattern, replace):
    """Change the first match of the pattern in the stored outputs of the cell."""
    stored = json.dumps(cell["outputs"])
    spoiled = re.sub(pattern, replace, stored, count=1)
    assert stored != spoiled
    cell["outputs"] = json.loads(spoiled)


# What is done to which cell, and what the rejection must say.


def falsify_a_digit(nb):
    cell = cell_with(nb, "L = q_label.double().prod()")
    edit_output(cell, "3[.]865237", "3.865238")
    return cell, "Cell outputs differ"


def move_a_curve(nb):
    cell = cell_with(nb, "ax.plot(n, n * np.log10(0.9)")
    data = cell["outputs"][0]["data"]
    svg = "".join(data["image/svg+xml"])
    curve = max(re.findall(r'd="([^"]*)" clip-path', svg), key=len)
    x, y = re.search(r"L (\S+) (\S+)", curve).groups()
    moved = curve.replace(f"L {x} {y}", f"L {x} {float(y) - 1:.6f}", 1)
    data["image/svg+xml"] = svg.replace(curve, moved)
    return cell, "image/svg+xml"


def raise_a_warning(nb):
    cell = cell_with(nb, "q_label = q[idx, y]")
    edit_source(
        cell, "print(", "import warnings\n\nwarnings.warn('old', DeprecationWarning)\nprint("
    )
    return cell, "stderr"


def strip_an_output(nb):
    cell = cell_with(nb, "print((q_label > 0.4)")
    cell["outputs"] = []
    return cell, "Unexpected output fields"


def drop_a_minus_sign(nb):
    cell = cell_with(nb, "losses = -torch.log(q_label)")
    edit_source(cell, "-torch.log(q_label)", "torch.log(q_label)")
    return cell, "AssertionError"


def test_every_spoiled_cell_is_rejected_and_no_other(nb, tmp_path):
    spoilers = [falsify_a_digit, move_a_curve, raise_a_warning, strip_an_output]
    spoiled = [spoil(nb) for spoil in spoilers]
    spoiled.append(drop_a_minus_sign(nb))  # the last: later cells use its result
    last = max(nb["cells"].index(cell) for cell, _ in spoiled)
    assert nb["cells"][last] is spoiled[-1][0]
    nb["cells"] = nb["cells"][: last + 1]

    report, said = nbval(nb, tmp_path)
    order = [cell for _, cell in form.code_cells(nb)]
    assert sorted(said) == sorted(order.index(cell) for cell, _ in spoiled), report
    for cell, reason in spoiled:
        assert reason in said[order.index(cell)], report
    assert f"5 failed, {len(order) - 5} passed" in report


# The checks of form, each with a fault that it must find.


def clear_a_count(nb):
    cell_with(nb, "losses = ")["execution_count"] = None


def excuse_a_cell(nb):
    cell = cell_with(nb, "losses = ")
    cell["metadata"]["tags"] = ["nbval-ignore-output"]


def forget_a_print(nb):
    cell_with(nb, "print(z)")["outputs"] = []


def store_a_png(nb):
    edit_output(cell_with(nb, "plt.show()"), "image/svg[+]xml", "image/png")


def drop_the_alt_text(nb):
    del cell_with(nb, "plt.show()")["metadata"]["mystnb"]["image"]


def store_an_address(nb):
    edit_output(cell_with(nb, "print(z)"), "tensor", "<object at 0x7f3a5c0d2e50>")


def store_a_path(nb):
    edit_output(cell_with(nb, "print(z)"), "tensor", "/home/reader/file")


def store_stderr(nb):
    cell_with(nb, "print(z)")["outputs"][0]["name"] = "stderr"


def install_in_a_cell(nb):
    edit_source(cell_with(nb, "print(z)"), "print(z)", "%pip install torch")


def import_from_the_repository(nb):
    edit_source(cell_with(nb, "print(z)"), "print(z)", "import helpers\nprint(z)")


def forget_a_check(nb):
    cell = next(c for _, c in form.code_cells(nb) if "checks-eq-lik-log" in form.tags(c))
    cell["metadata"]["tags"] = []


def assert_nothing(nb):
    cell = next(c for _, c in form.code_cells(nb) if "checks-eq-lik-log" in form.tags(c))
    edit_source(cell, "assert math.isclose", "math.isclose")


def drop_a_solution(nb):
    nb["cells"] = [c for c in nb["cells"] if "{solution-start}" not in form.source(c)]


def name_a_python_version(nb):
    nb["metadata"]["language_info"]["version"] = "3.11.7"


@pytest.mark.parametrize(
    "spoil, check",
    [
        (clear_a_count, form.every_cell_is_compared),
        (excuse_a_cell, form.every_cell_is_compared),
        (forget_a_print, form.every_print_is_stored),
        (store_a_png, form.every_figure_is_svg_with_words),
        (drop_the_alt_text, form.every_figure_is_svg_with_words),
        (store_an_address, form.outputs_are_the_same_everywhere),
        (store_a_path, form.outputs_are_the_same_everywhere),
        (store_stderr, form.outputs_are_the_same_everywhere),
        (install_in_a_cell, form.it_needs_only_what_it_names),
        (import_from_the_repository, form.it_needs_only_what_it_names),
        (forget_a_check, form.every_equation_is_checked),
        (assert_nothing, form.every_equation_is_checked),
        (drop_a_solution, form.it_has_the_anatomy_of_a_chapter),
        (name_a_python_version, form.only_what_must_be_is_stored),
    ],
    ids=lambda value: value.__name__,
)
def test_a_fault_of_form_is_found(nb, spoil, check):
    assert not list(check(nb))
    spoil(nb)
    assert len(list(check(nb))) == 1
