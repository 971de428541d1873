"""Run experiments, each in a fresh process forked from a server that has the heavy libraries imported already."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import re
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pebble

from engine.experiment import Experiment
from engine.kernel import Failure, Run, execute
from engine.key import third_party_imports

MEMORY = 6 * 2**30
"""Bytes of address space one experiment may add to what its process starts with."""

# One thread each: the workers fill the cores. A fixed hash seed and backend: the same bytes on every run.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "agg",
    "CUDA_VISIBLE_DEVICES": "",
}
_PRELOAD = (
    "matplotlib.pyplot",
    "matplotlib.backends.backend_svg",
    "IPython.core.interactiveshell",
    "engine.kernel",
)


def run_all(
    experiments: Sequence[Experiment],
    root: Path,
    jobs: int,
    memory: int = MEMORY,
    timeout: float | None = None,
) -> Iterator[tuple[Experiment, Run]]:
    """Run experiments side by side and yield each with its run as it ends.

    Args:
        experiments: what to run.
        root: the project.
        jobs: how many at a time.
        memory: bytes of address space each may add to what its process starts with.
        timeout: seconds each may take, instead of its own limit.

    A hang or a death is a run with a failure: nothing is raised but what the caller's own code raises. When the
    caller stops early (Ctrl-C, an exception), the running experiments are killed.
    """
    with tempfile.TemporaryDirectory(prefix="engine-") as folder, _pool(experiments, jobs) as pool:
        futures = {}
        if timeout is not None:
            experiments = [dataclasses.replace(experiment, timeout=timeout) for experiment in experiments]
        for number, experiment in enumerate(experiments):
            trail = Path(folder) / str(number)
            future = pool.schedule(execute, args=(experiment, root, trail, memory), timeout=experiment.timeout)
            futures[future] = experiment, trail
        for future in concurrent.futures.as_completed(futures):
            experiment, trail = futures[future]
            yield experiment, _result(future, experiment, trail)


def _result(future: Any, experiment: Experiment, trail: Path) -> Run:
    try:
        run: Run = future.result()
    except concurrent.futures.TimeoutError:
        failure = _located(f"超过了时限 {experiment.timeout:g} 秒", experiment, trail)
    except pebble.ProcessExpired as death:
        code = death.exitcode or 0
        how = f"被信号 {signal.Signals(-code).name} 杀死" if code < 0 else f"退出了进程（os._exit，状态 {code}）"
        failure = _located(how, experiment, trail)
    except Exception as error:  # what the worker could not send back
        failure = _located(f"结果传不回来：{type(error).__name__}: {error}", experiment, trail)
    else:
        return run
    return Run((), 0.0, (), failure)


def _located(what: str, experiment: Experiment, trail: Path) -> Failure:
    """Say where an experiment was when it hung or died, from the trail it left."""
    try:
        text = trail.read_text(errors="replace")
    except OSError:
        text = ""
    cells = re.findall(r"^cell (\S+) (\d+)$", text, re.M)
    if not cells:
        return Failure(None, what)
    name, line = cells[-1]
    after = text.rpartition(f"cell {name} {line}\n")[2]
    frame = re.search(rf'File "{re.escape(str(experiment.path))}", line (\d+)', after)
    return Failure(int(frame.group(1) if frame else line), f"单元 {name} {what}")


@contextlib.contextmanager
def _pool(experiments: Sequence[Experiment], jobs: int) -> Iterator[Any]:
    context = _server(experiments)
    workers = max(1, min(jobs, len(experiments)))
    pool = pebble.ProcessPool(max_workers=workers, max_tasks=1, context=context)
    try:
        yield pool
        pool.close()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()


def _server(experiments: Sequence[Experiment]) -> Any:
    """Return a multiprocessing context whose processes start with the experiments' libraries imported."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    imported = sorted(set[str]().union(*(third_party_imports(experiment) for experiment in experiments)))
    # "__main__" first: otherwise every worker would import the caller's main module (mkdocs, say) again.
    context.set_forkserver_preload(["__main__", *_PRELOAD, *imported])
    return context
