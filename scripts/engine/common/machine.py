"""What this process may use of the machine: fewer cores and less memory than the machine has, in a container."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def cores(root: Path = Path("/")) -> int:
    """Return how many cores this process may keep busy: its affinity and its control groups' quotas count.

    Args:
        root: where /proc and /sys are.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for group in _groups(root, "cpu") if (quota := _quota(group)) is not None]
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas)]))


def memory(root: Path = Path("/")) -> int:
    """Return how many bytes of memory this process may use: the machine's, or its control groups' limit.

    Args:
        root: where /proc and /sys are.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [
        number
        for group in _groups(root, "memory")
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
        if (number := _number(group / name)) is not None
    ]
    return min([physical, *limits])


def _quota(group: Path) -> float | None:
    """Return the cores that a control group may use in the mean, or None: as many as there are."""
    try:
        limit, period = (group / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        quota, length = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")  # version 1
        return quota / length if quota and length else None
    return int(limit) / int(period) if limit.isdecimal() else None


def _number(path: Path) -> int | None:
    """Return the number in a file, or None: no file, or a word ("max") or -1 that means no limit."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, of version 1 and 2, each with those above it.

    In a container the path may be that outside it, while what is mounted is its own group: then only that one is
    there to be read, and what is not there is skipped by whoever reads.
    """
    paths: dict[str, str] = {}  # by controller; version 2 has one for all
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    for line in _lines(root / "proc/self/mounts"):
        _, mount, kind, options, *_ = line.split(" ")
        name = controller if kind == "cgroup" and controller in options.split(",") else ""
        if (kind == "cgroup2" or name) and name in paths:
            own = PurePosixPath(paths[name].lstrip("/"))
            for part in (own, *own.parents):
                yield root / mount.lstrip("/") / part


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
