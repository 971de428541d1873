"""Read an experiment from its file."""

from __future__ import annotations

import ast
import difflib
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.common import LABS, ExperimentError, Memo, Problem
from engine.experiments.assertions import Assertion, find_assertions, kinds_of_names
from engine.experiments.experiment import DEFAULT_TIMEOUT, RESERVED, Cell, Experiment, Text, is_time_limit
from engine.experiments.names import dotted_names, used_names
from engine.experiments.percent import RawCell, docstring_of, split_cells, uncommented
from engine.experiments.source import NO_PYTHON, check_python, no_python, parsed, read_text

CELL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_OPTIONS = ("raises", "caption", "timeout", "reads", "label", "fold")
_WORDS = ("raises", "caption", "label", "fold")
_LAB_HEADER = re.compile(r"# ---[ \t]*\n((?:#.*\n)*?)# ---[ \t]*(?:\n|\Z)")


def parse_experiment(path: Path, examples: Path, memo: Memo | None = None) -> Experiment:
    """Read an experiment; `memo` may know already what such a text means.

    Raises:
        ExperimentError: the file cannot be read, is not UTF-8 or not Python, holds the marks of a merge, a cell
            without a name, with a bad or repeated one, an unknown or ill-typed option, a ``raises`` anywhere but in
            the last cell, or a ``reads`` of what is not there.
    """
    name = path.relative_to(examples.parent).as_posix()
    text = read_text(path, name)
    try:
        says = (memo or Memo()).get(_parse, text, name)
    except ExperimentError:
        raise
    except Exception as error:  # whatever else a text can do to what reads it: the other experiments go on
        raise ExperimentError(Problem(name, 1, f"读不懂这个文件：{type(error).__name__}: {error}")) from error
    if missing := list(_missing_reads(says["reads"], path, examples.parent, name)):
        raise ExperimentError(missing)
    cells = [
        Cell(**{**cell, "assertions": tuple(Assertion(*assertion) for assertion in cell["assertions"])})
        for cell in says["cells"]
    ]
    return Experiment(
        id=path.relative_to(examples).with_suffix("").as_posix(),
        path=path,
        text=text,
        docstring=says["docstring"],
        cells=tuple(cells),
        timeout=says["timeout"],
        imports=tuple(says["imports"]),
        uses=tuple(says["uses"]),
        header=says["header"],
        texts=tuple(Text(*text) for text in says["texts"]),
        reads=tuple(sorted(says["reads"])),
    )


def _parse(text: str, name: str) -> dict[str, Any]:
    """Return what a text says of the experiment, but for its place, as JSON: what a `Memo` can keep."""
    tree = check_python(text, name)
    preamble, *raw_cells = split_cells(text, tree)
    reader = _Reader(name)
    reader.preamble(preamble)
    for raw in raw_cells:
        reader.cell(raw)
    reader.check_whole()
    if reader.problems:
        raise ExperimentError(reader.problems)
    kinds = kinds_of_names(tree)
    assertions = {}
    for cell in reader.cells:
        try:
            assertions[cell.name] = find_assertions(cell.source, kinds)
        except NO_PYTHON as error:  # nested more deeply than we can follow
            raise ExperimentError(Problem(name, *no_python(error, cell.source, cell.line - 1))) from error
    says = {
        "docstring": reader.docstring,
        "header": reader.header,
        "texts": [[text.source, text.line, text.before] for text in reader.texts],
        "timeout": float(reader.timeout),
        "imports": sorted(dotted_names(tree)),
        "uses": sorted(used_names(tree)),
        "reads": reader.reads,
        "cells": [
            {
                "name": cell.name,
                "source": cell.source,
                "line": cell.line,
                "raises": cell.raises,
                "caption": cell.caption,
                "label": cell.label,
                "fold": cell.fold,
                "assertions": [[a.line, a.trivial, a.label] for a in assertions[cell.name]],
            }
            for cell in reader.cells
        ],
    }
    try:
        json.dumps(says, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        what = "说明、文字或单元头里有写不进文件的字符（\\ud800 到 \\udfff）"
        raise ExperimentError(Problem(name, 1, what)) from error
    return says


class _Reader:
    """What the pieces of a file say, one after another, and what is wrong with them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_lab = name.split("/")[-2] == LABS
        self.problems: list[Problem] = []
        self.docstring = self.header = ""
        self.cells: list[Cell] = []
        self.texts: list[Text] = []
        self.reads: dict[str, int] = {}
        self.timeout: float = DEFAULT_TIMEOUT

    def problem(self, line: int, what: str, hint: str = "") -> None:
        self.problems.append(Problem(self.name, line, what, hint))

    def python(self, raw: RawCell) -> ast.Module | None:
        """Return what a piece says on its own, or None: it ends in the middle of a statement."""
        try:
            return parsed(raw.source)
        except NO_PYTHON as error:
            line, what = no_python(error, raw.source, raw.line - 1)
            self.problem(line, f"{what}（每个单元要自成一段）")
            return None

    def preamble(self, raw: RawCell) -> None:
        """Read what stands before the first cell: of a lab its header, and the docstring."""
        text = "\n".join(raw.lines) + "\n"
        if self.is_lab and (header := _LAB_HEADER.match(text)):
            self.header = "\n".join(map(uncommented, header[1].splitlines()))
        tree = self.python(raw)
        if tree is None or not tree.body:
            return
        docstring = docstring_of(tree)
        if docstring is not None:
            self.docstring = docstring
            return
        first = tree.body[0]
        if (
            len(tree.body) == 1
            and isinstance(first, ast.Expr)
            and isinstance(first.value, ast.JoinedStr | ast.Constant)
        ):
            what, hint = "开头的说明要是一段普通的文字", "用三个引号括起来，引号前面没有 f 或 b"
            self.problem(raw.line - 1 + first.lineno, what, hint)
            return
        own = docstring_of(ast.Module(tree.body[:1], [])) is not None
        line = raw.line - 1 + tree.body[1 if own else 0].lineno
        self.problem(line, "单元没有名字", "写成 # %% storage；名字用小写英文、数字和连字符")

    def cell(self, raw: RawCell) -> None:
        """Read a cell."""
        if raw.kind in ("markdown", "md") and self.is_lab:
            self.text(raw)
            return
        if raw.kind:
            self.problem(raw.at, "实验里只有代码单元", "文字写在 docs/ 下的同名页面里")
            return
        if not raw.title or not CELL_NAME.fullmatch(raw.title):
            what = f"单元名“{raw.title}”不合规" if raw.title else "单元没有名字"
            self.problem(raw.at, what, "写成 # %% storage；名字用小写英文、数字和连字符")
            return
        if raw.title in RESERVED:
            self.problem(raw.at, f"单元名“{raw.title}”是保留的", f"保留名：{'、'.join(sorted(RESERVED))}")
        if first := next((cell for cell in self.cells if cell.name == raw.title), None):
            self.problem(raw.at, f"单元名“{raw.title}”重复", f"第一次出现在第 {first.line - 1} 行")
        self.options(raw)
        self.python(raw)
        words: dict[str, Any] = {option: raw.options.get(option) for option in _WORDS}
        self.cells.append(Cell(raw.title, raw.source, raw.line, **words))

    def text(self, raw: RawCell) -> None:
        """Read a Markdown cell of a lab: comments, or one string."""
        lines = raw.source.split("\n")
        code = next((number for number, line in enumerate(lines) if line.strip() and line[0] != "#"), None)
        source: str | None = "\n".join(map(uncommented, lines))
        if code is not None:
            tree = self.python(raw)
            source = docstring_of(tree) if tree else ""
            if source is None:
                hint = "文字的每一行以 # 开头；代码写在下一个 # %% 名字 的单元里"
                self.problem(raw.line + code, "Markdown 单元里有代码，不会执行", hint)
        self.texts.append(Text((source or "").strip("\n"), raw.at + 1, len(self.cells)))

    def options(self, raw: RawCell) -> None:
        """Read what the marker of a cell says besides its name."""
        if raw.unread:
            self.problem(raw.at, f"单元头读不懂：{raw.unread}", '选项写成 键="值" 或 键=数')
        for option in raw.options.keys() - set(_OPTIONS):
            close = difflib.get_close_matches(option, _OPTIONS, 1)
            hint = f"是不是想写 {close[0]}？" if close else f"可用的选项：{'、'.join(_OPTIONS)}"
            self.problem(raw.at, f"不认识单元选项“{option}”", hint)
        for option, value in raw.options.items():
            if option in (*_WORDS, "reads") and not (isinstance(value, str) and value.strip()):
                self.problem(raw.at, f"选项 {option} 的值不对：{value!r}", f'写成 {option}="文字"')
            elif option == "timeout" and not is_time_limit(value):
                self.problem(raw.at, f"选项 timeout 的值不对：{value!r}", "写成大于 0 的秒数，至多一个星期")
            elif option == "timeout":
                self.timeout = value
            elif option == "reads":
                self.reads |= dict.fromkeys(self.names(raw, value), raw.at)

    def names(self, raw: RawCell, value: str) -> list[str]:
        """Return the names in a ``reads``; one that contains blanks stands in quotes."""
        try:
            return shlex.split(value)
        except ValueError:
            self.problem(raw.at, f"选项 reads 的值不对：{value!r}", "引号没有配对")
            return []

    def check_whole(self) -> None:
        """Look at all cells together."""
        for cell in self.cells[:-1]:
            if cell.raises:
                hint = "直接用 python 运行时程序会停在那里；别处用 try … except … as error: print(error)"
                self.problem(cell.line - 1, "raises 只能写在最后一个单元", hint)
        if not self.cells and not self.problems:
            self.problem(1, "没有单元", "用 # %% 名字 开头写一个单元")


def _missing_reads(reads: dict[str, int], path: Path, root: Path, name: str) -> Iterator[Problem]:
    """Yield what a ``reads`` names that is not in the project; `reads` has the line of each name."""
    for read, line in reads.items():
        file = Path(os.path.normpath(path.parent / read))
        if not file.exists():
            yield Problem(name, line, f"reads 里的“{read}”不存在", "写相对于实验所在文件夹的路径，用空格隔开")
        elif not file.is_relative_to(root):
            yield Problem(name, line, f"reads 里的“{read}”在项目之外", "只能声明项目里的文件和文件夹")
