"""The process between the server and an experiment: it watches what that takes, ends it, and leaves nothing of it.

It is the parent of the experiment's process and, on Linux, of all that is left over from it, however it was started:
so what the experiment uses is counted whole, and nothing outlives it. It ends with the connection to whoever asked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import shutil
import signal
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.running.limits import LAST_WORDS
from engine.running.processes import Usage, adopt_orphans, end_descendants, end_with_parent

_FORM = struct.Struct("!8scd")
_MARK = b"\0verdict"
_STEP = 5.0
"""Most seconds between two looks."""
_QUIET = 0.02
"""The share of one core below which a process does not compute but only wakes up to look whether it may go on."""


@dataclass(frozen=True)
class Bounds:
    """What an experiment may take: seconds of processor time, and seconds in which it neither computes nor ends."""

    processor: float
    idle: float


@dataclass(frozen=True)
class Verdict:
    """How an experiment's process ended.

    Attributes:
        kind: ``e`` it ended, with the status `value`, negative for a signal; ``p`` it had used `value` seconds of
            processor time; ``u`` it had used the `value` seconds that the user allows a process; ``i`` it neither
            computed nor ended for `value` seconds; ``s`` it could not be started, for the system's error number
            `value`; ``c`` nobody waited for it any more.
        value: see there.
    """

    kind: str
    value: float

    def packed(self) -> bytes:
        """Return it as what is sent last."""
        return _FORM.pack(_MARK, self.kind.encode(), self.value)


def take_verdict(data: bytes) -> tuple[bytes, Verdict | None]:
    """Split what was received into what the experiment sent and the verdict: None if the supervisor itself died."""
    if len(data) < _FORM.size or not data[-_FORM.size :].startswith(_MARK):
        return data, None
    _, kind, value = _FORM.unpack(data[-_FORM.size :])
    return data[: -_FORM.size], Verdict(kind.decode(), value)


def supervise(connection: socket.socket, bounds: Bounds, trail: Path, work: Callable[[], None]) -> None:
    """Do `work` in a child of this process, end what has become of it, and send the verdict.

    Args:
        connection: to whoever waits; when the other end is closed or has nothing more to say, the child is ended.
        bounds: the limits.
        trail: the file in which the child, told by a signal, says where it is. Its folder is removed if nobody waits.
        work: what to do.
    """
    adopt_orphans()
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    own = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        verdict = Verdict("s", error.errno or errno.EAGAIN)
    else:
        if child == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(reader)
            os.close(writer)
            end_with_parent(own)
            os.register_at_fork(after_in_child=connection.close)  # what it forks has nothing to say to whoever waits
            work()
            os._exit(0)
        verdict = _watch(child, connection, reader, bounds)
        if verdict.kind in "pi":
            _ask_where(child, trail)
        end_descendants(child)
    try:
        connection.sendall(verdict.packed())
    except OSError:  # whoever waited is gone
        shutil.rmtree(trail.parent, ignore_errors=True)


def _watch(child: int, connection: socket.socket, wakeup: int, bounds: Bounds) -> Verdict:
    """Wait until the child has ended or is to be ended."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    usage = Usage()
    quiet, looked = 0.0, time.monotonic()
    while True:
        # With all cores the limit cannot be reached sooner.
        left = (bounds.processor - usage.seconds) / (os.cpu_count() or 1)
        step = min(max(left, 0.1), bounds.idle / 8, _STEP)
        while (waiting := looked + step - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(waiting * 1000 + 1):
                if descriptor != wakeup:
                    return Verdict("c", 0)
                with contextlib.suppress(BlockingIOError):
                    os.read(wakeup, 4096)
            if (status := _status(child)) is not None:
                return _ended(status)
        used, passed = usage.seconds, time.monotonic() - looked
        looked += passed
        active = usage.sample()
        if usage.seconds > bounds.processor:
            return Verdict("p", usage.seconds)
        # A process that wants the processor and does not get it is active. Where nobody got on, this one included
        # (a machine that slept), the time does not count.
        if active or usage.seconds - used > _QUIET * passed:
            quiet = max(0.0, quiet - 10 * passed)
        else:
            quiet += min(passed, 2 * step)
        if quiet >= bounds.idle:
            return Verdict("i", quiet)


def _ended(status: int) -> Verdict:
    allowed = resource.getrlimit(resource.RLIMIT_CPU)[0]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    of_time = status in (-signal.SIGKILL, -signal.SIGXCPU) and allowed != resource.RLIM_INFINITY
    if of_time and used.ru_utime + used.ru_stime > allowed - 0.5:
        return Verdict("u", allowed)
    return Verdict("e", status)


def _status(child: int) -> int | None:
    """Wait for all children that have ended; return the status of this one if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            if ended[0] == child:
                found = os.waitstatus_to_exitcode(ended[1])
    return found


def _ask_where(child: int, trail: Path) -> None:
    """Have the child write where it is; wait for that, but not for ever: it may not be able to."""
    before = size = _size(trail)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(child, LAST_WORDS)
        for _ in range(100):
            time.sleep(0.05)
            last, size = size, _size(trail)
            if last == size > before or _status(child) is not None:
                return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
