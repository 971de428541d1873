"""The files that the engine makes in a project, and the list by which it knows its own from those made by hand.

The engine's files lie in folders that hold others as well (a page in docs/tags, a data set in docs/downloads). Only
what is on the list, and still is what the engine wrote there, is ever overwritten or deleted; what somebody else made
or changed is kept and said. Through a link nothing is deleted: what lies behind it may be anybody's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

from engine.common.errors import Problem
from engine.common.files import disk_errors, unfinished_name, write_atomically
from engine.common.guard import guarded
from engine.common.manifest import Manifest
from engine.common.project import Project

_AT_ONCE = 64
"""So many files are put on the list together: that waits for the disk."""


class _File(NamedTuple):
    """A file to be put on the list, and to be written if it has an unfinished name."""

    path: Path
    name: str
    digest: str
    unfinished: str = ""
    content: bytes = b""


class Writer(Protocol):
    """Whoever writes what is made."""

    def write(self, files: Iterable[tuple[Path, str]]) -> None:
        """Write each as soon as it is made."""


class Written:
    """What the engine made in a project: use it as a context manager around a build, under the project's lock."""

    def __init__(self, project: Project, log: Callable[[str], None], problems: list[Problem]) -> None:
        """Read the list; `problems` is added to, `log` told of what is removed or kept."""
        self._project, self._log, self._problems = project, log, problems
        self._manifest = Manifest(project, log)
        self._now: set[str] = set()
        self._links: dict[Path, bool] = {}
        self._replaced = 0
        for path in (project.root / name for name in self._manifest.unfinished):
            if not self._behind_link(path):
                with contextlib.suppress(OSError):
                    path.unlink()

    def write(self, files: Iterable[tuple[Path, str]]) -> None:
        """Write files where they are not what they should be; each that must not be written is a problem."""
        differing: list[_File] = []
        try:
            for path, text in files:
                name = self._name(path)
                self._now.add(name)
                with guarded(self._problems, name), disk_errors(self._project, self._problems):
                    differing += self._differing(path, name, text.encode())
                if len(differing) == _AT_ONCE:
                    self._write(differing)
                    differing = []
        finally:  # even if the next one could not be made
            self._write(differing)

    def remove_stale(self) -> None:
        """Remove what earlier builds wrote and this one, which was of all, did not: renamed cells, deleted pages."""
        self._remove([name for name in self._manifest.digests if name not in self._now])
        if not self._manifest.complete:
            self._manifest.complete = self._manifest.changed = True
            if unknown := self._unknown():
                self._log(
                    f"第一次列出生成的文件（{self._name(self._project.written)}）。"
                    f"另有 {len(unknown)} 个文件不是这次写的，都没有动：{_some(unknown)}。"
                    "其中旧版本留下的请手工删除，以后的由引擎和 make clean 删"
                )

    def remove_all(self) -> int:
        """Remove all that earlier builds wrote, but for what somebody has changed since; return how many files."""
        removed = self._remove(list(self._manifest.digests))
        with disk_errors(self._project, self._problems):
            if self._manifest.digests:
                self._manifest.save()
            else:
                self._project.written.unlink(missing_ok=True)
        return removed

    def __enter__(self) -> Written:
        """Nothing is written before there is something to write."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Bring the list up to date, whatever happened."""
        if self._replaced:
            folder = self._name(self._project.fragments.parent / "replaced")
            self._log(f"没有清单说明是谁写的 {self._replaced} 个旧文件换成了新的，旧的移到了 {folder}/")
        if self._manifest.changed:
            with disk_errors(self._project, self._problems):
                self._manifest.save()

    def _differing(self, path: Path, name: str, content: bytes) -> Iterator[_File]:
        """Yield what is to be done about a file, if anything."""
        digest = hashlib.sha256(content).hexdigest()
        if _content(path) != content:
            if self._may_write(path, name):
                yield _File(path, name, digest, unfinished_name(), content)
        elif self._manifest.digests.get(name) != [digest] and not path.is_symlink():
            yield _File(path, name, digest)

    def _write(self, files: list[_File]) -> None:
        with disk_errors(self._project, self._problems):
            self._manifest.begin([(file.name, file.digest, file.unfinished) for file in files])
            for file in files:
                with disk_errors(self._project, self._problems):
                    if file.unfinished:
                        write_atomically(file.path, file.content, file.unfinished)
                    self._manifest.digests[file.name] = [file.digest]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._project.root).as_posix()

    def _may_write(self, path: Path, name: str) -> bool:
        """Whether nobody's file would be lost; if not, `problems` says which."""
        hint = "移走、改名，或者不要了就删掉它，再运行一次"
        for folder in path.parents:
            if folder.is_dir():
                break
            if os.path.lexists(folder):
                self._problem(folder, f"这里要有一个文件夹来放 {name}，同名的文件挡住了它", hint)
                return False
        if path.is_dir():
            self._problem(path, "这里要写一个生成的文件，同名的文件夹挡住了它", hint)
            return False
        if not os.path.lexists(path):
            return True
        known = self._manifest.digests.get(name, [])
        if not path.is_symlink() and _digest(path) in known:
            return True
        if known:
            listed = self._name(self._project.written)
            many = f"许多文件都这样（例如用旧版本构建过），就删掉 {listed}：旧文件会移到 build/replaced/"
            self._problem(path, "引擎写的这个文件后来被改过，没有覆盖它", f"{hint}\n{many}")
        elif self._manifest.complete or path.is_symlink() or self._behind_link(path):
            self._problem(path, "这里要写一个生成的文件，而现有的不是引擎写的，没有覆盖它", hint)
        else:
            self._replace(path, name)
            return True
        return False

    def _problem(self, path: Path, what: str, hint: str) -> None:
        problem = Problem(self._name(path), None, what, hint)
        if problem not in self._problems:  # a file in the way of many
            self._problems.append(problem)

    def _replace(self, path: Path, name: str) -> None:
        """Put a file aside that is ours or somebody's, nobody knows."""
        aside = self._project.fragments.parent / "replaced" / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        number = 0
        while os.path.lexists(aside):
            number += 1
            aside = aside.with_name(f"{path.stem}-{number}{path.suffix}")
        path.rename(aside)
        self._replaced += 1

    def _remove(self, names: Iterable[str]) -> int:
        removed, kept = 0, []
        with disk_errors(self._project, self._problems):
            for name in names:
                path, known = self._project.root / name, self._manifest.digests[name]
                if self._behind_link(path):
                    continue
                if not path.is_symlink() and (digest := _digest(path)):
                    if digest in known:
                        path.unlink()
                        self._remove_empty(path.parent)
                        removed += 1
                    else:
                        kept.append(name)
                del self._manifest.digests[name]
                self._manifest.changed = True
        if removed:
            self._log(f"删除了 {removed} 个以前生成、现在不要的文件")
        if kept:
            self._log(f"{len(kept)} 个以前生成、现在不要的文件后来被改过，留着：{_some(kept)}")
        return removed

    def _remove_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # not empty
            while folder not in (self._project.docs, self._project.root):
                folder.rmdir()
                folder = folder.parent

    def _behind_link(self, path: Path) -> bool:
        """Whether one of the folders on the way from the project to a file is a link."""
        folder = path.parent
        if folder not in self._links:
            here = folder == self._project.root
            self._links[folder] = not here and (folder.is_symlink() or self._behind_link(folder))
        return self._links[folder]

    def _unknown(self) -> list[str]:
        """Return the files in the engine's folders that are not on the list; labs/ has files of others by design."""
        tops = [self._project.fragments, self._project.downloads, self._project.tag_pages, self._project.thumbnails]
        found = (Path(folder, file) for top in tops for folder, _, files in os.walk(top) for file in files)
        return sorted(name for path in found if (name := self._name(path)) not in self._manifest.digests)


def _content(path: Path) -> bytes | None:
    """Return what a file holds, or None where there is none that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(path: Path) -> str | None:
    content = _content(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _some(names: list[str]) -> str:
    return "、".join(names[:3]) + ("……" if len(names) > 3 else "")
