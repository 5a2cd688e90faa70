"""Every change of one operation in Python source: + to -, sum to mean, a dropped keepdim.

Checks are not removed or loosened, and seeds stay: neither would be a fault of what is claimed.
"""

import ast
import copy
import os
from contextlib import suppress
from typing import NamedTuple


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
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
        case ast.comprehension(ifs=tests):
            yield from ((test, ast.UnaryOp(ast.Not(), test)) for test in tests)
        case _:
            yield from ((node, new) for new in replacements(node, checking))


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
