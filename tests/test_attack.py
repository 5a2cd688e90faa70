"""tools/attack.py finds what a chapter leaves unchecked, by the changes of tools/mutants.py."""

import ast
import json
import re

import attack
import book
import pytest
import run_chapters
from mutants import mutants
from notebooks import aside, notebook


@pytest.mark.parametrize(
    "source, changes",
    [
        ("a + b", ["a - b"]),
        ("x @ y", ["y @ x"]),
        ("a += 1", ["a -= 1", "pass", "a += 2"]),
        ("-2.0", ["2.0", "-2.2"]),
        ("a <= b", ["a < b", "a >= b"]),
        ("assert a <= b", ["assert a >= b"]),
        ("assert abs(a + b) < 1e-3", ["assert abs(a - b) < 0.001", "assert abs(a + b) > 0.001"]),
        ("a and b", ["a or b"]),
        ("f() if a else b", ["f() if not a else b"]),
        ("[i for i in x if i]", ["[i for i in x if not i]"]),
        ("x.T", ["x"]),
        ("x[n:]", ["x[n + 1:]", "x[n - 1:]"]),
        ("x.sum(dim=1)", ["x.mean(dim=1)", "x.sum()", "x.sum(dim=0)", "x.sum(dim=2)"]),
        ("x.exp()", ["x.expm1()", "x"]),
        ("max(a)", ["min(a)"]),
        ("q = f(a, b)", ["q = f(b, a)", "pass"]),
        ("loss(z, reduction='sum')", ["loss(z, reduction='mean')", "loss(z)"]),
        ("torch.manual_seed(3)", []),
        ("import torch as t", []),
    ],
)
def test_a_source_is_changed_in_one_place_at_a_time(source, changes):
    trees = [ast.unparse(mutant.tree) for mutant in mutants(source)]
    # A call that stands alone can go, too.
    assert sorted(set(trees) - {"pass"}) == sorted(set(changes) - {"pass"})
    assert len(trees) == len(set(trees))


def test_what_no_check_would_notice_is_listed(tmp_path, capfd):
    cells = ["a, b = 5, 2", "assert a - b == 3", "hidden = a * b", "print(a + b)"]
    path = notebook(tmp_path, *cells)
    aside(run_chapters.run_and_store, [path])
    alive, made, stopped = attack.attack(path)
    assert {mutant.cell for mutant in alive} == {3}
    assert {"a - b", "a + b"} <= {mutant.before for mutant in made} - {m.before for m in alive}
    assert stopped == []
    # Each is named where it stands, as soon as it is found.
    found = r"small \[3\] line 1, column 10: a \* b +→ +a / b.*\(shown\)"
    assert re.search(found, capfd.readouterr().out)


def test_a_function_is_changed_for_who_reads_its_source_too(tmp_path):
    reader = "there = {}\nexec(inspect.getsource(twice), there)\nprint(there['twice'](3))"
    path = notebook(tmp_path, "import inspect", "def twice(a):\n    return 2 * a", reader)
    aside(run_chapters.run_and_store, [path])
    alive, made, _ = attack.attack(path, only=2)
    assert made and not alive


def test_a_cell_that_is_shown_and_a_check_are_told_apart(tmp_path, monkeypatch, capfd):
    path = notebook(tmp_path, "a, b = 5, 2", "print(a + b)", "assert a - b == 3; hidden = a * 4")
    nb = book.read(path)
    nb["cells"][2]["metadata"]["tags"] = ["hide-cell"]
    path.write_text(json.dumps(nb), encoding="utf-8")
    aside(run_chapters.run_and_store, [path])
    monkeypatch.setattr(book, "CHAPTERS", [path])
    assert attack.main(["small"]) == 1
    said = capfd.readouterr().out
    assert re.search(r"small \[3\].* a \* 4 .*\(check\)", said)
    assert re.search(r"small \[3\].* 4  →  5 \(number in a check\)", said)
    counted = r"\(shown (\d+)/\1, check \d+/\d+, number in a check 1/2\)"
    assert re.search(rf"small: \d+/\d+ caught in \d+ s {counted}", said)


def test_a_chapter_whose_outputs_are_not_its_own_is_not_attacked(tmp_path):
    with pytest.raises(SystemExit, match="unchanged cells differ"):
        attack.attack(notebook(tmp_path, "print(1)"))


def test_a_chapter_that_is_not_there_is_told_from_those_that_are():
    assert book.CHAPTERS[0].stem in attack.main(["01_likelyhood"])
