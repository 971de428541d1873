"""What must agree between pages and experiments: each has the other, each include its cell, no number comes twice."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from engine.common import Problem
from engine.experiments import RESERVED, Experiment
from engine.pages import gallery
from engine.pages.page import Page
from engine.pages.references import FRAGMENTS

LEDGER_FRAGMENTS = ("ledger/errata.md", "ledger/report.md")
"""What any page may include besides the cells of experiments and what `references` makes."""


def check_pages(
    pages: Sequence[Page],
    experiments: dict[str, Experiment],
    broken: set[str],
    lectures: Container[str],
    whole: bool,
) -> Iterator[Problem]:
    """Yield what is wrong between pages and experiments: one without the other, unknown cells, a repeated number."""
    numbers: dict[str, Page] = {}
    for page in pages:
        if page.qa is None:
            yield from _check_includes(page, experiments, broken, lectures)
            continue
        if page.qa in numbers:
            other = numbers[page.qa]
            yield Problem(page.path, page.line("qa"), f"编号 {page.qa} 已经用在 {other.path}:{other.line('qa')}")
        numbers[page.qa] = page
        example = f"examples/{page.id}.py"
        if page.id not in experiments and example not in broken:
            yield Problem(page.path, page.line("qa"), f"没有同名的实验 {example}")
        yield from _check_includes(page, experiments, broken, lectures)
    if whole:
        questions = {id_ for id_, experiment in experiments.items() if not experiment.is_lab}
        for id_ in questions - {page.id for page in pages if page.qa}:
            path = f"examples/{id_}.py"
            if f"docs/{id_}.md" not in broken:
                yield Problem(path, None, f"没有同名的页面 docs/{id_}.md", "页面的 front matter 里要有 qa")


def _check_includes(
    page: Page, experiments: dict[str, Experiment], broken: set[str], lectures: Container[str]
) -> Iterator[Problem]:
    for include, line in page.includes:
        id_, _, name = include.removesuffix(".md").rpartition("/")
        if include in (*LEDGER_FRAGMENTS, *FRAGMENTS, gallery.FRAGMENT) or f"examples/{id_}.py" in broken:
            continue
        if name in ("questions", "course") and any(
            id_.startswith(f"{known}/") or known.startswith(f"{id_}/") for known in experiments
        ):
            if name == "course" and (lecture := id_.partition("-")[0]) not in lectures:
                yield Problem(page.path, line, f"docs/course.yml 里没有第 {lecture} 讲，嵌不了“{include}”")
            continue
        experiment = experiments.get(id_)
        if experiment is None:
            if page.qa is None or id_ != page.id:
                yield Problem(page.path, line, f"没有实验 {id_}.py，嵌不了“{include}”")
        elif name not in RESERVED and experiment.cell(name) is None:
            known = "、".join(cell.name for cell in experiment.cells)
            yield Problem(page.path, line, f"{id_}.py 里没有单元“{name}”", f"它的单元：{known}")
