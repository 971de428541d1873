"""Whether named assertions bite: for each, a wrong version of the experiment under which it fails.

Recorded beside the stress runs, in ``examples/<chapter>/<slug>.bites.json``, with the digest of the code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.common import Memo, Problem, Project, Reporter, write_if_changed
from engine.experiments import Experiment, read_experiments, select
from engine.running import LocalPool, run_all
from engine.stress.mutants import mutants
from engine.stress.record import code_digest, read_record
from engine.stress.run import failed_labels

MOST = 24
"""Wrong versions that are tried for one assertion before it is said not to bite."""

SHARE = 0.95
"""Of all named assertions, the share that must bite."""


@dataclass(frozen=True)
class Bites:
    """Of one experiment: the digest of its code, and by label what made the assertion fail; empty for nothing."""

    code: str
    by_label: dict[str, str]


def bites_path(experiment: Experiment) -> Path:
    """Return where it is recorded what makes an experiment's assertions fail."""
    return experiment.path.with_suffix(".bites.json")


def read_bites(experiment: Experiment) -> Bites | None:
    """Return what is recorded, or None: nothing, or nothing that can be read."""
    try:
        stored = json.loads(bites_path(experiment).read_text("utf-8"))
        return Bites(stored["code"], dict(stored["bites"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def bite(
    project: Project,
    only: Sequence[Path] = (),
    *,
    force: bool = False,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Bites]:
    """Try wrong versions of experiments until each named assertion has failed; record and return what did it.

    An assertion that failed in a recorded stress run bites already. A version that breaks down shows nothing.

    Args:
        project: the project.
        only: files or folders to restrict it to; all by default.
        force: try again what is recorded.
        jobs: runs side by side.
        reporter: is told of the progress.

    Returns:
        By the experiment's id, of all experiments with named assertions.

    Raises:
        EngineError: a record of stress runs that cannot be read.
    """
    reporter = reporter or Reporter()
    problems: list[Problem] = []
    experiments, _ = read_experiments(project, select(project, only, None), problems, Memo(project.memo))
    found: dict[str, Bites] = {}
    for experiment in experiments:
        labels = [label for cell in experiment.cells for label in cell.labels]
        if not labels:
            continue
        code = code_digest(experiment)
        known = read_bites(experiment)
        if known and known.code == code and not force and set(known.by_label) == set(labels):
            found[experiment.id] = known
            continue
        bites = dict.fromkeys(labels, "")
        for outcome in read_record(experiment, project.root):
            if outcome.code == code:
                bites |= {label: outcome.name for label in outcome.failed if label in bites}
        _try(experiment, bites, project, jobs)
        found[experiment.id] = Bites(code, bites)
        content = json.dumps({"code": code, "bites": bites}, ensure_ascii=False, indent=1)
        write_if_changed(bites_path(experiment), f"{content}\n".encode())
        missed = [label for label, how in bites.items() if not how]
        told = f"，没有咬住的：{'、'.join(missed)}" if missed else ""
        reporter.log(f"{experiment.id}：{len(labels) - len(missed)}/{len(labels)} 条断言咬得住{told}")
    return found


def share(found: dict[str, Bites]) -> tuple[int, int]:
    """Return how many named assertions bite, and how many there are."""
    every = [how for bites in found.values() for how in bites.by_label.values()]
    return sum(map(bool, every)), len(every)


def _try(experiment: Experiment, bites: dict[str, str], project: Project, jobs: int | None) -> None:
    """Run wrong versions until each label has failed or has been tried often enough; fill in `bites`."""
    tried: set[tuple[str, str]] = set()
    for label in bites:
        if bites[label]:
            continue
        new = [m for m in mutants(experiment, label, MOST) if (m.cell, m.source) not in tried]
        tried |= {(mutant.cell, mutant.source) for mutant in new}
        versions = {f"{experiment.id}#{number}": mutant for number, mutant in enumerate(new)}
        changed = [dataclasses.replace(m.of(experiment), id=name, keeps_going=True) for name, m in versions.items()]
        if not changed:
            continue
        with contextlib.closing(run_all(changed, LocalPool(changed, project.root, jobs))) as runs:
            for version, run in runs:
                for failed in () if run.failure else failed_labels(experiment, run):
                    bites[failed] = bites[failed] or str(versions[version.id])
                if bites[label]:
                    break
