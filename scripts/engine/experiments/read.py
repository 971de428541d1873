"""Read what is to be built: the experiments that are asked for, with their keys, and what the labs among them say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.common import EngineError, Memo, Problem, Project, UsageError
from engine.experiments.experiment import Experiment
from engine.experiments.key import key_of
from engine.experiments.lab import Lab, read_lab
from engine.experiments.parse import parse_experiment
from engine.experiments.source import read_text


def select(project: Project, only: Sequence[Path], shard: tuple[int, int] | None) -> list[Path]:
    """Return the experiments' files that are asked for, in order."""
    every = sorted(path for path in project.examples.glob("*/*.py") if _may_be_experiment(path))
    if shard:
        number, of = shard
        every_of_shard = set(every[number - 1 :: of])
        return [path for path in select(project, only, None) if path in every_of_shard]
    if not only:
        return every
    chosen: set[Path] = set()
    examples, docs = project.examples.resolve(), project.docs.resolve()  # either may be a link
    for path in only:
        wanted = path.resolve()
        if wanted.is_relative_to(docs):
            wanted = examples / wanted.relative_to(docs)
        files = ((file, examples / file.relative_to(project.examples)) for file in every)
        found = [file for file, p in files if p == wanted.with_suffix(".py") or p.is_relative_to(wanted)]
        if not found:
            raise UsageError(Problem(str(path), None, "这里没有实验", "给出 examples/ 或 docs/ 下的文件或文件夹"))
        chosen.update(found)
    return sorted(chosen)


def _may_be_experiment(path: Path) -> bool:
    """Whether a file is one: not a helper (``_name.py``), an editor's or a system's (``.name``), a folder, a pipe.

    What has vanished, or is a link to nowhere, is one that cannot be read.
    """
    hidden = path.name.startswith(("_", ".")) or path.parent.name.startswith(".")
    return not hidden and (path.is_file() or not path.exists())


def read_experiments(
    project: Project, paths: Iterable[Path], problems: list[Problem], memo: Memo
) -> tuple[list[Experiment], dict[str, str]]:
    """Return the experiments that can be read, and their keys by id."""
    experiments = []
    keys = {}
    for path in paths:
        try:
            experiment = parse_experiment(path, project.examples, memo)
            keys[experiment.id] = key_of(experiment, memo)
        except EngineError as error:
            problems += error.problems
        else:
            experiments.append(experiment)
    return experiments, keys


def current_key(experiment: Experiment, project: Project) -> str | None:
    """Return an experiment's key as its file, and what it imports, are now; None where they cannot be read."""
    try:
        name = experiment.path.relative_to(project.root).as_posix()
        if read_text(experiment.path, name) != experiment.text:
            experiment = parse_experiment(experiment.path, project.examples)
        return key_of(experiment)
    except EngineError:
        return None


def read_labs(project: Project, experiments: Sequence[Experiment], problems: list[Problem]) -> dict[str, Lab]:
    """Return the labs that can be read, by id."""
    labs = {}
    for experiment in experiments:
        if experiment.is_lab:
            try:
                labs[experiment.id] = read_lab(experiment, project)
            except EngineError as error:
                problems += error.problems
    return labs
