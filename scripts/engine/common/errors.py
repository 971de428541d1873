"""What can go wrong, as one small tree.

EngineError
├── UsageError        the command line or the project's settings
├── ExperimentError   an examples/*.py file that cannot be read as an experiment
├── PageError         a docs/*.md file: front matter, includes, formulas, claims
└── RunError          an experiment that failed, hung, died, or drew a figure that cannot be published
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing to mend: where (a path relative to the project, a line), what, and what to do about it."""

    path: str
    line: int | None
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """Render as ``path:line: what`` with the hint indented below."""
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        lines = [f"{where}: {self.what}"]
        lines += [f"    {line}" for line in self.hint.splitlines()]
        return "\n".join(lines)


class EngineError(Exception):
    """Base of the tree: carries every problem found, so that all can be mended in one go."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        """Accept one problem or several."""
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[EngineError], tuple[tuple[Problem, ...]]]:
        """Survive the way back from a worker process."""
        return type(self), (self.problems,)


class UsageError(EngineError):
    """The command line or the project's settings."""


class ExperimentError(EngineError):
    """An examples/*.py file that cannot be read as an experiment."""


class PageError(EngineError):
    """A docs/*.md file: front matter, includes, formulas, claims."""


class RunError(EngineError):
    """An experiment that failed, hung, died, or drew a figure that cannot be published."""
