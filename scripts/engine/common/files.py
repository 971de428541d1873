"""Writing files: whole or not at all, and only where something changes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.common.errors import Problem
from engine.common.project import Project

UNFINISHED = ".writing-"
"""How the name of a file begins that is not whole yet."""


def remove_unfinished(project: Project) -> None:
    """Remove what a build that was killed left half-written, wherever the engine writes."""
    for folder in project.written:
        for path in folder.rglob(f"{UNFINISHED}*"):
            with contextlib.suppress(OSError):
                path.unlink()


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file only if its content differs, in one step, so that watchers and readers never see half a file."""
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        pass
    write_atomically(path, content)
    return True


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, `path` holds either what it held before or all of `content`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_all(files: Iterable[tuple[Path, str]]) -> set[str]:
    """Write files, each as soon as it is made; return their paths."""
    written = set()
    for path, content in files:
        write_if_changed(path, content.encode())
        written.add(str(path))
    return written


@contextlib.contextmanager
def disk_errors(project: Project, problems: list[Problem]) -> Iterator[None]:
    """Turn a disk that is full or may not be written into a problem that says which file and why."""
    try:
        yield
    except OSError as error:
        path = project.relative(Path(error.filename)) if error.filename else "build/"
        what = f"写不进去：{error.strerror}"
        if all(problem.what != what for problem in problems):  # not once for each experiment
            problems.append(Problem(path, None, what, "腾出空间或改好权限，再运行一次"))
