"""The percent format, as Python reads it: a cell begins at a comment ``# %% name``, and its lines are the file's.

Nothing is rewritten: a comment stays a comment, whatever command it resembles. A marker inside a string is text, an
indented one a comment, and so is ``#%%name`` without a blank, which might be a cell magic.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

_MARKER = re.compile(r"#\s*%%+(?:\s+(.*))?$")
_TITLE = re.compile(r"(.*?)(?:\[(\w+)\]\s*)?((?:(?<!\S)[\w.@/-]+\s*=.*)?)$")
_OPTION = re.compile(r"""([\w.@/-]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)(?:\s+|$)""")


@dataclass(frozen=True)
class RawCell:
    """One piece of a file; the first, before any marker, has line 0 and no title.

    Attributes:
        at: the line of its marker, from 1.
        lines: the lines after its marker, up to the next.
        title: what stands behind the marker.
        kind: what stands there in brackets, e.g. ``markdown``, or nothing.
        options: the keys and values that stand there.
        unread: what else stands there.
    """

    at: int
    lines: tuple[str, ...]
    title: str = ""
    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    unread: str = ""

    @property
    def source(self) -> str:
        """Its lines without the blank ones at both ends."""
        used = [number for number, line in enumerate(self.lines) if line.strip()]
        return "\n".join(self.lines[used[0] : used[-1] + 1]) if used else ""

    @property
    def line(self) -> int:
        """The line of the file on which `source` begins, from 1."""
        blank = next((number for number, line in enumerate(self.lines) if line.strip()), 0)
        return self.at + 1 + blank


def split_cells(text: str, tree: ast.Module) -> list[RawCell]:
    """Return what stands before the first marker, and the cells of a text that says `tree`."""
    lines = text.split("\n")
    in_strings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant | ast.JoinedStr)
        for line in range(node.lineno + 1, (node.end_lineno or 0) + 1)
    }
    markers = [number for number, line in enumerate(lines, 1) if _MARKER.match(line) and number not in in_strings]
    cells = []
    for start, end in zip([0, *markers], [*markers, len(lines) + 1], strict=True):
        header = _MARKER.match(lines[start - 1]) if start else None
        cells.append(RawCell(start, tuple(lines[start : end - 1]), *_header((header and header[1]) or "")))
    return cells


def _header(text: str) -> tuple[str, str, dict[str, Any], str]:
    match = _TITLE.match(text.strip())
    assert match, "each of its parts may be empty"
    title, kind, rest = match[1].strip(), match[2] or "", match[3]
    options: dict[str, Any] = {}
    while option := _OPTION.match(rest):
        try:
            options[option[1]] = ast.literal_eval(option[2])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            break
        rest = rest[option.end() :]
    return title, kind, options, rest.strip()


def docstring_of(tree: ast.Module) -> str | None:
    """Return the text of code that is a string and nothing else, or None."""
    if len(tree.body) == 1 and isinstance(statement := tree.body[0], ast.Expr):
        value = statement.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def uncommented(line: str) -> str:
    """Return what a comment says."""
    return line.removeprefix("#").removeprefix(" ")
