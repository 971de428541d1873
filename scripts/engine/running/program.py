"""What a file finds when Python runs it as a program: an experiment finds the same."""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.machinery
import linecache
import multiprocessing
import operator
import os
import sys
import types
import warnings
from pathlib import Path

from engine.experiments import Experiment, module_folders

_FEATURES = importlib.import_module("__future__")
_FUTURE = functools.reduce(
    operator.or_, (getattr(_FEATURES, name).compiler_flag for name in _FEATURES.all_feature_names)
)


def become_program(experiment: Experiment) -> types.ModuleType:
    """Make this process look like ``python FILE``; return the module ``__main__``, in which the cells are to run."""
    path = str(experiment.path)
    module = types.ModuleType("__main__", experiment.docstring or None)
    module.__dict__.update(
        {
            "__annotations__": {},
            "__builtins__": builtins,
            "__cached__": None,
            "__file__": path,
            "__loader__": importlib.machinery.SourceFileLoader("__main__", path),
        }
    )
    sys.modules["__main__"] = module
    sys.argv, sys.orig_argv = [path], [sys.executable, path]
    # As plain Python does; the project's own packages are installed here, but perhaps not where it is sent to.
    sys.path[:0] = [str(experiment.path.parent), *map(str, module_folders(experiment))]
    # What runs is what was read: the file may be saved meanwhile, and tracebacks are to show the lines that ran.
    lines = experiment.text.splitlines(keepends=True)
    linecache.cache[path] = (len(experiment.text), None, lines, path)
    # Children are counted from one, and named as those of a main process.
    process = multiprocessing.current_process()
    process.name = "MainProcess"
    process._identity = ()
    vars(importlib.import_module("multiprocessing.process"))["_parent_process"] = None
    return module


def future_flags(experiment: Experiment) -> int:
    """Return the compiler's flags for what the file imports from ``__future__``: they hold in all its cells.

    Raises:
        SyntaxError: Python would not run the file: ``await`` or ``return`` outside a function, say.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come when the cells are compiled
        code = compile(experiment.text.removeprefix("\ufeff"), str(experiment.path), "exec", dont_inherit=True)
    return int(code.co_flags & _FUTURE)


def callers_places() -> set[str]:
    """Return where modules would be found because of how the engine was started, not of how Python is set up."""
    said = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    original = getattr(multiprocessing.process, "ORIGINAL_DIR", None)
    return {"", original or "", str(Path(sys.executable).parent)} - {*said}
