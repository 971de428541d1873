"""Build beside the site and exchange the two at the end: whoever fails, or is killed, leaves the site as it was.

MkDocs empties the site's folder first and fills it then. Here it is given a hidden folder inside that folder instead,
which MkDocs itself would leave alone, and what it wrote there takes the old site's place only when nothing is left
that can go wrong. Inside, not beside: whatever the site's folder is, a link, a mount, the current folder of a web
server, it stays just that, and a rename never leaves the disk. What was in it MkDocs would have deleted and is
deleted; hidden files it keeps and are kept; a link is removed, never followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mkdocs.exceptions import PluginError
from mkdocs.utils import CountHandler

_PREFIX = ".mkdocs-building-"
_MARK = ".unfinished"
"""In each folder that is being built in, locked for as long as the build lives: without it, nothing is removed."""
_PREVIOUS = ".previous"
"""In it, during an exchange: the old site."""
_BUILDING = re.compile(rf"{re.escape(os.sep + _PREFIX)}\w+")


class Exchange:
    """One build's folder, from `begin` to `finish` or `drop`."""

    def __init__(self) -> None:
        """Nothing is being built."""
        self._config: Any = None
        self._site = self._folder = Path()
        self._made: list[Path] = []
        self._lock: IO[bytes] | None = None

    def begin(self, config: Any) -> None:
        """Have MkDocs write into a folder of its own.

        Raises:
            PluginError: there can be no such folder in the site's.
        """
        self.drop()
        site = Path(config.site_dir)
        try:
            made = [path for path in (site, *site.parents) if not path.exists()]
            site.mkdir(parents=True, exist_ok=True)
            self._made = made
            _remove_leftovers(site)
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=site))
            self._lock = (self._folder / _MARK).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            self._remove_made()
            raise PluginError(
                f"站点写不进 {site}：{error.strerror}\n    改好权限或腾出空间，或用 --site-dir 换一个文件夹"
            ) from error
        self._config, self._site = config, site
        config.site_dir = str(self._folder)

    def finish(self) -> None:
        """Put what was built in the place of the old site, unless the build is going to fail for its warnings.

        Raises:
            PluginError: something in the site's folder cannot be moved; all is as it was.
        """
        if self._config is None or any(handler.get_counts() for handler in _counters()):
            return
        new = [path for path in self._folder.iterdir() if path.name != _MARK]
        names = {path.name for path in new}
        old = [path for path in self._site.iterdir() if path.name in names or not path.name.startswith(".")]
        previous = self._folder / _PREVIOUS
        previous.mkdir()
        moved: list[tuple[Path, Path]] = []
        try:
            moved += (_move(path, previous) for path in old)
            moved += (_move(path, self._site) for path in new)
        except BaseException as error:
            for source, target in reversed(moved):
                target.rename(source)
            previous.rmdir()
            if isinstance(error, OSError):
                raise PluginError(f"站点换不成新的，仍是原来的：{error.filename}：{error.strerror}") from error
            raise
        previous.rename(self._folder / "done")
        self._made = []
        self.drop()

    def drop(self) -> None:
        """Remove what was built and not put in place."""
        if self._config is None:
            return
        config, self._config = self._config, None
        config.site_dir = str(self._site)
        if self._lock:
            self._lock.close()
        _remove(self._folder)
        self._remove_made()

    def _remove_made(self) -> None:
        with contextlib.suppress(OSError):  # somebody has put something into it
            for path in self._made:
                path.rmdir()
        self._made = []


class ShowSite(logging.Filter):
    """Has messages name the site's folder, not the one that is being built in."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the text of a record."""
        record.msg = _BUILDING.sub("", str(record.msg))
        return True


def _counters() -> Iterator[CountHandler]:
    """Yield what MkDocs counts warnings with when it is strict: after the last event of a build."""
    return (handler for handler in logging.getLogger("mkdocs").handlers if isinstance(handler, CountHandler))


def _move(path: Path, folder: Path) -> tuple[Path, Path]:
    return path, path.rename(folder / path.name)


def _remove_leftovers(site: Path) -> None:
    """Remove what builds left that were killed; those that are at work hold their lock."""
    for folder in site.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / _MARK).open("rb") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in (folder / _PREVIOUS).glob("*"):  # killed amid the exchange
                new = site / path.name
                if new.exists():
                    new.rename(folder / path.name)
                path.rename(new)
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder of ours; links in it are removed, not followed."""
    shutil.rmtree(folder, ignore_errors=True)
