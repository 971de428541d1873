"""Run scripts as ``python script.py`` would, but forked from a process that has the heavy libraries imported.

``python -m tests.examples.plain FOLDER SCRIPT...`` runs them side by side and writes what each gave to FOLDER/0.json
and so on, as soon as it is there. Run it with `ENVIRONMENT`.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
import resource
import runpy
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engine.common import cores

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}
_HEAVY = ["torch", "torch._dynamo", "torchvision", "matplotlib.pyplot", "sklearn.datasets", "sklearn.svm", "optuna"]
_SECONDS = 600


@dataclass(frozen=True)
class Done:
    """How a script ended, and all that it wrote."""

    returncode: int
    stdout: str
    stderr: str


def main(folder: Path, scripts: list[Path]) -> None:
    """Run all, as many at once as there are cores."""
    for module in _HEAVY:
        importlib.import_module(module)
    gc.freeze()  # or the first full collection of each copies all that is shared
    running: dict[int, int] = {}
    for number, script in enumerate(scripts):
        if len(running) == cores():
            _write_next(running, folder)
        home = folder / str(number)
        home.mkdir()
        pid = os.fork()
        if pid == 0:
            _run(script, home)
        running[pid] = number
    while running:
        _write_next(running, folder)


def _write_next(running: dict[int, int], folder: Path) -> None:
    """Wait for one to end, and write what it gave."""
    pid, status = os.wait()
    number = running.pop(pid)
    written = [(folder / str(number) / name).read_text("utf-8") for name in ("stdout", "stderr")]
    unfinished = folder / f"{number}.part"
    done = Done(os.waitstatus_to_exitcode(status), *written)
    unfinished.write_text(json.dumps(dataclasses.asdict(done)), "utf-8")
    unfinished.rename(folder / f"{number}.json")


def _run(script: Path, folder: Path) -> NoReturn:
    # What computes for ever is ended, and so fails; what only waits, after what is for ever on any machine.
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    signal.alarm(20 * _SECONDS)
    os.nice(10)
    os.chdir(folder)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1)
    sys.argv = [str(script)]
    sys.path[0:0] = [str(script.parent)]
    status = 0
    try:
        runpy.run_path(str(script), run_name="__main__")
    except BaseException:
        traceback.print_exc()
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(script) for script in sys.argv[2:]])
