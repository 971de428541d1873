"""The bibliography: the works that pages cite, as data (docs/bibliography.yml)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from engine.common import PageError, Problem, Project, read_entries, suggest, text

_KEYS = ("key", "authors", "year", "title", "doi", "arxiv", "url")
_FORMS = {
    "doi": (re.compile(r"10\.\d{4,9}/\S+"), "10.1007/BF00994018"),
    "arxiv": (re.compile(r"\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7}"), '"1502.03167"'),
    "url": (re.compile(r"https?://[^\s/]+\.[^\s/]+/\S*"), "https://jmlr.org/papers/v15/srivastava14a.html"),
}
_ADDRESSES = {"doi": "https://doi.org/", "arxiv": "https://arxiv.org/abs/", "url": ""}
_OTHERS = "others"
_SHOWN_AUTHORS = 3


@dataclass(frozen=True)
class Work:
    """One entry.

    Attributes:
        key: family name of the first author, year, and a letter where it is needed to tell works apart: ``li2019a``.
        authors: their names; the last may be ``others``, for all those not named.
        year: of publication.
        title: as published.
        address: where it can be read, or at least found; empty if nobody knows.
        letter: what a citation has to add to the year, as another work would be cited the same.
    """

    key: str
    authors: tuple[str, ...]
    year: int
    title: str
    address: str
    letter: str = ""

    @property
    def families(self) -> tuple[str, ...]:
        """The family names, without those of authors not named."""
        return tuple(family(name) for name in self.authors if name != _OTHERS)

    @property
    def whole(self) -> bool:
        """Whether all its authors are named."""
        return _OTHERS not in self.authors

    @property
    def label(self) -> str:
        """How it is cited: ``Ioffe 与 Szegedy（2015）``."""
        return f"{self.cited_authors}（{self.year}{self.letter}）"

    @property
    def cited_authors(self) -> str:
        """Its authors as a citation names them."""
        if len(self.authors) > 2:
            return f"{self.families[0]} 等"
        return " 与 ".join(self.families)

    @property
    def description(self) -> str:
        """Authors, year and title in a line."""
        shown = self.authors if self.whole and len(self.authors) <= _SHOWN_AUTHORS else self.authors[:1]
        more = " 等" if len(shown) < len(self.authors) else ""
        return f"{'、'.join(shown)}{more}，{self.year}，{self.title}"


def family(name: str) -> str:
    """Return the family name: what stands before a comma, or the last word and the particles before it."""
    if "," in name:
        return name.partition(",")[0].strip()
    words = name.split()
    first = len(words) - 1
    while first and words[first - 1][0].islower():
        first -= 1
    return " ".join(words[first:])


def read_bibliography(project: Project) -> tuple[Work, ...]:
    """Return the works in order; none if there is no bibliography.

    Raises:
        PageError: not YAML, an entry that is not as agreed, two entries for one work.
    """
    name, problems = project.relative(project.bibliography), []
    works: list[Work] = []
    seen: dict[str, str] = {}
    for line, raw in read_entries(project.bibliography, name, "文献", "key"):
        found = [Problem(name, line, what, hint) for what, hint in _defects(raw)]
        if not found:
            work = _work(raw)
            for mark in (work.key, work.title.lower(), work.address.lower()):
                if mark and mark in seen:
                    hint = "同一项只写一次；同一作者同一年的另一项在 key 后面加 a、b"
                    found.append(Problem(name, line, f"“{mark}”已经写在 {seen[mark]}", hint))
                seen[mark] = work.key
            works.append(work)
        problems += found
    if problems:
        raise PageError(problems)
    count = Counter((work.cited_authors, work.year) for work in works)
    return tuple(
        replace(work, letter=work.key[-1] if work.key[-1].isalpha() else "")
        if count[work.cited_authors, work.year] > 1
        else work
        for work in works
    )


def _work(raw: dict[str, Any]) -> Work:
    address = next((start + raw[kind] for kind, start in _ADDRESSES.items() if kind in raw), "")
    return Work(raw["key"], tuple(raw["authors"]), raw["year"], raw["title"].strip(), address)


def _defects(raw: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(raw, dict):
        yield "一个条目要写成 键: 值", f"键：{'、'.join(_KEYS)}"
        return
    for key in raw.keys() - set(_KEYS):
        yield f"条目里不认识“{key}”", suggest(str(key), _KEYS)
    if not isinstance(raw.get("title"), str) or not raw["title"].strip():
        yield "条目缺“title”", "含有冒号的题目要用引号括起来"
    year = raw.get("year")
    if not isinstance(year, int) or not 1600 <= year < 2100:
        yield "“year”要写成四位数的年份", "区分同一年的字母写在 key 里"
    yield from _defects_of_names(raw.get("authors"), raw.get("key"), year)
    given = [kind for kind in _FORMS if kind in raw]
    if len(given) > 1:
        yield f"{'、'.join(given)} 只写一个", "先 doi，再 arxiv，再 url"
    for kind in given:
        form, example = _FORMS[kind]
        if not isinstance(raw[kind], str):
            yield f"“{kind}”要用引号括起来", f"不然它是一个数，末尾的 0 会丢掉：{kind}: {example}"
        elif not form.fullmatch(raw[kind]):
            yield f"“{kind}”写得不对：{raw[kind]}", f"例如 {kind}: {example}"


def _defects_of_names(authors: Any, key: Any, year: Any) -> Iterator[tuple[str, str]]:
    if (
        not isinstance(authors, list)
        or not authors
        or not all(isinstance(name, str) and name.strip() for name in authors)
    ):
        yield "“authors”要写成名字的列表：[Sergey Ioffe, Christian Szegedy]", "姓在前时写“姓, 名”，并用引号括起来"
        return
    if _OTHERS in authors[:-1] or authors[0] == _OTHERS:
        yield f"“{_OTHERS}”只能写在作者的最后", ""
        return
    start = f"{_plain(family(authors[0]))}{year}"
    if not isinstance(key, str) or not re.fullmatch(rf"{re.escape(start)}[a-h]?", key):
        yield f"“key”要写成第一作者的姓加年份：{start}", "只用小写英文字母和数字；要区分时在后面加 a、b"


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("ø", "o")).lower()
    return "".join(letter for letter in letters if letter.isalnum() and not unicodedata.combining(letter))


def works_lines(works: Iterable[Work]) -> list[str]:
    """Return a Markdown list of works, each with its address."""
    lines = []
    for work in sorted(works, key=lambda work: (_plain(work.families[0]), work.year, work.key)):
        title = f"[{text(work.title)}](<{work.address}>)" if work.address else text(work.title)
        lines.append(f"- {text(work.label)}：{title}")
    return lines
