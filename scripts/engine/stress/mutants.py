"""Wrong versions of an experiment: one operator, sign, number or argument changed in what feeds an assertion.

Mutation analysis (DeMillo, Lipton and Sayward 1978, doi:10.1109/C-M.1978.218136): an assertion that no such change
makes fail holds whatever the experiment does.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.experiments import Cell, Experiment

_SWAPPED = {
    "+": "-", "-": "+", "*": "/", "/": "*", "//": "*", "@": "*", "**": "*", "%": "*",
    "<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "==",
    "and": "or", "or": "and", "is": "is not", "in": "not in", "&": "|", "|": "&",
}  # fmt: skip
# One thing for another that is called the same way: the treatment for its control, an end for the other.
_EXCHANGED = {
    "view": "reshape", "reshape": "view", "clone": "detach", "contiguous": "clone", "min": "max", "max": "min",
    "argmin": "argmax", "argmax": "argmin", "mean": "sum", "sum": "mean", "zeros": "ones", "ones": "zeros",
    "train": "eval", "eval": "train", "floor": "ceil", "ceil": "floor", "exp": "log", "log": "exp", "sin": "cos",
    "cos": "sin", "relu": "tanh", "tanh": "relu", "ReLU": "Tanh", "Tanh": "ReLU", "MaxPool2d": "AvgPool2d",
    "AvgPool2d": "MaxPool2d", "randn": "rand", "rand": "randn", "any": "all", "all": "any", "unique": "sort",
}  # fmt: skip
_OPERATOR = re.compile(r"//|\*\*|<=|>=|==|!=|[-+*/%@<>&|]|\b(?:and|or|is|in)\b")


@dataclass(frozen=True)
class Mutant:
    """One change of a cell: at a line of the file, `before` became `after`."""

    cell: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        """Say what was changed, for readers."""
        return f"第 {self.line} 行：{self.before or '（无）'} → {self.after or '（无）'}"

    def of(self, experiment: Experiment) -> Experiment:
        """Return the experiment with this change."""
        cells = (dataclasses.replace(c, source=self.source) if c.name == self.cell else c for c in experiment.cells)
        return dataclasses.replace(experiment, cells=tuple(cells))


def mutants(experiment: Experiment, label: str, most: int) -> list[Mutant]:
    """Return at most so many wrong versions that may make a named assertion fail, the nearest code first.

    What feeds an assertion is followed through names: statements that bind or change what it uses, and so on; other
    assertions, imports, prints and plots do not count. Last comes what the assertion itself computes, on the left of
    its comparison: where the code stands in the assertion, it is what is to be judged.
    """
    feeding = [m for cell, statement in _feeding(experiment, label) for m in _of_statement(cell, statement)]
    own: list[Mutant] = []
    for cell in experiment.cells:
        lines = {a.line for a in cell.assertions if a.label == label}
        for node in ast.walk(ast.parse(cell.source)) if lines else ():
            if isinstance(node, ast.Assert | ast.Expr) and node.lineno in lines:
                for part in _judged(node.test if isinstance(node, ast.Assert) else node.value):
                    own += _of_nodes(cell, [part, *_nodes(part)])
    return _spread(feeding, most - min(len(own), most // 4)) + own[: most // 4]


def _judged(test: ast.expr) -> Iterator[ast.expr]:
    """Yield what an assertion judges: the left side of a comparison, the first argument of a call."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _judged(value)
    elif isinstance(test, ast.Compare):
        yield test.left
    elif isinstance(test, ast.Call) and test.args:
        yield test.args[0]
    else:
        yield test


def _feeding(experiment: Experiment, label: str) -> Iterator[tuple[Cell, ast.stmt]]:
    """Yield the statements that what is asserted depends on, breadth first, backwards from the assertion."""
    statements = [(cell, node) for cell in experiment.cells for node in ast.parse(cell.source).body]
    lines = {(cell.name, a.line) for cell in experiment.cells for a in cell.assertions if a.label == label}
    seen: set[int] = set()
    pending: deque[tuple[int, set[str]]] = deque()
    for number, (cell, node) in enumerate(statements):
        if any((cell.name, inner.lineno) in lines for inner in ast.walk(node) if isinstance(inner, ast.stmt)):
            pending.append((number, _used(node)))
            if not isinstance(node, ast.Assert | ast.Expr):
                seen.add(number)
                yield cell, node  # a loop or a function that holds the assertion
    while pending:
        at, wanted = pending.popleft()
        for number in reversed(range(at)):
            cell, node = statements[number]
            if number not in seen and _bound(node) & wanted:
                seen.add(number)
                yield cell, node
                pending.append((number, _used(node)))


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds or may change; none for imports, assertions and outputs."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Assert):
        return set()
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    names = {
        node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= _roots(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _is_output(node):
            names |= _roots(node.value.func)  # a call for its effect changes what it is called on: items.append(x)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
            names |= _roots(node.func)  # and so does what is in place: x.zero_()
    return names


def _roots(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _used(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _of_statement(cell: Cell, statement: ast.stmt) -> Iterator[Mutant]:
    """Yield the changes of one statement, without the assertions and outputs in it; the last one takes it away."""
    yield from _of_nodes(cell, _nodes(statement))
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr) and not _binds_anew(statement):
        start, end = (statement.lineno, statement.col_offset), _last(cell, statement)
        source = _replaced(cell.source, start, end, "pass")
        yield Mutant(cell.name, cell.line + start[0] - 1, _cut(cell.source, start, end), "（删去）", source)


def _binds_anew(statement: ast.stmt) -> bool:
    """Whether a statement gives a plain name a value: without it the name would be missing."""
    return isinstance(statement, ast.Assign) and any(isinstance(target, ast.Name) for target in statement.targets)


def _last(cell: Cell, statement: ast.stmt) -> Position:
    line = statement.end_lineno or statement.lineno
    return line, _characters(cell, line, statement.end_col_offset or 0)


def _of_nodes(cell: Cell, nodes: Iterable[ast.AST]) -> Iterator[Mutant]:
    for node in nodes:
        for start, end, new in _changes(cell, node):
            old = _cut(cell.source, start, end)
            if old != new:
                source = _replaced(cell.source, start, end, new)
                yield Mutant(cell.name, cell.line + start[0] - 1, old, new, source)


def _nodes(statement: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.Assert) or (isinstance(child, ast.Expr) and _is_output(child)):
            continue
        yield child
        yield from _nodes(child)


def _is_output(statement: ast.Expr) -> bool:
    call = statement.value
    if not isinstance(call, ast.Call):
        return False
    return bool({"print", "ax", "plt", "fig", "axes"} & (_roots(call.func) | {getattr(call.func, "id", "")}))


Position = tuple[int, int]
"""A line of a cell, from 1, and a column in characters."""


def _changes(cell: Cell, node: ast.AST) -> Iterator[tuple[Position, Position, str]]:
    """Yield what of a node could be written instead: from where, to where, and what."""
    if isinstance(node, ast.BinOp):
        yield from _operator(cell, _end(cell, node.left), _start(cell, node.right))
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for left, right in itertools.pairwise(sides):
            yield from _operator(cell, _end(cell, left), _start(cell, right))
    elif isinstance(node, ast.BoolOp):
        for left, right in itertools.pairwise(node.values):
            yield from _operator(cell, _end(cell, left), _start(cell, right))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield _start(cell, node), _start(cell, node.operand), ""
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _start(cell, node), _end(cell, node), str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        for value in (node.value + 1, node.value * 10, 0):
            yield _start(cell, node), _end(cell, node), repr(value)
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        first, second = node.args[:2]
        if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
            a, b = (_cut(cell.source, _start(cell, part), _end(cell, part)) for part in (first, second))
            between = _cut(cell.source, _end(cell, first), _start(cell, second))
            yield _start(cell, first), _end(cell, second), f"{b}{between}{a}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if not node.args and not node.keywords:
            yield _end(cell, node.func.value), _end(cell, node), ""  # x.t() → x
        end = _end(cell, node.func)
        if node.func.attr in _EXCHANGED:
            yield (end[0], end[1] - len(node.func.attr)), end, _EXCHANGED[node.func.attr]
        if node.func.attr in ("view", "reshape", "t", "detach", "contiguous", "flatten", "numpy", "from_numpy"):
            yield _end(cell, node), _end(cell, node), ".clone()"  # a copy instead of a view


def _operator(cell: Cell, start: Position, end: Position) -> Iterator[tuple[Position, Position, str]]:
    between = _cut(cell.source, start, end)
    if start[0] == end[0] and (match := _OPERATOR.search(between)):
        at = (start[0], start[1] + match.start()), (start[0], start[1] + match.end())
        yield *at, _SWAPPED[match.group()]


def _start(cell: Cell, node: ast.expr) -> Position:
    return node.lineno, _characters(cell, node.lineno, node.col_offset)


def _end(cell: Cell, node: ast.expr) -> Position:
    line = node.end_lineno or node.lineno
    return line, _characters(cell, line, node.end_col_offset or 0)


def _characters(cell: Cell, line: int, column: int) -> int:
    return len(cell.source.split("\n")[line - 1].encode()[:column].decode())


def _cut(source: str, start: Position, end: Position) -> str:
    lines = source.split("\n")
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    return "\n".join([lines[start[0] - 1][start[1] :], *lines[start[0] : end[0] - 1], lines[end[0] - 1][: end[1]]])


def _replaced(source: str, start: Position, end: Position, new: str) -> str:
    """Return a text with a part of it exchanged; lines that go are left empty, so that the rest stays in its line."""
    lines = source.split("\n")
    changed = lines[start[0] - 1][: start[1]] + new + lines[end[0] - 1][end[1] :]
    added = changed.count("\n")
    lines[start[0] - 1 : end[0]] = [*changed.split("\n"), *[""] * (end[0] - start[0] - added)]
    return "\n".join(lines)


def _spread(found: list[Mutant], most: int) -> list[Mutant]:
    """Return at most so many of the mutants: the nearest, and of the rest one in every so many."""
    listed = list({(mutant.cell, mutant.source): mutant for mutant in found}.values())
    if len(listed) <= most:
        return listed
    near, rest = listed[: most // 2], listed[most // 2 :]
    step = len(rest) / (most - len(near))
    return near + [rest[int(number * step)] for number in range(most - len(near))]
