"""Which changes of one operation in a chapter would the comparison NOT notice?

    python tests/attack.py chapters/01_likelihood.ipynb [--cell 12] [--most 200]

Every code cell is changed in one place at a time: + to -, sum to mean, a dropped
keepdim. The changed cell and all cells after it are run, and what they print and draw
is compared with what is stored, as nbval does. A change that alters nothing survives:
either it is equivalent, or the chapter checks too little there. Checks, seeds and
tolerances are not changed: to loosen a check is no fault of what it checks.

One process runs the chapter and is forked before each cell, once for each change, so
nothing is computed twice. That needs a system with fork (Linux, macOS).
"""

import argparse
import ast
import copy
import importlib
import io
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NamedTuple

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Pow: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
EDGES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
REVERSED = {
    ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
PAIRS = "sum mean, max min, amax amin, argmax argmin, exp expm1, log log1p"
PAIRS += ", softmax log_softmax, cumsum cumprod, ones zeros, ones_like zeros_like"
PAIRS += ", all any, sin cos, floor ceil, maximum minimum, std var, sigmoid tanh"
SWAPS = {a: b for pair in PAIRS.split(", ") for a, b in [pair.split()]}
SWAPS |= {b: a for a, b in SWAPS.items()}
SWAPS |= {"prod": "sum", "logsumexp": "amax", "log2": "log", "log10": "log"}
BUILTINS = {"sum": "max", "max": "min", "min": "max", "all": "any", "any": "all"}
REDUCTIONS = {"sum": "mean", "mean": "sum", "none": "mean", "batchmean": "mean"}
DROPPED = {"abs", "exp", "log", "sqrt", "double", "t"}  # x.abs() becomes x
SLACK = {"rtol", "atol", "rel_tol", "abs_tol", "check_dtype", "strict"}
SLACK |= {"msg", "err_msg"}
SEEDS = {"manual_seed", "default_rng", "seed", "RandomState"}
SYMMETRIC = {"isclose", "allclose", "equal", "array_equal", "maximum", "minimum"}
SYMMETRIC |= {"max", "min", "logaddexp", "dot", "add", "mul", "gcd", "hypot"}
NOT_COMPARED = {"image/png", "image/jpeg"}  # by nbval
SURVIVED, CAUGHT = 0, 1


class Mutant(NamedTuple):
    cell: int
    line: int
    before: str
    after: str
    tree: ast.Module | None

    def __str__(self):
        return f"[{self.cell}] line {self.line}: {self.before}  →  {self.after}"


def name_of(call):
    func = call.func
    return getattr(func, "attr", getattr(func, "id", ""))


def is_number(node):
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def is_literal(node):
    inner = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple)
    inner += (ast.operator, ast.unaryop, ast.expr_context)
    return all(isinstance(n, inner) for n in ast.walk(node))


def other_numbers(value):
    if isinstance(value, int):
        return [value + 1]
    return [value * 1.1 if value else 0.1]


def is_error(node):
    """An absolute value: what it is compared with is a tolerance."""
    calls = (n for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(name_of(call) in {"abs", "fabs"} for call in calls)


def parts(node, checking):
    """The children of a node that may be changed."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Raise():
            return []
        case ast.Expr(value=ast.Constant()):  # a docstring
            return []
        case ast.Assert():
            return [node.test]
        case ast.keyword(arg=word) if word in SLACK:
            return []
        case ast.UnaryOp(op=ast.USub(), operand=operand) if is_number(operand):
            return []
        case ast.Call() if name_of(node) in SEEDS:
            return [node.func]
        case ast.Compare() if checking:
            sides = [node.left, *node.comparators]
            if all(type(op) in EDGES for op in node.ops):
                if any(map(is_error, sides)):
                    return [side for side in sides if is_error(side)]
                return [side for side in sides if not is_literal(side)]
    return [
        child
        for field, value in ast.iter_fields(node)
        if field not in {"annotation", "returns", "format_spec"}
        for child in (value if isinstance(value, list) else [value])
        if isinstance(child, ast.AST)
    ]


def changes(node, checking):
    """Pairs: a node, and what could stand in its place."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in OPERATORS:
                yield node, ast.BinOp(left, OPERATORS[type(op)](), right)
            if isinstance(op, ast.MatMult):
                yield node, ast.BinOp(right, op, left)
        case ast.AugAssign(target, op, value):
            if type(op) in OPERATORS:
                yield node, ast.AugAssign(target, OPERATORS[type(op)](), value)
            yield node, ast.Pass()
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield node, operand
            if is_number(operand):
                for value in other_numbers(-operand.value):
                    yield node, ast.Constant(value)
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for table in (REVERSED,) if checking else (EDGES, REVERSED):
                    if type(op) in table:
                        new = [*ops[:i], table[type(op)](), *ops[i + 1 :]]
                        yield node, ast.Compare(left, new, comparators)
        case ast.BoolOp(op, values) if not checking:
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield node, ast.BoolOp(other, values)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
        case ast.comprehension(ifs=ifs):
            yield from ((test, ast.UnaryOp(ast.Not(), test)) for test in ifs)
        case ast.Constant(value=bool(value)):
            yield node, ast.Constant(not value)
        case ast.Constant(value=int() | float()):
            yield from ((node, ast.Constant(v)) for v in other_numbers(node.value))
        case ast.Constant(value=str(value)) if value in REDUCTIONS:
            yield node, ast.Constant(REDUCTIONS[value])
        case ast.Name(id=name, ctx=ast.Load()) if name in BUILTINS:
            yield node, ast.Name(BUILTINS[name], ast.Load())
        case ast.Attribute(value, attr, ctx=ast.Load()):
            if attr in SWAPS:
                yield node, ast.Attribute(value, SWAPS[attr], ast.Load())
            if attr in {"T", "mT"}:
                yield node, value
        case ast.Slice(lower, upper, step):
            for by in (ast.Add(), ast.Sub()):
                if lower:
                    new = ast.BinOp(lower, by, ast.Constant(1))
                    yield node, ast.Slice(new, upper, step)
                if upper:
                    new = ast.BinOp(upper, by, ast.Constant(1))
                    yield node, ast.Slice(lower, new, step)
        case ast.Call():
            yield from ((node, new) for new in changed_calls(node))
        case ast.Expr(value=ast.Call() as call):
            # plt.show() is done at the end of the cell anyway.
            if not name_of(call).startswith("assert") and name_of(call) != "show":
                yield node, ast.Pass()
        case ast.Assign():
            yield node, ast.Pass()


def changed_calls(call):
    func, args, keywords = call.func, call.args, call.keywords
    for i, keyword in enumerate(keywords):
        if keyword.arg and keyword.arg not in SLACK:
            yield ast.Call(func, args, keywords[:i] + keywords[i + 1 :])
        if keyword.arg in {"dim", "axis"} and is_literal(keyword.value):
            zero = ast.keyword(keyword.arg, ast.Constant(0))
            yield ast.Call(func, args, [*keywords[:i], zero, *keywords[i + 1 :]])
    for i, arg in enumerate(args):
        if ast.unparse(arg) in {"1", "-1"}:
            yield ast.Call(func, [*args[:i], ast.Constant(0), *args[i + 1 :]], keywords)
    name = name_of(call)
    symmetric = name in SYMMETRIC or name.startswith("assert")
    if len(args) > 1 and not symmetric and not any(map(is_literal, args[:2])):
        if not any(isinstance(arg, ast.Starred) for arg in args[:2]):
            yield ast.Call(func, [args[1], args[0], *args[2:]], keywords)
    if isinstance(func, ast.Name) and name == "abs":
        yield args[0]
    if isinstance(func, ast.Attribute) and name in DROPPED and not args:
        yield func.value


def brief(before, after, most=60):
    """Both texts on one line; in long ones only what differs and a little around."""
    before, after = " ".join(before.split()), " ".join(after.split())
    if max(len(before), len(after)) > most:
        start = len(os.path.commonprefix([before, after]))
        end = len(os.path.commonprefix([before[: start - 1 : -1], after[: start - 1 : -1]]))
        start, end = max(start - 16, 0), max(end - 16, 0)
        cut = [t[start : len(t) - end] for t in (before, after)]
        before, after = (f"{'…' * (start > 0)}{t}{'…' * (end > 0)}" for t in cut)
    return before, after


def mutants(source, cell=0):
    """All changes of one place in the Python source of a cell, each once."""
    tree = ast.parse(source)
    seen = {ast.dump(tree)}
    todo = [(tree, False)]
    while todo:
        node, checking = todo.pop(0)
        checking = checking or isinstance(node, ast.Assert)
        todo += [(part, checking) for part in parts(node, checking)]
        for old, new in changes(node, checking):
            # A deep copy that takes `new` for the copy of `old`.
            mutated = ast.fix_missing_locations(copy.deepcopy(tree, {id(old): new}))
            dump = ast.dump(mutated)
            if dump in seen:
                continue
            seen.add(dump)
            try:
                compile(mutated, "cell", "exec")
            except (SyntaxError, ValueError):
                continue
            gone = isinstance(new, ast.Pass)
            texts = brief(ast.unparse(old), "(removed)" if gone else ast.unparse(new))
            yield Mutant(cell, old.lineno, *texts, mutated)


class Chapter:
    """A notebook's code cells and a shell that runs them as a kernel would."""

    def __init__(self, path):
        import nbformat
        from IPython.core.displayhook import CapturingDisplayHook
        from IPython.core.displaypub import CapturingDisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        nb = nbformat.read(path, as_version=4)
        self.cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        os.chdir(path.parent)  # where the kernel runs, and matplotlibrc is read
        quiet = Config({"HistoryManager": {"enabled": False}})  # a thread less
        self.shell = InteractiveShell.instance(config=quiet)
        self.shell.display_pub = CapturingDisplayPublisher()
        self.shown = self.shell.display_pub.outputs
        self.shell.display_trap.hook = CapturingDisplayHook(self.shell, self.shown)
        self.errors = []
        self.shell.showtraceback = lambda *_, **__: self.errors.append(1)
        self.shell.showsyntaxerror = self.shell.showtraceback

    def run(self, number, tree=None):
        """Run a cell, or its changed tree; say what differs from the stored outputs."""
        cell = self.cells[number - 1]
        self.shown.clear()
        self.errors.clear()
        self.shell.ast_transformers = [_Instead(tree)] if tree else []
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            self.shell.run_cell(cell.source)
        if self.errors:
            return "an error"
        streams = {"stdout": out.getvalue(), "stderr": err.getvalue()}
        new = by_kind([o["data"] for o in self.shown], streams)
        streams = {"stdout": "", "stderr": ""}
        for o in cell.outputs:
            if o.output_type == "stream":
                streams[o.name] += o.text
        old = by_kind([o.get("data", {}) for o in cell.outputs], streams)
        return ", ".join(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))

    def fork(self, first, last, tree=None, seconds=None):
        """Run cells in a child; its exit code says whether a difference was seen."""
        if child := os.fork():
            return child
        code = 2
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            # Of processor time, so that a busy machine changes nothing.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(int(10 * seconds))
            rest = range(first + 1, last + 1)
            code = CAUGHT if self.run(first, tree) or any(map(self.run, rest)) else SURVIVED
        finally:
            os._exit(code)

    def rehearse(self):
        """Run all cells but the first in a child, unchanged; return the seconds taken.

        What the child imported on the way is imported here, once for all later forks.
        """
        read, write = os.pipe()
        if not os.fork():
            numbers = range(2, len(self.cells) + 1)
            faults = {n: d for n in numbers if (d := self.run(n))}
            with open(write, "w", encoding="utf-8") as pipe:
                json.dump([faults, time.process_time(), list(sys.modules)], pipe)
            os._exit(0)
        os.close(write)
        with open(read, encoding="utf-8") as pipe:
            faults, seconds, modules = json.load(pipe)
        os.wait()
        if faults:
            raise SystemExit(f"unchanged, these cells differ from what is stored: {faults}")
        for name in modules:
            with suppress(Exception):
                importlib.import_module(name)
        return seconds


class _Instead:
    def __init__(self, tree):
        self.tree = tree

    def visit(self, _):
        return self.tree


def by_kind(bundles, streams):
    kinds = defaultdict(list)
    for bundle in bundles:
        for mime, value in bundle.items():
            if mime not in NOT_COMPARED:
                kinds[mime].append(value)
    return kinds | {name: text for name, text in streams.items() if text}


def attack(path, only=None, seed=0, most=None, jobs=2):
    """Attack a chapter; return the mutants that survived, those made, those stopped.

    It changes the process (directory, matplotlib, IPython): give it one of its own.
    """
    os.environ |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    chapter = Chapter(Path(path).resolve())
    last = len(chapter.cells)
    made = defaultdict(list)
    for number, cell in enumerate(chapter.cells, start=1):
        if number > 1 and only in (None, number):  # the first cell imports
            made[number] = list(mutants(chapter.shell.transform_cell(cell.source), number))
    every = [mutant for group in made.values() for mutant in group]
    if most is not None and most < len(every):
        chosen = set(map(id, random.Random(seed).sample(every, most)))
        every = [m for m in every if id(m) in chosen]
        made = {n: [m for m in g if id(m) in chosen] for n, g in made.items()}

    running, results, limit = {}, [], None

    def reap(room):
        while len(running) > room:
            child, status = os.wait()
            mutant = running.pop(child)
            code = os.waitstatus_to_exitcode(status)
            if mutant.tree is None and code != SURVIVED or code > CAUGHT:
                raise SystemExit(f"{path}: the fork at {mutant} went wrong: {code}")
            if mutant.tree is not None:
                results.append((mutant, code))
                if code == SURVIVED:
                    print(Path(path).stem, mutant, flush=True)

    for number in range(1, last + 1):
        if not any(made.get(n) for n in range(number, last + 1)):
            break
        group = made.get(number, [])
        if group:
            # The cell itself, forked: nothing of what follows is the fork's doing.
            group = [Mutant(number, 0, "", "", None), *group]
        for mutant in group:
            reap(jobs - 1)
            end = number if mutant.tree is None else last
            running[chapter.fork(number, end, mutant.tree, limit)] = mutant
        if different := chapter.run(number):
            raise SystemExit(f"{path}: cell [{number}] unchanged differs: {different}")
        if number == 1:
            sys.modules.get("torch") and sys.modules["torch"].set_num_threads(1)
            assert threading.active_count() == 1, threading.enumerate()
            limit = 3 * chapter.rehearse() + 5
    reap(0)
    alive = sorted((m for m, code in results if code == SURVIVED), key=lambda m: m[:2])
    stopped = [m for m, code in results if code < 0]
    return [[m._replace(tree=None) for m in ms] for ms in (alive, every, stopped)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="+", type=Path)
    parser.add_argument("--cell", type=int, help="change only the cell with this number")
    parser.add_argument("--seed", type=int, default=0, help="of the choice for --most")
    parser.add_argument("--most", type=int, help="try at most so many changes")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    options = (args.cell, args.seed, args.most, args.jobs)
    failed = False
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as fresh:
        for path in args.chapters:
            start = time.perf_counter()
            alive, made, stopped = fresh.submit(attack, path, *options).result()
            took = time.perf_counter() - start
            print(
                f"{path}: {len(made) - len(alive)}/{len(made)} caught in {took:.0f} s"
                f" ({len(stopped)} by running out of time or crashing)"
            )
            failed |= bool(alive)
    sys.exit(failed)


if __name__ == "__main__":
    main()
