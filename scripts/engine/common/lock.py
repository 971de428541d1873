"""One build at a time in each checkout."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def one_at_a_time(path: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Wait for another build that holds the lock at `path`: what it executes need not be executed twice.

    Where there can be no lock, go on without one and say so. A read-only cache needs none: nothing is kept there.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _wait(stack.enter_context(path.open("a")), path, log)
        yield


def _wait(file: IO[str], path: Path, log: Callable[[str], None]) -> None:
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log("另一个构建正在进行，等它结束……")
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:  # some network file systems have no locks
        log(f"{path.parent} 所在的文件系统加不了锁（{error.strerror}）：不要同时运行两个构建")
