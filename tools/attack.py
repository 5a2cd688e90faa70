"""Which changes of one operation in a chapter would the comparison NOT notice?

    python tools/attack.py [--most 200] [--seed 1] [CHAPTER ...]     without names: all chapters

Every code cell is changed in one place at a time: + to -, sum to mean, a dropped
keepdim. The changed cell and all cells after it are run, and what they print and draw
is compared with what is stored, as nbval does. A change that alters nothing survives:
it is equivalent, or the chapter checks too little there. Checks are not removed or
loosened, and seeds stay: neither would be a fault of what is claimed.

One process runs the chapter. Before each cell it is forked, once for each change, so
that nothing is computed twice. This needs a system with fork: Linux, macOS.
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
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from types import SimpleNamespace
from typing import NamedTuple

import book
import nbformat
import surroundings
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def swaps(both_ways, one_way=""):
    pairs = [pair.split() for pair in both_ways.split(",")]
    back = [(b, a) for a, b in pairs]
    return dict(pairs + back + [pair.split() for pair in one_way.split(",") if pair])


OPERATORS = swaps("Add Sub,Mult Div,BitAnd BitOr", "Pow Mult,FloorDiv Div,Mod FloorDiv")
EDGES = swaps("Lt LtE,Gt GtE")
REVERSED = swaps("Lt Gt,LtE GtE,Eq NotEq,In NotIn")
ATTRIBUTES = swaps(
    "sum mean,max min,amax amin,argmax argmin,maximum minimum,exp expm1,log log1p,"
    "softmax log_softmax,cumsum cumprod,ones zeros,ones_like zeros_like,std var,"
    "sin cos,floor ceil,sigmoid tanh",
    "prod sum,logsumexp amax,log2 log,log10 log,any all",
)
# A true all() is a true any(): only all(dim=...) is swapped, below.
BUILTINS = swaps("max min", "sum max,any all")
REDUCTIONS = swaps("sum mean", "none mean,batchmean mean")
DROPPED = {"abs", "exp", "log", "sqrt", "double", "t"}  # x.abs() becomes x
SYMMETRIC = {"isclose", "allclose", "equal", "array_equal", "maximum", "minimum", "max"}
SYMMETRIC |= {"min", "logaddexp", "dot", "add", "mul", "gcd", "hypot"}
# plt.show() is done at the end of a cell anyway; the others are magics.
KEPT = {"show", "run_line_magic", "run_cell_magic", "system"}
SEEDS = {"manual_seed", "default_rng", "seed", "RandomState"}
SLACK = {"rtol", "atol", "rel_tol", "abs_tol", "check_dtype", "strict", "msg", "err_msg"}
NOT_COMPARED = {"image/png", "image/jpeg"}  # by nbval

SURVIVED, CAUGHT, BROKEN = 0, 1, 2


class Mutant(NamedTuple):
    cell: int
    line: int
    column: int
    before: str
    after: str
    tree: ast.Module | None = None

    def __str__(self):
        where = f"[{self.cell}] line {self.line}, column {self.column}"
        return f"{where}: {self.before}  →  {self.after or '(removed)'}"


def name_of(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def is_number(node):
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def is_literal(node):
    kinds = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple)
    kinds += (ast.operator, ast.unaryop, ast.expr_context)
    return all(isinstance(inner, kinds) for inner in ast.walk(node))


def errors(node):
    """The absolute values in an expression: what bounds them is a tolerance."""
    calls = (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))
    return [call for call in calls if name_of(call) in {"abs", "fabs"}]


def parts(node, checking):
    """The children of a node in which something may be changed."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Raise():
            return []
        case ast.keyword(arg=word) if word in SLACK:
            return []
        case ast.UnaryOp(op=ast.USub(), operand=operand) if is_number(operand):
            return []
        case ast.Assert():
            return [node.test]
        case ast.Call() if name_of(node) in SEEDS:
            return [node.func]
        case ast.Compare() if checking and all(type(op).__name__ in EDGES for op in node.ops):
            if found := errors(node):
                return [part for call in found for part in (call.func, *call.args)]
            return [s for s in (node.left, *node.comparators) if not is_literal(s)]
    return [
        child
        for field, value in ast.iter_fields(node)
        if field not in {"annotation", "returns", "format_spec"}
        for child in (value if isinstance(value, list) else [value])
        if isinstance(child, ast.AST)
    ]


def changes(node, checking):
    """Pairs: a node, and what could stand in its place."""
    for test in conditions(node):
        yield test, ast.UnaryOp(ast.Not(), test)
    for new in replacements(node, checking):
        yield node, new


def conditions(node):
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return [test]
        case ast.comprehension(ifs=tests):
            return tests
    return []


def replacements(node, checking):
    match node:
        case ast.BinOp() | ast.AugAssign() | ast.UnaryOp():
            return changed_arithmetic(node)
        case ast.Compare():
            # In a check, < for <= loosens or sharpens it; > for < spoils it.
            return changed_comparisons(node, [REVERSED] if checking else [EDGES, REVERSED])
        case ast.BoolOp(op, values) if not checking:
            return [ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)]
        case ast.Constant() | ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
            return changed_words(node)
        case ast.Slice():
            return changed_slices(node)
        case ast.Call():
            return changed_calls(node)
        case ast.Assign():
            return [ast.Pass()]
        case ast.Expr(ast.Call() as call):
            kept = name_of(call) in KEPT or name_of(call).startswith("assert")
            return [] if kept else [ast.Pass()]
    return []


def other(op, table):
    """The operator that the table has for this one, in a list; or none."""
    name = table.get(type(op).__name__)
    return [getattr(ast, name)()] if name else []


def changed_arithmetic(node):
    match node:
        case ast.BinOp(left, op, right):
            yield from (ast.BinOp(left, new, right) for new in other(op, OPERATORS))
            if isinstance(op, ast.MatMult):
                yield ast.BinOp(right, op, left)
        case ast.AugAssign(target, op, value):
            yield from (ast.AugAssign(target, new, value) for new in other(op, OPERATORS))
            yield ast.Pass()
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
            if is_number(operand):
                yield ast.Constant(other_number(-operand.value))


def changed_comparisons(node, tables):
    for i, op in enumerate(node.ops):
        for new in (new for table in tables for new in other(op, table)):
            yield ast.Compare(node.left, with_(node.ops, i, new), node.comparators)


def changed_words(node):
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(other_number(value))
        case ast.Constant(value=str(value)) if value in REDUCTIONS:
            yield ast.Constant(REDUCTIONS[value])
        case ast.Name(id=name) if name in BUILTINS:
            yield ast.Name(BUILTINS[name], ast.Load())
        case ast.Attribute(value, name) if name in ATTRIBUTES:
            yield ast.Attribute(value, ATTRIBUTES[name], ast.Load())
        case ast.Attribute(value, "T" | "mT"):
            yield value


def other_number(value):
    return value + 1 if isinstance(value, int) else float(f"{1.1 * value or 0.1:.6g}")


def changed_slices(node):
    one = ast.Constant(1)
    for by in (ast.Add(), ast.Sub()):
        if node.lower:
            yield ast.Slice(ast.BinOp(node.lower, by, one), node.upper, node.step)
        if node.upper:
            yield ast.Slice(node.lower, ast.BinOp(node.upper, by, one), node.step)


def with_(items, i, *new):
    """The list with others, or none, in place of its item i."""
    return [*items[:i], *new, *items[i + 1 :]]


def changed_calls(call):
    func, args, keywords = call.func, call.args, call.keywords
    zero = ast.Constant(0)
    for i, keyword in enumerate(keywords):
        if keyword.arg and keyword.arg not in SLACK:
            yield ast.Call(func, args, with_(keywords, i))
        if keyword.arg in {"dim", "axis"} and is_literal(keyword.value):
            yield ast.Call(func, args, with_(keywords, i, ast.keyword(keyword.arg, zero)))
    for i, arg in enumerate(args):
        if ast.unparse(arg) in {"1", "-1"}:  # often a dim
            yield ast.Call(func, with_(args, i, zero), keywords)
    name = name_of(call)
    symmetric = name in SYMMETRIC or name.startswith("assert")
    plain = [arg for arg in args[:2] if not (is_literal(arg) or isinstance(arg, ast.Starred))]
    if len(plain) == 2 and not symmetric:
        yield ast.Call(func, [args[1], args[0], *args[2:]], keywords)
    match func:
        case ast.Attribute(value) if name in DROPPED and not args:
            yield value
        case ast.Attribute(value, "all") if args or keywords:
            yield ast.Call(ast.Attribute(value, "any", ast.Load()), args, keywords)
        case ast.Name("abs"):
            yield args[0]


def brief(a, b):
    """Both texts on one line; of long ones what differs and a little around it."""
    a, b = " ".join(a.split()), " ".join(b.split())
    if max(len(a), len(b)) <= 60:
        return a, b
    start = max(len(os.path.commonprefix([a, b])) - 16, 0)
    a, b = a[start:], b[start:]
    end = max(len(os.path.commonprefix([a[::-1], b[::-1]])) - 16, 0)
    left, right = "…" * (start > 0), "…" * (end > 0)
    return (left + text[: len(text) - end] + right for text in (a, b))


def mutants(source, cell=0):
    """Every change of one place in a cell's Python source, each once."""
    tree = ast.parse(source)
    seen = {ast.dump(tree)}
    todo = [(tree, False)]
    while todo:
        node, checking = todo.pop(0)
        checking = checking or isinstance(node, ast.Assert)
        todo += [(part, checking) for part in parts(node, checking)]
        for old, new in changes(node, checking):
            # A deep copy that has been told: `new` is the copy of `old`.
            mutated = ast.fix_missing_locations(copy.deepcopy(tree, {id(old): new}))
            dump = ast.dump(mutated)
            if dump in seen:
                continue
            seen.add(dump)
            with suppress(SyntaxError, ValueError):
                compile(mutated, "cell", "exec")
                gone = isinstance(new, ast.Pass)
                texts = brief(ast.unparse(old), "" if gone else ast.unparse(new))
                yield Mutant(cell, old.lineno, old.col_offset + 1, *texts, mutated)


class Chapter:
    """The code cells of a notebook, and a shell that runs them as a kernel would."""

    def __init__(self, path):
        nb = nbformat.read(path, as_version=4)
        self.path = path
        self.cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        surroundings.settle()
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        os.chdir(path.parent)  # a kernel runs there; there is its matplotlibrc
        no_history = Config({"HistoryManager": {"enabled": False}})  # it has a thread
        self.shell = InteractiveShell.instance(config=no_history)
        self.shell.display_pub = CapturingDisplayPublisher()
        self.shown = self.shell.display_pub.outputs
        self.shell.display_trap.hook = CapturingDisplayHook(self.shell, self.shown)
        self.errors = []  # to note an error is faster than to format its traceback
        self.shell.showtraceback = lambda *_, **__: self.errors.append("an error")
        self.shell.showsyntaxerror = self.shell.showtraceback

    def mutants(self, number):
        return mutants(self.shell.transform_cell(self.cells[number - 1].source), number)

    def run(self, number, tree=None):
        """Run a cell, or a tree in its place; name what differs from the stored."""
        cell = self.cells[number - 1]
        self.shown.clear()
        self.errors.clear()
        self.shell.ast_transformers = [SimpleNamespace(visit=lambda _: tree)] if tree else []
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            self.shell.run_cell(cell.source)
        streams = [("stdout", out.getvalue()), ("stderr", err.getvalue())]
        new = by_kind(streams, [shown["data"] for shown in self.shown])
        printed = [o for o in cell.outputs if o.output_type == "stream"]
        displayed = [o.data for o in cell.outputs if "data" in o]
        old = by_kind([(o.name, o.text) for o in printed], displayed)
        return self.errors or [k for k in old | new if old.get(k) != new.get(k)]

    def fork(self, tree, first, last, seconds):
        """Run cells in a child, the first one changed; its exit code is the answer."""
        if child := os.fork():
            return child
        code = BROKEN
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            # Of processor time, for the machine may be busy; at last of real time.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.alarm(int(20 * seconds))
            differs = self.run(first, tree) or any(map(self.run, range(first + 1, last + 1)))
            code = CAUGHT if differs else SURVIVED
        finally:
            os._exit(code)

    def rehearse(self):
        """Run all cells, unchanged, in a child. Return the processor time they take
        without the imports of the first. All that the child imported on the way is
        then imported here, once for all later children.
        """
        read, write = os.pipe()
        if not os.fork():
            wrong, ends = {}, []
            for number in range(1, len(self.cells) + 1):
                if kinds := self.run(number):
                    wrong[f"[{number}]"] = kinds
                ends.append(time.process_time())
            with open(write, "w", encoding="utf-8") as pipe:
                json.dump([wrong, ends[-1] - ends[0], list(sys.modules)], pipe)
            os._exit(0)
        os.close(write)
        with open(read, encoding="utf-8") as pipe:
            wrong, seconds, modules = json.load(pipe)
        os.wait()
        if wrong:
            raise SystemExit(f"{self.path}: unchanged cells differ, {wrong}")
        for module in modules:
            with suppress(Exception):
                importlib.import_module(module)
        return seconds


def by_kind(streams, bundles):
    """Texts by stream and by MIME type: the order between kinds is not compared."""
    kinds = defaultdict(str)
    for name, text in streams:
        if text:
            kinds[name] += text
    shown = defaultdict(list)
    for bundle in bundles:
        for mime in bundle.keys() - NOT_COMPARED:
            shown[mime].append(bundle[mime])
    return kinds | shown


class Forks:
    """The children that try a change, at most `jobs` at once, and how each of them ended."""

    def __init__(self, chapter, jobs, seconds):
        self.chapter, self.jobs, self.seconds = chapter, jobs, seconds
        self.running, self.codes = {}, {}

    def start(self, mutant, last):
        self.wait_until(self.jobs - 1)
        child = self.chapter.fork(mutant.tree, mutant.cell, last, self.seconds)
        self.running[child] = mutant

    def wait_until(self, running_at_most):
        while len(self.running) > running_at_most:
            child, status = os.wait()
            # A process that the chapter itself had started is none of these.
            if mutant := self.running.pop(child, None):
                self.note(mutant, os.waitstatus_to_exitcode(status))

    def note(self, mutant, code):
        name = self.chapter.path.stem
        if code == BROKEN or (code != SURVIVED and not mutant.tree):
            raise SystemExit(f"{name}: the fork for {mutant} went wrong ({code})")
        if code == SURVIVED and mutant.tree:
            print(name, mutant, flush=True)
        self.codes[mutant] = code


def attack(path, only=None, seed=0, most=None):
    """Attack a chapter in a new process: `only` one cell, or `most` so many changes.

    Returns three lists of mutants: alive; all that were made; stopped, which are those that ran
    out of time or crashed: caught, but by no comparison.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(attack_here, path, only, seed, most).result()


def attack_here(path, only, seed, most):
    chapter = Chapter(path.resolve())
    last = len(chapter.cells)
    # The first cell imports.
    made = [m for n in range(2, last + 1) if only in (None, n) for m in chapter.mutants(n)]
    if most is not None and most < len(made):
        chosen = random.Random(seed).sample(range(len(made)), most)
        made = [made[i] for i in sorted(chosen)]
    forks = Forks(chapter, os.cpu_count() or 2, seconds=3 * chapter.rehearse() + 5)
    for number in range(1, max((m.cell for m in made), default=0) + 1):
        group = [mutant for mutant in made if mutant.cell == number]
        if group:
            # The fork alone must make no difference.
            forks.start(Mutant(number, 1, 1, "no change", "no change"), last=number)
        for mutant in group:
            forks.start(mutant, last)
        if kinds := chapter.run(number):
            raise SystemExit(f"{path}: unchanged cell [{number}] differs: {kinds}")
    forks.wait_until(0)
    alive = [m for m in made if forks.codes[m] == SURVIVED]
    stopped = [m for m in made if forks.codes[m] < 0]
    # A tree would have to be sent to the process that asked.
    return tuple([m._replace(tree=None) for m in ms] for ms in (alive, made, stopped))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="its name or its path")
    parser.add_argument("--cell", type=int, help="change only the cell with this number")
    parser.add_argument("--seed", type=int, default=0, help="of the choice for --most")
    parser.add_argument("--most", type=int, help="try at most so many changes of a chapter")
    args = parser.parse_args(arguments)
    try:
        chapters = book.pick(args.chapters, book.CHAPTERS)
    except book.NoPage as problem:
        return str(problem)
    survivors = 0
    for path in chapters:
        start = time.perf_counter()
        alive, made, stopped = attack(path, args.cell, args.seed, args.most)
        took = time.perf_counter() - start
        print(
            f"{path.stem}: {len(made) - len(alive)}/{len(made)} caught in {took:.0f} s,"
            f" {len(stopped)} of them by a crash or the time limit"
        )
        survivors += len(alive)
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
