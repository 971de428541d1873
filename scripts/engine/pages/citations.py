"""Citations by author and year, as people write them: ``（Li 等，2019）``, ``Ioffe 与 Szegedy（2015）``.

A year is looked for first, and then who stands before it: there are few years in a text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.pages.bibliography import Work

_YEAR = re.compile(r"(?<![\d.\-])((?:1[6-9]|20)\d\d)([a-h])?(?![\dA-Za-z]|\.\d|\s*年代)")
_WORD = (
    r"(?:(?:Mc|Mac|Le|De|Du|La|Di|Van|Fitz|O['’]|[dD]['’])?"
    r"(?!Net\b|NeXt\b)[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?<!Net)(?![A-Za-zÀ-ÿ]))"
)
_PARTICLE = r"(?:van|von|de|der|den|di|da|du|del|la|ten|ter)\s+"
_FAMILY = rf"(?:{_PARTICLE})*{_WORD}(?:-{_WORD})*"
# An ampersand in a fragment is an entity, which Python-Markdown has put aside by the time that it is asked for.
_AND = r"(?:和|与|及|&(?:amp;)?|\band\b|\x02wzxhzdk:\d+\x03)"
_JOIN = rf"\s*(?:[、，,]\s*{_AND}?|{_AND})\s*"
_OTHERS = r"\s*(?:等人?|et\s+al\.?)"
_OPEN, _CLOSE = "（(", "）)"
_LONGEST = 160  # characters that the authors take


@dataclass(frozen=True)
class Citation:
    """A place in a text where a work is cited.

    Attributes:
        start: where it begins.
        end: where it ends.
        text: what it says.
        works: the works it may mean: one, unless something is wrong.
        near: how works that it could have meant are cited, where it means none.
    """

    start: int
    end: int
    text: str
    works: tuple[Work, ...]
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Authors:
    names: tuple[str, ...]
    others: bool


class Citations:
    """Finds citations of the works of a bibliography, and what looks like a citation and is none."""

    def __init__(self, works: Iterable[Work]) -> None:
        """Prepare for the names of the authors of some works."""
        self._works = tuple(works)
        known = {name for work in self._works for name in work.families}
        names = "|".join(re.escape(name) for name in sorted(known, key=lambda name: (-len(name), name)))
        one = rf"(?:(?:{names})(?![A-Za-zÀ-ÿ])|{_FAMILY})" if names else _FAMILY
        self._one = re.compile(one)
        self._before = re.compile(
            rf"(?<![A-Za-zÀ-ÿ0-9_.\-])(?P<names>{one}(?:{_JOIN}{one})*)(?P<others>{_OTHERS})?"
            rf"(?P<gap>\s*[，,]?\s*[{_OPEN}]?\s*)\Z"
        )

    def find(self, text: str) -> Iterator[Citation]:
        """Yield the citations in a text, in order."""
        last: tuple[_Authors, int] | None = None  # the authors may go on with another year
        for year in _YEAR.finditer(text):
            if last and re.fullmatch(r"\s*[、，,和与]\s*", text[last[1] : year.start()]):
                if works := self._meant(last[0], year):
                    yield Citation(*year.span(), year.group(), works)
                    last = last[0], year.end()
                continue
            begin = max(0, year.start() - _LONGEST)
            before = self._before.search(text, begin, year.start())
            if not before:
                continue
            found = self._citation(text, before, year)
            if found:
                last = found[1], year.end()
                yield found[0]

    def _citation(self, text: str, before: re.Match[str], year: re.Match[str]) -> tuple[Citation, _Authors] | None:
        spans = [name.span() for name in self._one.finditer(text, *before.span("names"))]
        others, gap = bool(before["others"]), before["gap"]
        end = year.end()
        if any(mark in gap for mark in _OPEN) and text[end : end + 1] in tuple(_CLOSE):
            end += 1
        for number in range(len(spans)):  # a word before the first author can look like a name
            authors = _Authors(tuple(re.sub(r"\s+", " ", text[slice(*span)]) for span in spans[number:]), others)
            if works := self._meant(authors, year):
                return Citation(spans[number][0], end, text[spans[number][0] : end], works), authors
        authors = _Authors(tuple(text[slice(*span)] for span in spans), others)
        if not _looks_like_one(authors, gap, text[year.end() :]):
            return None
        start = spans[0][0]
        return Citation(start, end, text[start:end], (), self._near(authors, int(year[1]))), authors

    def _meant(self, authors: _Authors, year: re.Match[str]) -> tuple[Work, ...]:
        return tuple(
            work
            for work in self._works
            if work.year == int(year[1]) and year[2] in (None, work.letter) and _are_authors_of(authors, work)
        )

    def _near(self, authors: _Authors, year: int) -> tuple[str, ...]:
        """Return how works are cited that share an author, or have one of nearly the same name and the year."""
        near = [work for work in self._works if set(work.families) & set(authors.names)]
        for name in authors.names:
            same_year = {work.families[0]: work for work in self._works if work.year == year}
            near += [same_year[close] for close in difflib.get_close_matches(name, same_year, 2, cutoff=0.7)]
        near.sort(key=lambda work: abs(work.year - year))
        return tuple(dict.fromkeys(work.label for work in near))[:3]


def _are_authors_of(authors: _Authors, work: Work) -> bool:
    """Whether authors are cited as a work's are: all two, or the first and 等 for three and more."""
    named = work.families[: len(authors.names)] == authors.names
    if authors.others:
        return named and len(work.authors) > max(2, len(authors.names))
    return named and work.whole and len(work.authors) == len(authors.names)


def _looks_like_one(authors: _Authors, gap: str, after: str) -> bool:
    """Whether names that the bibliography does not have, and a year, are a citation; else they are ordinary prose."""
    if authors.others:
        return True
    return bool(gap.strip()) and bool(re.match(r"[）);；，,、]", after) or not after.strip())
