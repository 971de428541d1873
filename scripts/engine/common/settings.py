"""The project's settings: ``[tool.engine]`` in pyproject.toml, with everything that is wrong with them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.common.errors import Problem, UsageError

NAME = "pyproject.toml"
_MOST = 999
_NOT_IN_TAGS = re.compile(r'[/\\#%?<>"|&\x00-\x1f]|^[.\s]|\s$')
"""A tag is the name of a file and part of an address."""


class Settings(NamedTuple):
    """What a project says of itself.

    Attributes:
        questions: the numbers of all questions.
        tags: what each tag covers, by group.
        old_form: the numbers of the questions whose pages are still as an earlier design had them.
    """

    questions: frozenset[str]
    tags: Mapping[str, Mapping[str, str]]
    old_form: frozenset[str]


def read_settings(root: Path) -> Settings:
    """Return the settings.

    Raises:
        UsageError: there is no pyproject.toml with a ``[tool.engine]`` table in `root`, or it is not as agreed.
    """
    try:
        source = (root / NAME).read_bytes()
    except FileNotFoundError as error:
        raise _no_project(root) from error
    except OSError as error:
        raise UsageError(Problem(NAME, None, f"读不出来：{error.strerror}")) from error
    try:
        text = source.decode("utf-8-sig")
        settings: Any = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise UsageError(Problem(NAME, line, "不是 UTF-8 编码", "用 UTF-8 重新保存这个文件")) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise UsageError(Problem(NAME, int(found[1]) if found else None, f"不是合法的 TOML：{error}")) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets in thousands
        raise UsageError(Problem(NAME, None, f"读不懂：{error}")) from error
    for key in ("tool", "engine"):
        if not isinstance(settings, dict) or key not in settings:
            raise _no_project(root)
        settings = settings[key]
    defects = list(_defects(settings))
    if defects:
        raise UsageError(Problem(NAME, _line(text, word), what, hint) for word, what, hint in defects)
    questions = settings.get("questions", {})
    numbers = frozenset(f"{chapter}-{i}" for chapter, n in questions.items() for i in range(1, n + 1))
    return Settings(numbers, settings.get("tags", {}), frozenset(settings.get("old_form", [])))


def line_of_tag(root: Path, tag: str) -> int | None:
    """Return the line of the settings that says what a tag covers, or None."""
    text = (root / NAME).read_bytes().decode("utf-8-sig")
    return _line(text, tag)


def _no_project(root: Path) -> UsageError:
    return UsageError(Problem(str(root), None, "这里不是项目文件夹", f"需要一个带 [tool.engine] 的 {NAME}"))


def _line(text: str, word: str) -> int | None:
    """Return the line on which a key stands (the library keeps none): the first such word after ``tool.engine``."""
    start = max(text.find("tool.engine"), 0)
    found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text[start:]) if word else None
    return text.count("\n", 0, start + (found.start() if found else 0)) + 1


def _defects(settings: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the word on whose line something is wrong, what it is, and what to do."""
    if not isinstance(settings, dict):
        yield "engine", "[tool.engine] 要写成一张表", "[tool.engine]，下面每行一个 键 = 值"
        return
    questions, groups = settings.get("questions", {}), settings.get("tags", {})
    hint = "questions = { 04 = 2 }：第 04 章有两个问题"
    if not isinstance(questions, dict):
        yield "questions", "questions 要写成 章号 = 问题数", hint
        questions = {}
    for chapter, number in questions.items():
        if not re.fullmatch(r"[0-9]{1,4}", chapter):
            yield chapter, f"questions 里的“{chapter}”不是章号", hint
        if type(number) is not int or not 0 <= number <= _MOST:
            yield chapter, f"questions 里第 {chapter} 章的问题数不是 0 到 {_MOST} 的整数：{str(number)[:40]!r}", hint
    old_form = settings.get("old_form", [])
    if not isinstance(old_form, list) or not all(isinstance(number, str) for number in old_form):
        yield "old_form", "old_form 要写成问题编号的列表", 'old_form = ["04-2", "07-1"]'
    hint = '[tool.engine.tags."组名"] 下面每行一个 "标签" = "它管什么"'
    if not isinstance(groups, dict):
        yield "tags", "tags 要写成表", hint
        return
    known: dict[str, str] = {}
    for group, tags in groups.items():
        if not isinstance(tags, dict):
            yield group, f"tags 里的“{group}”要写成一组标签", hint
            continue
        for tag, covers in tags.items():
            if not tag or _NOT_IN_TAGS.search(tag):
                yield (
                    tag or group,
                    f"标签“{tag}”里有文件名和地址里不能有的字符",
                    '不用 / \\ # % ? < > " | &，不以点或空格开头',
                )
            if not isinstance(covers, str):
                yield tag, f"标签“{tag}”的说明要写成文字", hint
            if tag in known:
                yield tag, f"标签“{tag}”写在两组里：{known[tag]}、{group}", "留下一个"
            known[tag] = group
