"""Run experiments behind somebody's back: what is wanted can change at any time; what no longer is, is ended."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from engine.common import cores
from engine.experiments import Experiment
from engine.running.folders import remove_leftovers
from engine.running.isolation import IDLE, run_isolated
from engine.running.pools import memory_limit
from engine.running.run import Failure, Run
from engine.running.server import stop_server

_NICENESS = 10
"""Of an experiment's process: building and showing pages goes before it."""


@dataclass
class _Slot:
    """An experiment that is running, and whether its result is still wanted."""

    experiment: Experiment
    wanted: bool = True
    end: Callable[[], None] | None = None


class Background:
    """Threads that take one experiment after another, each run in a process of its own, at low priority."""

    def __init__(
        self,
        root: Path,
        ended: Callable[[str, Experiment, Run], None],
        alone: Callable[[Callable[[], None]], AbstractContextManager[None]],
        known: Callable[[str, Experiment], bool],
        jobs: int | None = None,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            root: the project.
            ended: is told of each run by its key, in a thread of ours; not of those that nobody wants any more.
            alone: a context in which others execute nothing, held as long as there is something to do. It is given
                a function to call while it waits.
            known: whether an experiment need not be run, asked when its turn comes: another build may have.
            jobs: how many run side by side, by default one for each core.
        """
        self._root, self._ended, self._alone, self._known = root, ended, alone, known
        self.jobs = jobs or cores()
        self._queue: dict[str, Experiment] = {}
        self._running: dict[str, _Slot] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with what is wanted."""
        remove_leftovers()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def is_started(self) -> bool:
        """Whether anything will run that is wanted."""
        return self._thread is not None and not self._stopped

    def want(self, experiments: Mapping[str, Experiment]) -> None:
        """Run these, by their keys, in this order, and nothing else; what of them is running already goes on."""
        with self._changed:
            for key, slot in self._running.items():
                slot.wanted = key in experiments
                if not slot.wanted and slot.end:
                    slot.end()
            self._queue = {key: e for key, e in experiments.items() if key not in self._running}
            self._changed.notify_all()

    def prefer(self, id_: str) -> None:
        """Run this experiment next, if it is wanted."""
        with self._changed:
            self._queue = dict(sorted(self._queue.items(), key=lambda item: item[1].id != id_))

    def stop(self) -> None:
        """End all that is running; nothing runs on after that."""
        with self._changed:
            self._stopped = True
        self.want({})
        stop_server()  # it may still be importing
        if self._thread:
            self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._stopped:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopped)
            with contextlib.suppress(_StoppedError), self._alone(self._pause):
                threads = [threading.Thread(target=self._run_queue, daemon=True) for _ in range(self.jobs)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()

    def _pause(self) -> None:
        with self._changed:
            if self._changed.wait_for(lambda: self._stopped, timeout=0.3):
                raise _StoppedError

    def _run_queue(self) -> None:
        while taken := self._next():
            key, slot = taken
            run = None
            try:
                if not self._known(key, slot.experiment):
                    watch = functools.partial(self._watch, slot)
                    memory = memory_limit(self.jobs)
                    run = run_isolated(slot.experiment, self._root, memory, IDLE, watch, _NICENESS, shared=True)
            except Exception as error:  # no room for a temporary folder, say
                run = Run((), 0.0, {}, Failure(None, f"没能执行：{type(error).__name__}: {error}"))
            try:
                if slot.wanted and run:
                    self._ended(key, slot.experiment, run)
            finally:
                with self._changed:
                    del self._running[key]
                    self._changed.notify_all()

    def _next(self) -> tuple[str, _Slot] | None:
        """Return what to run next; None when nothing is left, and nothing runs beside which more could come."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or not self._running or self._stopped)
            if not self._queue:
                return None
            key = next(iter(self._queue))
            slot = self._running[key] = _Slot(self._queue.pop(key))
            return key, slot

    @contextlib.contextmanager
    def _watch(self, slot: _Slot, end: Callable[[], None]) -> Iterator[None]:
        slot.end = end
        if not slot.wanted:  # looked at after `end` was set: `want` says so before it looks for it
            end()
        try:
            yield
        finally:
            slot.end = None


class _StoppedError(Exception):
    """There is nothing to wait for any more."""
