"""The first use of a glossary term on a page explains itself on hovering, tapping or focus.

Python-Markdown's own `abbr` wants spaces around a word, which Chinese has none of, and marks every use. As a
Python-Markdown extension, so that it is not tied to one generator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from engine.common import EngineError, find_root, load_project
from engine.pages import Term, read_glossary
from markdown_extensions.prose import mark

# The headings of boxes, and what is not prose: the glossary itself, lists of links.
_CLASSES_LEFT_ALONE = {
    "admonition-title",
    "qa-glossary",
    "qa-questions",
    "qa-tags",
    "qa-apis",
    "qa-map",
    "qa-foot",
    "qa-gallery",
}
_SHORTEST = 2


class _Names:
    """All words of the glossary, the longest at a place going first; looked up by the character they begin with."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._terms = {name.lower(): term for term in terms for name in term.names if len(name) >= _SHORTEST}
        names: dict[str, list[str]] = {}
        for name in sorted(self._terms, key=lambda name: (-len(name), name)):
            names.setdefault(name[0], []).append(name)
        self._starts = re.compile(f"[{re.escape(''.join(names))}]" if names else r"(?!)", re.IGNORECASE)
        self._patterns = {
            first: re.compile("|".join(map(_bounded, those)), re.IGNORECASE) for first, those in names.items()
        }

    def find(self, text: str) -> Iterator[tuple[re.Match[str], Term]]:
        at = 0
        while start := self._starts.search(text, at):
            pattern = self._patterns.get(start.group().lower())  # none for ſ, which is an s to `_starts`
            match = pattern and pattern.match(text, start.start())
            if match:
                yield match, self._terms[match.group().lower()]
            at = (match or start).end()


def _bounded(name: str) -> str:
    """Return a pattern for a name: letters of its own alphabet may not go on before or after it."""
    before = r"(?<![A-Za-z0-9_.])" if re.match(r"[A-Za-z0-9]", name) else ""
    after = r"(?![A-Za-z0-9_])" if re.search(r"[A-Za-z0-9]\Z", name) else ""
    return before + re.escape(name) + after


@lru_cache(maxsize=4)
def _names(root: Path, changed: int) -> _Names:  # noqa: ARG001  # read again when the file has changed
    return _Names(read_glossary(load_project(root)))


@lru_cache(maxsize=4)
def _glossary(root: Path) -> Path:
    return load_project(root).glossary  # a path by convention: it does not change with the settings


class _Tooltips(Treeprocessor):
    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self._root = root

    def run(self, root: ElementTree.Element) -> None:
        path = _glossary(self._root)
        if path.is_file():
            try:
                self._names = _names(self._root, path.stat().st_mtime_ns)
            except EngineError:  # the engine says what is wrong with the glossary
                return
            self._seen: set[str] = set()
            mark(root, self._find, _CLASSES_LEFT_ALONE)

    def _find(self, text: str) -> Iterator[tuple[int, int, ElementTree.Element]]:
        """Yield the terms that have not come before, each as an element that explains it."""
        for match, term in self._names.find(text):
            if term.term in self._seen:
                continue
            self._seen.add(term.term)
            others = "、".join(name for name in (term.term, term.en) if name.lower() != match.group().lower())
            abbr = ElementTree.Element("abbr", {"class": "qa-term", "title": f"{others}：{term.means}"})
            abbr.text = match.group()
            yield *match.span(), abbr


class TooltipsExtension(Extension):
    """Python-Markdown extension: the glossary is that of the project in `root`, by default where one works."""

    def __init__(self, **options: Any) -> None:
        """Take the options."""
        self.config = {"root": ["", "the project's folder; by default the current one, or the nearest above it"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after inline patterns (20) and formulas (15), before headings are given their ids (5)."""
        md.treeprocessors.register(
            _Tooltips(md, find_root(Path(self.getConfig("root") or Path.cwd()))), "tooltips", 12
        )


def makeExtension(**options: Any) -> TooltipsExtension:  # noqa: N802
    """Return the extension: the name by which Python-Markdown finds it."""
    return TooltipsExtension(**options)
