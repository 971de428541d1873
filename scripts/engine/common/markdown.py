"""Read Markdown as pages and labs have it: its front matter, what in it is no code, and its formulas."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

import yaml

from engine.common.errors import Problem

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast, and not everywhere
_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_BLOCK_FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_COMMENT_OR_LINK = re.compile(r"<!--.*?-->|!?\[[^\]\n]*\]\([^)\n]*\)|https?://[^\s）]+", re.DOTALL)
_INLINE_FORMULA = re.compile(r"(?<![\\$])\$(?![\s$])((?:\\.|[^\\$\n])+?)(?<!\s)\$(?!\d)")


def front_matter(text: str, name: str, problems: list[Problem]) -> tuple[dict[str, Any], dict[str, int], int]:
    """Return the front matter, the lines of its keys, and the index of the line on which the body starts."""
    match = re.match(r"---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", text, re.DOTALL)
    if not match:
        return {}, {}, 0
    source, start = match[1] or "", match.group().count("\n")
    try:
        node = yaml.compose(source, Loader=YAML_LOADER)
        values = yaml.load(source, Loader=YAML_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = f"front matter 不是合法的 YAML：{getattr(error, 'problem', None) or error}"
        hint = "含有冒号、引号、井号或方括号的文字要用引号括起来"
        problems.append(Problem(name, mark.line + 2 if mark else 1, what, hint))
        return {}, {}, start
    if not isinstance(node, yaml.MappingNode):
        if values is not None:
            problems.append(Problem(name, 2, "front matter 要写成 键: 值"))
        return {}, {}, start
    lines: dict[str, int] = {}
    for key, value in node.value:
        if key.value in lines:
            problems.append(Problem(name, key.start_mark.line + 2, f"“{key.value}”写了两次"))
        lines[key.value] = key.start_mark.line + 2
        if key.value == "claims" and isinstance(value, yaml.SequenceNode):
            lines |= {f"claims.{i}": item.start_mark.line + 2 for i, item in enumerate(value.value)}
    return values, lines, start


def suggest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return a hint for a word that is not one of the `known`."""
    close = difflib.get_close_matches(word, known, 1, cutoff=0.5)
    if close:
        return f"是不是想写“{close[0]}”？"
    return f"可用的：{'、'.join(known)}" if len(known) <= 40 else ""


def without_code(lines: list[str]) -> list[str]:
    """Return the lines with fenced code blanked; numbering stays."""
    result, fence = [], ""
    for line in lines:
        match = _FENCE.match(line)
        if fence:
            result.append("")
            if match and match[2].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif match:
            fence = match[2]
            result.append("")
        else:
            result.append(line)
    return result


def check_formulas(body: list[str], first_line: int, name: str) -> Iterator[Problem]:
    """Yield the formulas in lines without code that cannot be converted; `first_line` is the number of the first."""
    from markdown_extensions.mathml import MathError, convert

    text = _CODE_SPAN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), "\n".join(body))
    blank = _BLOCK_FORMULA.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    formulas = [(match, True) for match in _BLOCK_FORMULA.finditer(text)]
    formulas += [(match, False) for match in _INLINE_FORMULA.finditer(blank)]
    for match, display in sorted(formulas, key=lambda formula: formula[0].start()):
        try:
            convert(match[1].strip(), display)
        except MathError as error:
            line = first_line + text.count("\n", 0, match.start())
            yield Problem(name, line, f"公式转换不了：{error}", match[1].strip())


def prose(source: str) -> str:
    """Return a text with code, formulas, comments, links and addresses blanked; each character stays where it is."""
    text = "\n".join(
        kept or " " * len(line)
        for line, kept in zip(source.split("\n"), without_code(source.split("\n")), strict=True)
    )
    for pattern in (_CODE_SPAN, _BLOCK_FORMULA, _INLINE_FORMULA, _COMMENT_OR_LINK):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return text
