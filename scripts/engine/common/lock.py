"""One build of a checkout at a time: what one executes, another need not execute too."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator

from engine.common.project import Project


@contextlib.contextmanager
def one_at_a_time(
    project: Project, log: Callable[[str], None], pause: Callable[[], None] | None = None
) -> Iterator[None]:
    """Wait for another build of the same checkout.

    Args:
        project: the checkout.
        log: is told that there is something to wait for.
        pause: is called again and again while waiting, and may raise; without it the wait cannot be ended but by a
            signal.
    """
    path = project.cache.parent / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError:  # a read-only checkout can still be rendered elsewhere, and two builds never harm each other
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log("另一个构建正在进行，等它结束……")
            while pause:
                pause()
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
            else:
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
