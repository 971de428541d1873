"""The form of a question's page: teach, then prove. What a page of the new form must have, and what it must not.

Pages that are still as an earlier design had them are listed in pyproject.toml (``old_form``); nothing here concerns
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.common import NoSuchValueError, Problem, references, resolve
from engine.experiments import Experiment
from engine.pages.numbers import Known, figures_in, numbers_in
from engine.pages.page import Page
from engine.results import Facts
from engine.stress import Declaration, Outcome

WIDEST = 88
"""Columns of a line of code, a Chinese character counting two: nothing scrolls at 1440 px."""
LONGEST_CAPTION = 45
SURVIVES, REMOVES = 3, 1
"""So many changes that should not matter, and that take the cause away, an experiment that trains is put through."""
_HOW = ("怎么写", "最小例子")
_LIMITS, _STRESS = "什么时候不成立", "经得起什么"


def check_form(
    page: Page,
    experiment: Experiment,
    facts: Facts,
    declaration: Declaration | None,
    outcomes: Mapping[str, Outcome],
) -> Iterator[Problem]:
    """Yield what of a page is not as it should be: sections, order of cells, evidence, code, stress, figures."""
    yield from _check_sections(page, declaration)
    yield from _check_order(page, experiment)
    yield from _check_evidence(page, experiment)
    yield from _check_code(experiment)
    yield from _check_stress(page, experiment, declaration)
    if facts.passed:
        yield from _check_figures(page, experiment, facts, outcomes)


def quoted(page: Page, facts: Facts) -> dict[str, str]:
    """Return what each reference of a page stands for; those that stand for nothing are left out."""
    found: dict[str, str] = {}
    for words, _ in (*page.prose, *page.words):
        for reference, _ in references(words):
            try:
                found[reference] = resolve(reference, facts.values)
            except NoSuchValueError:
                continue
    return found


def _check_sections(page: Page, declaration: Declaration | None) -> Iterator[Problem]:
    headings = [heading for heading, _ in page.headings]
    if not any(heading.startswith(_HOW) for heading in headings):
        yield Problem(page.path, None, "没有“怎么写”或“最小例子”一节", "一段读者能照抄的普通 PyTorch 和它的输出")
    if _LIMITS not in headings:
        yield Problem(page.path, None, f"没有“{_LIMITS}”一节")
    if declaration and _STRESS not in headings:
        yield Problem(page.path, None, f"没有“{_STRESS}”一节", f'在里面嵌入 --8<-- "{page.id}/stress.md"')


def _check_order(page: Page, experiment: Experiment) -> Iterator[Problem]:
    """Yield the cells that a reader who copies from the top would run too early."""
    order = {f"{experiment.id}/{cell.name}.md": number for number, cell in enumerate(experiment.cells)}
    last = -1
    for include, line in page.includes:
        if include in order:
            if order[include] < last:
                what = f"{experiment.cells[order[include]].name} 在实验里排在上一个嵌入的单元前面"
                yield Problem(page.path, line, what, "单元在页面上的次序就是执行的次序：照着从上往下抄要能运行")
            last = order[include]


def _check_evidence(page: Page, experiment: Experiment) -> Iterator[Problem]:
    used = {name for claim in page.claims for name in claim.evidence}
    for claim in page.claims:
        for name in claim.evidence:
            cell = experiment.cell(name)
            if cell and not cell.raises:
                what = f"证据要写断言的名字，“{name}”是单元"
                yield Problem(page.path, claim.line, what, f"它的断言：{'、'.join(cell.labels) or '还没有名字'}")
    seen: dict[str, str] = {}
    for cell in experiment.cells:
        for label in cell.labels:
            if label in seen:
                yield Problem(f"examples/{experiment.id}.py", cell.line, f"“{label}”已经是单元 {seen[label]} 的证据")
            elif label not in used:
                what = f"没有哪条说法用到证据“{label}”"
                yield Problem(f"examples/{experiment.id}.py", cell.line, what, "写进 claims 的 evidence，或去掉名字")
            seen[label] = cell.name


def _check_code(experiment: Experiment) -> Iterator[Problem]:
    path = f"examples/{experiment.id}.py"
    for cell in experiment.cells:
        for number, line in enumerate(cell.source.split("\n"), cell.line):
            if (width := columns(line)) > WIDEST:
                yield Problem(path, number, f"这一行宽 {width} 列，至多 {WIDEST} 列", "换行；一个汉字算两列")
        if cell.caption and len(cell.caption) > LONGEST_CAPTION:
            what = f"图的说明有 {len(cell.caption)} 个字，至多 {LONGEST_CAPTION} 个"
            yield Problem(path, cell.line - 1, what, "一句话说看什么；发现写在正文里")


def columns(line: str) -> int:
    """Return how wide a line of code is: what is not Latin counts two."""
    return sum(1 + (character >= "\u1100") for character in line)


def _check_stress(page: Page, experiment: Experiment, declaration: Declaration | None) -> Iterator[Problem]:
    if not any(name.split(".")[0] == "comparison" for name in experiment.imports):
        return
    path = f"examples/{experiment.id}.stress.toml"
    if declaration is None:
        yield Problem(page.path, None, "比较训练的实验没有声明它经得起什么", f"写 {path}")
        return
    for kind, least in (("survives", SURVIVES), ("removes", REMOVES)):
        if declaration.by_kind[kind] < least:
            yield Problem(path, 1, f"[[{kind}]] 有 {declaration.by_kind[kind]} 个，至少要 {least} 个")


def _check_figures(
    page: Page, experiment: Experiment, facts: Facts, outcomes: Mapping[str, Outcome]
) -> Iterator[Problem]:
    """Yield the references to nothing, and the figures in the page's words that nothing produces."""
    recorded = (outcome.printed for outcome in outcomes.values())
    effects = (" ".join(map(str, outcome.effect)) for outcome in outcomes.values() if outcome.effect)
    known = numbers_in([" ".join(facts.printed), experiment.text, *recorded, *effects], page.given)
    for words, line in (*page.prose, *page.words):
        for reference, offset in references(words):
            try:
                resolve(reference, facts.values)
            except NoSuchValueError as error:
                yield Problem(page.path, line + offset, str(error), "写实验结束时的名字：{{gain.mean:.1f}}")
        yield from _unknown(words, line, known, page.path)
    for cell in experiment.cells:
        if cell.caption:
            yield from _unknown(cell.caption, cell.line - 1, known, f"examples/{experiment.id}.py")


def _unknown(words: str, line: int, known: Known, path: str) -> Iterator[Problem]:
    for figure, offset in figures_in(words):
        if not known.has(figure):
            hint = "打印它，或引用它：{{名字:.1f}}；是定义或别处的数，写进 front matter 的 given"
            yield Problem(path, line + offset, f"没有哪次运行给出“{figure}”", hint)
