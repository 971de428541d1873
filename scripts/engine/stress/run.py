"""Run what is declared and not recorded yet, side by side, and record each outcome the moment it is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.common import EngineError, Memo, Problem, Project, Reporter
from engine.experiments import Experiment, ingredients, read_experiments, select
from engine.results import STAMPED, plain
from engine.running import LocalPool, Pool, Run, run_all
from engine.stress.declaration import Change, Declaration, read_declaration
from engine.stress.record import PRINTED, Outcome, code_digest, is_of, read_record, write_record
from engine.stress.settings import with_settings

PATIENCE = 20
"""A changed experiment may take so many times the processor time that it may take in a build."""


@dataclasses.dataclass
class _Task:
    """An experiment with its changes, and what is known of them, by name."""

    experiment: Experiment
    declaration: Declaration
    code: str
    outcomes: dict[str, Outcome]

    def missing(self) -> list[Change]:
        return [
            change
            for change in self.declaration.changes
            if not (known := self.outcomes.get(change.name)) or not is_of(known, change, self.code)
        ]

    def save(self) -> None:
        kept = [self.outcomes[change.name] for change in self.declaration.changes if change.name in self.outcomes]
        write_record(self.experiment, kept)


def to_run(project: Project, only: Sequence[Path] = (), *, force: bool = False) -> dict[str, list[str]]:
    """Return the names of the changes that `stress` would run, by the experiment's file.

    Raises:
        EngineError: experiments, declarations or records that cannot be read.
    """
    return {
        project.relative(task.experiment.path): [
            change.name for change in (task.declaration.changes if force else task.missing())
        ]
        for task in _tasks(project, only).values()
    }


def stress(
    project: Project,
    only: Sequence[Path] = (),
    *,
    force: bool = False,
    jobs: int | None = None,
    pool: Callable[[Path], Pool] | None = None,
    reporter: Reporter | None = None,
) -> int:
    """Run the declared changes of experiments whose outcome is not recorded; return how many ran.

    Args:
        project: the project.
        only: files or folders to restrict it to; all by default.
        force: run what is recorded, too.
        jobs: runs side by side; as many as there are cores by default.
        pool: makes, from the project's folder, the pool to run on instead of this machine's cores.
        reporter: is told of the progress.

    Raises:
        EngineError: experiments and declarations that cannot be read, and every claim that did not do what is
            declared of it. All outcomes have been recorded.
    """
    reporter = reporter or Reporter()
    tasks = _tasks(project, only)
    runs: dict[str, tuple[_Task, Change]] = {}
    changed = []
    for task in tasks.values():
        for change in task.declaration.changes if force else task.missing():
            name = f"{task.experiment.id}：{change.name}"
            runs[name] = task, change
            experiment = with_settings(task.experiment, change.settings)
            patience = PATIENCE * experiment.timeout
            changed.append(dataclasses.replace(experiment, id=name, timeout=patience, keeps_going=True))
    total = sum(len(task.declaration.changes) for task in tasks.values())
    with reporter:
        reporter.start(len(changed), total - len(changed))
        if changed:
            workers = pool(project.root) if pool else LocalPool(changed, project.root, jobs)
            for experiment, run in run_all(changed, workers):
                task, change = runs[experiment.id]
                outcome = task.outcomes[change.name] = _outcome(task, change, run)
                task.save()
                reporter.done(experiment.id, run.seconds, failed=not outcome.is_as_meant(change))
    problems = [problem for task in tasks.values() for problem in check(task.declaration, task.outcomes, task.code)]
    if problems:
        raise EngineError(problems)
    return len(changed)


def check(declaration: Declaration, outcomes: Mapping[str, Outcome], code: str) -> list[Problem]:
    """Return what is wrong between what is declared and what is recorded, each with its line of the declaration.

    Args:
        declaration: of an experiment.
        outcomes: by the change's name.
        code: the digest of the experiment's code as it is.
    """
    problems = []
    for change in declaration.changes:
        outcome = outcomes.get(change.name)
        again = f"engine stress {declaration.path.removesuffix('.stress.toml')}.py"
        if outcome is None:
            problems.append(Problem(declaration.path, change.line, f"“{change.name}”还没有跑过", again))
        elif not is_of(outcome, change, code):
            what = f"“{change.name}”的记录属于别的代码或设置"
            problems.append(Problem(declaration.path, change.line, what, again))
        elif not outcome.is_as_meant(change):
            problems.append(Problem(declaration.path, change.line, *_complaint(change, outcome)))
    return problems


def _complaint(change: Change, outcome: Outcome) -> tuple[str, str]:
    """Say what did not come out as declared, and what to do about it."""
    if outcome.error:
        return f"“{change.name}”没有跑完：{outcome.error}", "改好实验；设置超出了它能用的范围，就改声明"
    if change.kind in ("as-is", "survives"):
        lost = "、".join(label for label in change.claims if label not in outcome.held)
        hint = "说法经不起这个改变：把它移到 [[limits]]，并在页面上改判定、写出条件"
        return f"“{change.name}”时不再成立：{lost}", hint
    still = "、".join(label for label in change.claims if label not in outcome.failed)
    if change.kind == "removes":
        return f"“{change.name}”时仍然成立：{still}", "拿走了原因还成立：断言太松，或者原因不是它"
    return f"“{change.name}”时其实成立：{still}", "把它移到 [[survives]]"


def failed_labels(experiment: Experiment, run: Run) -> tuple[str, ...]:
    """Return the names of the assertions of which one failed in a run that kept going."""
    failed = {(cell.name, line) for cell in run.cells for line in cell.failed}
    return tuple(label for label, places in _places(experiment).items() if places & failed)


def held_labels(experiment: Experiment, run: Run) -> tuple[str, ...]:
    """Return the names of the assertions that were reached and never failed."""
    failed = {(cell.name, line) for cell in run.cells for line in cell.failed}
    held = {(cell.name, line) for cell in run.cells for line in cell.held} - failed
    return tuple(label for label, places in _places(experiment).items() if places <= held)


def _places(experiment: Experiment) -> dict[str, set[tuple[str, int]]]:
    """Return by label the cells and lines of its assertions."""
    places: dict[str, set[tuple[str, int]]] = {}
    for cell in experiment.cells:
        for assertion in cell.assertions:
            if assertion.label:
                places.setdefault(assertion.label, set()).add((cell.name, assertion.line))
    return places


def _outcome(task: _Task, change: Change, run: Run) -> Outcome:
    held, failed = held_labels(task.experiment, run), failed_labels(task.experiment, run)
    printed = "".join(
        output["text"] for cell in run.cells for output in cell.outputs if output["output_type"] == "stream"
    )
    made_of: Any = ingredients(task.experiment)
    libraries = {name: made_of["libraries"][name] for name in STAMPED.values() if name in made_of["libraries"]}
    return Outcome(
        name=change.name,
        kind=change.kind,
        settings=change.settings,
        code=task.code,
        held=held,
        failed=failed,
        error=_breakdown(run),
        effect=_effect(run.values.get(task.declaration.effect)),
        printed=plain(printed)[-PRINTED:],
        seconds=round(run.seconds, 1),
        versions={"python": made_of["python"], "machine": made_of["machine"], **libraries},
    )


def _breakdown(run: Run) -> str:
    """Say why a run did not come to its end; empty where it did."""
    if run.failure is None:
        return ""
    return run.failure.what + (f"（第 {run.failure.line} 行）" if run.failure.line else "")


def _effect(value: Any) -> tuple[float, float] | None:
    """Return mean and standard error of what the experiment calls its effect, to four digits."""
    if isinstance(value, dict):
        value = [value.get("mean"), value.get("se")]
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int | float) for part in value):
        mean, error = (float(f"{part:.4g}") for part in value)
        return mean, error
    return None


def _tasks(project: Project, only: Sequence[Path]) -> dict[str, _Task]:
    """Return the experiments of which changes are declared, by id."""
    problems: list[Problem] = []
    experiments, _ = read_experiments(project, select(project, only, None), problems, Memo(project.memo))
    tasks = {}
    for experiment in experiments:
        try:
            declaration = read_declaration(experiment, project.root)
            if declaration:
                outcomes = {outcome.name: outcome for outcome in read_record(experiment, project.root)}
                tasks[experiment.id] = _Task(experiment, declaration, code_digest(experiment), outcomes)
        except EngineError as error:
            problems += error.problems
    if problems:
        raise EngineError(problems)
    return tasks
