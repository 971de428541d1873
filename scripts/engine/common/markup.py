"""Pieces of Markdown that fragments are made of."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_CODE_OR_FORMULA = re.compile(r"(`[^`]+`|\$[^$\s][^$]*\$)")


def text(source: str) -> str:
    """Return text for a table cell: code spans and formulas stay what they are, the rest means only itself."""
    return "".join(
        _escaped(piece) if number % 2 == 0 else piece.replace("|", "\\|" if piece[0] == "`" else "\\vert ")
        for number, piece in enumerate(_CODE_OR_FORMULA.split(source.replace("\n", " ")))
    )


def _escaped(text: str) -> str:
    text = html.escape(text, quote=False)
    for character in "\\*_[]#|!{}":
        text = text.replace(character, "\\" + character)
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what is in its cells is Markdown already (see `text`)."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def wrapped(css: str, content: str, *, searched: bool = True) -> str:
    """Return Markdown inside an element of class `css`; what is not `searched` stands elsewhere already."""
    excluded = "" if searched else ' data-search-exclude="1"'
    return f'<div class="{css}" markdown="1"{excluded}>\n\n{content}\n\n</div>\n'
