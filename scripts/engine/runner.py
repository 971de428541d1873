"""Run many experiments side by side: on this machine, or on any pool that speaks ``concurrent.futures``."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol, Self

from engine.experiment import Experiment
from engine.isolation import remove_leftovers, run_isolated, start_server
from engine.kernel import Failure, Run
from engine.key import ingredients, key_of

MEMORY = 6 * 2**30
"""Most bytes of address space one experiment may add to what its process starts with."""


class Pool(Protocol):
    """What the runner needs of a pool; used as a context manager, and nothing runs on after that."""

    def submit(self, experiment: Experiment) -> Future[Run]:
        """Have an experiment run in a process of its own, some time."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """Drop what has not run, and kill what is running where that can be done."""


def run_all(experiments: Sequence[Experiment], pool: Pool) -> Iterator[tuple[Experiment, Run]]:
    """Run experiments in the order given and yield each with its run as it ends.

    A hang or a death is a run with a failure: nothing is raised but what the caller's own code raises. When the
    caller stops early (Ctrl-C, an exception), what is running is killed.
    """
    with pool:
        futures = {pool.submit(experiment): experiment for experiment in experiments}
        for future in concurrent.futures.as_completed(futures):
            experiment = futures.pop(future)  # and with it, once it is shown, the run
            try:
                run = future.result()
            except Exception as error:  # the pool's own: no room for a temporary folder, a cluster that went away
                run = Run((), 0.0, (), Failure(None, f"没能执行：{type(error).__name__}: {error}"))
            yield experiment, run


class LocalPool:
    """Some experiments at a time, on this machine."""

    def __init__(self, experiments: Sequence[Experiment], root: Path, jobs: int | None = None) -> None:
        """Prepare for `experiments` of the project at `root`, `jobs` at a time, by default one for each core."""
        self._experiments, self._root = experiments, root
        self._jobs = max(1, min(jobs or os.cpu_count() or 1, len(experiments)))
        self._memory = memory_limit(self._jobs)
        self._threads = ThreadPoolExecutor(self._jobs)
        self._processes: set[BaseProcess] = set()
        self._stopped = False

    def submit(self, experiment: Experiment) -> Future[Run]:
        """Have an experiment run when a place is free."""
        return self._threads.submit(run_isolated, experiment, self._root, self._memory, self._watch)

    @contextlib.contextmanager
    def _watch(self, process: BaseProcess) -> Iterator[None]:
        self._processes.add(process)
        if self._stopped:  # looked at after it was added, as __exit__ sets it before it looks at the processes
            process.kill()
        try:
            yield
        finally:
            self._processes.discard(process)

    def __enter__(self) -> Self:
        """Start importing what the experiments import."""
        remove_leftovers()
        start_server(experiment.path for experiment in self._experiments)
        return self

    def __exit__(self, *error: object) -> None:
        """Drop what has not run; kill what is running."""
        self._stopped = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in tuple(self._processes):
            process.kill()
        self._threads.shutdown()


class RemotePool:
    """Experiments on other machines, through any ``concurrent.futures.Executor`` that reaches them.

    The machines need the engine and the libraries in the same versions, and no shared folder: the experiments travel
    with the files of their chapter's folder.
    """

    def __init__(self, executor: Executor, root: Path) -> None:
        """Run experiments of the project at `root` by `executor`, which is shut down at the end."""
        self._executor, self._root = executor, root
        self._futures: list[Future[Run]] = []

    def submit(self, experiment: Experiment) -> Future[Run]:
        """Send an experiment away."""
        future = self._executor.submit(run_parcel, parcel_of(experiment, self._root))
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
    """An experiment with what it needs elsewhere: its folder's files by their path in the project, and its key."""

    experiment: Experiment
    name: str
    files: dict[str, bytes]
    key: str


def parcel_of(experiment: Experiment, root: Path) -> Parcel:
    """Pack an experiment of the project at `root`."""
    files = [path for path in experiment.path.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    name = experiment.path.relative_to(root).as_posix()
    return Parcel(
        experiment, name, {path.relative_to(root).as_posix(): path.read_bytes() for path in files}, key_of(experiment)
    )


def run_parcel(parcel: Parcel) -> Run:
    """Unpack an experiment in a temporary folder and run it, if this machine would give it the same key."""
    # Clusters run us in processes that may have no children of their own, as nobody would end these. We do.
    if multiprocessing.current_process().daemon:
        multiprocessing.current_process().daemon = False
    with tempfile.TemporaryDirectory(prefix=f"engine-{os.getpid()}-parcel-") as folder:
        root = Path(folder).resolve()
        for name, content in parcel.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        experiment = dataclasses.replace(parcel.experiment, path=root / parcel.name)
        if key_of(experiment) != parcel.key:
            made_of = ingredients(experiment)
            here = f"{made_of['machine']}，Python {made_of['python']}"
            return Run((), 0.0, (), Failure(None, f"执行它的机器上，引擎或库的版本与这里不同（那里是 {here}）"))
        return run_isolated(experiment, root, memory_limit(os.cpu_count() or 1))


def memory_limit(jobs: int) -> int:
    """Return the bytes one of `jobs` experiments may use: all together leave the machine a share."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(MEMORY, physical // (jobs + 1))
