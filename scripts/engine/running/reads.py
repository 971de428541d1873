"""Which files and folders of the project a run reads, each with its digest when it was first read.

Python reports what it opens, lists, imports and starts (``sys.addaudithook``). Processes that are forked inherit the
hook; other Python processes install it when they start, by a ``sitecustomize`` in the run's own folder. All write
what they read to one file. What libraries read past Python (C++), and other programs but for the files they are
given by name, nobody reports: an experiment declares it (``reads="…"``).

This file stands on the standard library alone: the processes that an experiment starts load it by its path.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

CHANGED = "changed"
"""Stands for the digest of what was read twice and was not the same."""

_OPENED = ("open", "import", "ctypes.dlopen", "sqlite3.connect")
_LISTED = ("os.listdir", "os.scandir")
_STARTED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
_EVENTS = frozenset((*_OPENED, *_LISTED, *_STARTED))
# Who looks for modules and loads them, by the file of the code that does so.
_IMPORTS = re.compile(
    r"<frozen (importlib|zipimport|runpy)|/(importlib|importlib_metadata|pkg_resources)/|/(runpy|pkgutil)\.py$"
)
_WORDS = re.compile(r"""[\s'"=;|&<>()]+""")
_STARTUP = """import sys

def load(path):
    names = {{"__name__": "engine_reads", "__file__": path}}
    with open(path, "rb") as file:
        exec(compile(file.read(), path, "exec"), names)
    return names

try:
    inputs, reads = load({inputs!r}), load({reads!r})
    reads["follow"]({record!r}, {own!r}, inputs["namer"]({root!r}), inputs["digest_of"])
finally:
    sys.path[:] = [path for path in sys.path if path != {folder!r}]
own = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # the one that ours stands before
except ImportError:
    sys.modules["sitecustomize"] = own
"""

NameOf = Callable[[str], "str | None"]
DigestOf = Callable[[str], "str | None"]


def record_reads(
    root: str, own: str, folder: str, name_of: NameOf, digest_of: DigestOf
) -> Callable[[], dict[str, str | None]]:
    """Follow from now on what this process and those that it starts read of the project.

    Args:
        root: the project.
        own: the experiment's file, which is in the key.
        folder: the run's own, for what must be written down.
        name_of: names, by its path, what counts (see `engine.common.namer`).
        digest_of: see there.

    Returns:
        What gives the digest, by its name in the project, of all that has been read.
    """
    record, startup = os.path.join(folder, "reads"), os.path.join(folder, "startup")
    os.mkdir(startup)
    with open(os.path.join(startup, "sitecustomize.py"), "w", encoding="utf-8") as file:
        inputs = digest_of.__code__.co_filename
        file.write(_STARTUP.format(inputs=inputs, reads=__file__, record=record, own=own, root=root, folder=startup))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([startup, *([before] if before else [])])
    follow(record, own, name_of, digest_of)
    return lambda: _collected(record)


def _collected(record: str) -> dict[str, str | None]:
    reads: dict[str, str | None] = {}
    try:
        with open(record, encoding="utf-8") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            name, digest = json.loads(line)
        except ValueError:  # of a process that was killed while it wrote
            continue
        reads[name] = CHANGED if reads.get(name, digest) != digest else digest
    return dict(sorted(reads.items()))


def follow(record: str, own: str, name_of: NameOf, digest_of: DigestOf) -> None:
    """Append what this process reads of the project to the file `record`; see `record_reads`."""
    sys.addaudithook(_Follower(record, own, name_of, digest_of))


class _Follower:
    """The audit hook."""

    def __init__(self, record: str, own: str, name_of: NameOf, digest_of: DigestOf) -> None:
        self._record, self._own, self._name_of, self._digest_of = record, own, name_of, digest_of
        self._folder = os.path.dirname(record) + os.sep  # what is written there is the run's own
        self._known: dict[str, tuple[Any, str | None]] = {}
        self._written: set[str] = set()
        self._here = threading.local()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in _EVENTS or getattr(self._here, "busy", False):
            return
        self._here.busy = True
        try:
            caller = sys._getframe(1)
            by_import = bool(_IMPORTS.search(caller.f_code.co_filename))
            stale = by_import and event == "open" and self._is_bytecode(args[0])
            if not stale:
                for path in self._paths(event, args, by_import):
                    if not path.endswith("/") or os.path.isdir(path) or self._asks(caller):
                        self._take(path)
        except Exception:  # an odd argument: what was called says so itself
            stale = False
        finally:
            self._here.busy = False
        if stale:
            # Bytecode holds the time of its source in whole seconds: what was saved twice in one would not be seen.
            raise PermissionError("bytecode of the project is not used")

    def _asks(self, frame: types.FrameType | None) -> bool:
        """Whether the project's own code asks, and no library that looks for its parts wherever they might be."""
        while frame:
            file = frame.f_code.co_filename
            if "site-packages" in file or "dist-packages" in file:
                return False
            if self._name_of(file) is not None:
                return True
            frame = frame.f_back
        return True

    def _is_bytecode(self, path: Any) -> bool:
        if not isinstance(path, str) or "__pycache__" not in path:
            return False
        folder = path.partition("__pycache__")[0]
        return self._name_of(os.path.abspath(folder)) is not None

    def _paths(self, event: str, args: tuple[Any, ...], by_import: bool) -> Iterator[str]:
        """Yield the absolute paths that an event says are read."""
        if event == "open":
            path, _, flags = args
            if isinstance(path, int):
                return
            path = os.path.abspath(os.fsdecode(path))
            if (flags & os.O_ACCMODE) == os.O_WRONLY or flags & os.O_TRUNC:
                self._written.add(path)
            elif path not in self._written and not (by_import and path == self._own):
                yield path
        elif event in _LISTED:
            if not by_import:  # which lists the folders it looks for modules in
                folder = args[0]
                if isinstance(folder, int):
                    folder = os.readlink(f"/proc/self/fd/{folder}")
                yield os.path.abspath(os.fsdecode(folder if folder is not None else ".")) + "/"
        elif event == "sqlite3.connect":
            yield from _database(args[0])
        elif event in _STARTED:
            yield from self._given(event, args)
        elif path := args[1 if event == "import" else 0]:
            yield os.path.abspath(os.fsdecode(path))

    def _given(self, event: str, args: tuple[Any, ...]) -> Iterator[str]:
        """Yield the files and folders that are among the arguments of a program."""
        folder = args[2] if event == "subprocess.Popen" and args[2] else "."
        for argument in _flat(args[:2] if event != "os.spawn" else args[1:3]):
            text = os.fsdecode(argument)
            for word in {text, *_WORDS.split(text)}:
                path = os.path.abspath(os.path.join(os.fsdecode(folder), word)) if word else ""
                name = path and self._name_of(path)
                if name and name != "." and os.path.exists(path):
                    yield f"{path}/**" if os.path.isdir(path) else path

    def _take(self, path: str) -> None:
        ending = next((ending for ending in ("/**", "/") if path.endswith(ending)), "")
        name = self._name_of(path.removesuffix(ending))
        if name is None or path.startswith(self._folder):
            return
        name += ending
        state = _state(path.removesuffix(ending)) if ending != "/**" else None
        known = self._known.get(name)
        if known and state is not None and known[0] == state:
            return
        digest = self._digest_of(path)
        self._known[name] = state, digest
        if known and known[1] == digest:
            return
        # By its name and at once: whatever descriptors the experiment closes, and however it ends.
        descriptor = os.open(self._record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps([name, digest]).encode() + b"\n")
        finally:
            os.close(descriptor)


def _state(path: str) -> tuple[int, int, int] | None:
    """Return what changes with the content of a file or folder, or None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _database(name: Any) -> Iterator[str]:
    text = os.fsdecode(name)
    if text.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        text = unquote(urlsplit(text).path)
    if text and text != ":memory:":
        yield os.path.abspath(text)


def _flat(value: Any) -> Iterator[Any]:
    """Yield the texts and paths in a value, at whatever depth."""
    if isinstance(value, str | bytes | os.PathLike):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _flat(part)
