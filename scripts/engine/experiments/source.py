"""The text of a Python file, and whether Python can run it; where it cannot, the line that says why."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from pathlib import Path

from engine.common import ExperimentError, Problem

NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What reading bad Python raises; the last two where it is nested too deeply."""

_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: .*)?$", re.MULTILINE)


def read_text(path: Path, name: str) -> str:
    """Return the text of a Python file, its lines ended as Python sees them.

    Args:
        path: the file.
        name: what to call it.

    Raises:
        ExperimentError: it cannot be read, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ExperimentError(Problem(name, None, f"读不出来：{error.strerror}")) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ExperimentError(Problem(name, line, "不是 UTF-8 编码", "用 UTF-8 重新保存这个文件")) from error
    try:
        declared = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        agrees = content.decode(declared) == text
    except (SyntaxError, LookupError, UnicodeDecodeError):
        agrees = False
    if not agrees:
        raise ExperimentError(Problem(name, 1, "开头声明的编码不是 UTF-8", "文件本身是 UTF-8，删去 coding 那一行"))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_python(text: str, name: str, hint: str = "") -> ast.Module:
    """Return what a text says, if Python can run it.

    Args:
        text: of a whole module.
        name: its file, for messages.
        hint: what to add to them.

    Raises:
        ExperimentError: it is not Python, or holds the marks of an unfinished merge.
    """
    if conflict := _CONFLICT.search(text):
        what = f"还留着合并冲突的标记：{conflict.group()[:20]}"
        hint = hint or "选好要留的一边，删去 <<<<<<<、=======、>>>>>>> 三种行"
        raise ExperimentError(Problem(name, _line_of(text, conflict.start()), what, hint))
    try:
        tree = parsed(text)
        _compile(text)  # finds what stands where it may not: return, await
    except NO_PYTHON as error:
        raise ExperimentError(Problem(name, *no_python(error, text), hint)) from error
    return tree


def parsed(text: str) -> ast.Module:
    """Return what a text says; Python's warnings about it are for the run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def no_python(error: Exception, text: str, above: int = 0) -> tuple[int, str]:
    """Return the line of what is wrong with a text that has `above` lines above it, and the words."""
    if "\0" in text:
        return above + _line_of(text, text.index("\0")), "不是合法的 Python：有空字节"
    if isinstance(error, RecursionError | MemoryError):
        return above + _deepest_line(text), "嵌套太深，Python 读不了"
    return above + (getattr(error, "lineno", None) or 1), f"不是合法的 Python：{error.args[0]}"


def _deepest_line(text: str) -> int:
    """Return the line of a text, from 1, with which it becomes too deeply nested to be read."""
    lines = text.split("\n")
    readable, too_deep = 0, len(lines)
    while too_deep - readable > 1:
        middle = (readable + too_deep) // 2
        try:
            _compile("\n".join(lines[:middle]))
        except (RecursionError, MemoryError):
            too_deep = middle
        except SyntaxError:  # cut off in the middle of a statement
            readable = middle
        else:
            readable = middle
    return too_deep


def _compile(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, "<text>", "exec", dont_inherit=True)


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
