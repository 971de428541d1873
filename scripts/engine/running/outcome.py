"""How a cell ended: whether what it raised is what it declares, and what a reader is shown of it."""

from __future__ import annotations

import itertools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.experiments import Cell, Experiment
from engine.running.recorder import Recorder
from engine.running.run import Failure, Output

_ENGINE = str(Path(__file__).parents[1]) + os.sep


def judge(
    cell: Cell,
    experiment: Experiment,
    error: BaseException | None,
    recorder: Recorder,
    root: Path,
    tell: Callable[[str], str],
) -> Failure | None:
    """Compare what a cell raised with what it declares; a declared error becomes an output.

    Args:
        cell: what ran.
        experiment: whose cell it is.
        error: what it raised.
        recorder: takes the output.
        root: the project; what lies below is the author's.
        tell: takes the paths of this machine out of a text.
    """
    if error is None:
        if cell.raises:
            return Failure(cell.line, f"单元 {cell.name} 声明了 raises={cell.raises}，却没有报错")
        return None
    path = str(experiment.path)
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = own[-1] if own else cell.line
    if isinstance(error, SyntaxError) and error.filename == path and error.lineno:
        line = error.lineno
    formatted = _formatted(error, path, root)
    names = [kind.__name__ for kind in type(error).__mro__]
    if cell.raises in names:
        recorder.show(
            {
                "output_type": "error",
                "ename": type(error).__name__,
                "evalue": _said(error),
                "traceback": formatted.splitlines(),
            }
        )
        return None
    what = f"单元 {cell.name} 抛出了 {type(error).__name__}"
    if cell.raises:
        what += f"，而声明的是 {cell.raises}"
    if isinstance(error, MemoryError) or "can't allocate memory" in _said(error):
        what += "：超出了内存上限"
    return Failure(line, what, tell(encodable(formatted)))


def syntax_failure(error: Exception, experiment: Experiment, tell: Callable[[str], str]) -> Failure:
    """Say why Python would not run the file at all."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    cell = experiment.cell_at(line) if line else None
    what = f"{f'单元 {cell.name} ' if cell else ''}不能编译：{error.msg if isinstance(error, SyntaxError) else error}"
    return Failure(line, what, tell(encodable("".join(traceback.format_exception_only(error)))))


def _formatted(error: BaseException, path: str, root: Path) -> str:
    """Return a traceback as Python prints it, with causes and members of groups, but the author's frames only."""
    whole = traceback.TracebackException.from_exception(error, compact=True)
    pending = [whole]
    for one in pending:
        if one.stack is not None:
            one.stack = _Shown(one.stack, path, root)
        others = [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
        pending += [other for other in others if other is not None]
    return "".join(whole.format())


class _Shown(traceback.StackSummary):
    """The frames that the author wrote; what libraries called in between is counted, not shown."""

    def __init__(self, frames: traceback.StackSummary, path: str, root: Path) -> None:
        super().__init__(frames)
        self._path, self._below = path, str(root) + os.sep

    def format(self, **options: Any) -> list[str]:
        return list(self._lines(options))

    def _lines(self, options: dict[str, Any]) -> Iterator[str]:
        started = False
        for own, group in itertools.groupby(self, self._is_own):
            started = started or own
            if own:
                yield from traceback.StackSummary.from_list(list(group)).format(**options)
            elif started:
                yield f"  ……库内部的 {len(list(group))} 层调用\n"

    def _is_own(self, frame: traceback.FrameSummary) -> bool:
        """Whether the author wrote it: the experiment, or another file of the project that is no library."""
        name = frame.filename
        if name == self._path:
            return True
        installed = name.startswith((_ENGINE, sys.prefix + os.sep)) or f"{os.sep}site-packages{os.sep}" in name
        return name.startswith(self._below) and not installed


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__}: __str__() failed>"


def encodable(value: Any) -> Any:
    """Return an output, or a part of one, with lone surrogates written as escapes: no file could hold them."""
    if isinstance(value, str):
        return str.encode(value, "utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(part) for key, part in value.items()}
    return [encodable(part) for part in value] if isinstance(value, list | tuple) else value


def relocated(output: Output, tell: Callable[[str], str]) -> Output:
    """Return an output that another machine would have given, too, and that a file can hold."""
    output = encodable(output)
    if output["output_type"] == "stream":
        return {**output, "text": tell(output["text"])}
    if output["output_type"] == "error":
        return {
            **output,
            "evalue": tell(output["evalue"]),
            "traceback": [tell(line) for line in output["traceback"]],
        }
    data = {
        kind: tell(value) if kind.startswith("text/") and isinstance(value, str) else value
        for kind, value in output["data"].items()
    }
    return {**output, "data": data}
