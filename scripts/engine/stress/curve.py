"""What a claim survived, as a *specification curve* and a table.

The curve (Simonsohn, Simmons and Nelson 2020, doi:10.1038/s41562-020-0912-z): the effect of each setting with its
standard error, sorted; below it, which setting was which. Drawn here and not by matplotlib: a build does not import
it where all is cached.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from engine.common import table, text, wrapped
from engine.experiments import Experiment
from engine.stress.declaration import KINDS, Change, Declaration
from engine.stress.record import Outcome
from engine.stress.settings import meanings, settings_of

_WIDTH, _LEFT, _RIGHT, _CURVE, _ROW = 360, 118, 8, 130, 17
_COLOUR = {"as-is": "c0", "survives": "c0", "removes": "c1", "limits": "c3"}
_LONGEST = 9
"""Chinese characters of a row's label that fit beside the dots; the rest is in the table."""


def stress_fragment(experiment: Experiment, declaration: Declaration, outcomes: Mapping[str, Outcome]) -> str:
    """Return the section's content: in a sentence what was tried, the curve, and every change with what came out.

    Args:
        experiment: what was changed.
        declaration: its changes.
        outcomes: by the change's name; all of them.
    """
    kept = [(change, outcomes[change.name]) for change in declaration.changes if change.name in outcomes]
    parts = [_summary(kept)]
    measured = [(change, outcome) for change, outcome in kept if outcome.effect]
    if len(measured) > 2:
        parts.append(_curve(experiment, declaration, measured))
    rows = [
        (
            text(change.name),
            KINDS.get(change.kind, "对照"),
            _effect(outcome, declaration.unit),
            _verdict(change, outcome),
        )
        for change, outcome in kept
    ]
    listed = wrapped("qa-results", table(("改了什么", "为什么试", declaration.means or "效应", "断言"), rows))
    seconds = sum(outcome.seconds for _, outcome in kept)
    told = f"全部 {len(kept)} 次运行，共 {seconds / 60:.0f} 分钟处理器时间"
    parts.append(f'<details class="qa-fold" markdown="1"><summary>{told}</summary>\n\n{listed}\n\n</details>')
    return "\n\n".join(parts) + "\n"


def _summary(kept: Sequence[tuple[Change, Outcome]]) -> str:
    counts = {kind: [(c, o) for c, o in kept if c.kind == kind] for kind in KINDS}
    held = sum(outcome.is_as_meant(change) for change, outcome in counts["survives"])
    said = [f"同一个实验换 {len(counts['survives'])} 种不该有影响的设置重做，{held} 种断言仍然成立"]
    if counts["removes"]:
        names = "、".join(text(change.name) for change, _ in counts["removes"])
        said.append(f"拿走原因（{names}），断言就失败")
    if counts["limits"]:
        names = "、".join(text(change.name) for change, _ in counts["limits"])
        said.append(f"在这些地方不成立：{names}")
    return "；".join(said) + "。"


def _effect(outcome: Outcome, unit: str) -> str:
    if not outcome.effect:
        return "—"
    mean, error = outcome.effect
    return f"{mean:+.3g} ± {error:.2g} {text(unit)}".strip()


def _verdict(change: Change, outcome: Outcome) -> str:
    if outcome.error:
        return "没有跑完"
    about = [label for label in change.claims if label in (*outcome.held, *outcome.failed)]
    lost = [label for label in about if label in outcome.failed]
    if not lost:
        return "成立"
    return "不成立" if len(lost) == len(about) else f"不成立：{'、'.join(map(text, lost))}"


def _curve(experiment: Experiment, declaration: Declaration, measured: Sequence[tuple[Change, Outcome]]) -> str:
    """Return the picture: effects sorted, one column a run; below, one row a changed value."""
    runs = sorted(measured, key=lambda pair: (pair[1].effect or (0, 0))[0])
    rows = _rows(experiment, [change for change, _ in runs])
    lows = [mean - error for _, outcome in runs for mean, error in [outcome.effect or (0.0, 0.0)]]
    highs = [mean + error for _, outcome in runs for mean, error in [outcome.effect or (0.0, 0.0)]]
    low, high = min(0.0, *lows), max(0.0, *highs)
    span = (high - low) or 1.0
    step = (_WIDTH - _LEFT - _RIGHT) / len(runs)

    def across(number: int) -> str:
        return f"{_LEFT + (number + 0.5) * step:.1f}"

    def up(value: float) -> str:
        return f"{10 + (high - value) / span * (_CURVE - 20):.1f}"

    parts = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(0)}" y2="{up(0)}" stroke="var(--qa-fig-grid)"/>',
        f'<text x="{_LEFT - 6}" y="{up(0)}" text-anchor="end" dy="4">没有差别</text>',
    ]
    for value in (low, high):
        if abs(value) > span / 6:
            parts.append(f'<text x="{_LEFT - 6}" y="{up(value)}" text-anchor="end" dy="4">{value:+.2g}</text>')
    for number, (change, outcome) in enumerate(runs):
        mean, error = outcome.effect or (0.0, 0.0)
        colour = f"var(--qa-fig-{_COLOUR[change.kind]})"
        x = across(number)
        title = html.escape(f"{change.name}：{mean:+.3g} ± {error:.2g} {declaration.unit}".strip())
        filled = colour if not outcome.failed else "var(--qa-fig-bg)"
        parts.append(
            f'<g stroke="{colour}"><title>{title}</title>'
            f'<line x1="{x}" x2="{x}" y1="{up(mean - error)}" y2="{up(mean + error)}"/>'
            f'<circle cx="{x}" cy="{up(mean)}" r="3.5" fill="{filled}"/></g>'
        )
    for place, (label, changed) in enumerate(rows):
        y = _CURVE + (place + 0.5) * _ROW
        short = label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"
        parts.append(f'<text x="{_LEFT - 6}" y="{y:.1f}" text-anchor="end" dy="4">{html.escape(short)}</text>')
        for number, (change, _) in enumerate(runs):
            on = change.name in changed
            fill, radius = ("var(--qa-fig-fg)", 3) if on else ("var(--qa-fig-grid)", 1.5)
            parts.append(f'<circle cx="{across(number)}" cy="{y:.1f}" r="{radius}" fill="{fill}"/>')
    height = _CURVE + len(rows) * _ROW + 4
    described = html.escape(
        f"{declaration.means}，{len(runs)} 种设置，从小到大："
        + "；".join(f"{c.name} {o.effect[0]:+.3g}" for c, o in runs if o.effect)
    )
    svg = (
        f'<svg class="qa-curve" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{described}" '
        f'data-search-exclude="">{"".join(parts)}</svg>'
    )
    unit = f"（{declaration.unit}）" if declaration.unit else ""
    caption = f"{declaration.means}{unit}：实心成立，空心不成立，橙色拿走了原因。"
    return f'<figure class="qa-figure">{svg}<figcaption>{html.escape(caption, quote=False)}</figcaption></figure>'


def _rows(experiment: Experiment, changes: Sequence[Change]) -> list[tuple[str, set[str]]]:
    """Return one row for each changed value of a setting: what it is called, and the changes that have it."""
    words, values = meanings(experiment), settings_of(experiment)
    rows: dict[str, set[str]] = {}
    for name in values:
        for change in changes:
            if name in change.settings:
                rows.setdefault(f"{words[name]} {_short(change.settings[name])}", set()).add(change.name)
    return list(rows.items())


def _short(value: object) -> str:
    return {True: "是", False: "否"}.get(value, str(value)) if isinstance(value, bool) else f"{value}"
