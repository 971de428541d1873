"""The cache key: everything an experiment's result depends on that is known before it runs, and nothing else.

In the key: the file's name and the code cells with their names and lines (tracebacks show them), the modules of the
project that they import (and those import), the data they declare, the versions of Python, of the libraries imported
and of all that these require, the kind of machine, and the engine's own code that shapes a result. What else a run
reads and imports is seen while it runs and compared by the cache (see `engine.running.reads`). Prose, the words of
the docstring, captions, the clock, the project's folder and the user do not count.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
from pathlib import Path

from engine.common import TREE, Memo, digest_of, namer
from engine.experiments.experiment import Experiment
from engine.experiments.names import dotted_names
from engine.experiments.source import check_python, read_text

PACKAGES = "scripts"
"""The folder of the packages that the project itself installs."""

# What every result depends on, whether or not the experiment imports it.
_ALWAYS = ("ipython", "matplotlib")
# All that runs an experiment shapes its result, but for where it runs.
_SHAPES_RESULTS = ("running/*", "experiments/assertions.py")
_WHERE = ("running/pools.py", "running/remote.py", "running/background.py")


def key_of(experiment: Experiment, memo: Memo | None = None) -> str:
    """Return the key of an experiment: a hexadecimal SHA-256. `memo` may know already which libraries it needs.

    Raises:
        ExperimentError: a module of the project that it imports cannot be read, or is not Python.
    """
    canonical = json.dumps(ingredients(experiment, memo), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def ingredients(experiment: Experiment, memo: Memo | None = None) -> dict[str, object]:
    """Return what goes into the key, by name, so that a difference between two keys can be told."""
    modules = local_modules(experiment)
    imports = set(experiment.imports).union(*(_imports(path, dotted, experiment) for dotted, path in modules.items()))
    libraries = {name.split(".")[0] for name in imports} - modules.keys() - sys.stdlib_module_names
    return {
        "path": experiment.id,  # tracebacks show it, and the lines
        "cells": [[cell.name, cell.source, cell.raises, cell.line] for cell in experiment.cells],
        "modules": {name: digest_of(str(path)) for name, path in modules.items()},
        "reads": _declared(experiment),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "libraries": (memo or Memo()).get(library_versions, *sorted(libraries)),
        "engine": engine_version(),
    } | ({"environment": trial} if (trial := os.environ.get("ENGINE_ENVIRONMENT")) else {})


def local_modules(experiment: Experiment) -> dict[str, Path]:
    """Return the modules of the project that an experiment imports, directly or through one another, by dotted name.

    They are beside it or, as what the project itself installs, anywhere in the project.
    """
    found: dict[str, Path] = {}
    pending = list(experiment.imports)
    seen = set()
    while pending:
        name = pending.pop()
        parts = name.split(".")
        base = _folder_of(parts[0], experiment)
        if base is None or name in seen:
            continue
        seen.add(name)
        for depth in range(1, len(parts) + 1):
            dotted = ".".join(parts[:depth])
            whole = base.joinpath(*parts[:depth])
            for path in (whole.with_suffix(".py"), whole / "__init__.py"):
                if dotted not in found and path.is_file() and path != experiment.path:
                    found[dotted] = path
                    pending += _imports(path, dotted, experiment)
    return dict(sorted(found.items()))


def module_folders(experiment: Experiment) -> list[Path]:
    """Return the folders of the project, other than its own, that an experiment imports modules from."""
    folders = {_folder_of(name.split(".")[0], experiment) for name in local_modules(experiment)}
    return sorted(folder for folder in folders if folder and folder != experiment.path.parent)


def declared_files(experiment: Experiment) -> list[Path]:
    """Return the files that an experiment says it reads, and those in the folders that it says."""
    paths = [Path(os.path.normpath(experiment.path.parent / read)) for read in experiment.reads]
    return [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


def _folder_of(top: str, experiment: Experiment) -> Path | None:
    """Return the folder of the project that holds a module, or None: it is a library's, Python's, or nowhere."""
    for folder in (experiment.path.parent, _root_of(experiment) / PACKAGES):
        if folder.joinpath(f"{top}.py").is_file() or folder.joinpath(top).is_dir():
            return folder if namer(str(_root_of(experiment)))(str(folder / top)) else None
    place = None if top in sys.stdlib_module_names else _place_of(top, tuple(sys.path))
    return Path(place).parent if place and namer(str(_root_of(experiment)))(place) else None


@functools.cache
def _place_of(top: str, _: tuple[str, ...]) -> str | None:
    """Return where Python, with this ``sys.path``, would find a module: its file, or of a package its folder."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return folders[0] if folders else spec.origin if spec else None


def _root_of(experiment: Experiment) -> Path:
    return experiment.path.parents[experiment.id.count("/") + 1]


def _imports(path: Path, dotted: str, experiment: Experiment) -> set[str]:
    """Return the dotted names of what a module of the project imports, if it is Python."""
    name = path.relative_to(_root_of(experiment)).as_posix()
    tree = check_python(read_text(path, name), name, f"examples/{experiment.id}.py 导入了它")
    return dotted_names(tree, dotted if path.name == "__init__.py" else dotted.rpartition(".")[0])


def _declared(experiment: Experiment) -> dict[str, str | None]:
    """Return the digests of what an experiment says it reads, by name in the project."""
    found = {}
    for read in experiment.reads:
        path = Path(os.path.normpath(experiment.path.parent / read))
        name = os.path.relpath(path, _root_of(experiment)).replace(os.sep, "/")
        found[name] = digest_of(f"{path}{TREE}" if path.is_dir() else str(path))
    return found


def library_versions(*names: str) -> dict[str, str]:
    """Return the versions of the distributions that provide these modules, and of all that they require."""
    by_module = _distributions_by_module()
    pending = [*_ALWAYS, *(dist for name in names for dist in by_module.get(name, ()))]
    versions: dict[str, str] = {}
    while pending:
        name = _normalized(pending.pop())
        if name not in versions and (found := _version_and_requirements(name)):
            versions[name] = found[0]
            pending += found[1]
    return dict(sorted(versions.items()))


@functools.cache
def _distributions_by_module() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.cache
def _version_and_requirements(name: str) -> tuple[str, tuple[str, ...]] | None:
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    requires = [
        match.group()
        for line in distribution.requires or ()
        if "extra ==" not in line and (match := re.match(r"[\w.-]+", line))
    ]
    return distribution.version, tuple(requires)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def engine_version() -> str:
    """Return a digest of the engine's modules that shape a result: no number that someone must remember to raise."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in modules_that_shape_results())).hexdigest()


def modules_that_shape_results() -> list[Path]:
    """Return the engine's own files that are part of every key."""
    folder = Path(__file__).parents[1]
    files = {path for pattern in _SHAPES_RESULTS for path in folder.glob(pattern) if path.is_file()}
    return sorted(files - {folder / name for name in _WHERE})
