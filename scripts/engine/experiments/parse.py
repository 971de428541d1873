"""Read an experiment from its file."""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path
from typing import Any

from engine.common import LABS, ExperimentError, Memo, Problem
from engine.experiments.assertions import Assertion, find_assertions, kinds_of_names
from engine.experiments.experiment import DEFAULT_TIMEOUT, RESERVED, Cell, Experiment, Text
from engine.experiments.names import dotted_names, used_names

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER = re.compile(r"#\s*%%")
_OPTIONS = ("raises", "caption", "timeout", "label", "fold")


def parse_experiment(path: Path, examples: Path, memo: Memo | None = None) -> Experiment:
    """Read an experiment; `memo` may know already what such a text means.

    Raises:
        ExperimentError: not UTF-8, not Python, a cell without a name, with a bad or repeated one, an unknown or
            ill-typed option, or a ``raises`` anywhere but in the last cell.
    """
    name = path.relative_to(examples.parent).as_posix()
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ExperimentError(Problem(name, line, "不是 UTF-8 编码", "用 UTF-8 重新保存这个文件")) from error
    parsed = (memo or Memo()).get(_parse, text, name)
    cells = [
        Cell(**{**cell, "assertions": tuple(Assertion(*assertion) for assertion in cell["assertions"])})
        for cell in parsed["cells"]
    ]
    id_ = path.relative_to(examples).with_suffix("").as_posix()
    imports, uses = tuple(parsed["imports"]), tuple(parsed["uses"])
    texts = tuple(Text(*text) for text in parsed["texts"])
    return Experiment(
        id_, path, text, parsed["docstring"], tuple(cells), parsed["timeout"], imports, uses, parsed["header"], texts
    )


def _parse(text: str, name: str) -> dict[str, Any]:
    """Return what a text says of the experiment, but for its place, as JSON: what a `Memo` can keep."""
    import jupytext  # slow

    try:
        tree = ast.parse(text, filename=name)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ExperimentError(Problem(name, line, f"不是合法的 Python：{error.args[0]}")) from error

    problems: list[Problem] = []
    docstring = ""
    header = ""
    cells: list[Cell] = []
    texts: list[Text] = []
    is_lab = name.split("/")[-2] == LABS
    timeout = DEFAULT_TIMEOUT
    lines = text.split("\n")
    at = 0  # index of the line after the last header found
    for raw in jupytext.reads(text, fmt="py:percent").cells:
        options: dict[str, Any] = dict(raw.metadata)
        title = options.pop("title", None)
        options.pop("lines_to_next_cell", None)
        if raw.cell_type == "code" and title is None and not cells and not docstring and _is_docstring(raw.source):
            docstring = ast.literal_eval(raw.source.strip())
            continue
        if is_lab and raw.cell_type == "raw" and not cells and not texts:
            header = raw.source.strip().removeprefix("---").removesuffix("---").strip("\n")
            continue
        at = _next_header(lines, at, raw.source) + 1
        if is_lab and raw.cell_type == "markdown":
            texts.append(Text(raw.source.strip("\n"), at + 1, len(cells)))
            continue
        if raw.cell_type != "code":
            problems.append(Problem(name, at, "实验里只有代码单元", "文字写在 docs/ 下的同名页面里"))
            continue
        if not title or not _NAME.fullmatch(title):
            what = f"单元名“{title}”不合规" if title else "单元没有名字"
            problems.append(Problem(name, at, what, "写成 # %% storage；名字用小写英文、数字和连字符"))
            continue
        if unread := options.pop("incorrectly_encoded_metadata", None):
            problems.append(Problem(name, at, f"单元头读不懂：{unread}", '选项写成 键="值" 或 键=数'))
        if title in RESERVED:
            problems.append(Problem(name, at, f"单元名“{title}”是保留的", f"保留名：{'、'.join(sorted(RESERVED))}"))
        first = next((cell for cell in cells if cell.name == title), None)
        if first:
            problems.append(Problem(name, at, f"单元名“{title}”重复", f"第一次出现在第 {first.line - 1} 行"))
        for option in options.keys() - set(_OPTIONS):
            close = difflib.get_close_matches(option, _OPTIONS, 1)
            hint = f"是不是想写 {close[0]}？" if close else f"可用的选项：{'、'.join(_OPTIONS)}"
            problems.append(Problem(name, at, f"不认识单元选项“{option}”", hint))
        for option, kind in (
            ("raises", str),
            ("caption", str),
            ("timeout", (int, float)),
            ("label", str),
            ("fold", str),
        ):
            if option in options and (not isinstance(options[option], kind) or options[option] in ("", True)):
                problems.append(Problem(name, at, f"选项 {option} 的值不对：{options[option]!r}"))
        timeout = options.get("timeout", timeout)
        source = raw.source.strip("\n")
        indent = next((i for i, line in enumerate(lines[at:]) if line.strip()), 0)
        words: dict[str, Any] = {option: options.get(option) for option in ("raises", "caption", "label", "fold")}
        cells.append(Cell(title, source, at + 1 + indent, **words))

    for cell in cells[:-1]:
        if cell.raises:
            hint = "直接用 python 运行时程序会停在那里；别处用 try … except … as error: print(error)"
            problems.append(Problem(name, cell.line - 1, "raises 只能写在最后一个单元", hint))
    if not cells and not problems:
        problems.append(Problem(name, 1, "没有单元", "用 # %% 名字 开头写一个单元"))
    if problems:
        raise ExperimentError(problems)
    kinds = kinds_of_names(tree)
    return {
        "docstring": docstring,
        "header": header,
        "texts": [[text.source, text.line, text.before] for text in texts],
        "timeout": float(timeout),
        "imports": sorted(dotted_names(tree)),
        "uses": sorted(used_names(tree)),
        "cells": [
            {
                "name": cell.name,
                "source": cell.source,
                "line": cell.line,
                "raises": cell.raises,
                "caption": cell.caption,
                "label": cell.label,
                "fold": cell.fold,
                "assertions": [[a.line, a.trivial, a.label] for a in find_assertions(cell.source, kinds)],
            }
            for cell in cells
        ],
    }


def _is_docstring(source: str) -> bool:
    body = ast.parse(source).body
    return len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def _next_header(lines: list[str], start: int, source: str) -> int:
    """Return the index of the header line of the cell with this source (jupytext does not keep it)."""
    first = source.strip().split("\n", 1)[0].strip()
    for i in range(start, len(lines)):
        if _HEADER.match(lines[i]):
            following = next((line.strip() for line in lines[i + 1 :] if line.strip()), "")
            if not first or first in following:
                return i
    return start
