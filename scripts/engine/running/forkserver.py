"""The server that experiments are forked from: a process that has the heavy libraries imported already.

`multiprocessing`'s would do but for this: its environment, and so the order of sets, is the caller's, it imports the
caller's main module, leaves its socket's folder behind when the caller is killed, and dies without saying why.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from engine.experiments import Experiment
from engine.running.folders import hold
from engine.running.run import Failure, Run
from engine.running.supervisor import Bounds, Verdict, supervise

READY = b"+"


@dataclass(frozen=True)
class Request:
    """An experiment to run.

    Attributes:
        experiment: what to run.
        root: the project; paths in outputs are shown relative to it.
        trail: the file that is to say where it is; in a folder of its own.
        memory: bytes of address space it may add to what its process starts with.
        bounds: what it may take of time.
        path: where it finds modules, as the client does now: the server may be older.
        niceness: by how much other processes go before it.
    """

    experiment: Experiment
    root: Path
    trail: Path
    memory: int
    bounds: Bounds
    path: Sequence[str]
    niceness: int = 0


def main(modules: Sequence[str]) -> NoReturn:
    """Import modules, then fork a supervisor for each connection that standard input hands over; end with that.

    A module that cannot be imported is the concern of the experiment that imports it.
    """
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):  # whoever started the build may ignore them
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(os.environ["TMPDIR"])
    mark = hold(folder)
    try:
        _load(modules)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # how a supervisor ended, nobody asks
        with contextlib.suppress(OSError):
            control.send(READY)
            while (received := socket.recv_fds(control, 1, 1))[1]:
                with socket.socket(fileno=received[1][0]) as connection:
                    _fork(connection, [control, mark])
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        status = 1
    shutil.rmtree(folder, ignore_errors=True)  # the client may have been killed
    os._exit(status)


def _load(modules: Sequence[str]) -> None:
    """Import what experiments import, and make ready what they share."""
    gc.disable()  # loading leaves next to no garbage, and looking for it takes a third of the time
    importlib.import_module("engine.running.figures").import_matplotlib()  # without the settings of whoever builds
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    kernel = importlib.import_module("engine.running.kernel")
    kernel.prepare()
    # One for all, as it is a program of its own; experiments that share memory talk to it.
    importlib.import_module("multiprocessing.resource_tracker").ensure_running()
    # A collection writes to each object that it visits: all that is shared would be copied for each experiment.
    gc.freeze()
    gc.enable()


def _fork(connection: socket.socket, ours: Sequence[IO[bytes] | socket.socket]) -> None:
    """Fork the supervisor of what the connection asks for."""
    try:
        pid = os.fork()
    except OSError as error:
        connection.sendall(Verdict("s", error.errno or 0).packed())
        return
    if pid == 0:
        try:
            os.setsid()
            for thing in ours:
                thing.close()
            _serve(connection)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            os._exit(1)


def _serve(connection: socket.socket) -> None:
    with connection.makefile("rb") as file:
        try:
            request: Request = pickle.load(file)
        except EOFError:  # it was withdrawn
            return
    supervise(connection, request.bounds, request.trail, lambda: connection.sendall(_result(request)))


def _result(request: Request) -> bytes:
    """Run an experiment in this process and return the run for sending."""
    from engine.running.kernel import execute

    try:
        os.setsid()
        sys.path[:] = request.path
        os.nice(request.niceness)
        return pickle.dumps(execute(request.experiment, request.root, request.trail, request.memory))
    except BaseException as error:  # the engine's own, or the machine's: a full disk, say
        return pickle.dumps(Run((), 0.0, {}, Failure(None, f"没能执行：{type(error).__name__}: {error}")))
