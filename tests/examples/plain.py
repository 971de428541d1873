"""Run scripts as ``python script.py`` would, but forked from a process that has the heavy libraries imported.

``python -m tests.examples.plain FOLDER SCRIPT...`` runs them side by side and writes what each gave to FOLDER/0.json
and so on, as soon as it is there.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import runpy
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAVY = ["torch", "torch._dynamo", "torchvision", "matplotlib.pyplot", "sklearn.datasets", "sklearn.svm", "optuna"]
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
    os.nice(10)
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


def main(folder: Path, scripts: list[Path]) -> None:
    """Run all, as many at once as there are cores."""
    context = forking_context()

    def run(number: int) -> None:
        home = folder / str(number)
        home.mkdir()
        done = run_plain(context, scripts[number], home, 600)
        unfinished = folder / f"{number}.part"
        unfinished.write_text(json.dumps(dataclasses.asdict(done)), "utf-8")
        unfinished.rename(folder / f"{number}.json")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, range(len(scripts))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(script) for script in sys.argv[2:]])
