"""One build at a time in each checkout: what one executes, another need not execute too."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def one_at_a_time(path: Path, log: Callable[[str], None], pause: Callable[[], None] | None = None) -> Iterator[None]:
    """Wait for another build that holds the lock at `path`.

    Where there can be no lock, go on without one and say so. A read-only cache needs none: nothing is kept there.

    Args:
        path: the file to lock; made where it is missing.
        log: is told that there is something to wait for.
        pause: is called again and again while waiting, and may raise; without it the wait cannot be ended but by a
            signal.
    """
    with contextlib.ExitStack() as stack:
        file = None
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a"))
        if file:
            _wait(file, path, log, pause)
        yield


def _wait(file: IO[str], path: Path, log: Callable[[str], None], pause: Callable[[], None] | None) -> None:
    try:
        if _taken(file):
            return
        log("另一个构建正在进行，等它结束……")
        while pause:
            pause()
            if _taken(file):
                return
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:  # some network file systems have no locks
        log(f"{path.parent} 所在的文件系统加不了锁（{error.strerror}）：不要同时运行两个构建")


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
