"""An experiment: a Python file in the percent format whose cells have names.

A lab is an experiment with text between its cells and a header in front; all others are explained by a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.common import LABS
from engine.experiments.assertions import Assertion

DEFAULT_TIMEOUT = 120.0
_LONGEST_TIMEOUT = 7 * 86400
# Fragments of these names are made by the engine beside the cells' own.
RESERVED = frozenset({"claims", "stamp", "related", "foot", "stress"})


def is_time_limit(value: object) -> bool:
    """Whether a value is a number of seconds that can limit an experiment: above zero, at most a week."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LONGEST_TIMEOUT


@dataclass(frozen=True)
class Cell:
    """One named piece of an experiment.

    Attributes:
        name: what pages include it by, e.g. ``storage``.
        source: its code, without the header line.
        line: the line of the file on which `source` starts, from 1.
        raises: the exception it must raise, or None.
        caption: what its figure shows, in a sentence, or None.
        label: its name for readers, or None.
        fold: what its code does, in one line, where the page shows the code folded; or None.
        assertions: what it asserts.
    """

    name: str
    source: str
    line: int
    raises: str | None = None
    caption: str | None = None
    label: str | None = None
    fold: str | None = None
    assertions: tuple[Assertion, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """What its assertions are called, in order."""
        return tuple(dict.fromkeys(a.label for a in self.assertions if a.label))


@dataclass(frozen=True)
class Text:
    """A Markdown cell of a lab.

    Attributes:
        source: its Markdown.
        line: the line of the file on which it starts, from 1.
        before: how many code cells come before it.
    """

    source: str
    line: int
    before: int


@dataclass(frozen=True)
class Experiment:
    """One examples/<chapter>/<slug>.py.

    Attributes:
        id: the path without folder ``examples`` and suffix, e.g. ``04-tensor/reshape-vs-view``.
        path: the file.
        text: the whole file, for download.
        docstring: the question, and what would refute its answer.
        cells: in order; at least one.
        timeout: seconds of processor time that it and its children may take.
        imports: the dotted names of what it imports, anywhere in it.
        uses: the dotted names of what it uses of that, e.g. ``torch.nn.Conv2d``; ``.view`` for a method or attribute,
            ``drop_last=`` for an argument it gives by name.
        header: of a lab, the YAML in front of its cells.
        texts: of a lab, its Markdown cells.
        keeps_going: a run of it notes which named assertions fail, and goes on: see `engine.stress`.
        reads: files and folders, relative to its own folder, that it says it reads.
    """

    id: str
    path: Path
    text: str
    docstring: str
    cells: tuple[Cell, ...]
    timeout: float = DEFAULT_TIMEOUT
    imports: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    header: str = ""
    texts: tuple[Text, ...] = ()
    keeps_going: bool = False
    reads: tuple[str, ...] = ()

    @property
    def is_lab(self) -> bool:
        """Whether it explains itself."""
        return self.id.startswith(f"{LABS}/")

    def cell(self, name: str) -> Cell | None:
        """Return the cell of that name, or None."""
        return next((cell for cell in self.cells if cell.name == name), None)

    def cell_at(self, line: int) -> Cell | None:
        """Return the cell that holds this line of the file, or None."""
        return next((cell for cell in reversed(self.cells) if cell.line <= line), None)


def words_in_code(experiment: Experiment) -> list[str]:
    """Return the names in an experiment's code that a reader may search for."""
    return sorted({name.strip(".=") for name in experiment.uses if not name.startswith("matplotlib")})
