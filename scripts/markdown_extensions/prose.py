"""Put elements into the prose of a page, where there is no markup yet: not into code, headings, formulas or links."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from xml.etree import ElementTree

from markdown.util import AtomicString

_LEFT_ALONE = {"h1", "h2", "h3", "h4", "h5", "h6", "a", "abbr", "code", "pre", "math", "svg", "summary", "kbd"}

Finder = Callable[[str], Iterable[tuple[int, int, ElementTree.Element]]]
"""Gives, for a text, where it is to be replaced, from where to where, and by what, in order."""


def mark(element: ElementTree.Element, find: Finder, classes_left_alone: Collection[str] = ()) -> None:
    """Replace what `find` finds in an element's texts, in the order of reading."""
    classes = (element.get("class") or "").split()
    if element.tag in _LEFT_ALONE or any(name in classes_left_alone for name in classes):
        return
    children = list(element)
    element.text, new = _split(element.text, find)
    for place, marked in enumerate(new):
        element.insert(place, marked)
    for child in children:
        mark(child, find, classes_left_alone)
        child.tail, new = _split(child.tail, find)
        place = list(element).index(child) + 1
        for offset, marked in enumerate(new):
            element.insert(place + offset, marked)


def _split(text: str | None, find: Finder) -> tuple[str | None, list[ElementTree.Element]]:
    """Return what comes before the first place, and an element for each place with the text after it."""
    if not text or isinstance(text, AtomicString):  # raw HTML, the words of a picture among it
        return text, []
    found: list[ElementTree.Element] = []
    before, at = text, 0
    for start, end, element in find(text):
        piece = text[at:start]
        if found:
            found[-1].tail = piece
        else:
            before = piece
        found.append(element)
        at = end
    if found:
        found[-1].tail = text[at:]
    return before, found
