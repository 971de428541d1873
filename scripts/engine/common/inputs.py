"""What of the project a result may depend on: which files count, and the digest of a file or a folder.

Stands on the standard library alone: the Python processes that an experiment starts load it by its path (see
`engine.running.reads`).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable

LISTING = "/"
"""How the name of a folder ends of which the names in it count."""

TREE = "/**"
"""How the name of a folder ends of which all that is in it counts."""

_MADE = ("build", "site")  # what builds leave in the project's folder
_LIBRARIES = frozenset({"site-packages", "dist-packages"})
_ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def namer(root: str) -> Callable[[str], str | None]:
    """Return what names a file or folder of the project at `root`, by its absolute path, relative to the project.

    The name is None of what does not count: what is elsewhere, hidden at the top (``.venv``, ``.git``), made by a
    build, an installed library, bytecode, or the engine itself, which is in every key.
    """
    examples = os.path.realpath(os.path.join(root, "examples"))  # may be a link to elsewhere
    folders = ((root, ""), (examples, "examples/"))

    def name_of(path: str) -> str | None:
        for folder, prefix in folders:
            if path == folder:
                return prefix.rstrip("/") or "."
            if path.startswith(folder + os.sep):
                name = prefix + path[len(folder) + 1 :].replace(os.sep, "/")
                parts = name.split("/")
                made = parts[0] in _MADE or parts[0].startswith(".") or "__pycache__" in parts
                own = path == _ENGINE or path.startswith(_ENGINE + os.sep)
                return None if made or own or not _LIBRARIES.isdisjoint(parts) else name
        return None

    return name_of


def digest_of(path: str) -> str | None:
    """Return the SHA-256 of a file, of a folder's names (`LISTING`) or of all that is in it (`TREE`).

    What is not there, or cannot be read, has None. In folders, hidden names and bytecode do not count.
    """
    try:
        if path.endswith(TREE):
            return _digest_of_tree(path.removesuffix(TREE))
        if path.endswith(LISTING):
            return _digest_of_listing(path)
        return _digest_of_file(path)
    except (OSError, ValueError):  # the latter of a name that no file can have
        return None


def _digest_of_file(path: str) -> str | None:
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would keep us waiting
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_listing(path: str) -> str:
    with os.scandir(path) as entries:
        names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries if _counts(entry.name)]
    return _digest_of_names(names)


def _digest_of_tree(path: str) -> str | None:
    if not os.path.isdir(path):
        return None
    parts = []
    for folder, folders, files in os.walk(path):
        folders[:] = filter(_counts, folders)
        parts += [f"{os.path.relpath(folder, path)}/"]
        for file in filter(_counts, files):
            whole = os.path.join(folder, file)
            parts.append(f"{os.path.relpath(whole, path)}\0{digest_of(whole)}")
    return _digest_of_names(parts)


def _counts(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"


def _digest_of_names(names: list[str]) -> str:
    return hashlib.sha256("\0\0".join(sorted(names)).encode("utf-8", "surrogateescape")).hexdigest()
