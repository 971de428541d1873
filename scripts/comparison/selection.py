"""Choosing the learning rate (or whatever an arm's grid holds) on validation data, for each seed by itself.

Why for each seed, and not one value by the mean over seeds: what is compared is the whole procedure, choice of the
rate included, and a seed is one independent repetition of it. Then the standard error over seeds contains the luck of
the choice (Bouthillier et al. 2021). A choice by the mean is luck that all seeds share, and the standard error cannot
see it: two copies of one network, chosen by loss and judged by error, are then called different more often than the
level says, and the more often the more seeds there are (`python -m bench.comparison null` measures it). As all rates
are trained for all seeds anyway, choosing for each costs nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import ComparisonError, EdgeError
from .training import Values

STEP = 2  # values added at once where a choice lies at an edge
MORE = 8  # values added at most, on both sides together
PLATEAU = 0.001  # relative difference in the validation metric that is none


@dataclass
class Choice:
    """What a search found.

    grid:   all values, in order, those of the widening included.
    values: metrics, (grid, seeds, records); NaN where a seed did not need that part of a widened grid.
    index:  the place in the grid that each seed chose, (seeds,).
    """

    grid: list[float]
    values: Values
    index: Tensor


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
    train: Callable[[list[float], list[int]], Values],
    begun: list[float],
    seeds: Sequence[int],
    select: str,
    is_dead: Callable[[Values], bool] = lambda _: False,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Choice:
    """Train on the grid and choose for each seed; where the choice lies at an edge, train that seed beyond it.

    train:   function of (values, places of seeds) that returns metrics (values, those seeds, records).
    is_dead: an arm that learns nothing anywhere has no best value, so it is not refused for lying at an edge.
    bounds:  where values end by nature; there an edge is none.

    Raises EdgeError where a seed's choice is still at an edge after MORE further values.
    """
    ratio = (begun[-1] / begun[0]) ** (1 / (len(begun) - 1))
    least, most = (-math.inf if bounds[0] is None else bounds[0]), (math.inf if bounds[1] is None else bounds[1])

    def value(place: int) -> float:
        """Places 0, 1, ... are those of the grid begun with; it goes on at both sides."""
        if 0 <= place < len(begun):
            return begun[place]
        beyond = place if place < 0 else place - len(begun) + 1
        return float(f"{begun[0 if place < 0 else -1] * ratio**beyond:.3g}")

    tried: dict[int, Values] = {}  # by place; NaN for the seeds that did not need it
    ranges = [(0, len(begun) - 1) for _ in seeds]  # of each seed: the first and the last place tried
    chosen: list[int] = []
    wanted = {tuple(range(len(begun))): list(range(len(seeds)))}  # places to try: for which seeds
    while wanted:
        for places, which in wanted.items():
            found = train([value(place) for place in places], which)
            for row, place in enumerate(places):
                for key, values in found.items():
                    empty = torch.full((len(seeds), values.shape[2]), math.nan, dtype=values.dtype)
                    tried.setdefault(place, {}).setdefault(key, empty)[which] = values[row]
        chosen = [
            first
            + choose(name, argument, [tried[place][select][i, -1] for place in range(first, last + 1)], seeds[i])
            for i, (first, last) in enumerate(ranges)
        ]
        wanted = {}
        for i, (first, last) in enumerate(ranges):
            down = [place for place in range(first - STEP, first) if value(place) >= least]
            up = [place for place in range(last + 1, last + 1 + STEP) if value(place) <= most]
            further = down if chosen[i] == first else up if chosen[i] == last else []
            if further:
                wanted.setdefault(tuple(further), []).append(i)
                ranges[i] = min(first, *further), max(last, *further)
        if any(last - first + 1 > len(begun) + MORE for first, last in ranges):
            if is_dead(_stack(tried)):
                break
            i = next(i for i, (first, last) in enumerate(ranges) if last - first + 1 > len(begun) + MORE)
            smaller = value(chosen[i]) <= begun[0]
            raise EdgeError(
                f"{argument}：做法「{name}」在种子 {seeds[i]} 上选出 {value(chosen[i]):.3g}，是试过的里面"
                f"最{'小' if smaller else '大'}的；从 {_shown(begun)} 加宽了 {len(tried) - len(begun)} 个"
                "仍在边上，不能报告。"
                f"请把 {argument} 往{'小' if smaller else '大'}的方向移，或改 num_updates。"
            )
    order = sorted(tried)
    return Choice([value(place) for place in order], _stack(tried), torch.tensor([order.index(p) for p in chosen]))


def choose(name: str, argument: str, scores: Sequence[Tensor | float], seed: int) -> int:
    """The place of the lowest validation metric; of those equal to it within PLATEAU the middle one.

    So a plateau, on which going on changes nothing, has no edge to run into: no error at all, or ridge regression
    without any need of a penalty. What is not finite is out. Raises ComparisonError where nothing is finite.
    """
    finite = [float(score) if math.isfinite(score) else math.inf for score in scores]
    lowest = min(finite)
    if math.isinf(lowest):
        raise ComparisonError(
            f"{argument}：做法「{name}」在种子 {seed} 上，{len(finite)} 个取值全都得到 NaN 或无穷大；"
            "请给更小的学习率，检查损失函数，或写 clip=1。"
        )
    best = [i for i, score in enumerate(finite) if score <= lowest + PLATEAU * abs(lowest)]
    return best[len(best) // 2]


def _stack(tried: dict[int, Values]) -> Values:
    return {key: torch.stack([tried[place][key] for place in sorted(tried)]) for key in tried[0]}


def _shown(grid: Sequence[float]) -> str:
    return "、".join(f"{value:.3g}" for value in grid)
