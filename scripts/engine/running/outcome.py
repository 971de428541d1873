"""How a cell ended: whether what it raised is what it declares, and what a reader is shown of it."""

from __future__ import annotations

import itertools
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.experiments import Cell, Experiment
from engine.running.capture import Recorder
from engine.running.run import Failure, Output


def judge(
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
    return Failure(line, what, _without_machine(encodable(formatted), root))


def _shown(frames: Sequence[traceback.FrameSummary], experiment: Experiment) -> Iterator[str]:
    """Yield the frames that the author wrote; what libraries called in between is counted, not shown."""
    started = False
    for own, group in itertools.groupby(frames, lambda frame: frame.filename == str(experiment.path)):
        started = started or own
        if own:
            yield from traceback.format_list(list(group))
        elif started:
            yield f"  ……库内部的 {len(list(group))} 层调用\n"


def encodable(value: Any) -> Any:
    """Return an output, or a part of one, with lone surrogates written as escapes: no file could hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(part) for key, part in value.items()}
    return [encodable(part) for part in value] if isinstance(value, list | tuple) else value


def relocated(output: Output, root: Path) -> Output:
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
