"""Choosing an arm's learning rate (or whatever its grid holds) on validation data.

One value for the whole arm: that with the lowest validation metric at the end, averaged over the seeds. A choice for
each seed would rest on one small validation set each, and what is compared would be different settings in different
seeds. The price: the choice is shared by the seeds, so the standard error over seeds does not contain its luck;
how little that matters is measured in tests/comparison/test_null.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from .errors import ComparisonError, EdgeError
from .training import Values

STEP = 2  # values added at once where the choice lies at an edge
MORE = 8  # values added at most, on both sides together


@dataclass
class Choice:
    """What a search found: the grid it ended with, the values on it, and which was chosen."""

    grid: list[float]
    values: Values
    index: int


def log_grid(low: float, high: float, num: int = 5) -> list[float]:
    """`num` values from low to high, each the same multiple of the one before.

    log_grid(0.01, 1) is [0.01, 0.032, 0.1, 0.32, 1]; the values in between are rounded to two figures.
    """
    if not 0 < low < high or num < 2:
        raise ComparisonError(f"log_grid：要 0 < low < high，num 至少 2；给的是 {low:g}、{high:g}、{num}。")
    inner = [low * (high / low) ** (i / (num - 1)) for i in range(1, num - 1)]
    return [low, *(float(f"{value:.2g}") for value in inner), high]


def check_grid(name: str, argument: str, grid: Sequence[float] | None) -> list[float]:
    """At least five positive values, in order, evenly spaced on a log scale and not too far apart."""
    if grid is None:
        raise ComparisonError(f"{argument}：没有给做法「{name}」的取值；例如 {argument}=log_grid(0.01, 1)。")
    values = sorted({float(value) for value in grid})
    if len(values) < 5:
        raise ComparisonError(
            f"{argument}：做法「{name}」只有 {len(values)} 个不同的取值，至少要 5 个；例如 log_grid(0.01, 1)。"
        )
    if values[0] <= 0 or not math.isfinite(values[-1]):
        raise ComparisonError(f"{argument}：做法「{name}」的取值要是正数，给的是 {values[0]:g} 到 {values[-1]:g}。")
    steps = [b / a for a, b in itertools.pairwise(values)]
    if max(steps) > 10.5 or math.log(max(steps)) > 1.6 * math.log(min(steps)):
        raise ComparisonError(
            f"{argument}：做法「{name}」的取值 {_shown(values)} 在对数上不等距，或相邻的差 10 倍以上；请用 log_grid。"
        )
    return values


def search(
    name: str,
    argument: str,
    train: Callable[[list[float]], Values],
    grid: list[float],
    select: str,
    is_dead: Callable[[Values], bool] = lambda _: False,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Choice:
    """Train on the grid and choose; while the choice lies at an edge, train further values beyond it.

    An arm that learns nothing anywhere (`is_dead`) has no best value, so no edge.
    Raises EdgeError where the choice still lies at the edge after MORE further values.
    """
    ratio = (grid[-1] / grid[0]) ** (1 / (len(grid) - 1))
    begun, values = list(grid), train(grid)
    low, high = bounds
    while True:
        index = choose(name, argument, grid, values, select)
        edge = {0: "小", len(grid) - 1: "大"}.get(index)
        natural = low if edge == "小" else high
        if edge is None or (natural is not None and math.isclose(grid[index], natural, rel_tol=1e-6)):
            return Choice(grid, values, index)
        further = [grid[index] * ratio ** (i if edge == "大" else -i) for i in range(1, STEP + 1)]
        further = [float(f"{value:.3g}") for value in further]
        if natural is not None:
            further = [min(v, natural) if edge == "大" else max(v, natural) for v in further]
        further = sorted(set(further))
        if len(grid) + len(further) > len(begun) + MORE:
            if is_dead(values):
                return Choice(grid, values, index)
            raise EdgeError(
                f"{argument}：做法「{name}」在 {_shown(grid)} 里选出 {grid[index]:.3g}，是最{edge}的一个；"
                f"从 {_shown(begun)} 加宽了 {len(grid) - len(begun)} 个仍在边上，不能报告。"
                f"请把 {argument} 往{edge}的方向移，或改 num_updates。"
            )
        added = train(further)
        if edge == "小":
            grid, values = further + grid, {key: torch.cat([added[key], values[key]]) for key in values}
        else:
            grid, values = grid + further, {key: torch.cat([values[key], added[key]]) for key in values}


def choose(name: str, argument: str, grid: Sequence[float], values: Values, select: str) -> int:
    """The place of the lowest mean over seeds of `select` at the end.

    Where one seed is not finite, so is the mean, and the value is out. Of equal means (all perfect, say) it is the
    middle one.
    """
    scores = values[select][:, :, -1].mean(1)
    scores = torch.where(scores.isfinite(), scores, torch.inf)
    lowest = float(scores.min())
    if math.isinf(lowest):
        raise ComparisonError(
            f"{argument}：做法「{name}」在全部取值 {_shown(grid)} 下都出现 NaN 或无穷大；"
            "请给更小的学习率，检查损失函数，或写 clip=1。"
        )
    best = [i for i, score in enumerate(scores.tolist()) if score == lowest]
    return best[len(best) // 2]


def _shown(grid: Sequence[float]) -> str:
    return "、".join(f"{value:.3g}" for value in grid)
