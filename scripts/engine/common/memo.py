"""Results of slow, pure functions, kept in a file between builds. Losing it costs time, nothing else."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.common.files import write_if_changed


class Memo:
    """Remembers what functions of text gave, as long as the engine and the installed libraries stay the same."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what `path` holds; without a path, or with a damaged file, start empty."""
        self._path = path
        self._known: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        if path:
            with contextlib.suppress(OSError, ValueError, RecursionError):
                stored = json.loads(path.read_bytes())
                if isinstance(stored, dict) and stored.get("environment") == environment():
                    self._known = dict(stored["results"])

    def get(self, function: Callable[..., Any], *arguments: str) -> Any:
        """Return ``function(*arguments)``; an exception passes through and is not remembered.

        Raises:
            TypeError: what it gave is not JSON.
        """
        text = json.dumps([function.__module__, function.__qualname__, *arguments])
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self._used:
            result = self._known[key] if key in self._known else function(*arguments)
            if key not in self._known:
                json.dumps(result)  # now, when it is known whose fault it is, rather than when all is written
            self._used[key] = result
        return self._used[key]

    def save(self, *, forget: bool) -> None:
        """Write the file; with `forget`, without what was not asked for. Failing to write is no failure."""
        if self._path:
            results = self._used if forget else self._known | self._used
            content = {"environment": environment(), "results": dict(sorted(results.items()))}
            with contextlib.suppress(OSError):
                write_if_changed(self._path, json.dumps(content, ensure_ascii=False).encode())


@functools.cache
def environment() -> str:
    """Return a digest of the engine's own code, of Python, and of the names and versions of all that is installed."""
    parts = [sys.version.encode()]
    parts += [path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    installed: set[str] = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            installed.update(path.name for path in Path(folder).iterdir() if path.suffix == ".dist-info")
    parts += sorted(name.encode() for name in installed)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
