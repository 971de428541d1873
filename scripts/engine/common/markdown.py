"""Read Markdown as pages and labs have it: its front matter, what in it is no code, and what it includes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from engine.common.errors import Problem
from engine.common.yamltext import BadYaml, load_yaml

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})")
_CODE_OR_FORMULA = re.compile(
    r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)|\$\$.+?\$\$|(?<![\\$])\$(?![\s$])(?:\\.|[^\\$\n])+?(?<!\s)\$(?!\d)", re.DOTALL
)
_COMMENT_OR_LINK = re.compile(r"<!--.*?-->|!?\[[^\]\n]*\]\([^)\n]*\)|https?://[^\s）]+", re.DOTALL)
# How pymdownx.snippets reads a line, whose own expressions are no API: tests/engine/test_includes.py compares.
_INCLUDE = re.compile(
    r"""[ \t]*(?P<escape>;*)-+8<-+(?:[ \t]+(?P<path>"(?:\\"|[^"\n\r])+?"|'(?:\\'|[^'\n\r])+?'))?(?![ \t])\r?$"""
)
_LIKE_INCLUDE = re.compile(r"[ \t]*-+8<-+")
_PART = re.compile(
    r"(.*?)((?::-?[0-9]*){1,2}(?:,(?=[-0-9:])-?[0-9]*(?::-?[0-9]*)?)*|:[a-z][-_0-9a-z]*)?$", re.IGNORECASE
)
_SECTION = r"(?<!;)(?!(?<=-)-)(?=;*-+8<-+[ \t]+\[[ \t]*(?:start|end)[ \t]*:[ \t]*[a-z][-_0-9a-z]*[ \t]*\])"
_LINE = r"""(?=;*-+8<-+(?:[ \t]+(?:"(?:\\"|[^"\n])+"|'(?:\\'|[^'\n])+'))?$)"""
_ACTED_ON = re.compile(rf"^[ \t]*{_LINE}|^.*?{_SECTION}", re.IGNORECASE)


def front_matter(text: str, name: str, problems: list[Problem]) -> tuple[dict[str, Any], dict[str, int], int]:
    """Return the front matter, the lines of its keys, and the index of the line on which the body starts.

    The third item of a list that stands under ``asks`` has its line under ``asks.2``.
    """
    match = re.match(r"---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", text, re.DOTALL)
    if not match:
        return {}, {}, 0
    source, start = match[1] or "", match.group().count("\n")
    try:
        node, values = load_yaml(source)
    except BadYaml as error:
        problems.append(Problem(name, (error.line or 0) + 1, f"front matter {error}", error.hint))
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
        if isinstance(value, yaml.SequenceNode):
            lines |= {f"{key.value}.{i}": item.start_mark.line + 2 for i, item in enumerate(value.value)}
    return values, lines, start


def suggest(word: str, known: Sequence[str]) -> str:
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


def includes(lines: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Yield what pymdownx.snippets includes, in code too: the file, the part of it (``:2:5``, ``:name``), the index.

    All its forms: in double or single quotes, or one a line between two lines with the mark alone; a semicolon in
    front of mark or path makes it no include.
    """
    in_block = False
    for index, line in enumerate(lines):
        match = _INCLUDE.match(line)
        if match and match["escape"]:
            continue
        if match and not match["path"]:
            in_block = not in_block
        elif bool(match) is not in_block:
            path = (match["path"][1:-1] if match else line).strip()
            if (path or match) and not path.startswith(";"):
                file, part = _PART.match(path).groups()  # type: ignore[union-attr]  # it matches anything
                yield file.strip(), part or "", index


def failed_includes(lines: Sequence[str]) -> Iterator[int]:
    """Yield the indices of lines, outside code, that look as if they included something and do not."""
    for index, line in enumerate(without_code(list(lines))):
        if _LIKE_INCLUDE.match(line) and not _INCLUDE.match(line):
            yield index


def shown(text: str) -> str:
    """Return text that is only to be shown, with a semicolon where pymdownx.snippets would act; it takes that out."""
    if "8<-" not in text:
        return text
    return "\n".join(_ACTED_ON.sub(r"\g<0>;", line, count=1) for line in text.split("\n"))


def prose(source: str) -> str:
    """Return a text with code, formulas, comments, links and addresses blanked; each character stays where it is."""
    text = "\n".join(
        kept or " " * len(line)
        for line, kept in zip(source.split("\n"), without_code(source.split("\n")), strict=True)
    )
    for pattern in (_CODE_OR_FORMULA, _COMMENT_OR_LINK):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return text
