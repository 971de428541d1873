"""Executed notebooks, by experiment and key. An entry is whole and right, or it is a miss that says why."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.common import digest_of, write_atomically

Notebook = dict[str, Any]
"""An executed notebook as nbformat 4 JSON; ``metadata.engine`` holds what the engine knows of the run."""

KEPT = 8
"""Entries kept of one experiment: what it was on other branches, and before."""


@dataclass(frozen=True)
class Cache:
    """A folder of executed notebooks.

    Attributes:
        folder: where the entries are; made when first written.
        root: the project, to which the files and folders that an entry depends on are relative.
        log: told of each entry that cannot be used, and why.
    """

    folder: Path
    root: Path
    log: Callable[[str], None]

    def load(self, id_: str, key: str) -> Notebook | None:
        """Return an experiment's entry of this key, or None: absent, damaged, or what it read has changed."""
        notebook = self._read(self.path(id_, key))
        return notebook if notebook and not self.changed_reads(notebook) else None

    def knows(self, id_: str) -> bool:
        """Whether an experiment has an entry of any key."""
        return bool(self._entries(id_))

    def latest(self, id_: str) -> Notebook | None:
        """Return what was last stored of an experiment under whatever key, or None."""
        entries = sorted(self._entries(id_), key=_modified, reverse=True)
        return next((notebook for path in entries if (notebook := self._read(path, quiet=True))), None)

    def last_seconds(self, id_: str) -> float | None:
        """Return the CPU seconds that an experiment took when it last ran, or None."""
        last = self.latest(id_)
        return last["metadata"]["engine"]["seconds"] if last else None

    def changed_reads(self, notebook: Notebook) -> list[str]:
        """Return the files and folders that the notebook's run read and that are not what they were."""
        return changed_reads(self.root, notebook["metadata"]["engine"]["reads"])

    def store(self, id_: str, key: str, notebook: Notebook) -> None:
        """Keep an executed notebook; a cache that cannot be written is reported, never fatal."""
        content = {"sha256": _digest(notebook), "notebook": notebook}
        try:
            write_atomically(self.path(id_, key), json.dumps(content, ensure_ascii=False).encode())
            for old in sorted(self._entries(id_), key=_modified, reverse=True)[KEPT:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            self.log(f"写不进缓存 {self.folder}：{error.strerror}；结果仍可用，但下次要重新执行")

    def path(self, id_: str, key: str) -> Path:
        """Return the file of an entry."""
        return self.folder / id_ / f"{key}.json"

    def _entries(self, id_: str) -> list[Path]:
        return list((self.folder / id_).glob("*.json"))

    def _read(self, path: Path, quiet: bool = False) -> Notebook | None:
        try:
            stored = json.loads(path.read_bytes())
            notebook: Notebook = stored["notebook"]
            engine = notebook["metadata"]["engine"]
            named = engine["key"] == path.stem and isinstance(engine["reads"], dict)
            if not named or stored["sha256"] != _digest(notebook):
                raise ValueError("校验和对不上")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            if not quiet:
                self.log(f"缓存条目 {path.name} 已损坏，将重新执行（{error}）")
            return None
        return notebook


def changed_reads(root: Path, reads: Mapping[str, str | None]) -> list[str]:
    """Return the names of what was read in the project at `root` that has not the digest that is given with it."""
    return [name for name, was in reads.items() if digest_of(f"{root}/{name}") != was]


def _modified(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _digest(notebook: Notebook) -> str:
    return hashlib.sha256(json.dumps(notebook, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
