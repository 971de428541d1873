"""A citation in the prose, ``（Li 等，2019）``, leads to the work: the bibliography says where it is.

As a Python-Markdown extension, so that it is not tied to one generator. What is no citation of a known work stays as
it is: the engine's checks name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from engine.common import EngineError, find_root, load_project
from engine.pages import Citations, read_bibliography
from markdown_extensions.prose import mark

_CLASSES_LEFT_ALONE = {"admonition-title", "qa-outward"}


@lru_cache(maxsize=4)
def _citations(root: Path, changed: int) -> Citations:  # noqa: ARG001  # read again when the file has changed
    try:
        return Citations(read_bibliography(load_project(root)))
    except EngineError:  # the build says what is wrong with it
        return Citations(())


@lru_cache(maxsize=4)
def _bibliography(root: Path) -> Path:
    return load_project(root).bibliography  # a path by convention: it does not change with the settings


class _Links(Treeprocessor):
    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self._root = root

    def run(self, root: ElementTree.Element) -> None:
        path = _bibliography(self._root)
        if path.is_file():
            self._citations = _citations(self._root, path.stat().st_mtime_ns)
            mark(root, self._find, _CLASSES_LEFT_ALONE)

    def _find(self, text: str) -> Iterator[tuple[int, int, ElementTree.Element]]:
        for citation in self._citations.find(text):
            if len(citation.works) == 1:
                work = citation.works[0]
                attributes = {"class": "qa-cite", "title": work.description}
                if work.address:
                    link = ElementTree.Element("a", {"href": work.address, **attributes})
                else:
                    link = ElementTree.Element("cite", attributes)
                link.text = AtomicString(citation.text)
                yield citation.start, citation.end, link


class CitationsExtension(Extension):
    """Python-Markdown extension: the bibliography is that of the project in `root`, by default where one works."""

    def __init__(self, **options: Any) -> None:
        """Take the options."""
        self.config = {"root": ["", "the project's folder; by default the current one, or the nearest above it"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Register after inline patterns (20) and formulas (15), before terms are explained (12)."""
        root = find_root(Path(self.getConfig("root") or Path.cwd()))
        md.treeprocessors.register(_Links(md, root), "citations", 13)


def makeExtension(**options: Any) -> CitationsExtension:  # noqa: N802
    """Return the extension: the name by which Python-Markdown finds it."""
    return CitationsExtension(**options)
