"""Formulas become MathML at build time: no script runs in the reader's browser.

`convert` does one formula. As a Markdown extension this module goes over what `pymdownx.arithmatex`
(``generic: true``) marked, so that any generator built on Python-Markdown can use it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from math_core import LatexError, LatexToMathML

_CONVERTER = LatexToMathML(fancy_error=False)
_DELIMITERS = re.compile(r"\A\s*\\[(\[](.*)\\[)\]]\s*\Z", re.DOTALL)
# What may not begin a line: it stays with the formula before it.
_PUNCTUATION = re.compile(r"\A[，。；：、！？）》”’,.;:!?)]+")
_NAMED_ENTITY = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;)[A-Za-z]\w*;")
_ROW_SPACING = re.compile(r"\\\\\s*\[")


class MathError(ValueError):
    """A formula that cannot be converted; the message says what is not understood."""


@lru_cache(maxsize=4096)
def convert(tex: str, display: bool) -> str:
    r"""Return a formula as MathML.

    Args:
        tex: LaTeX, without dollar signs.
        display: a formula of its own rather than one inside a line.

    Raises:
        MathError: unknown command, unbalanced braces, or ``\\[6pt]``, which math-core 0.9.0 drops in silence.
    """
    if _ROW_SPACING.search(tex):
        raise MathError(r"不支持 \\[…] 的行距")
    try:
        mathml: str = _CONVERTER.convert_with_local_state(tex, displaystyle=display)
    except LatexError as error:
        raise MathError(str(error)) from error
    # math-core writes a few of HTML's named entities, which XML does not know.
    return _NAMED_ENTITY.sub(lambda match: html.unescape(match.group()), mathml)


def formulas(root: ElementTree.Element) -> Iterator[tuple[ElementTree.Element, str]]:
    """Yield the elements that `pymdownx.arithmatex` marked, each with its LaTeX as it stands in the source."""
    for element in root.iter():
        if "arithmatex" in (element.get("class") or "").split():
            match = _DELIMITERS.match(element.text or "")
            if match:
                yield element, html.unescape(match[1])


def convert_element(element: ElementTree.Element, tex: str) -> ElementTree.Element:
    """Return the MathML of a marked element's formula.

    Raises:
        MathError: see `convert`.
    """
    return ElementTree.fromstring(convert(tex.strip(), element.tag == "div"))


class _ToMathML(Treeprocessor):
    def run(self, root: ElementTree.Element) -> None:
        for element, tex in list(formulas(root)):
            math = convert_element(element, tex)
            element.text = None
            element.append(math)
            if element.tag == "div":
                element.set("tabindex", "0")  # a long formula scrolls, and must do so by keyboard too
            if element.tag == "span" and (mark := _PUNCTUATION.match(element.tail or "")):
                math.tail, element.tail = mark.group(), (element.tail or "")[mark.end() :]


class MathMLExtension(Extension):
    """Python-Markdown extension: use it together with ``pymdownx.arithmatex: {generic: true}``."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after inline patterns (20), before headings are given their ids (5)."""
        md.treeprocessors.register(_ToMathML(md), "mathml", 15)


def makeExtension(**options: Any) -> MathMLExtension:  # noqa: N802
    """Return the extension: the name by which Python-Markdown finds it."""
    return MathMLExtension(**options)
