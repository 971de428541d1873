"""Run one experiment in this process, as Jupyter would: what each cell prints, displays, draws and raises.

Meant for a process of its own (see `supervisor`): it takes over stdout, the current folder, the display hooks of
IPython and the process's memory limit, and gives nothing back.
"""

from __future__ import annotations

import ast
import functools
import os
import shutil
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import Any

from engine.experiments import RECORDER, Cell, Experiment, instrument
from engine.running import figures
from engine.running.capture import Descriptors, Recorder, Stream, shell_of_cells
from engine.running.limits import confine, cpu_seconds, end_trail, leave_trail
from engine.running.outcome import encodable, judge, relocated
from engine.running.reads import record_reads
from engine.running.run import CellRun, Output, Run


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
    confine(memory)
    recorder = Recorder()
    descriptors = Descriptors()
    sys.stdout, sys.stderr = Stream(recorder, "stdout", 1), Stream(recorder, "stderr", 2)
    reads = record_reads(root)
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
    started = cpu_seconds()
    # Whatever the experiment writes goes with the trail's folder, even if it is killed.
    scratch = trail.with_suffix(".scratch")
    scratch.mkdir()
    os.chdir(scratch)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    with trail.open("w", buffering=1) as file:
        leave_trail(file)
        for cell in experiment.cells:
            file.write(f"cell {cell.name} {cell.line}\n")
            error = _run_cell(cell, experiment, module, shell, recorder)
            descriptors.drain(recorder)
            try:
                recorder.outputs += figures.take_figures()
            except Exception as drawing:
                error = error or drawing
            failure = judge(cell, experiment, error, recorder, root)
            ran.append((cell.name, tuple(relocated(encodable(output), root) for output in recorder.take())))
            if failure:
                break
        end_trail()
    seconds = cpu_seconds() - started
    os.chdir("/")
    shutil.rmtree(scratch, ignore_errors=True)
    cells = tuple(CellRun(name, outputs, tuple(sorted(recorder.held.get(name, ())))) for name, outputs in ran)
    return Run(cells, seconds, tuple(sorted(reads)), failure)


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


def _is_drawing(value: object) -> bool:
    """Whether a value is matplotlib's (an Axes, a list of lines): the figure itself is shown instead."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    return type(first).__module__.startswith("matplotlib.")


warnings.filterwarnings("ignore", category=DeprecationWarning, module="IPython")
