"""Read the pages: front matter with the claims, what they include, and the formulas, each with its line."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.common import (
    PageError,
    Problem,
    Project,
    check_body,
    check_text,
    failed_includes,
    front_matter,
    includes,
    suggest,
    without_code,
)
from engine.pages.claims import Claim, check_claim

_KEYS = ("title", "qa", "tags", "related", "description", "aliases", "asks", "given", "claims")
_HEADING = re.compile(r"## +(.*?)\s*(?:\{[^}]*\})?\s*$")
_NOT_IN_NAMES = re.compile(r'[#%?$"<>|*\\`\[\]\x00-\x1f\x7f]')
"""Characters with a meaning of their own in an address, in Markdown's links, or in the names of files elsewhere."""


@dataclass(frozen=True)
class Page:
    """One docs/**/*.md.

    Attributes:
        id: its path without folder ``docs`` and suffix; a question's experiment has the same.
        path: relative to the project, for messages.
        title: how a learner would ask; empty where the front matter has none.
        qa: the question's number, e.g. ``04-1``; None for a page that is no question.
        tags: what it is about; the settings of the project name all that there are.
        related: the numbers of questions to read next.
        description: the answer in one or two sentences.
        aliases: other names: English, API names, error messages.
        asks: other ways to ask.
        claims: in order.
        given: numbers of its words that no run gives: definitions, facts of works that it cites.
        includes: the fragments the page includes, with their lines.
        prose: its text without front matter and code, with the line of the first.
        words: texts of its front matter that say something, with their lines.
        headings: its headings of the second level, with their lines.
        lines: the line of each key of the front matter.
    """

    id: str
    path: str
    title: str
    qa: str | None
    tags: tuple[str, ...]
    related: tuple[str, ...]
    description: str
    aliases: tuple[str, ...]
    asks: tuple[str, ...]
    claims: tuple[Claim, ...]
    given: tuple[str, ...]
    includes: tuple[tuple[str, int], ...]
    prose: tuple[tuple[str, int], ...]
    words: tuple[tuple[str, int], ...]
    headings: tuple[tuple[str, int], ...]
    lines: dict[str, int]

    @property
    def chapter(self) -> str:
        """The folder it is in, e.g. ``04-tensor``."""
        return self.id.rpartition("/")[0]

    def line(self, key: str) -> int:
        """Return the line of a key of the front matter, or the first one."""
        return self.lines.get(key, 1)


def qa_order(number: str) -> tuple[int, int]:
    """Sort key of a question's number: ``04-10`` comes after ``04-2``."""
    chapter, _, question = number.partition("-")
    return int(chapter), int(question)


def read_page(path: Path, project: Project) -> Page:
    """Read a page.

    Raises:
        PageError: every defect of its front matter (only on pages that are questions), includes and formulas.
    """
    name = project.relative(path)
    try:
        source = path.read_bytes()
        text = source.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        hint = "检查它的权限；是链接的话，检查它指向的文件"
        raise PageError(Problem(name, None, f"读不出来：{error.strerror}", hint)) from error
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise PageError(Problem(name, line, "不是 UTF-8 编码", "用 UTF-8 重新保存这个文件")) from error
    problems: list[Problem] = []
    inside = path.relative_to(project.docs)
    if found := _NOT_IN_NAMES.search(inside.as_posix()):
        problems.append(Problem(name, None, f"文件名里不能有 {found.group()!r}", "改名：它会成为页面的地址"))
    front, lines, body_start = front_matter(text, name, problems)
    body = text.split("\n")[body_start:]
    included = list(_check_includes(body, body_start + 1, name, problems))
    problems += check_body(body, body_start + 1, name)
    for key in ("title", "description"):
        if isinstance(words := front.get(key), str):
            problems += check_text(words, lines.get(key, 1), name)
    prose = without_code(body)
    claims: list[Claim] = []
    if "qa" in front:
        claims = _check_question(front, lines, name, project, problems)
    if problems:
        raise PageError(problems)
    qa = front.get("qa")
    return Page(
        id=inside.with_suffix("").as_posix(),
        path=name,
        title=_words(front, "title"),
        qa=None if qa is None else str(qa),
        tags=_list(front, "tags"),
        related=_list(front, "related"),
        description=_words(front, "description"),
        aliases=_list(front, "aliases"),
        asks=_list(front, "asks"),
        claims=tuple(claims),
        given=_list(front, "given"),
        includes=tuple(included),
        prose=(("\n".join(prose), body_start + 1),),
        words=tuple(_sayings(front, lines, claims)),
        headings=tuple(
            (match[1], number) for number, line in enumerate(prose, body_start + 1) if (match := _HEADING.match(line))
        ),
        lines=lines,
    )


def _headings(prose: Sequence[str], first_line: int) -> Iterator[tuple[str, int]]:
    """Yield the headings of the second level, with their lines."""
    for number, line in enumerate(prose, first_line):
        if match := _HEADING.match(line):
            yield match[1], number


def _sayings(front: dict[str, Any], lines: dict[str, int], claims: Sequence[Claim]) -> Iterator[tuple[str, int]]:
    """Yield the texts of the front matter that say what is so, with their lines."""
    yield _words(front, "description"), lines.get("description", 1)
    yield from ((claim.truth, claim.line) for claim in claims)


def _words(front: dict[str, Any], key: str) -> str:
    """Return text of the front matter; pages that are no questions may have anything there."""
    value = front.get(key)
    return "" if value is None else str(value).strip()


def _list(front: dict[str, Any], key: str) -> tuple[str, ...]:
    value = front.get(key)
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _check_includes(
    body: Sequence[str], first_line: int, name: str, problems: list[Problem]
) -> Iterator[tuple[str, int]]:
    """Yield the fragments that a page includes, with their lines."""
    seen: dict[str, int] = {}
    for file, part, index in includes(body):
        line, path = first_line + index, posixpath.normpath(file)
        if part:
            problems.append(Problem(name, line, f"片段要整个嵌入，不能只取“{part}”", f'写 --8<-- "{file}"'))
        elif not path.endswith(".md"):
            problems.append(Problem(name, line, f"没有片段“{file}”", "片段的名字以 .md 结尾"))
        elif path in seen:
            problems.append(Problem(name, line, f"“{path}”在第 {seen[path]} 行已经嵌过了", "每个片段一页只嵌一次"))
        else:
            seen[path] = line
            yield path, line
    for index in failed_includes(body):
        hint = '路径放在引号里，行末不留空格：--8<-- "章/问题/单元.md"'
        problems.append(Problem(name, first_line + index, "这一行不会嵌入任何东西", hint))


def _check_question(
    front: dict[str, Any], lines: dict[str, int], name: str, project: Project, problems: list[Problem]
) -> list[Claim]:
    def complain(key: str, what: str, hint: str = "") -> None:
        problems.append(Problem(name, lines.get(key, 1), what, hint))

    for key in front.keys() - set(_KEYS):
        complain(key, f"front matter 里不认识“{key}”", suggest(str(key), _KEYS))
    for key in ("title", "description"):
        if not isinstance(front.get(key), str) or not front[key].strip():
            complain(key, f"front matter 缺“{key}”")
    if str(front["qa"]) not in project.questions:
        hint = suggest(str(front["qa"]), sorted(project.questions))
        complain("qa", f"没有编号为“{front['qa']}”的问题", hint + "（编号在 pyproject.toml 的 [tool.engine] 里）")
    if name.rpartition("/")[2] in ("index.md", "README.md"):
        complain("qa", "这个文件会成为一章的首页，不能是问题", "换一个文件名")
    for key in ("tags", "related", "aliases", "asks"):
        values = front.get(key) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            complain(key, f"“{key}”要写成文字的列表：[甲, 乙]", "含冒号的文字要用引号括起来")
        elif key == "tags":
            if not values:
                complain(key, "至少要有一个标签")
            for tag in values:
                if tag not in project.tags:
                    complain(key, f"没有标签“{tag}”", suggest(tag, sorted(project.tags)))
        elif key in ("aliases", "asks"):
            for number, words in enumerate(values):
                problems += check_text(words, lines.get(f"{key}.{number}", lines[key]), name)
        elif key == "related":
            for number in values:
                if number not in project.questions:
                    complain(key, f"没有编号为“{number}”的问题", suggest(number, sorted(project.questions)))
    claims = front.get("claims")
    if not isinstance(claims, list) or not claims:
        complain("claims", "没有要检验的说法（claims）")
        return []
    return [
        claim
        for number, raw in enumerate(claims)
        if (claim := check_claim(raw, lines.get(f"claims.{number}", lines["claims"]), name, problems))
    ]
