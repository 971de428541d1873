"""Run many experiments side by side: on this machine, or on any pool that speaks ``concurrent.futures``."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, Self

from engine.common import cores, memory
from engine.experiments import Experiment
from engine.running.folders import remove_leftovers
from engine.running.isolation import IDLE, run_isolated
from engine.running.run import Failure, Run
from engine.running.server import start_server

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


def run_all(experiments: Sequence[Experiment], pool: Pool) -> Generator[tuple[Experiment, Run], None, None]:
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
                run = Run((), 0.0, {}, Failure(None, f"没能执行：{type(error).__name__}: {error}"))
            yield experiment, run


class LocalPool:
    """Some experiments at a time, on this machine."""

    def __init__(
        self, experiments: Sequence[Experiment], root: Path, jobs: int | None = None, idle: float = IDLE
    ) -> None:
        """Prepare for `experiments` of the project at `root`, `jobs` at a time, by default one for each core.

        One that neither computes nor ends for `idle` seconds is ended.
        """
        self._experiments, self._root, self._idle = experiments, root, idle
        self._jobs = max(1, min(jobs or cores(), len(experiments)))
        self._memory = memory_limit(self._jobs)
        self._threads = ThreadPoolExecutor(self._jobs)
        self._running: set[Callable[[], None]] = set()
        self._stopped = False

    def submit(self, experiment: Experiment) -> Future[Run]:
        """Have an experiment run when a place is free."""
        return self._threads.submit(run_isolated, experiment, self._root, self._memory, self._idle, self._watch)

    @contextlib.contextmanager
    def _watch(self, end: Callable[[], None]) -> Iterator[None]:
        self._running.add(end)
        if self._stopped:  # looked at after it was added, as __exit__ sets it before it looks at what is running
            end()
        try:
            yield
        finally:
            self._running.discard(end)

    def __enter__(self) -> Self:
        """Start importing what the experiments import."""
        remove_leftovers()
        start_server(experiment.path for experiment in self._experiments)
        return self

    def __exit__(self, *error: object) -> None:
        """Drop what has not run; kill what is running."""
        self._stopped = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for end in tuple(self._running):
            end()
        self._threads.shutdown()


def memory_limit(jobs: int) -> int:
    """Return the bytes one of `jobs` experiments may use: all together leave the machine a share."""
    return min(MEMORY, memory() // (jobs + 1))
