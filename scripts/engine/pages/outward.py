"""What leads from a page out of the site: the course, the documentation of what its code uses, the works it cites."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.common import wrapped
from engine.experiments import Experiment
from engine.pages.apidocs import doc_address, is_constant, short
from engine.pages.bibliography import Work, works_lines
from engine.pages.course import BOOK, Lecture
from engine.pages.page import Page

_SHOWN_APIS = 8
_TELLING = 1 / 3
"""What a larger share of the experiments uses tells nothing about one of them."""
_BASIC = re.compile(r"torch\.\w+|Tensor\.\w+|sklearn\.datasets\.\w+|torch\.utils\.flop_counter\.\w+")
"""What computes with tensors, or gives data: less telling than layers, losses, optimisers and the like."""


class Outward:
    """Makes the section of links that ends a page."""

    def __init__(
        self,
        lectures: Mapping[str, Lecture],
        cited: Mapping[str, Sequence[Work]],
        apis: Callable[[Experiment], Iterable[str]],
        experiments: Sequence[Experiment],
    ) -> None:
        """Note what each page cites, by id, and how many of the experiments use which function or class."""
        self._lectures = lectures
        self._cited = cited
        self._apis = apis
        self._users = Counter(name for experiment in experiments for name in apis(experiment))
        self._common = max(3, len(experiments) * _TELLING)

    def section(self, experiment: Experiment, page: Page | None = None) -> str:
        """Return the section for a question or for a lab, which has no page of its own; empty if there is nothing."""
        lines = []
        lecture = self._lectures.get(page.qa.partition("-")[0]) if page and page.qa else None
        if lecture:
            lines.append(f"**课程**：{lecture.link}；[教材]({BOOK}) {lecture.section_links}")
        if names := self._telling(experiment, page):
            links = [f"[`{short(name)}`]({doc_address(name)})" for name in names]
            lines.append(f"**用到的接口**：{' · '.join(links)}")
        parts = ["\n\n".join(lines)] if lines else []
        if works := self._cited.get(experiment.id):
            parts.append("**文献**：\n\n" + "\n".join(works_lines(works)))
        return "\n## 课程、文档与文献\n\n" + wrapped("qa-foot qa-outward", "\n\n".join(parts)) if parts else ""

    def _telling(self, experiment: Experiment, page: Page | None) -> list[str]:
        """Return what tells most of an experiment: what the page's own names name, then what few others use."""
        said = " ".join((page.title, *page.aliases)) if page else ""
        ranked = sorted(
            (not _is_named(name, said), bool(_BASIC.fullmatch(name)), self._users[name], name.lower(), name)
            for name in self._apis(experiment)
            if doc_address(name) and not is_constant(name)
        )
        first = {doc_address(name): name for _, _, _, _, name in reversed(ranked)}  # two names can have one page
        return [
            name
            for unnamed, _, users, _, name in ranked
            if first[doc_address(name)] == name and not (unnamed and users > self._common)
        ][:_SHOWN_APIS]


def _is_named(name: str, said: str) -> bool:
    """Whether words of a page name a function: by itself, or where it is a word like any other, with its module."""
    before, _, last = name.rpartition(".")
    pattern = rf"{re.escape(before)}\.{last}\b|\b{last}\(" if _BASIC.fullmatch(name) else rf"\b{last}\b"
    return bool(re.search(pattern, said))
