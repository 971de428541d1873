"""Pieces of Markdown that fragments are made of."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from engine.common.markdown import shown

# Just what Python-Markdown takes for code and pymdownx.arithmatex for a formula, in text of one line.
_CODE_OR_FORMULA = re.compile(
    r"(?P<code>(?<!`)(?P<run>`+)(?!`).+?(?<!`)(?P=run)(?!`))|\$(?!\s)(?P<tex>(?:\\.|[^\\$`])+?)(?<!\s)\$"
)
_SPECIAL = re.compile(r"[\\`*_\[\]#|!{}$]")
_MARKUP = re.compile(r"[!-+/:-@\\^-`{-~]")
# What begins a list, a box or an underlined heading if it begins a line.
_BEGINNING = re.compile(r"\A(?:[-+=:?~]|\d+(?=[.)]\s))")
_BAR = re.compile(r"\\\||\||<")
_IN_FORMULA = {r"\|": r"\Vert ", "|": r"\vert ", "<": r"\lt "}


def text(source: str) -> str:
    """Return text for a line or a table's cell: code and formulas stay what they are, the rest means only itself."""
    source, at = " ".join(source.split()), 0
    parts: list[str] = []
    for match in _CODE_OR_FORMULA.finditer(source):
        parts += _escaped(source[at : match.start()]), match["code"] or f"${_formula(match['tex'])}$"
        at = match.end()
    line = shown("".join([*parts, _escaped(source[at:])]))
    return _BEGINNING.sub(lambda match: "".join(f"&#{ord(character)};" for character in match.group()), line)


def formulas(source: str) -> Iterator[str]:
    """Yield the formulas in text as `text` gives them."""
    for match in _CODE_OR_FORMULA.finditer(" ".join(source.split())):
        if match["tex"]:
            yield _formula(match["tex"])


def attribute(source: str) -> str:
    """Return text for the title of a link, between double quotes: nothing in it is markup."""
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", " ".join(source.split()))


def code(source: str) -> str:
    """Return text as code, whatever is in it."""
    source = " ".join(source.split())
    longest = max((len(run) for run in re.findall(r"`+", source)), default=0)
    space = " " if source.startswith("`") or source.endswith("`") else ""
    return f"{'`' * (longest + 1)}{space}{source}{space}{'`' * (longest + 1)}"


def _formula(tex: str) -> str:
    return _BAR.sub(lambda match: _IN_FORMULA[match.group()], tex).rstrip()  # no blank before the dollar


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", html.escape(text, quote=False))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what is in its cells is Markdown already (see `text`)."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def wrapped(css: str, content: str, *, searched: bool = True) -> str:
    """Return Markdown inside an element of class `css`; what is not `searched` stands elsewhere already."""
    excluded = "" if searched else ' data-search-exclude="1"'
    return f'<div class="{css}" markdown="1"{excluded}>\n\n{content}\n\n</div>\n'
