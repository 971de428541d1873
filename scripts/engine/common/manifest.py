"""The list of the files that the engine made in a project.

In lines of JSON: ``{"complete": …, "files": n}``, then n times ``[path, [SHA-256, …]]``, the state after the last
build; then what a build has begun since, ``[path, [SHA-256], unfinished name]``, each before it is written. A build
may so be killed at any moment: the next one knows all that it left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from engine.common.files import is_unfinished, write_atomically
from engine.common.project import Project


class Manifest:
    """The list, as it is now.

    Attributes:
        digests: of each file, by its path in the project, what it may hold if the engine wrote it.
        complete: whether the list names all that earlier builds wrote. Where there was none, it is not known whether
            an earlier version's build, or one whose list was lost, has left files that are not on it.
        unfinished: of a build that was killed, what may be left half-written.
        changed: whether the list differs from its file.
    """

    def __init__(self, project: Project, log: Callable[[str], None]) -> None:
        """Read the list; `log` is told if it cannot be read."""
        self._project, self._begun = project, False
        self.digests: dict[str, list[str]] = {}
        self.unfinished: list[str] = []
        self.changed = False
        self.complete = not (project.cache.is_dir() or project.fragments.is_dir())
        try:
            head, *lines = project.written.read_bytes().decode().split("\n")
            values = json.loads(head)
            self.complete, count = bool(values["complete"]), int(values["files"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError) as error:
            log(f"{project.written.name} 读不出来（{error}）；生成的文件要重新认一遍，一个也不删")
            return
        self._read(lines[:count])
        self.changed = bool(self._read(lines[count:]))

    def _read(self, lines: Iterable[str]) -> int:
        """Take over what lines say; return how many there are."""
        read = 0
        for line in lines:
            try:
                name, digests, *others = json.loads(line)
                inside = self._is_ours(name)
                unfinished = [str(PurePosixPath(name).with_name(other)) for other in others if is_unfinished(other)]
            except (ValueError, TypeError):  # the last line of a build that was killed
                continue
            if inside:
                self.add(name, digests)
                self.unfinished += unfinished
                read += 1
        return read

    def _is_ours(self, name: str) -> bool:
        path = self._project.root / name
        return ".." not in path.parts and any(path.is_relative_to(folder) for folder in self._project.made)

    def add(self, name: str, digests: Iterable[str]) -> None:
        """Put on the list that a file may hold this as well."""
        self.digests[name] = [*self.digests.get(name, []), *digests]

    def begin(self, files: Iterable[tuple[str, str, str]]) -> None:
        """Put on the list, and on disk, what is about to be written: path, digest, unfinished name.

        Raises:
            OSError: it cannot be written down.
        """
        lines = [[name, [digest], unfinished] for name, digest, unfinished in files]
        if not lines:
            return
        if not self._begun:
            self.save(even_empty=True)  # what is appended needs a head before it
            self._begun = True
        self.changed = True
        with self._project.written.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        for name, digest, _ in files:
            self.add(name, [digest])

    def save(self, *, even_empty: bool = False) -> None:
        """Write the list down as it is; one that is empty and was never written only if that is asked for.

        Raises:
            OSError: it cannot be written.
        """
        path = self._project.written
        if not even_empty and not self.digests and self.complete and not path.exists():
            return
        head: dict[str, object] = {"complete": self.complete, "files": len(self.digests)}
        lines = [head, *([name, digests] for name, digests in sorted(self.digests.items()))]
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.unlink(missing_ok=True)  # of a build that was killed
        content = "".join(json.dumps(line) + "\n" for line in lines)
        write_atomically(path, content.encode(), unfinished.name)
        self.changed = False
