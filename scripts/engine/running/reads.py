"""Which data files of the project an experiment reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def record_reads(root: Path) -> set[str]:
    """Return a set that fills with the data files of the project that this process opens."""
    reads: set[str] = set()
    prefix = str(root) + os.sep
    ignored = (".venv", ".git", ".cache", "build", "site")

    def on_event(event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(args[0], str | bytes):
            return
        path = os.fsdecode(args[0])
        if not path.startswith(prefix) or path.endswith((".py", ".pyc")):
            return
        name = path[len(prefix) :].replace(os.sep, "/")
        if name.split("/", 1)[0] not in ignored:
            reads.add(name)

    sys.addaudithook(on_event)
    return reads
