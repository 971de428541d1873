"""Read the pages: front matter with the claims, what they include, and the formulas, each with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.common import PageError, Problem, Project, check_formulas, front_matter, suggest, without_code

VERDICTS = ("成立", "有条件成立", "不成立", "无法用实验判定")
UNDECIDABLE = VERDICTS[3]
_KEYS = ("title", "qa", "tags", "related", "description", "aliases", "asks", "claims")
_CLAIM_KEYS = ("says", "verdict", "truth", "evidence")
_INCLUDE = re.compile(r'^\s*--8<--\s+"([^"]+)"\s*$')


@dataclass(frozen=True)
class Claim:
    """Something people say, and what the experiment found.

    Attributes:
        says: the claim, restated briefly.
        verdict: one of `VERDICTS`.
        truth: what is right, or under which condition; for `UNDECIDABLE` the reason. Empty only where it holds.
        evidence: names of the cells whose assertions hold the verdict.
        line: of the page, from 1.
    """

    says: str
    verdict: str
    truth: str
    evidence: tuple[str, ...]
    line: int


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
        includes: the fragments the page includes, with their lines.
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
    includes: tuple[tuple[str, int], ...]
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
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PageError(Problem(name, None, "不是 UTF-8 编码", "用 UTF-8 重新保存这个文件")) from error
    problems: list[Problem] = []
    front, lines, body_start = front_matter(text, name, problems)
    body = without_code(text.split("\n")[body_start:])
    includes = [
        (match[1], number) for number, line in enumerate(body, body_start + 1) if (match := _INCLUDE.match(line))
    ]
    problems += check_formulas(body, body_start + 1, name)
    claims: list[Claim] = []
    if "qa" in front:
        claims = _check_question(front, lines, name, project, problems)
    if problems:
        raise PageError(problems)
    qa = front.get("qa")
    return Page(
        id=path.relative_to(project.docs).with_suffix("").as_posix(),
        path=name,
        title=str(front.get("title", "")),
        qa=None if qa is None else str(qa),
        tags=tuple(front.get("tags") or ()),
        related=tuple(front.get("related") or ()),
        description=str(front.get("description", "")),
        aliases=tuple(front.get("aliases") or ()),
        asks=tuple(front.get("asks") or ()),
        claims=tuple(claims),
        includes=tuple(includes),
        lines=lines,
    )


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
        if (claim := _check_claim(raw, lines.get(f"claims.{number}", lines["claims"]), name, problems))
    ]


def _check_claim(raw: Any, line: int, name: str, problems: list[Problem]) -> Claim | None:
    found: list[Problem] = []
    if not isinstance(raw, dict):
        problems.append(Problem(name, line, "一条说法要写成 says / verdict / truth / evidence"))
        return None
    for key in raw.keys() - set(_CLAIM_KEYS):
        found.append(Problem(name, line, f"说法里不认识“{key}”", suggest(str(key), _CLAIM_KEYS)))
    says, verdict, truth = (raw.get(key, "") for key in ("says", "verdict", "truth"))
    if not isinstance(says, str) or not says.strip():
        found.append(Problem(name, line, "说法没有内容（says）"))
    if verdict not in VERDICTS:
        found.append(Problem(name, line, f"不认识判定“{verdict}”", suggest(str(verdict), VERDICTS)))
    if not isinstance(truth, str) or (verdict in VERDICTS[1:] and not truth.strip()):
        what = "理由" if verdict == UNDECIDABLE else "对的是什么，或什么条件下成立"
        found.append(Problem(name, line, f"判定为“{verdict}”要写出{what}（truth）"))
    evidence = raw.get("evidence", [])
    evidence = [evidence] if isinstance(evidence, str) else evidence
    if not isinstance(evidence, list) or not all(isinstance(cell, str) for cell in evidence):
        found.append(Problem(name, line, "证据要写成单元名，或单元名的列表（evidence）"))
    elif not evidence and verdict != UNDECIDABLE:
        found.append(Problem(name, line, "说法没有证据（evidence）", "写出断言所在的单元"))
    problems += found
    return None if found else Claim(says.strip(), verdict, truth.strip(), tuple(evidence), line)
