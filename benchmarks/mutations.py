"""Small bugs to plant in a source file: one changed operator, constant, call, condition or statement each."""

from __future__ import annotations

import ast
import copy
import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}
# Statements that can be left out: the code runs on without what they do.
REMOVABLE = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break)
# Calls whose arguments may stand in any order, and arguments that only guard or only save time: no bug comes of them.
COMMUTATIVE = {"min", "max", "minimum", "maximum", "logaddexp"}
HARMLESS = {"strict", "copy", "bound", "include_url"}
# Arguments that nobody takes for the one beside them.
UNSWAPPED = (ast.Starred, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.JoinedStr, ast.Lambda, ast.GeneratorExp)


@dataclass(frozen=True, order=True)
class Mutation:
    """One bug: the bytes from `start` to `stop` of the file become `text`; `line` counts from 1."""

    start: int
    stop: int
    line: int
    text: str
    change: str

    def applied(self, source: bytes) -> bytes:
        """Return the file with the bug in it."""
        return source[: self.start] + self.text.encode() + source[self.stop :]


def mutations(source: bytes) -> list[Mutation]:
    """Return all bugs known for this Python source, in the order of their places; each still parses."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = set()
    conditions = [test for node in ast.walk(tree) for test in _conditions(node)]
    negated = [(test, ast.UnaryOp(ast.Not(), test)) for test in conditions]
    changes = ((node, new) for node in _nodes(tree) for new in _changes(node))
    for place, changed in itertools.chain(changes, negated):
        start, stop = (starts[row - 1] + column for row, column in _span(place))
        text = f"({ast.unparse(changed)})" if isinstance(changed, ast.expr) else ast.unparse(changed)
        found.add(Mutation(start, stop, place.lineno, text, _told(place, changed)))
    return sorted(mutation for mutation in found if _parses(mutation.applied(source)))


def _span(node: ast.expr | ast.stmt) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _told(node: ast.AST, changed: ast.AST) -> str:
    """Return what changed, in the words of the code."""
    was, new = ast.unparse(node), ast.unparse(changed)
    if isinstance(node, ast.Call) and isinstance(changed, ast.Call):
        left_out = [keyword.arg for keyword in node.keywords if keyword not in changed.keywords]
        was, new = ast.unparse(node.func), f"without {left_out[0]}=" if left_out else "first two arguments swapped"
    return " -> ".join(textwrap.shorten(text, 80, placeholder=" ...") for text in (was, new))


def _parses(source: bytes) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _nodes(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yield expressions and statements that do something: no annotations, texts or formatted texts."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
                continue
            if _is_text(child) or _is_type(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            yield from _nodes(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_type(node: ast.AST) -> bool:
    """Tell a name for a type (`Pixels = NDArray[np.uint8]`): it decides nothing."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and "NDArray" in ast.dump(node.value)


def _conditions(node: ast.AST) -> list[ast.expr]:
    """Return the conditions of a statement, choice or comprehension but for comparisons, which change themselves."""
    tests = node.ifs if isinstance(node, ast.comprehension) else [getattr(node, "test", None)]
    return [
        test for test in tests if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.UnaryOp | ast.NamedExpr)
    ]


def _changes(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    """Yield what a node may become."""
    if isinstance(node, ast.stmt):
        yield from _left_out(node)
        return
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            yield from _joined_otherwise(node)
        case ast.Constant():
            yield from _constants(node)
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.Call():
            yield from _calls(node)
        case _:
            yield from _simply(node)


def _left_out(node: ast.stmt) -> Iterator[ast.stmt]:
    """Leave out a statement without which the code runs on."""
    places = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript | ast.Attribute)
    if places or isinstance(node, REMOVABLE):
        yield ast.Pass()


def _simply(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the one thing that an operation or a name may become."""
    match node:
        case ast.BinOp() if type(node.op) in OPERATORS:
            yield _with(node, op=OPERATORS[type(node.op)]())
        case ast.UnaryOp(operand=operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Name(ctx=ast.Load()) if node.id in NAMES:
            yield _with(node, id=NAMES[node.id])
        case ast.Attribute(ctx=ast.Load()) if node.attr in NAMES:
            yield _with(node, attr=NAMES[node.attr])
        case ast.Subscript(ctx=ast.Load(), slice=ast.Slice()):
            yield node.value


def _with(node: ast.AST, **fields: object) -> ast.expr:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    assert isinstance(changed, ast.expr)
    return changed


def _compared(node: ast.Compare) -> Iterator[ast.expr]:
    for place, operator in enumerate(node.ops):
        ops = [*node.ops]
        ops[place] = COMPARISONS[type(operator)]()
        yield _with(node, ops=ops)


def _joined_otherwise(node: ast.BoolOp) -> Iterator[ast.expr]:
    """Take `or` for `and`, or leave out one condition."""
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for place in range(len(node.values)):
        rest = node.values[:place] + node.values[place + 1 :]
        yield rest[0] if len(rest) == 1 else _with(node, values=rest)


def _constants(node: ast.Constant) -> Iterator[ast.expr]:
    match node.value:
        case bool():
            yield ast.Constant(not node.value)
        case int():
            yield ast.Constant(node.value + 1)
        case float():
            yield ast.Constant(node.value * 1.5 + (node.value == 0))


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    """Swap the first two arguments, or leave out a named one or the call around its only argument."""
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    swapped = len(node.args) > 1 and name not in COMMUTATIVE
    if swapped and not any(isinstance(argument, UNSWAPPED) for argument in node.args[:2]):
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    for place, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in HARMLESS:
            yield _with(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])
    if isinstance(node.func, ast.Name) and node.func.id in ("sorted", "reversed", "set", "abs") and node.args:
        yield node.args[0]
