"""Wall time, processor time and memory of a command, with all that it starts."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_TAIL = 3000


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock, seconds of processor time, and its main process's peak in MiB."""

    wall: float
    cpu: float
    peak: float


class CommandError(Exception):
    """A command failed; the message ends with what it printed last."""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ) -> Cost:
    """Run a command in `folder` and measure it, processes that outlive it included.

    Raises:
        CommandError: it ended with another status than 0.
    """
    # Orphans come to us instead of init, so that their processor time is counted too.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    log = folder / "bench.log"
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=output, stderr=output)
        _, status, own = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    _reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        end = log.read_text(errors="replace")[-_TAIL:]
        raise CommandError(f"{' '.join(map(str, command))}（状态 {process.returncode}）：\n{end}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, own.ru_maxrss / 1024)


def _reap() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
