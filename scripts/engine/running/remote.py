"""Run experiments on other machines."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.common import cores
from engine.experiments import Experiment, declared_files, ingredients, key_of, local_modules
from engine.running.folders import temporary_folder
from engine.running.isolation import IDLE, run_isolated
from engine.running.pools import memory_limit
from engine.running.run import Failure, Run


class RemotePool:
    """Experiments on other machines, through any ``concurrent.futures.Executor`` that reaches them.

    The machines need the engine and the libraries in the same versions, and no shared folder: the experiments travel
    with the files of their chapter's folder, the modules of the project that they import and the data they declare.
    """

    def __init__(self, executor: Executor, root: Path, idle: float = IDLE) -> None:
        """Run experiments of the project at `root` by `executor`, which is shut down at the end.

        The limits are those of a local run: one that neither computes nor ends for `idle` seconds is ended.
        """
        self._executor, self._root, self._idle = executor, root, idle
        self._futures: list[Future[Run]] = []

    def submit(self, experiment: Experiment) -> Future[Run]:
        """Send an experiment away."""
        future = self._executor.submit(run_parcel, parcel_of(experiment, self._root), self._idle)
        self._futures.append(future)
        return future

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *error: object) -> None:
        """Drop what has not run; what is running ends by itself, at its time limit at the latest."""
        for future in self._futures:
            future.cancel()
        self._executor.shutdown(wait=False)


@dataclass(frozen=True)
class Parcel:
    """An experiment with what it needs elsewhere: files by their path in the project, and its key."""

    experiment: Experiment
    name: str
    files: dict[str, bytes]
    key: str


def parcel_of(experiment: Experiment, root: Path) -> Parcel:
    """Pack an experiment of the project at `root`."""
    beside = [
        path for path in experiment.path.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    files = [*beside, *local_modules(experiment).values(), *declared_files(experiment)]
    name = experiment.path.relative_to(root).as_posix()
    return Parcel(
        experiment, name, {path.relative_to(root).as_posix(): path.read_bytes() for path in files}, key_of(experiment)
    )


def run_parcel(parcel: Parcel, idle: float = IDLE) -> Run:
    """Unpack an experiment in a temporary folder and run it, if this machine would give it the same key."""
    with temporary_folder() as folder:
        root = folder.resolve() / "project"
        for name, content in parcel.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        experiment = dataclasses.replace(parcel.experiment, path=root / parcel.name)
        if key_of(experiment) != parcel.key:
            made_of = ingredients(experiment)
            here = f"{made_of['machine']}，Python {made_of['python']}"
            return Run((), 0.0, {}, Failure(None, f"执行它的机器上，引擎或库的版本与这里不同（那里是 {here}）"))
        return run_isolated(experiment, root, memory_limit(cores()), idle)
