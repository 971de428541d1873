"""Temporary folders: each is marked as the engine's and locked by the build that lives, so that what is left of a
build that was killed can be told from everything else, and only that is removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.common import Problem, UsageError

PREFIX = "executable-qa-engine-"
_MARK = ".executable-qa-engine"
_WORDS = b"A temporary folder of the executable Q&A's engine. Its build holds a lock on this file.\n"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a temporary folder of our own, and remove it at the end.

    Raises:
        OSError: it cannot be made.
    """
    folder, mark = _marked_folder()
    owner = os.getpid()
    try:
        yield folder
    finally:
        if os.getpid() == owner:  # not in a process that was forked from this one
            shutil.rmtree(folder, ignore_errors=True)
        mark.close()


def hold(folder: Path) -> IO[bytes]:
    """Have a temporary folder of another process last as long as what is returned is open.

    Raises:
        OSError: it has been removed.
    """
    mark = (folder / _MARK).open("rb")
    with contextlib.suppress(OSError):
        fcntl.flock(mark, fcntl.LOCK_SH)
    (folder / _MARK).stat()  # not removed before it was locked
    return mark


def _marked_folder() -> tuple[Path, IO[bytes]]:
    """Make a folder; return it with its mark, which is locked for as long as it is open."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            mark = (folder / _MARK).open("xb", buffering=0)
        except FileNotFoundError:  # another build took it for left, being empty
            continue
        with contextlib.suppress(OSError):  # a file system without locks: then nobody takes the folder for left
            fcntl.flock(mark, fcntl.LOCK_SH)
        mark.write(_WORDS)
        if (folder / _MARK).exists():  # as above, before it was locked
            return folder, mark
        mark.close()


def remove_leftovers() -> None:
    """Remove the temporary folders of builds that were killed before they could, and nothing else."""
    with contextlib.suppress(OSError):  # no temporary folder at all: whoever needs one will say so
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):  # not ours, still in use, or gone: another build removes it too
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder if it is marked as ours and nobody holds its lock.

    Raises:
        OSError: it is not, or somebody does.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return
    with contextlib.suppress(OSError):
        folder.rmdir()  # if it is empty: its build came no further
        return
    with os.fdopen(os.open(folder / _MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if mark.read(len(_WORDS) + 1) in (_WORDS, b"") and stat.S_ISREG(os.fstat(mark.fileno()).st_mode):
            shutil.rmtree(folder, ignore_errors=True)


def where_temporary_files_go() -> str | None:
    """Return what is to be said of it: that they go elsewhere than the user asked for; None if nothing is.

    Raises:
        UsageError: there is no place for them.
    """
    asked = next((f"{name}={os.environ[name]}" for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), None)
    try:
        taken = tempfile.gettempdir()
    except FileNotFoundError as error:
        what = f"没有能写的临时文件夹：{asked or '没有设 TMPDIR'}；/tmp 等处也不能写"
        raise UsageError(Problem("TMPDIR", None, what, "腾出空间，或用 TMPDIR=… 指定一个能写的文件夹")) from error
    if asked and os.path.abspath(asked.partition("=")[2]) != os.path.abspath(taken):  # noqa: PTH100
        return f"{asked} 不存在或不能写，临时文件夹放在 {taken}"
    return None
