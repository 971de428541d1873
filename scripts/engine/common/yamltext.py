"""Read YAML that people wrote: whatever is wrong with it has a line, and nothing in it grows without bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast, and not everywhere
_MOST = 100_000
"""So many values a document may stand for when its aliases are written out; a few lines of them make billions."""


class BadYaml(ValueError):  # noqa: N818  # the name says it
    """YAML that cannot be used; `line` counts from 1, and is None where it is not known."""

    def __init__(self, what: str, line: int | None, hint: str = "") -> None:
        """Say what is wrong, where, and what to do."""
        super().__init__(what)
        self.line, self.hint = line, hint


def load_yaml(source: str) -> tuple[yaml.Node | None, Any]:
    """Return a document as nodes, which know their lines, and as values; (None, None) if it is empty.

    Raises:
        BadYaml: not YAML, a value that does not exist (the 45th of a month), or one without end.
    """
    node = None
    try:
        node = yaml.compose(source, Loader=_LOADER)
        if node is not None:
            _weigh(node, {})
        return node, yaml.load(source, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what, hint = getattr(error, "problem", None) or error, "含有冒号、引号、井号或方括号的文字要用引号括起来"
        raise BadYaml(f"不是合法的 YAML：{what}", mark.line + 1 if mark else None, hint) from error
    except RecursionError as error:
        raise BadYaml("嵌套得太深", None) from error
    except BadYaml:
        raise
    except ValueError as error:  # a date or a number that Python has not
        for scalar in _scalars(node):
            try:
                yaml.load(scalar.value, Loader=_LOADER)
            except (ValueError, yaml.YAMLError):
                raise BadYaml(f"读不出这个值：{scalar.value[:40]}", scalar.start_mark.line + 1) from error
        raise BadYaml(str(error), None) from error


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _weigh(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, aliases written out."""
    if id(node) not in known:
        known[id(node)] = -1  # being weighed
        known[id(node)] = 1 + sum(_weigh(child, known) for child in _children(node))
    if known[id(node)] < 0:
        raise BadYaml("引用（*）指回了自己", node.start_mark.line + 1)
    if known[id(node)] > _MOST:
        raise BadYaml(f"引用（*）展开后超过 {_MOST} 个值", node.start_mark.line + 1)
    return known[id(node)]


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield the values that stand without quotes."""
    if isinstance(node, yaml.ScalarNode) and not node.style:
        yield node
    for child in _children(node) if node else ():
        yield from _scalars(child)
