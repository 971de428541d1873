"""Numbers of a run in the prose: ``{{gain.mean:.1f}}`` becomes what the engine wrote for it into a fragment.

The fragment of the claims, which each question's page includes, brings a comment with all that the page quotes; so
this works under any generator and needs no files.
"""

from __future__ import annotations

import json
import re
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from engine.common import REFERENCE

_DEFINITIONS = re.compile(r"<!-- qa-values (\{.*\}) -->")


def definitions(quoted: dict[str, str]) -> str:
    """Return the comment that a fragment brings: what each reference of the page stands for."""
    text = json.dumps(quoted, ensure_ascii=False).replace("--", "\\u002d\\u002d")
    return f"<!-- qa-values {text} -->"


class _Fill(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        known: dict[str, str] = {}
        for match in _DEFINITIONS.finditer(text):
            known |= json.loads(match[1])
        if not known:
            return lines
        text = _DEFINITIONS.sub("", text)
        return REFERENCE.sub(lambda match: known.get(match.group(), match.group()), text).split("\n")


class ValuesExtension(Extension):
    """Python-Markdown extension without options."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after the snippets (32) that bring the definitions, before fenced code (25) is taken away."""
        md.preprocessors.register(_Fill(md), "values", 31)


def makeExtension(**options: Any) -> ValuesExtension:  # noqa: N802
    """Return the extension: the name by which Python-Markdown finds it."""
    return ValuesExtension(**options)
