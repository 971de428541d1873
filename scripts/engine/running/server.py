"""The server that experiments are forked from, as its client sees it: what it imports, starting it, asking it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from engine.running.environment import environment_of_experiments
from engine.running.folders import temporary_folder
from engine.running.program import callers_places

_PRELOAD = ("matplotlib.pyplot", "matplotlib.backends.backend_svg", "IPython.core.interactiveshell")
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
    "from engine.running.forkserver import main; main(sys.argv[2:])"
)
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?([\w, \t]*)|import[ \t]+([\w., \t]+))", re.MULTILINE
)


Watch = Callable[[Callable[[], None]], AbstractContextManager[object]]
"""Is given what ends a run, and is a context for as long as it runs."""


class ServerError(Exception):
    """The server ended; the message says why."""


class Server:
    """A server process. It ends with us, however we end, and so does all that it started."""

    def __init__(self, modules: Sequence[str]) -> None:
        """Start it, to import `modules`; what is asked of it meanwhile waits.

        Raises:
            OSError: no process or no temporary folder can be had.
        """
        self.modules = modules
        self._lock = threading.Lock()
        with ExitStack() as stack:
            folder = stack.enter_context(temporary_folder())
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # to be read after the end
            self._control, theirs = socket.socketpair()
            stack.callback(self._control.close)
            with theirs:
                self._process = subprocess.Popen(
                    # No flags of ours: with -O, assertions would not be tried.
                    [sys.executable, "-c", _START, json.dumps(module_path()), *modules],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    cwd=folder,
                    env=environment_of_experiments(str(folder)),
                    start_new_session=True,  # Ctrl-C is for us alone: we tell it
                )
            self._held = stack.pop_all()

    @property
    def was_ready(self) -> bool:
        """Whether it is done with its imports, or was when it ended."""
        with contextlib.suppress(OSError):
            return self._control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        return False

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self._process.poll() is not None

    def ask(self, request: object, watch: Watch, *, shared: bool = False) -> bytes:
        """Send a request, and return all that is answered; nothing if it is withdrawn or the server ends.

        A request that is withdrawn before the server has imported everything ends the server, which would answer
        only then; one that is `shared` with others leaves it to them.

        Raises:
            OSError: too many open files.
        """
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._lock, contextlib.suppress(OSError):  # it has ended: then nothing will be answered
                socket.send_fds(self._control, [b"+"], [theirs.fileno()])

            def withdraw() -> None:
                with contextlib.suppress(OSError):
                    ours.shutdown(socket.SHUT_WR)
                if not shared and not self.was_ready:
                    self._process.kill()

            with watch(withdraw):
                answer = bytearray()
                with contextlib.suppress(OSError):
                    ours.sendall(pickle.dumps(request))
                    while part := ours.recv(1 << 18):
                        answer += part
                return bytes(answer)

    def why_it_ended(self) -> str:
        """Wait for its end, which is near, and return how it ended and what it last said."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        code = self._process.poll()
        how = "还在运行，却不再回答" if code is None else f"状态 {code}"
        if code is not None and code < 0:
            how = f"被信号 {signal.Signals(-code).name} 杀死"
        with self._lock:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
        return "\n".join([f"执行实验的服务进程结束了（{how}）", *said[-12:]])

    def close(self) -> None:
        """Let it end, at once if it is still importing."""
        if not self.was_ready:
            self._process.kill()
        self._held.close()
        self._process.returncode = self._process.poll() or 0  # it ends by itself, nobody needs to wait for that

    def forget(self) -> None:
        """In a process that was forked from its client: it is not ours."""
        self._control.close()


_starting = threading.Lock()
_server: Server | None = None


def module_path() -> list[str]:
    """Return where this process finds modules, for a process in another folder."""
    places = (place for place in sys.path if place not in callers_places())
    return [os.path.abspath(place) for place in places]  # noqa: PTH100  # a Path would follow links


def start_server(paths: Iterable[Path]) -> None:
    """Start the server in the background, with what the experiments in these files import, if that can be done.

    Otherwise, whoever needs it will be told why.
    """
    with contextlib.suppress(OSError, ServerError):
        running_server(paths)


def running_server(paths: Iterable[Path]) -> Server:
    """Return the server; start it, with what the experiments in these files import, if there is none.

    A server that runs already stays as it is: what it lacks, an experiment imports itself. One that ended while it
    imported all that is followed by one that imports only what every experiment needs.

    Raises:
        ServerError: that one ended so too.
        OSError: no process or no temporary folder can be had.
    """
    global _server
    with _starting:
        if _server and not _server.has_ended:
            return _server
        modules = [*_PRELOAD, *sorted(set[str]().union(*map(libraries_imported, paths)))]
        if _server:
            if not _server.was_ready and len(_server.modules) == len(_PRELOAD):
                raise ServerError(_server.why_it_ended())
            modules = modules if _server.was_ready else [*_PRELOAD]
            _server.close()
        _server = Server(modules)
        return _server


@atexit.register
def stop_server() -> None:
    """Let the server end, if there is one."""
    global _server
    if _server:
        _server.close()
    _server = None


def _forget_server() -> None:
    global _server, _starting
    if _server:
        _server.forget()
    _server, _starting = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_server)


def libraries_imported(path: Path) -> set[str]:
    """Return the modules of installed libraries that a file imports, by a look at its lines, not a full parse.

    ``from torch import fx`` gives ``torch`` and ``torch.fx``; a name that turns out to be no module does no harm.
    What the libraries import when they are used is there too, where it takes long.
    """
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:  # gone meanwhile: whoever reads it as an experiment says so
        return set()
    imported: set[str] = set()
    for base, names, modules in _IMPORT.findall(text):
        listed = [name.split()[0] for name in (names or modules).split(",") if name.strip()]
        imported.update([base, *(f"{base}.{name}" for name in listed)] if base else listed)
    tops = {module.split(".")[0] for module in imported}
    own = {top for top in tops if (path.parent / f"{top}.py").exists() or (path.parent / top).exists()}
    libraries = set(filter(_is_installed, tops - own))
    found = {module for module in imported if module.split(".")[0] in libraries}
    if "torch" in found and "optim" in text:
        found.add("torch._dynamo")  # which the first optimizer of a process imports: a second
    return found


@functools.cache
def _is_installed(top: str) -> bool:
    """Whether a module is an installed library; what can be edited meanwhile, each experiment imports itself."""
    if not top or top in sys.stdlib_module_names:
        return False
    spec = importlib.util.find_spec(top)
    places = [spec.origin or "", *(spec.submodule_search_locations or ())] if spec else []
    return any(not _INSTALLED.isdisjoint(Path(place).parts) for place in places)
