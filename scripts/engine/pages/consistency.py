"""What must agree between pages and experiments: each has the other, each include its cell, no number comes twice."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence

from engine.common import LABS, Problem, Project, check_text, line_of_tag
from engine.experiments import RESERVED, Experiment
from engine.pages import gallery
from engine.pages.page import Page
from engine.pages.references import FRAGMENTS, KINDS

LEDGER_FRAGMENTS = ("ledger/errata.md", "ledger/report.md")
"""What any page may include besides the cells of experiments and what `references` makes."""

_OF_LABS = ("stamp", "foot")
_EXPERIMENT = re.compile(r"\bexamples/[^\s:]+\.py\b")
# Folders of docs/ that are not for chapters: what others or MkDocs itself keep there.
_TAKEN = {
    "tags": "标签页",
    "downloads": "下载的文件",
    "assets": "样式、脚本与图片",
    "templates": "MkDocs 的模板，它不发布这里的页面",
}


def check_pages(
    project: Project,
    pages: Sequence[Page],
    readable: Sequence[Experiment],
    known: Sequence[Problem],
    lectures: Container[str],
    whole: bool,
) -> Iterator[Problem]:
    """Yield what is wrong between pages and experiments: one without the other, unknown cells, a repeated number.

    Args:
        project: the project.
        pages: those that can be read.
        readable: the experiments that can be read.
        known: what is wrong with others.
        lectures: the chapters of which it is known where the course treats them.
        whole: these are all pages and experiments.
    """
    experiments = {experiment.id: experiment for experiment in readable}
    # Those that cannot be read, and those of which a helper cannot.
    broken = {problem.path for problem in known}.union(*(_EXPERIMENT.findall(problem.hint) for problem in known))
    numbers: dict[str, Page] = {}
    for page in pages:
        if page.qa is None:
            yield from _check_includes(page, experiments, broken, lectures)
            continue
        example = f"examples/{page.id}.py"
        alone = page.id not in experiments and example not in broken
        if page.qa in numbers:
            other = numbers[page.qa]
            hint = "也没有同名的实验：若是另存的副本，移到 docs/ 外面或删掉" if alone else ""
            what = f"编号 {page.qa} 已经用在 {other.path}:{other.line('qa')}"
            yield Problem(page.path, page.line("qa"), what, hint)
        else:
            numbers[page.qa] = page
        if page.chapter == LABS:
            yield Problem(page.path, page.line("qa"), f"文件夹 {LABS} 里只有实验室，不能有问题", "移到一章的文件夹里")
        if alone:
            yield Problem(page.path, page.line("qa"), f"没有同名的实验 {example}")
        yield from _check_includes(page, experiments, broken, lectures)
    for id_ in experiments:
        if kept := _TAKEN.get(id_.partition("/")[0]):
            what = f"一章不能叫 {id_.partition('/')[0]}：docs/ 里这个文件夹放{kept}"
            yield Problem(f"examples/{id_}.py", None, what, "给 examples/ 和 docs/ 里的文件夹换一个名字")
    if whole:
        yield from _check_tags(project)
        questions = {id_ for id_, experiment in experiments.items() if not experiment.is_lab}
        for id_ in questions - {page.id for page in pages if page.qa}:
            path = f"examples/{id_}.py"
            if f"docs/{id_}.md" not in broken and id_.partition("/")[0] not in _TAKEN:
                yield Problem(path, None, f"没有同名的页面 docs/{id_}.md", "页面的 front matter 里要有 qa")


def _check_tags(project: Project) -> Iterator[Problem]:
    """Yield what is wrong with the tags of the settings: their formulas, and names that the engine gives itself."""
    for group, tags in project.tag_groups.items():
        for tag, covers in tags.items():
            line = line_of_tag(project.root, tag)
            for words in (group, tag, covers):
                yield from check_text(words, line or 1, "pyproject.toml")
            if tag in KINDS:
                yield Problem("pyproject.toml", line, f"标签“{tag}”由代码生成，不写在这里", "删掉，或换一个名字")


def _check_includes(
    page: Page, experiments: dict[str, Experiment], broken: set[str], lectures: Container[str]
) -> Iterator[Problem]:
    for include, line in page.includes:
        id_, _, name = include.removesuffix(".md").rpartition("/")
        if include in (*LEDGER_FRAGMENTS, *FRAGMENTS, gallery.FRAGMENT) or f"examples/{id_}.py" in broken:
            continue
        if name in ("questions", "course") and any(
            e.id.rpartition("/")[0] == id_ and not e.is_lab for e in experiments.values()
        ):
            if name == "course" and (lecture := id_.partition("-")[0]) not in lectures:
                yield Problem(page.path, line, f"docs/course.yml 里没有第 {lecture} 讲，嵌不了“{include}”")
            continue
        experiment = experiments.get(id_)
        if experiment is None:
            if page.qa is None or id_ != page.id:
                yield Problem(page.path, line, f"没有实验 {id_}.py，嵌不了“{include}”")
        elif name not in (_OF_LABS if experiment.is_lab else RESERVED) and experiment.cell(name) is None:
            known = "、".join(cell.name for cell in experiment.cells)
            yield Problem(page.path, line, f"{id_}.py 里没有单元“{name}”", f"它的单元：{known}")
