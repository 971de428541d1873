"""A line break between Chinese characters is no space.

Sources are wrapped; browsers turn each line break into a space, which Chinese text has none of. As a Python-Markdown
extension, so that it is not tied to one generator.
"""

from __future__ import annotations

import re
from typing import Any

from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor

_HAN = r"\u2e80-\u2fdf\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_MARKS = r"\u3000-\u3003\u3008-\u3011\u2018-\u201d\u2014\u2026\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
# After a full-width mark always; after a Han character if another one or a mark follows, markup apart.
_AFTER_MARK = rf"(?:(?<=[{_MARKS}])|(?<=[{_MARKS}]\*\*))\n[ ]*"
_BETWEEN_HAN = rf"(?:(?<=[{_HAN}])|(?<=[{_HAN}]\*\*))\n[ ]*(?=[*_\[]*[{_HAN}{_MARKS}])"


class _Join(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:  # type: ignore[override]  # noqa: ARG002, N802
        return "", m.start(0), m.end(0)


class CJKLinesExtension(Extension):
    """Python-Markdown extension without options."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after code spans (190) and formulas (189.9), before emphasis (60)."""
        md.inlinePatterns.register(_Join(f"{_AFTER_MARK}|{_BETWEEN_HAN}", md), "cjklines", 185)


def makeExtension(**options: Any) -> CJKLinesExtension:  # noqa: N802
    """Return the extension: the name by which Python-Markdown finds it."""
    return CJKLinesExtension(**options)
