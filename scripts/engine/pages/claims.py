"""A claim: what people say, the verdict on it, and the cells that carry the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.common import Problem, check_text, suggest

VERDICTS = ("成立", "有条件成立", "不成立", "无法用实验判定")
UNDECIDABLE = VERDICTS[3]
_KEYS = ("says", "verdict", "truth", "evidence")


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


def check_claim(raw: Any, line: int, name: str, problems: list[Problem]) -> Claim | None:
    """Return a claim as a page's front matter has it, or None; what is wrong with it is added to the problems."""
    found: list[Problem] = []
    if not isinstance(raw, dict):
        problems.append(Problem(name, line, "一条说法要写成 says / verdict / truth / evidence"))
        return None
    for key in raw.keys() - set(_KEYS):
        found.append(Problem(name, line, f"说法里不认识“{key}”", suggest(str(key), _KEYS)))
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
    if not found:
        for words in (says, truth):
            found += check_text(words, line, name)
    problems += found
    return None if found else Claim(says.strip(), verdict, truth.strip(), tuple(evidence), line)
