"""What an experiment's process may take, and what may outlive it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import time
from pathlib import Path

FILE_LIMIT = 2**30
"""Bytes of the largest file that an experiment can write; what it prints from C code is one."""


def confine(memory: int) -> None:
    """Limit this process: `memory` bytes of address space more than it has, no core dump, no endless file."""
    if sys.platform == "linux":
        # Die with the server: no experiment outlives a build that was killed.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    os.setsid()  # its children are in one group with it, to be ended with it
    # What an experiment starts itself, it starts as under plain Python, not from the engine's server.
    multiprocessing.set_start_method(None, force=True)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
