"""What the descendants of this process have used of the processor, and whether they are at work."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """A process at one moment.

    Attributes:
        pid: its number.
        parent: its parent's.
        born: with the number, tells it from a later one that is given the same number.
        own: seconds of processor time that it has used.
        ended: seconds that its children have used which have ended and been waited for, where that is known.
        active: whether it computes, wants to, or waits for the disk.
    """

    pid: int
    parent: int
    born: str
    own: float
    ended: float
    active: bool


class Usage:
    """Processor time of the descendants of this process, those that have ended included."""

    def __init__(self) -> None:
        """Nothing is used so far."""
        self._seen: dict[tuple[int, str], float] = {}
        self.seconds = 0.0

    def sample(self) -> bool:
        """Bring `seconds` up to date; return whether a descendant is active."""
        found = descendants()
        self._seen.update({(process.pid, process.born): process.own for process in found})
        waited_for = resource.getrusage(resource.RUSAGE_CHILDREN)
        counted = waited_for.ru_utime + waited_for.ru_stime + sum(process.own + process.ended for process in found)
        # The system counts nothing of a child that nobody waits for; what has been seen of it counts all the same.
        self.seconds = max(self.seconds, counted, sum(self._seen.values()))
        return any(process.active for process in found)


def descendants() -> list[Process]:
    """Return the living descendants of this process."""
    children: dict[int, list[Process]] = {}
    for process in _from_proc() if (_PROC / "self/stat").exists() else _from_ps():
        children.setdefault(process.parent, []).append(process)
    found, pending = [], [os.getpid()]
    while pending:
        of_one = children.pop(pending.pop(), [])
        found += of_one
        pending += [process.pid for process in of_one]
    return found


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end, so that none can leave (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # 36 is PR_SET_CHILD_SUBREAPER


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent, which has that number, ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # 1 is PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def end_descendants(leader: int) -> None:
    """Kill all descendants of this process, of which `leader` leads a session, and wait for them."""
    with contextlib.suppress(ChildProcessError):
        while True:
            # One that was started meanwhile falls to us when its parent ends: then there is somebody to wait for.
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                for process in descendants():
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(process.pid, signal.SIGKILL)
                os.waitpid(-1, 0)
    if sys.platform != "linux":  # orphans have gone to somebody else; but they are in the session still
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _from_proc() -> Iterator[Process]:
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended
                state, parent, *rest = _fields(folder)
                own, ended = (sum(map(int, rest[at : at + 2])) / _SECOND for at in (9, 11))
                active = state in "RD" or _has_active(folder)
                yield Process(int(folder.name), int(parent), rest[17], own, ended, active)


def _has_active(folder: Path) -> bool:
    """Whether a thread other than the main one is active."""
    with contextlib.suppress(OSError):
        return any(_fields(thread)[0] in "RD" for thread in (folder / "task").iterdir())
    return False


def _fields(folder: Path) -> list[str]:
    """Return the fields of a stat file from the state on; a name before it may hold anything."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _from_ps() -> Iterator[Process]:
    """Where there is no /proc: macOS."""
    command = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "time="]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as ps:
        lines = ps.communicate()[0].splitlines()
    for pid, parent, state, time in map(str.split, lines):
        if int(pid) != ps.pid:
            yield Process(int(pid), int(parent), "", _seconds(time), 0.0, state[0] in "RDU")


def _seconds(time: str) -> float:
    """Return the seconds of ``[[days-]hours:]minutes:seconds``."""
    days, _, clock = time.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)
