"""The ledger: each claim with its verdict and the cell that holds it, checked, and rendered three ways.

A claim is held by a cell that ran and in which an assertion that could have failed was really executed.
"""

from __future__ import annotations

import dataclasses
import json
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.common import REFERENCE, Problem, table, text, wrapped
from engine.experiments import CELL_NAME, Cell, Experiment, words_in_code
from engine.pages.claims import VERDICTS, Claim
from engine.pages.page import Page, qa_order
from engine.results import Facts, download_links, duration, label_id, versions
from markdown_extensions.values import definitions

_CLASS = dict(zip(VERDICTS, ("yes", "partly", "no", "open"), strict=True))
_SHORT = {**{verdict: verdict for verdict in VERDICTS}, VERDICTS[3]: "无法判定"}
_SHOWN_ASKS = 8


@dataclass(frozen=True)
class Entry:
    """A question: its page, its experiment and what is known of the run."""

    page: Page
    experiment: Experiment
    facts: Facts


def check_entry(entry: Entry) -> Iterator[Problem]:
    """Yield what is wrong with a question's claims and with which cells its page shows."""
    page, experiment = entry.page, entry.experiment
    for claim in page.claims:
        for name in claim.evidence:
            cell = _cell_of(experiment, name)
            if cell is None:
                what = f"{experiment.id}.py 里没有叫“{name}”的断言或单元"
                yield Problem(page.path, claim.line, what, _known(experiment))
            elif why := _why_not_evidence(cell, name, entry):
                yield Problem(page.path, claim.line, f"“{name}”撑不起这条说法：{why}", claim.says)
    embedded = {path for path, _ in page.includes}
    for cell in experiment.cells:
        if f"{experiment.id}/{cell.name}.md" not in embedded:
            line = f'--8<-- "{experiment.id}/{cell.name}.md"'
            yield Problem(page.path, None, f"单元 {cell.name} 没有嵌进页面", f"在讲到它的地方加一行：{line}")


def _cell_of(experiment: Experiment, name: str) -> Cell | None:
    """Return the cell of a named assertion, or the cell of this name, or None."""
    return next((cell for cell in experiment.cells if name in cell.labels), experiment.cell(name))


def _why_not_evidence(cell: Cell, name: str, entry: Entry) -> str | None:
    assertions = [assertion for assertion in cell.assertions if assertion.label == name] or cell.assertions
    if cell.raises and name == cell.name:
        return None  # that it raised what it declares is the assertion, and the run has checked it
    held = set(entry.facts.held.get(cell.name, ()))
    if not assertions:
        return "其中没有断言"
    could_fail = [assertion for assertion in assertions if assertion.trivial is None]
    if not could_fail:
        first = assertions[0]
        return f"第 {cell.line + first.line - 1} 行的断言不可能失败（{first.trivial}）"
    if entry.facts.passed and not any(assertion.line in held for assertion in could_fail):
        return f"第 {cell.line + could_fail[0].line - 1} 行的断言没有执行到"
    return None


def _known(experiment: Experiment) -> str:
    labels = [label for cell in experiment.cells for label in cell.labels]
    cells = [cell.name for cell in experiment.cells]
    return f"它的断言：{'、'.join(labels)}" if labels else f"它的单元：{'、'.join(cells)}"


def claims_fragment(page: Page, quoted: Mapping[str, str] | None = None) -> str:
    """Return the table of a page's claims, and what the page quotes of the run (see `markdown_extensions.values`)."""
    rows = [(text(claim.says), _verdict(claim), _finding(claim, "")) for claim in filled(page, quoted or {}).claims]
    brought = f"\n{definitions(dict(quoted))}\n" if quoted else ""
    return wrapped("qa-claims", table(("常见说法", "判定", "实验怎么说"), rows)) + brought


def filled(page: Page, quoted: Mapping[str, str]) -> Page:
    """Return a page with what its claims and its description quote of the run put in."""

    def fill(words: str) -> str:
        return REFERENCE.sub(lambda match: quoted.get(match.group(), match.group()), words)

    claims = tuple(dataclasses.replace(claim, truth=fill(claim.truth)) for claim in page.claims)
    return dataclasses.replace(page, claims=claims, description=fill(page.description))


def foot_fragment(entry: Entry) -> str:
    """Return what ends a page: other names and other ways to ask, and the downloads."""
    page, lines = entry.page, []
    if page.aliases:
        lines.append(f"**又名**：{'、'.join(text(alias) for alias in page.aliases)}")
    if page.asks:  # the rest is for the search
        lines.append(f"**也有人这样问**：{' '.join(text(ask) for ask in page.asks[:_SHOWN_ASKS])}")
    py, notebook = download_links(entry.experiment)
    lines.append(f"**自己跑一遍**：下载 {py} 或 {notebook}")
    return "## 又名与下载\n\n" + wrapped("qa-foot", "\n\n".join(lines))


def errata_fragment(entries: Iterable[Entry]) -> str:
    """Return every claim that did not hold, or not always, by question."""
    parts = []
    for entry in in_order(entries):
        claims = [claim for claim in entry.page.claims if claim.verdict in VERDICTS[1:3]]
        if claims:
            rows = [(text(c.says), _verdict(c), _finding(c, _link(entry.page))) for c in claims]
            found = table(("流传的说法", "判定", "对的是"), rows)
            parts.append(f"## {_question(entry.page)}\n\n{wrapped('qa-claims', found)}")
    return "\n\n".join(parts) + "\n"


def report_fragment(entries: Iterable[Entry]) -> str:
    """Return the report: what was checked in all, each experiment with its versions and time, and each claim."""
    entries = in_order(entries)
    count = Counter(claim.verdict for entry in entries for claim in entry.page.claims)
    total = sum(count.values())
    cells = sum(len(entry.experiment.cells) for entry in entries)
    summary = "，".join(f"{count[verdict]} 条{_SHORT[verdict]}" for verdict in VERDICTS if count[verdict])
    head = f"{len(entries)} 个问题，{cells} 个实验单元，{total} 条说法：{summary}。"
    experiments = [
        (
            f"[{entry.page.qa}]({_link(entry.page)})",
            text(entry.page.title),
            str(len(entry.experiment.cells)),
            str(_held(entry)),
            " · ".join(f"{name} {version}" for name, version in versions(entry.experiment, entry.facts)),
            duration(entry.facts),
            entry.facts.status,
        )
        for entry in entries
    ]
    claims = [
        (
            f"[{entry.page.qa}]({_link(entry.page)})",
            text(c.says),
            _verdict(c),
            _evidence(c, _link(entry.page)),
        )
        for entry in entries
        for c in entry.page.claims
    ]
    python = "、".join(sorted({entry.facts.python for entry in entries if entry.facts.passed}))
    parts = [
        head,
        f"## 实验\n\n在 CPU 上用 Python {python} 执行；一个断言失败，这个站点就构建不出来。",
        wrapped("qa-ledger", table(("编号", "问题", "单元", "断言", "版本", "耗时", "状态"), experiments)),
        "## 说法",
        wrapped("qa-ledger", table(("编号", "说法", "判定", "证据"), claims)),
    ]
    return "\n\n".join(parts) + "\n"


def ledger_json(entries: Iterable[Entry]) -> str:
    """Return the ledger as JSON, a question a line, with exact seconds; for tools, not for the site."""
    lines = (
        {
            "qa": entry.page.qa,
            "id": entry.page.id,
            "title": entry.page.title,
            "description": entry.page.description,
            "aliases": list(entry.page.aliases),
            "asks": list(entry.page.asks),
            "words": words_in_code(entry.experiment),
            "seconds": entry.facts.seconds,
            "assertions": _held(entry),
            "versions": dict(versions(entry.experiment, entry.facts)),
            "claims": [
                {"says": c.says, "verdict": c.verdict, "truth": c.truth, "evidence": list(c.evidence)}
                for c in entry.page.claims
            ],
        }
        for entry in in_order(entries)
    )
    return "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n]\n"


def _held(entry: Entry) -> int:
    return sum(map(len, entry.facts.held.values())) + sum(cell.raises is not None for cell in entry.experiment.cells)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries by the numbers of their questions."""
    return sorted(entries, key=lambda entry: qa_order(entry.page.qa or "0-0"))


def _question(page: Page) -> str:
    return f"{page.qa} [{text(page.title)}]({_link(page)})"


def _link(page: Page) -> str:
    """Return the link to a question from a page at the top of docs/."""
    return posixpath.join(".", f"{page.id}.md").removeprefix("./")


def _verdict(claim: Claim) -> str:
    return f'<span class="qa-verdict qa-verdict--{_CLASS[claim.verdict]}">{_SHORT[claim.verdict]}</span>'


def _finding(claim: Claim, page: str) -> str:
    return "　".join(filter(None, [text(claim.truth), _evidence(claim, page)]))


def _evidence(claim: Claim, page: str) -> str:
    return " ".join(f"[{text(name)}]({page}#{_anchor(name)}){{ .qa-evidence }}" for name in claim.evidence)


def _anchor(name: str) -> str:
    """Return where evidence stands: a named assertion has a place of its own, a cell is one."""
    return f"cell-{name}" if CELL_NAME.fullmatch(name) else label_id(name)
