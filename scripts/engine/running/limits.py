"""What an experiment's process may take, and how it says where it is."""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
import time
from pathlib import Path
from typing import IO

FILE_LIMIT = 2**30
"""Bytes of the largest file that an experiment can write; what it prints from C code is one."""
LAST_WORDS = signal.SIGXCPU
"""The signal at which an experiment's process writes to its trail where it is, before it is ended."""


def confine(memory: int) -> None:
    """Limit this process: `memory` bytes of address space more than it has, no core dump, no endless file."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, FILE_LIMIT)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


def _limit(kind: int, value: int) -> None:
    """Lower a limit; where the user's own is lower already, that one holds."""
    lowest = min([value, *(own for own in resource.getrlimit(kind) if own != resource.RLIM_INFINITY)])
    resource.setrlimit(kind, (lowest, lowest))


def leave_trail(file: IO[str]) -> None:
    """Have this process write to `file` where it is when it dies of an error or is about to be ended."""
    faulthandler.enable(file)
    faulthandler.register(LAST_WORDS, file)


def end_trail() -> None:
    """Let the trail's file go."""
    faulthandler.unregister(LAST_WORDS)
    faulthandler.disable()


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
