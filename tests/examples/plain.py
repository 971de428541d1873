"""Run a script as ``python script.py`` would, but forked from a process that has the heavy libraries imported."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAVY = ["torch", "torchvision", "matplotlib.pyplot", "sklearn.datasets", "sklearn.svm", "optuna"]
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class Done:
    """How a script ended, and all that it wrote."""

    returncode: int
    stdout: str
    stderr: str


def forking_context() -> Any:
    """Return a context whose processes come with the heavy libraries: importing them costs more than most scripts."""
    os.environ.update(_ENVIRONMENT)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", *_HEAVY])
    return context


def run_plain(context: Any, script: Path, folder: Path, seconds: float) -> Done:
    """Run a script in `folder`, in a process of its own; a hang is ended and is a failure."""
    out, err = folder / "stdout", folder / "stderr"
    process = context.Process(target=_child, args=(script, folder, out, err))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    return Done(process.exitcode, *(path.read_text("utf-8") if path.exists() else "" for path in (out, err)))


def _child(script: Path, folder: Path, *files: Path) -> None:
    os.chdir(folder)
    for descriptor, path in zip((1, 2), files, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1)
    sys.argv = [str(script)]
    sys.path[0:0] = [str(script.parent)]
    multiprocessing.set_start_method(None, force=True)
    status = 0
    try:
        runpy.run_path(str(script), run_name="__main__")
    except BaseException:
        traceback.print_exc()
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
