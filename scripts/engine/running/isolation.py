"""Run one experiment in a process of its own, forked from a server that has the heavy libraries imported already."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing.connection
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from engine.experiments import Experiment
from engine.running.capture import last_words
from engine.running.kernel import execute
from engine.running.machine import without_machine
from engine.running.run import Failure, Run
from engine.running.server import start_server

# How a process ended can be read once, and starting one reads it of all that have ended, whoever waits for them.
_READING = threading.Lock()


def run_isolated(
    experiment: Experiment,
    root: Path,
    memory: int,
    watch: Callable[[BaseProcess], AbstractContextManager[object]] = contextlib.nullcontext,
) -> Run:
    """Run an experiment in a fresh process, and leave nothing of it behind: no process, no file.

    Args:
        experiment: what to run; its own time limit holds.
        root: the project; paths in outputs are shown relative to it.
        memory: bytes of address space it may add to what its process starts with.
        watch: is given the process, and is a context for as long as it runs, so that it can be killed.

    Returns:
        The run. A hang, a death or a result that cannot be sent is a run with a failure; nothing is raised.
    """
    context = start_server([experiment.path])
    with tempfile.TemporaryDirectory(prefix=f"engine-{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        trail = Path(folder) / "trail"
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(writer, experiment, root, trail, memory))
        with reader, _running(process), watch(process):
            writer.close()
            # The process too, not only the pipe: a child that it leaves behind keeps the pipe open.
            ready = multiprocessing.connection.wait([reader, process.sentinel], experiment.timeout)
            run = _received(reader)
        if run is not None:
            return run
        what = _death(process.exitcode) if ready else f"超过了时限 {experiment.timeout:g} 秒"
        said = without_machine(root, trail.parent)(last_words(trail.parent))
        return Run((), 0.0, (), dataclasses.replace(_located(what, experiment, trail), traceback=said))


def remove_leftovers() -> None:
    """Remove the temporary folders of builds that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob("engine-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdecimal() and not Path("/proc", pid).exists() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(process: BaseProcess) -> Iterator[None]:
    """Start a process; at the end, kill it and all that it started and did not detach."""
    with _READING:
        process.start()
    try:
        yield
    finally:
        if not multiprocessing.connection.wait([process.sentinel], 0):
            process.kill()
        multiprocessing.connection.wait([process.sentinel])
        with _READING:
            process.join()
        if process.pid:
            # The kernel made it the leader of a group, to which its own children belong.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def _child(writer: Any, experiment: Experiment, root: Path, trail: Path, memory: int) -> None:
    try:
        run = execute(experiment, root, trail, memory)
    except BaseException as error:  # the engine's own, or the machine's: a full disk, say
        run = Run((), 0.0, (), Failure(None, f"没能执行：{type(error).__name__}: {error}"))
    writer.send(run)


def _received(reader: Any) -> Run | None:
    """Return what a process sent, or None: it sent nothing, or not all of it."""
    try:
        return reader.recv() if reader.poll() else None
    except Exception:  # what a half-sent or damaged pickle raises can be anything
        return None


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"被信号 {signal.Signals(-code).name} 杀死"
    return f"退出了进程（os._exit，状态 {code}）"


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
