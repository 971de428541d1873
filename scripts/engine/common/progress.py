"""Tell the maintainer how far the experiments are: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engine.common.streams import Unfailing


class Reporter:
    """Writes to one stream; use it as a context manager around the runs."""

    def __init__(self, stream: TextIO | Unfailing | None = None, *, bar: bool = True) -> None:
        """Write to `stream`, by default stderr: stdout stays free for results. What it does not take is lost.

        Without `bar` only lines are written.
        """
        self._bar = bar
        file = stream if isinstance(stream, Unfailing) else Unfailing(stream or sys.stderr)
        self._console = Console(file=cast(TextIO, file), highlight=False, markup=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._total = self._done = 0

    def start(self, total: int, cached: int) -> None:
        """Say how many experiments are to run, and how many results are at hand."""
        self._total, self._done = total, 0
        if total == 0:
            return
        self.log(f"执行 {total} 个实验" + (f"（另有 {cached} 个取自缓存）" if cached else ""))
        if self._bar and self._console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
            )
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.add_task("", total=total)
            self._progress.start()

    def done(self, name: str, seconds: float, failed: bool) -> None:
        """Say that an experiment ended."""
        self._done += 1
        mark = "✗" if failed else "✓"
        self.log(f"[{self._done}/{self._total}] {mark} {name}" + ("" if failed else f"  {seconds:.1f} 秒"))
        if self._progress:
            self._progress.advance(self._progress.task_ids[0])

    def log(self, message: str) -> None:
        """Write a line."""
        (self._progress.console if self._progress else self._console).print(message)

    def __enter__(self) -> Reporter:
        """Nothing is shown before `start`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away, whatever happened."""
        if self._progress:
            self._progress.stop()
            self._progress = None
