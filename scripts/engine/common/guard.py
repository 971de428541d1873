"""One file that cannot be dealt with, for whatever reason, is a problem of that file: all others are built."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from engine.common.errors import EngineError, Problem

_ENGINE = Path(__file__).parents[1]
_LONGEST = 300


@contextlib.contextmanager
def guarded(problems: list[Problem], path: str, line: int | None = None) -> Iterator[None]:
    """Add to `problems` whatever goes wrong inside, expected or not; only an interruption passes.

    Args:
        problems: is added to.
        path: how messages name the file that is being dealt with.
        line: of what in it, where that is known.
    """
    try:
        yield
    except EngineError as error:
        problems += error.problems
    except Exception as error:
        problems.append(_unexpected(error, path, line))


def _unexpected(error: Exception, path: str, line: int | None) -> Problem:
    """Say what the engine was not made for: to the author which file it was, to the maintainer where."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_ENGINE)]
    place = f"{Path(own[-1].filename).relative_to(_ENGINE.parent).as_posix()}:{own[-1].lineno}" if own else "engine"
    what = f"引擎处理不了：{type(error).__name__}：{_text(error)}"
    return Problem(path, line, what, f"出在 {place}；这里写得没有错的话，是引擎的缺陷，请带着这几行报告")


def _text(error: Exception) -> str:
    try:
        text = str(error)
    except Exception:  # an exception of somebody else's may fail at this too
        return "（没有说明）"
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}……"
