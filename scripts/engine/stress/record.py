"""What came of an experiment's changes: ``examples/<chapter>/<slug>.stress.json``, kept in the repository.

The runs are too long for a build. Each is kept with its settings, outcome, effect, output and versions, and with the
digest of the code that it belongs to: a build refuses the record of other code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.common import ExperimentError, Problem, write_if_changed
from engine.experiments import Experiment, ingredients
from engine.stress.declaration import Change

PRINTED = 2_000
"""Characters that are kept of what one run printed: its end."""


@dataclass(frozen=True)
class Outcome:
    """What came of one change.

    Attributes:
        name: of the change.
        kind: of the change.
        settings: what it changed.
        code: the digest of the code that ran, without the change.
        held: labels of the assertions that held.
        failed: labels of those that did not.
        error: why the run did not come to its end, or empty.
        effect: mean and standard error of what the experiment compares, or None.
        printed: the end of what it printed.
        seconds: processor time.
        versions: of Python, of the kind of machine, and of the libraries that readers know.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    code: str
    held: tuple[str, ...]
    failed: tuple[str, ...]
    error: str
    effect: tuple[float, float] | None
    printed: str
    seconds: float
    versions: Mapping[str, str]

    def is_as_meant(self, change: Change) -> bool:
        """Whether what the change is about held where it must hold, and failed where it must fail."""
        if change.kind in ("as-is", "survives"):
            return not self.error and set(change.claims) <= set(self.held)
        return not self.error and set(change.claims) <= set(self.failed)


def record_path(experiment: Experiment) -> Path:
    """Return where an experiment's outcomes are kept."""
    return experiment.path.with_suffix(".stress.json")


def code_digest(experiment: Experiment) -> str:
    """Return a digest of what an experiment's runs depend on in the repository: its cells and its helper modules."""
    cells = [[cell.name, cell.source, cell.raises] for cell in experiment.cells]
    text = json.dumps([cells, ingredients(experiment)["modules"]], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_of(outcome: Outcome, change: Change, code: str) -> bool:
    """Whether an outcome is of this change, and of this code."""
    settings = json.loads(json.dumps(change.settings))
    return (outcome.name, outcome.kind, outcome.settings, outcome.code) == (change.name, change.kind, settings, code)


def read_record(experiment: Experiment, root: Path) -> list[Outcome]:
    """Return the outcomes that are kept of an experiment; none if there are none.

    Raises:
        ExperimentError: the file cannot be read.
    """
    path = record_path(experiment)
    try:
        stored = json.loads(path.read_text("utf-8"))
        return [
            Outcome(
                **{
                    **raw,
                    "held": tuple(raw["held"]),
                    "failed": tuple(raw["failed"]),
                    "effect": tuple(raw["effect"]) if raw["effect"] else None,
                }
            )
            for raw in stored
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        name = path.relative_to(root).as_posix()
        hint = f"engine stress {experiment.path.relative_to(root).as_posix()}"
        raise ExperimentError(Problem(name, None, f"读不出来：{error}", f"删掉它，再运行 {hint}")) from error


def write_record(experiment: Experiment, outcomes: list[Outcome]) -> None:
    """Keep outcomes, one a line but for what was printed, so that a difference between two records can be read."""
    lines = (json.dumps(asdict(outcome), ensure_ascii=False, indent=1) for outcome in outcomes)
    write_if_changed(record_path(experiment), ("[\n" + ",\n".join(lines) + "\n]\n").encode())
