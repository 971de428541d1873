"""Run one experiment in this process, as Jupyter would: what each cell prints, displays, draws and raises.

Meant for a process of its own (see `isolation`): it takes over stdout, the current folder, the display hooks of
IPython and the process's memory limit, and gives nothing back.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.common import digest_of, namer
from engine.experiments import FAILURES, RECORDER, Cell, Experiment, instrument
from engine.running import figures
from engine.running.capture import Streams, last_words
from engine.running.displays import result_of, shell_of_cells
from engine.running.limits import confine, cpu_seconds, end_trail, leave_trail
from engine.running.machine import SCRATCH, without_machine
from engine.running.outcome import judge, relocated, syntax_failure
from engine.running.program import become_program, future_flags
from engine.running.reads import record_reads
from engine.running.recorder import Recorder
from engine.running.run import CellRun, Output, Run
from engine.running.values import values_of

_SHOW = "__engine_show__"


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
        trail: a file that is told which cell is running, so that a death or a hang can be located. Beside it, in
            the run's folder, is what `last_words` reads.
        memory: bytes of address space the experiment may add to what the process has.

    Returns:
        The run. An exception in a cell ends it and is in ``failure``, unless the cell declares it.
    """
    prepare()
    confine(memory)
    folder = trail.parent
    tell = without_machine(root, folder)
    try:
        flags = future_flags(experiment)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as refusal:
        return Run((), 0.0, {}, syntax_failure(refusal, experiment, tell))
    recorder = Recorder()
    streams = Streams(folder, recorder)
    reads = record_reads(str(root), str(experiment.path), str(folder), namer(str(root)), digest_of)
    cells = _Cells(experiment, flags, recorder, streams)

    ran: list[tuple[str, tuple[Output, ...]]] = []
    failure = None
    started = cpu_seconds()
    # Whatever the experiment writes goes with the trail's folder, even if it is killed.
    scratch = folder / SCRATCH
    scratch.mkdir()
    os.chdir(scratch)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    with trail.open("w", buffering=1) as file:
        leave_trail(file)
        for cell in experiment.cells:
            file.write(f"cell {cell.name} {cell.line}\n")
            streams.begin()
            error = cells.run(cell)
            if streams.in_child:
                _leave(error)
            streams.end()
            try:
                for output in figures.take_figures(recorder.drawn):
                    recorder.show(output)
            except Exception as drawing:
                error = error or drawing
            failure = judge(cell, experiment, error, recorder, root, tell)
            ran.append((cell.name, recorder.take()))
            if failure:
                said = tell(last_words(folder))
                failure = dataclasses.replace(failure, traceback=failure.traceback + said)
                break
        end_trail()
    seconds = cpu_seconds() - started
    values = values_of(cells.names)
    os.chdir("/")
    shutil.rmtree(scratch, ignore_errors=True)
    gave = []
    for name, outputs in ran:  # only now: a display may be updated from a later cell
        held, failed = (tuple(sorted(lines.get(name, ()))) for lines in (recorder.held, recorder.failed))
        gave.append(CellRun(name, tuple(relocated(output, tell) for output in outputs), held, failed))
    return Run(tuple(gave), seconds, reads(), failure, values)


class _Cells:
    """Runs the cells of an experiment in one module, as parts of one program."""

    def __init__(self, experiment: Experiment, flags: int, recorder: Recorder, streams: Streams) -> None:
        """Prepare the module; `flags` are the compiler's for the whole file."""
        self._recorder, self._streams, self._shell = recorder, streams, shell_of_cells()
        self.names = become_program(experiment).__dict__
        self._shell.user_module, self._shell.user_ns = sys.modules["__main__"], self.names
        self._shell.display_pub.recorder, self._shell.display_pub.streams = recorder, streams
        # The file's own name, so that tracebacks and inspect.getsource show what the author wrote; and none of the
        # flags that this file is compiled with.
        self._compile: Callable[..., Any] = functools.partial(
            compile, filename=str(experiment.path), mode="exec", dont_inherit=True
        )
        self._flags, self._keeps_going = flags, experiment.keeps_going
        self._lines = {cell.name: cell.line - 1 for cell in experiment.cells}
        # Where names are looked for last: not among the experiment's own, which it may list.
        setattr(builtins, RECORDER, self._hold)
        setattr(builtins, FAILURES, self._fail)
        setattr(builtins, _SHOW, self._show)

    def run(self, cell: Cell) -> BaseException | None:
        """Run a cell and return what it raised. The value of a last bare expression is shown, as in a notebook."""
        try:
            source = "\n" * (cell.line - 1) + cell.source  # with the lines of the file
            tree = self._compile(source, flags=self._flags | ast.PyCF_ONLY_AST)
            tree = instrument(tree, cell.name, self._going_on(cell))
            if tree.body and isinstance(last := tree.body[-1], ast.Expr) and not _is_silenced(last, cell):
                show = ast.Call(ast.Name(_SHOW, ast.Load()), [last.value], [])  # what that raises, this line raises
                last.value = ast.fix_missing_locations(ast.copy_location(show, last.value))
            if tree.body and isinstance(first := tree.body[0], ast.Expr) and isinstance(first.value, ast.Constant):
                del tree.body[0]  # does nothing, but a text would become the module's docstring
            exec(self._compile(tree, flags=self._flags), self.names)
        except BaseException as error:
            return error
        return None

    def _going_on(self, cell: Cell) -> list[int]:
        """Return the lines, in the file, of the assertions whose failure does not end the run."""
        return [cell.line - 1 + a.line for a in cell.assertions if a.label] if self._keeps_going else []

    def _fail(self, cell: str, line: int) -> None:
        """Note that an assertion failed; lines are counted in the cell."""
        self._recorder.failed.setdefault(cell, set()).add(line - self._lines[cell])

    def _hold(self, cell: str, line: int) -> None:
        """Note that an assertion held; lines are counted in the cell."""
        self._recorder.held.setdefault(cell, set()).add(line - self._lines[cell])

    def _show(self, value: object) -> None:
        """Show the value of a cell: of what matplotlib drew the figure, unless that is or will be shown anyway."""
        if value is None:
            return
        figure = figures.figure_of(value)
        if figure is None:
            output = result_of(self._shell, value)
        elif figures.is_open(figure) or any(figure is other for other in self._recorder.drawn):
            return
        else:
            output = figures.drawn(figure)
        self._streams.drain()
        if output:
            self._recorder.show(output)


def _is_silenced(last: ast.Expr, cell: Cell) -> bool:
    """Whether a semicolon follows the last expression: in a notebook, its value is not shown."""
    line = re.split(rb"\r\n|\r|\n", cell.source.encode())[(last.end_lineno or cell.line) - cell.line]
    return line[last.end_col_offset :].lstrip().startswith(b";")


def _leave(error: BaseException | None) -> None:
    """End a fork of the experiment's process that has come to the end of its cell: the rest is its parent's."""
    if error is not None and not isinstance(error, SystemExit):
        traceback.print_exception(error)
    code = error.code if isinstance(error, SystemExit) else bool(error)
    os._exit(code if isinstance(code, int) else bool(code))
