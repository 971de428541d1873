"""Which works pages and experiments cite; a citation of a work that the bibliography does not have is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.common import Problem, Project, prose
from engine.experiments import Experiment
from engine.pages.bibliography import Work
from engine.pages.citations import Citation, Citations
from engine.pages.page import Page


def cited_works(
    project: Project,
    pages: Iterable[Page],
    experiments: Iterable[Experiment],
    citations: Citations,
    problems: list[Problem],
) -> dict[str, list[Work]]:
    """Return the works that pages, labs and their experiments cite, by id; say which citations lead nowhere.

    Args:
        project: the project.
        pages: those to go through, front matter and all.
        experiments: those to go through, comments and all.
        citations: finds them.
        problems: is added to.
    """
    found: dict[str, list[Work]] = {}
    for page in pages:
        source = (project.root / page.path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        found[page.id] = list(_known(source, page.path, 1, citations, problems))
    for experiment in experiments:
        path, works = project.relative(experiment.path), found.setdefault(experiment.id, [])
        for text in experiment.texts:
            works += _known(text.source, path, text.line, citations, problems)
        parts = [(cell.source, cell.line) for cell in experiment.cells] if experiment.texts else []
        for source, line in parts or [(experiment.text, 1)]:
            works += _known(source, path, line, citations, problems, markdown=False)
    if project.glossary.is_file():
        source = project.glossary.read_text("utf-8", errors="replace")
        list(_known(source, project.relative(project.glossary), 1, citations, problems))
    return {id_: list(dict.fromkeys(works)) for id_, works in found.items() if works}


def _known(
    source: str, path: str, first_line: int, citations: Citations, problems: list[Problem], *, markdown: bool = True
) -> Iterator[Work]:
    """Yield the works that a text cites; of Markdown its prose alone is looked at."""
    if next(citations.find(source), None) is None:  # as in most: what is no prose need not be found
        return
    for citation in citations.find(prose(source) if markdown else source):
        if len(citation.works) == 1:
            yield citation.works[0]
        else:
            line = first_line + source.count("\n", 0, citation.start)
            problems.append(Problem(path, line, *_complaint(citation)))


def _complaint(citation: Citation) -> tuple[str, str]:
    said = re.sub(r"\s+", " ", citation.text)
    if citation.works:
        letters = "、".join(f"{work.year}{work.letter}（{work.title}）" for work in citation.works)
        return f"“{said}”可能指几项文献", f"写出字母：{letters}"
    hint = "像是引用，而 docs/bibliography.yml 里没有；添上它，或者不是引用就换一种写法"
    if citation.near:
        hint = f"相近的：{'、'.join(citation.near)}；三位作者起写“等”，两位都写出来。{hint}"
    return f"没有文献“{said}”", hint
