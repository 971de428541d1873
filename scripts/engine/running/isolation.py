"""Run one experiment in a process of its own, forked from a server that has the heavy libraries imported already."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pickle
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.experiments import Experiment
from engine.running.capture import last_words
from engine.running.folders import temporary_folder
from engine.running.forkserver import Request
from engine.running.machine import without_machine
from engine.running.run import Failure, Run
from engine.running.server import ServerError, Watch, module_path, running_server
from engine.running.supervisor import Bounds, Verdict, take_verdict

IDLE = 120.0
"""Seconds in which an experiment may neither compute nor end. Waiting for a busy processor is no idleness."""


def run_isolated(
    experiment: Experiment,
    root: Path,
    memory: int,
    idle: float = IDLE,
    watch: Watch = contextlib.nullcontext,
    niceness: int = 0,
    shared: bool = False,
) -> Run:
    """Run an experiment in a fresh process, and leave nothing of it behind: no process, no file.

    Args:
        experiment: what to run; its own limit of processor time holds.
        root: the project; paths in outputs are shown relative to it.
        memory: bytes of address space it may add to what its process starts with.
        idle: seconds in which it may neither compute nor end.
        watch: is given what ends the run, and is a context for as long as it runs.
        niceness: by how much other processes go before it.
        shared: others run besides, and go on when this one is ended.

    Returns:
        The run. A hang, a death or a result that cannot be sent is a run with a failure.

    Raises:
        OSError: no process or no temporary folder can be had.
    """
    with temporary_folder() as folder:
        trail = folder / "trail"
        request = Request(experiment, root, trail, memory, Bounds(experiment.timeout, idle), module_path(), niceness)
        try:
            answer, verdict = _ask(request, watch, shared)
        except ServerError as error:
            return Run((), 0.0, {}, Failure(None, f"没能执行：{error}"))
        with contextlib.suppress(Exception):  # what a half-sent or damaged pickle raises can be anything
            run: Run = pickle.loads(answer)
            return run
        said = without_machine(root, trail.parent)(last_words(trail.parent))
        failure = _located(_what(verdict, experiment), experiment, trail)
        return Run((), 0.0, {}, dataclasses.replace(failure, traceback=said))


def _ask(request: Request, watch: Watch, shared: bool) -> tuple[bytes, Verdict | None]:
    """Ask the server, and another one if it ends before it answers.

    Raises:
        ServerError: no server answers.
    """
    withdrawn = False

    @contextlib.contextmanager
    def noticing(withdraw: Callable[[], None]) -> Iterator[None]:
        def end() -> None:
            nonlocal withdrawn
            withdrawn = True
            withdraw()

        with watch(end):
            yield

    for _ in range(3):  # with all that is imported, with less, and once more if one of these was killed later on
        server = running_server([request.experiment.path])
        answer = server.ask(request, noticing, shared=shared)
        if answer or withdrawn:
            return take_verdict(answer)
        why = server.why_it_ended()
    raise ServerError(why)


def _what(verdict: Verdict | None, experiment: Experiment) -> str:
    """Say how a process ended that gave no result."""
    match verdict:
        case Verdict("p", seconds):
            return f"用了 {seconds:.1f} 秒处理器时间，超过了时限 {experiment.timeout:g} 秒"
        case Verdict("u", seconds):
            return f"用完了 ulimit -t 允许的 {seconds:g} 秒处理器时间"
        case Verdict("i", seconds):
            return f"{seconds:.0f} 秒里没有计算也没有结束"
        case Verdict("s", number):
            return f"没能执行：系统不给新的进程（{os.strerror(int(number))}）"
        case Verdict("e", code) if code < 0:
            return f"被信号 {signal.Signals(-int(code)).name} 杀死"
        case Verdict("e", code):
            return f"退出了进程（os._exit，状态 {code:g}）"
        case _:
            return "没有执行完，就被中断了"


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
