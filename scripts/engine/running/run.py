"""What a run gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Output = dict[str, Any]
"""One output of a cell as nbformat 4 JSON."""


@dataclass(frozen=True)
class CellRun:
    """What a cell gave.

    Attributes:
        name: of the cell.
        outputs: in order.
        held: the lines (from 1, in the cell) of its assertions that held.
        failed: those of its assertions that did not, where the experiment keeps going.
    """

    name: str
    outputs: tuple[Output, ...]
    held: tuple[int, ...]
    failed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why a run failed: the line of the file (None where unknown), what happened, and the author's own traceback."""

    line: int | None
    what: str
    traceback: str = ""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        cells: what each gave.
        seconds: processor time.
        reads: what it read of the project, by name, with the digest when it was read (see `engine.common.digest_of`).
        failure: why it did not come to its end, or None.
        values: the numbers that it ended with, by their names in the experiment.
    """

    cells: tuple[CellRun, ...]
    seconds: float
    reads: Mapping[str, str | None]
    failure: Failure | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
