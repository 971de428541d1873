"""Which assertions of a cell could fail, and which of them really ran.

A claim is held by an assertion. Whether one *could* fail is judged from the code (`find_assertions`); whether it
*ran* is recorded while the cell runs (`instrument`), so that an assertion in a branch never taken does not count.
"""

from __future__ import annotations

import ast
import builtins
import io
import itertools
import re
import tokenize
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

RECORDER = "__engine_assertion_held__"
FAILURES = "__engine_assertion_failed__"
_IMPORTED, _CONSTANT, _COMPUTED = range(3)

Kinds = dict[str, int]
"""Of each name bound in an experiment, whether it is imported, only ever a constant, or computed."""


_LABEL = re.compile(r"#\s*证据[:：]\s*(.*\S)")


@dataclass(frozen=True)
class Assertion:
    """An assertion of a cell.

    Attributes:
        line: of the cell, from 1.
        trivial: why it cannot fail, or None where it could.
        label: what pages call it by, from the comment ``# 证据：…`` behind or above it; empty where there is none.
    """

    line: int
    trivial: str | None
    label: str = ""


def find_assertions(source: str, kinds: Kinds) -> tuple[Assertion, ...]:
    """Return the assertions of a cell: ``assert`` statements and ``….assert_…(…)`` calls of testing modules.

    Args:
        source: the cell.
        kinds: what each name of the whole experiment stands for.
    """
    found = []
    labels = _labels(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            trivial = _why_trivial(node.test, kinds)
        elif isinstance(node, ast.Expr) and (call := _testing_call(node)):
            trivial = _why_trivial_call(call, kinds)
        else:
            continue
        label = labels.get(node.end_lineno or node.lineno) or labels.get(node.lineno - 1, "")
        found.append(Assertion(node.lineno, trivial, label))
    return tuple(sorted(found, key=lambda assertion: assertion.line))


def _labels(source: str) -> dict[int, str]:
    """Return what comments call evidence, by line."""
    if "证据" not in source:
        return {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = ((token.start[0], _LABEL.match(token.string)) for token in tokens if token.type == tokenize.COMMENT)
    return {line: match[1] for line, match in found if match}


def instrument(tree: ast.Module, cell: str, going_on: Collection[int] = ()) -> ast.Module:
    """Return the tree of a cell with ``RECORDER(cell, line)`` called after each assertion; lines stay as they are.

    Args:
        tree: the cell.
        cell: its name.
        going_on: lines of assertions whose failure, or error, is noted by ``FAILURES(cell, line)`` and does not end
            the run.
    """
    instrumented: ast.Module = _Instrument(cell, going_on).visit(tree)
    return ast.fix_missing_locations(instrumented)


class _Instrument(ast.NodeTransformer):
    def __init__(self, cell: str, going_on: Collection[int]) -> None:
        self.cell, self.going_on = cell, going_on

    def visit(self, node: ast.AST) -> Any:
        """Look into statements only: no expression holds one, and some are nested deeply."""
        return node if isinstance(node, ast.expr) else super().visit(node)

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        return self.recorded(node)

    def visit_Expr(self, node: ast.Expr) -> list[ast.stmt]:
        return self.recorded(node) if _testing_call(node) else [node]

    def recorded(self, node: ast.stmt) -> list[ast.stmt]:
        held = self.call(RECORDER, node)
        if node.lineno not in self.going_on:
            return [node, held]
        handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [self.call(FAILURES, node)])
        return [ast.copy_location(ast.Try([node], [handler], [held], []), node)]

    def call(self, function: str, node: ast.stmt) -> ast.stmt:
        arguments: list[ast.expr] = [ast.Constant(self.cell), ast.Constant(node.lineno)]
        expression = ast.Expr(ast.Call(ast.Name(function, ast.Load()), arguments, []))
        return ast.fix_missing_locations(ast.copy_location(expression, node))


def _testing_call(node: ast.Expr) -> ast.Call | None:
    call = node.value
    if not isinstance(call, ast.Call):
        return None
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return call if name.startswith("assert_") else None


def kinds_of_names(tree: ast.Module) -> Kinds:
    """Say of every name bound in an experiment whether it is imported, only ever a constant, or computed."""
    kinds: Kinds = {}

    def bind(names: Iterable[str], kind: int) -> None:
        for name in names:
            kinds[name] = max(kind, kinds.get(name, kind))

    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bind((alias.asname or alias.name.split(".")[0] for alias in node.names), _IMPORTED)
        elif isinstance(node, ast.Assign) and _is_literal(node.value):
            bind((t.id for t in node.targets if isinstance(t, ast.Name)), _CONSTANT)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bind([node.name], _COMPUTED)
        elif isinstance(node, ast.arg):
            bind([node.arg], _COMPUTED)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bind([node.name], _COMPUTED)
    literal_targets = {
        id(target)
        for node in nodes
        if isinstance(node, ast.Assign) and _is_literal(node.value)
        for target in node.targets
    }
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and id(node) not in literal_targets:
            bind([node.id], _COMPUTED)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            root = _root(node)
            if root:
                bind([root], _COMPUTED)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            root = _root(node.func)  # a method may fill a literal: errors.append(…)
            if root and kinds.get(root) == _CONSTANT:
                bind([root], _COMPUTED)
    return kinds


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError):  # no literal, one that cannot be a key, one nested too deeply
        return False
    return True


def _why_trivial_call(call: ast.Call, kinds: Kinds) -> str | None:
    if len(call.args) >= 2 and ast.dump(call.args[0]) == ast.dump(call.args[1]):
        return "两边是同一个表达式"
    return None if any(_is_computed(arg, kinds) for arg in call.args) else "没有用到实验算出来的值"


def _why_trivial(test: ast.expr, kinds: Kinds) -> str | None:
    if isinstance(test, ast.Tuple) and test.elts:
        return "非空的元组永远为真；断言里多了一对括号？"
    if _is_literal(test):
        return "它是常量"
    if isinstance(test, ast.BoolOp):
        parts = [_why_trivial(value, kinds) for value in test.values]
        # "or" cannot fail if one part cannot; "and" cannot fail only if no part can.
        trivial = [part for part in parts if part]
        if isinstance(test.op, ast.Or) and trivial:
            return f"“or”的一边永远为真：{trivial[0]}"
        return trivial[0] if len(trivial) == len(parts) else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _why_trivial(test.operand, kinds)
    if isinstance(test, ast.Compare):
        sides = [test.left, *test.comparators]
        if all(ast.dump(a) == ast.dump(b) for a, b in itertools.pairwise(sides)):
            return "两边是同一个表达式"
    return None if _is_computed(test, kinds) else "没有用到实验算出来的值"


def _is_computed(node: ast.expr, kinds: Kinds) -> bool:
    """Whether the value of an expression depends on what the experiment computed or called."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and kinds.get(part.id) == _COMPUTED:
            return True
        if isinstance(part, ast.Call):
            root = _root(part.func)
            if root is not None and root in kinds and not hasattr(builtins, root):
                return True
    return False
