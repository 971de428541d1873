"""Take the paths of this machine out of what a run says: the same text, wherever it ran and whoever ran it."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

SCRATCH = "scratch"
"""Of a run's folder, the part that is the experiment's own: its current and its temporary folder."""

# Part of what others write, too; and they tell nothing of this machine.
_COMMON = {"/", "/usr", "/usr/local", "/opt", "/home", "/tmp", "/var"}


def without_machine(root: Path, folder: Path) -> Callable[[str], str]:
    """Return a function that replaces this machine's paths in a text by short ones that are the same everywhere.

    ``examples/…`` stands for files of the project, ``torch/…`` and ``json/…`` for those of libraries, installed or
    Python's own, ``/tmp/…`` for temporary files, ``~`` for the home folder, ``python`` for the interpreter.

    Args:
        root: the project.
        folder: where the run keeps its files.
    """
    short: dict[str, str] = {}
    libraries: set[str] = set()
    for path, name in _known(folder):
        for form in {path, os.path.realpath(path)}:
            short.setdefault(form, name)
    for path in [str(root), *_libraries()]:
        for form in {path, os.path.realpath(path)}:
            libraries.add(form)
            short[form] = "." if path == str(root) else Path(path).name
    paths = sorted(short, key=len, reverse=True)
    pattern = re.compile(f"({'|'.join(map(re.escape, paths))})(/|(?![\\w-]|\\.\\w))")

    def replace(match: re.Match[str]) -> str:
        before = match.string[max(0, match.start() - 2) : match.start()]
        if re.search(r"[\w.~-]\Z", before) and not re.fullmatch(r"\\[nrt]", before):
            return match.group()  # the end of a longer path
        path, separator = match.groups()
        return "" if separator and path in libraries else short[path] + separator

    return lambda text: pattern.sub(replace, text)


def _known(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield folders and programs with what stands for them."""
    for path in folder, folder / SCRATCH:
        yield str(path), "/tmp"
    if sys.executable:
        yield sys.executable, "python"
    home = os.environ.get("HOME", "")
    for place, name in (sys.prefix, ".venv"), (sys.base_prefix, "python"), (home.rstrip("/"), "~"):
        if place.startswith("/") and place not in _COMMON:
            yield place, name


def _libraries() -> Iterator[str]:
    """Yield the folders that modules are imported from."""
    yield from (path for path in sys.path if path.endswith(("/site-packages", "/dist-packages")))
    yield from (path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(name)))
