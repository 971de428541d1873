"""Executed notebooks, by key. An entry is whole and right, or it is a miss that says why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.project import write_atomically

Notebook = dict[str, Any]
"""An executed notebook as nbformat 4 JSON; ``metadata.engine`` holds what the engine knows of the run."""


@dataclass(frozen=True)
class Cache:
    """A folder of executed notebooks.

    Attributes:
        folder: where the entries are; made when first written.
        root: the project, to which the data files that an entry depends on are relative.
        log: told of each entry that cannot be used, and why.
    """

    folder: Path
    root: Path
    log: Callable[[str], None]

    def load(self, key: str) -> Notebook | None:
        """Return the entry of this key, or None: absent, damaged, or a data file it read has changed."""
        path = self.path(key)
        try:
            stored = json.loads(path.read_bytes())
            notebook: Notebook = stored["notebook"]
            if stored["sha256"] != _digest(notebook) or notebook["metadata"]["engine"]["key"] != key:
                raise ValueError("校验和对不上")
            reads: dict[str, str | None] = notebook["metadata"]["engine"]["reads"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.log(f"缓存条目 {path.name} 已损坏，将重新执行（{error}）")
            return None
        return notebook if all(digest_of_file(self.root / name) == was for name, was in reads.items()) else None

    def store(self, key: str, notebook: Notebook) -> None:
        """Keep an executed notebook; a cache that cannot be written is reported, never fatal."""
        content = {"sha256": _digest(notebook), "notebook": notebook}
        try:
            write_atomically(self.path(key), json.dumps(content, ensure_ascii=False).encode())
        except OSError as error:
            self.log(f"写不进缓存 {self.folder}：{error.strerror}；结果仍可用，但下次要重新执行")

    def path(self, key: str) -> Path:
        """Return the file of an entry."""
        return self.folder / f"{key}.json"


def digest_of_file(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _digest(notebook: Notebook) -> str:
    return hashlib.sha256(json.dumps(notebook, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
