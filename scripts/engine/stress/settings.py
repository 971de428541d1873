"""The named settings of an experiment, and the same experiment with other ones."""

from __future__ import annotations

import ast
import dataclasses
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.experiments import Cell, Experiment

CELL = "settings"
"""The name of the cell whose top-level assignments are the settings: ``num_updates = 1000  # 更新次数``."""


@dataclass(frozen=True)
class Setting:
    """One assignment of the settings' cell: its value, what its comment says, and where the value stands."""

    value: Any
    means: str
    start: tuple[int, int]
    end: tuple[int, int]


def settings_of(experiment: Experiment) -> dict[str, Any]:
    """Return the value of each setting of an experiment by name; none if it has no such cell."""
    cell = experiment.cell(CELL)
    return {name: setting.value for name, setting in _settings(cell).items()} if cell else {}


def meanings(experiment: Experiment) -> dict[str, str]:
    """Return what each setting is called for readers: its comment, or its name."""
    cell = experiment.cell(CELL)
    return {name: setting.means or name for name, setting in _settings(cell).items()} if cell else {}


def with_settings(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """Return the experiment with other values of its settings; its lines stay where they are.

    Args:
        experiment: has the settings.
        values: by name, each a literal.

    Raises:
        KeyError: there is no such setting.
    """
    cells = [_changed(cell, values) if cell.name == CELL else cell for cell in experiment.cells]
    return dataclasses.replace(experiment, cells=tuple(cells))


def _changed(cell: Cell, values: Mapping[str, Any]) -> Cell:
    found = _settings(cell)
    places = sorted(((found[name].start, found[name].end, value) for name, value in values.items()), reverse=True)
    lines = cell.source.split("\n")
    for (row, start), (last, end), value in places:
        # The value's lines become one; what it took more is left empty, so that all that follows stays in its line.
        tail = lines[last - 1].encode()[end:].decode()
        lines[row - 1] = lines[row - 1].encode()[:start].decode() + repr(value) + tail
        lines[row:last] = [""] * (last - row)
    return dataclasses.replace(cell, source="\n".join(lines))


def _settings(cell: Cell) -> dict[str, Setting]:
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(cell.source).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for node in ast.parse(cell.source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            where, last = node.value, node.value.end_lineno or node.value.lineno
            means = comments.get(last, "")
            end = (last, where.end_col_offset or 0)
            found[node.targets[0].id] = Setting(value, means, (where.lineno, where.col_offset), end)
    return found
