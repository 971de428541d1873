"""The cache key: everything an experiment's result depends on, and nothing else.

In the key: the file's name and the code cells with their names and lines (tracebacks show them), every local module
they import (and those import), the versions of Python, of the libraries the experiment imports and of all that these
require, the kind of machine, and the engine's own code that shapes a result. Data files are not known before the run:
the kernel records which files of the project were read, and the cache compares them (see `cache`). Prose, the words
of the docstring, captions, the clock, the project's folder and the user do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.common import ExperimentError, Memo, Problem
from engine.experiments.experiment import Experiment
from engine.experiments.names import dotted_names

# What every result depends on, whether or not the experiment imports it.
_ALWAYS = ("ipython", "matplotlib")
_SHAPES_RESULTS = (
    "running/kernel",
    "running/capture",
    "running/outcome",
    "running/limits",
    "running/environment",
    "running/figures",
    "experiments/assertions",
)


def key_of(experiment: Experiment, memo: Memo | None = None) -> str:
    """Return the key of an experiment: a hexadecimal SHA-256. `memo` may know already which libraries it needs.

    Raises:
        ExperimentError: a module beside it that it imports is not Python.
    """
    canonical = json.dumps(ingredients(experiment, memo), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def ingredients(experiment: Experiment, memo: Memo | None = None) -> dict[str, object]:
    """Return what goes into the key, by name, so that a difference between two keys can be told."""
    modules = local_modules(experiment)
    imports = set(experiment.imports).union(*(dotted_names(_python(path, experiment)) for path in modules.values()))
    libraries = {name.split(".")[0] for name in imports} - modules.keys() - sys.stdlib_module_names
    return {
        "path": experiment.id,  # tracebacks show it, and the lines
        "cells": [[cell.name, cell.source, cell.raises, cell.line] for cell in experiment.cells],
        "modules": {name: _digest(path) for name, path in modules.items()},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "libraries": (memo or Memo()).get(library_versions, *sorted(libraries)),
        "engine": engine_version(),
    } | ({"environment": trial} if (trial := os.environ.get("ENGINE_ENVIRONMENT")) else {})


def local_modules(experiment: Experiment) -> dict[str, Path]:
    """Return the modules beside the experiment that it imports, directly or through one another, by dotted name."""
    folder = experiment.path.parent
    found: dict[str, Path] = {}
    pending: list[Iterable[str]] = [experiment.imports]
    while pending:
        for name in pending.pop():
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                dotted = ".".join(parts[:depth])
                base = folder.joinpath(*parts[:depth])
                for path in (base.with_suffix(".py"), base / "__init__.py"):
                    if path.is_file() and dotted not in found and path != experiment.path:
                        found[dotted] = path
                        pending.append(dotted_names(_python(path, experiment)))
    return dict(sorted(found.items()))


def _python(path: Path, experiment: Experiment) -> ast.Module:
    """Return what a module beside an experiment says, if it is Python."""
    name = f"examples/{Path(experiment.id).parent.as_posix()}/{path.relative_to(experiment.path.parent).as_posix()}"
    hint = f"examples/{experiment.id}.py 导入了它"
    try:
        return ast.parse(path.read_text("utf-8"))
    except SyntaxError as error:
        raise ExperimentError(Problem(name, error.lineno, f"语法错误：{error.msg}", hint)) from error
    except UnicodeDecodeError as error:
        raise ExperimentError(Problem(name, None, "不是 UTF-8 编码的文本", hint)) from error


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
    folder = Path(__file__).parents[1]
    return hashlib.sha256(b"".join((folder / f"{name}.py").read_bytes() for name in _SHAPES_RESULTS)).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
