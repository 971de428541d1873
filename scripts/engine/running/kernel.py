"""Run one experiment in this process, as Jupyter would: what each cell prints, displays, draws and raises.

Meant for a process of its own (see `runner`): it takes over stdout, the current folder, the display hooks of IPython
and the process's memory limit, and gives nothing back.
"""

from __future__ import annotations

import ast
import ctypes
import faulthandler
import functools
import itertools
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.experiments import RECORDER, Cell, Experiment, instrument
from engine.running import figures
from engine.running.capture import Descriptors, Recorder, Stream, shell_of_cells
from engine.running.run import CellRun, Failure, Output, Run

FILE_LIMIT = 2**30
"""Bytes of the largest file that an experiment can write; what it prints from C code is one."""


@functools.cache
def prepare() -> None:
    """Do what is the same for every experiment: once, in the process that all are forked from, where there is one."""
    figures.set_style()
    shell_of_cells()


def execute(experiment: Experiment, root: Path, trail: Path, memory: int) -> Run:
    """Run all cells of an experiment.

    Args:
        experiment: what to run.
        root: the project; paths in outputs are shown relative to it.
        trail: a file that is told which cell is running, so that a death or a hang can be located.
        memory: bytes of address space the experiment may add to what the process has.

    Returns:
        The run. An exception in a cell ends it and is in ``failure``, unless the cell declares it.
    """
    prepare()
    _confine(memory)
    recorder = Recorder()
    descriptors = Descriptors()
    sys.stdout, sys.stderr = Stream(recorder, "stdout", 1), Stream(recorder, "stderr", 2)
    reads = _record_reads(root)
    module = types.ModuleType("__main__", experiment.docstring)
    module.__dict__.update({"__file__": str(experiment.path), "__builtins__": __builtins__})
    module.__dict__[RECORDER] = lambda cell, line: recorder.held.setdefault(cell, set()).add(line)
    sys.modules["__main__"] = module
    sys.argv = [str(experiment.path)]
    sys.path.insert(0, str(experiment.path.parent))
    shell = shell_of_cells()
    shell.user_module, shell.user_ns = module, module.__dict__
    shell.display_pub.recorder = recorder

    ran: list[tuple[str, tuple[Output, ...]]] = []
    failure = None
    started = _cpu_seconds()
    # Whatever the experiment writes goes with the trail's folder, even if it is killed.
    scratch = trail.with_suffix(".scratch")
    scratch.mkdir()
    os.chdir(scratch)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    with trail.open("w", buffering=1) as file:
        faulthandler.enable(file)
        faulthandler.dump_traceback_later(max(experiment.timeout - 1.0, experiment.timeout / 2), file=file)
        for cell in experiment.cells:
            file.write(f"cell {cell.name} {cell.line}\n")
            error = _run_cell(cell, experiment, module, shell, recorder)
            descriptors.drain(recorder)
            try:
                recorder.outputs += figures.take_figures()
            except Exception as drawing:
                error = error or drawing
            failure = _judge(cell, experiment, error, recorder, root)
            ran.append((cell.name, tuple(_relocated(_encodable(output), root) for output in recorder.take())))
            if failure:
                break
        faulthandler.cancel_dump_traceback_later()
        faulthandler.disable()
    seconds = _cpu_seconds() - started
    os.chdir("/")
    shutil.rmtree(scratch, ignore_errors=True)
    cells = tuple(CellRun(name, outputs, tuple(sorted(recorder.held.get(name, ())))) for name, outputs in ran)
    return Run(cells, seconds, tuple(sorted(reads)), failure)


def _confine(memory: int) -> None:
    """Limit what this process may take, and what may outlive it."""
    if sys.platform == "linux":
        # Die with the server: no experiment outlives a build that was killed.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    os.setsid()  # its children are in one group with it, to be ended with it
    # What an experiment starts itself, it starts as under plain Python, not from the engine's server.
    multiprocessing.set_start_method(None, force=True)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


def _record_reads(root: Path) -> set[str]:
    """Return a set that fills with the data files of the project that this process opens."""
    reads: set[str] = set()
    prefix = str(root) + os.sep
    ignored = (".venv", ".git", ".cache", "build", "site")

    def on_event(event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(args[0], str | bytes):
            return
        path = os.fsdecode(args[0])
        if not path.startswith(prefix) or path.endswith((".py", ".pyc")):
            return
        name = path[len(prefix) :].replace(os.sep, "/")
        if name.split("/", 1)[0] not in ignored:
            reads.add(name)

    sys.addaudithook(on_event)
    return reads


def _run_cell(
    cell: Cell, experiment: Experiment, module: types.ModuleType, shell: Any, recorder: Recorder
) -> BaseException | None:
    """Run a cell and return what it raised. The value of a last bare expression is displayed, as in a notebook."""
    tree = instrument(ast.parse(cell.source), cell.name)
    ast.increment_lineno(tree, cell.line - 1)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    try:
        # The file's own name, so that tracebacks and inspect.getsource show what the author wrote.
        exec(compile(tree, str(experiment.path), "exec"), module.__dict__)
        if last:
            assert isinstance(last, ast.Expr)
            value = eval(compile(ast.Expression(last.value), str(experiment.path), "eval"), module.__dict__)
            if value is not None and not _is_drawing(value):
                data, metadata = shell.display_formatter.format(value)
                recorder.outputs.append(
                    {
                        "output_type": "execute_result",
                        "execution_count": None,
                        "data": data,
                        "metadata": metadata,
                    }
                )
    except BaseException as error:
        return error
    return None


def _judge(
    cell: Cell, experiment: Experiment, error: BaseException | None, recorder: Recorder, root: Path
) -> Failure | None:
    """Compare what a cell raised with what it declares; a declared error becomes an output."""
    if error is None:
        if cell.raises:
            return Failure(cell.line, f"单元 {cell.name} 声明了 raises={cell.raises}，却没有报错")
        return None
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(experiment.path)]
    line = own[-1].lineno if own else cell.line
    formatted = "".join(
        [
            "Traceback (most recent call last):\n",
            *_shown(frames, experiment),
            *traceback.format_exception_only(error),
        ]
    )
    names = [kind.__name__ for kind in type(error).__mro__]
    if cell.raises in names:
        recorder.outputs.append(
            {
                "output_type": "error",
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": formatted.splitlines(),
            }
        )
        return None
    what = f"单元 {cell.name} 抛出了 {type(error).__name__}"
    if cell.raises:
        what += f"，而声明的是 {cell.raises}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        what += "：超出了内存上限"
    return Failure(line, what, _without_machine(_encodable(formatted), root))


def _shown(frames: Sequence[traceback.FrameSummary], experiment: Experiment) -> Iterator[str]:
    """Yield the frames that the author wrote; what libraries called in between is counted, not shown."""
    started = False
    for own, group in itertools.groupby(frames, lambda frame: frame.filename == str(experiment.path)):
        started = started or own
        if own:
            yield from traceback.format_list(list(group))
        elif started:
            yield f"  ……库内部的 {len(list(group))} 层调用\n"


def _is_drawing(value: object) -> bool:
    """Whether a value is matplotlib's (an Axes, a list of lines): the figure itself is shown instead."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    return type(first).__module__.startswith("matplotlib.")


def _encodable(value: Any) -> Any:
    """Return an output, or a part of one, with lone surrogates written as escapes: no file could hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(part) for key, part in value.items()}
    return [_encodable(part) for part in value] if isinstance(value, list | tuple) else value


def _relocated(output: Output, root: Path) -> Output:
    """Take the paths of this machine out of an output's text."""
    if output["output_type"] == "stream":
        return {**output, "text": _without_machine(output["text"], root)}
    if output["output_type"] == "error":
        lines = [_without_machine(line, root) for line in output["traceback"]]
        return {**output, "evalue": _without_machine(output["evalue"], root), "traceback": lines}
    return output


def _without_machine(text: str, root: Path) -> str:
    import matplotlib

    for folder in (Path(matplotlib.__file__).parent.parent, root):
        text = text.replace(str(folder) + os.sep, "")
    return text


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


warnings.filterwarnings("ignore", category=DeprecationWarning, module="IPython")
