"""Writing files: whole or not at all, and only where something changes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from engine.common.errors import Problem
from engine.common.project import Project

_UNFINISHED = re.compile(r"\.writing-[0-9a-f]{12}")


def unfinished_name() -> str:
    """Return a name that nobody has, for a file that is not whole yet."""
    return f".writing-{os.urandom(6).hex()}"


def is_unfinished(name: str) -> bool:
    """Whether it is such a name."""
    return _UNFINISHED.fullmatch(name) is not None


def remove_unfinished(project: Project) -> None:
    """Remove what a build that was killed left half-written among what is kept, a folder of the engine alone.

    What it left elsewhere is on the list of what is written (see `written`).
    """
    for folder, _, names in os.walk(project.kept):
        for name in names:
            if is_unfinished(name):
                with contextlib.suppress(OSError):
                    Path(folder, name).unlink()


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file only if its content differs, in one step, so that watchers and readers never see half a file."""
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        pass
    write_atomically(path, content)
    return True


def write_atomically(path: Path, content: bytes, unfinished: str | None = None) -> None:
    """Write a file so that, whatever happens, `path` holds either what it held before or all of `content`.

    Args:
        path: the file; its folder is made. Who may read it is up to the user's umask.
        content: all of it.
        unfinished: what the file is called until it is whole.

    Raises:
        OSError: it cannot be written; its ``filename`` is `path`, or the folder that cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(unfinished or unfinished_name())
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


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
