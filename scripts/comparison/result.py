"""What a comparison found: differences, curves, tables, and a record that JSON can hold."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from scipy.stats import t as student_t  # type: ignore[import-untyped]
from torch import Tensor

from .errors import ComparisonError
from .splits import PARTS

LEVEL = 0.01  # of `Difference.differs`: the share of comparisons of equals that may be called different
_NAMES = {"loss": "损失", "error": "误差 %"}


@dataclass(frozen=True)
class Difference:
    """First arm minus second, seed by seed.

    The standard error is that of the mean over n paired seeds, s / √n, and (mean - truth) / se follows Student's t
    with n - 1 degrees of freedom (Student 1908). With five seeds, twice the standard error is passed by chance in
    12 % of comparisons of equals, not 5 %; so `differs` compares with the quantile of t, and at 1 %: a site makes
    hundreds of comparisons. The luck of choosing learning rates is in it, as each seed chooses its own.

    Seeds redraw the split from one pool of rows, so their training and test sets overlap: the standard error is about
    doing the same again with this pool, not about new data from the same source (Nadeau and Bengio 2003).
    """

    first: str
    second: str
    metric: str
    per_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return math.fsum(self.per_seed) / len(self.per_seed)

    @property
    def se(self) -> float:
        """Standard error of the mean."""
        return float(torch.tensor(self.per_seed, dtype=torch.float64).std()) / math.sqrt(len(self.per_seed))

    @property
    def t(self) -> float:
        """How many standard errors the mean is from 0."""
        if self.se == 0:
            return 0.0 if self.mean == 0 else math.copysign(math.inf, self.mean)
        return self.mean / self.se

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Where the true difference lies, but for a share `level` of comparisons."""
        half = float(student_t.ppf(1 - level / 2, len(self.per_seed) - 1)) * self.se
        return self.mean - half, self.mean + half

    @property
    def differs(self) -> bool:
        """0 is outside the interval: more than chance."""
        low, high = self.interval()
        return low > 0 or high < 0

    def within(self, margin: float) -> bool:
        """The whole interval is nearer to 0 than `margin`: no difference worth a word (`not differs` says less)."""
        low, high = self.interval()
        return -margin < low and high < margin

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return {
            "first": self.first, "second": self.second, "metric": self.metric,
            "effect": self.mean, "se": self.se, "n": len(self.per_seed), "per_seed": list(self.per_seed),
        }  # fmt: skip

    def __str__(self) -> str:
        """In one line."""
        return (
            f"{heading(self.metric)}，{self.first} 减 {self.second}："
            f"{self.mean:+.2f} ± {self.se:.2f}（{len(self.per_seed)} 个种子配对，是标准误的 {self.t:.1f} 倍）"
        )


@dataclass(frozen=True)
class Table:
    """A small table: `print` aligns it, a notebook shows it as HTML."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """Columns aligned, a Chinese character being two wide."""
        lines = [self.headings, *self.rows]
        widths = [max(_width(line[i]) for line in lines) for i in range(len(self.headings))]
        padded = [[cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)] for line in lines]
        return "\n".join("  ".join(cells).rstrip() for cells in padded)

    def _repr_markdown_(self) -> str:
        escaped = [[cell.replace("|", "\\|") for cell in line] for line in (self.headings, *self.rows)]
        escaped.insert(1, ["---"] * len(self.headings))
        return "\n".join("| " + " | ".join(line) + " |" for line in escaped)

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self.rows)
        return f"<table><thead>{row(self.headings, 'th')}</thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True)
class ArmResult:
    """One arm: all that was recorded, on the whole grid.

    chosen: by seed, the learning rate (or what the grid holds) that was chosen; for a study its settings in words.
    index:  its place in the grid, (seeds,).
    values: by "test_error" and the like, (grid, seeds, records); NaN where a widened grid was not needed.
    chance: the same metrics of the best constant prediction, (seeds,); missing where a metric takes no constant.
    """

    name: str
    chosen: list[float] | list[str]
    grid: list[float]
    index: Tensor
    updates: list[int]
    values: dict[str, Tensor]
    chance: dict[str, Tensor]
    settings: dict[str, Any]

    def curve(self, metric: str) -> Tensor:
        """At the rate that each seed chose, (seeds, records)."""
        return self.values[metric][self.index, torch.arange(len(self.index))]

    def is_alive(self, select: str) -> bool:
        """All seeds finite, and training or validation better than a constant prediction (`at_chance`)."""
        if not all(bool(self.curve(f"{part}_{select}")[:, -1].isfinite().all()) for part in PARTS):
            return False
        ends = {metric: self.curve(metric)[:, -1] for metric in (f"train_{select}", f"val_{select}")}
        return not all(at_chance(end, self.chance.get(metric)) for metric, end in ends.items())


def at_chance(values: Tensor, chance: Tensor | None) -> bool:
    """Not better than a constant prediction by more than chance (t over the seeds, one-sided, at LEVEL)."""
    if chance is None:
        return False
    gain = chance - values
    least = float(student_t.ppf(1 - LEVEL, len(gain) - 1)) * gain.std() / math.sqrt(len(gain))
    return not bool(gain.mean() > least and gain.mean() > 1e-9)


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Metrics are called "train_", "val_" or "test_" and the metric's own name: "test_error". Training metrics are those
    of the whole training data, as it was given (noise in, augmentation out), without dropout.
    """

    arms: dict[str, ArmResult]
    seeds: list[int]
    select: str
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def chosen(self) -> dict[str, list[float] | list[str]]:
        """The learning rates of each arm, by seed (of an estimator: its number; of a study: its settings)."""
        return {name: arm.chosen for name, arm in self.arms.items()}

    @property
    def alive(self) -> dict[str, bool]:
        """Whether each arm learned anything: finite, and better than a constant prediction."""
        return {name: arm.is_alive(self.select) for name, arm in self.arms.items()}

    @property
    def curves(self) -> dict[str, dict[str, Tensor]]:
        """By arm and metric, (seeds, records), at the chosen rate; the records' times are `updates`."""
        return {name: {metric: arm.curve(metric) for metric in arm.values} for name, arm in self.arms.items()}

    @property
    def updates(self) -> list[int]:
        """After how many updates networks were measured; 0 is untrained."""
        return max((arm.updates for arm in self.arms.values()), key=len)

    def final(self, arm: str, metric: str = "", at: int | None = None) -> Tensor:
        """A metric of each seed, (seeds,), at the end or after `at` updates; by default `select` on test data."""
        metric = metric or f"test_{self.select}"
        result = self._arm(arm)
        if metric not in result.values:
            raise ComparisonError(f"metric：没有「{metric}」；有 {'、'.join(result.values)}。")
        if at is not None and at not in result.updates:
            raise ComparisonError(f"at：没有在第 {at} 次更新后测量；有 {'、'.join(map(str, result.updates))}。")
        return result.curve(metric)[:, -1 if at is None else result.updates.index(at)]

    def difference(self, first: str, second: str, metric: str = "", at: int | None = None) -> Difference:
        """First minus second, paired by seed, at the end or after `at` updates; metric as in `final`."""
        pairs = self.final(first, metric, at) - self.final(second, metric, at)
        return Difference(first, second, metric or f"test_{self.select}", tuple(pairs.tolist()))

    def table(self, metrics: Sequence[str] | None = None) -> Table:
        """Each arm's chosen rates and its metrics at the end, mean ± standard error over the seeds."""
        names = list(metrics) if metrics else [f"{part}_{self.select}" for part in PARTS]
        rows = []
        for name, arm in self.arms.items():
            cells = [_mean(self.final(name, metric)) for metric in names]
            rows.append([name, _range(arm.chosen), *cells, "是" if self.alive[name] else "否：与猜一个常数一样"])
        return Table(["做法", self._chosen_heading(), *map(heading, names), "学到了东西"], rows)

    def plot(self, ax: Any, metric: str = "", arms: Sequence[str] | None = None) -> None:
        """Draw a metric over the updates, mean and standard error; an arm without a course is a line across."""
        metric = metric or f"test_{self.select}"
        for name, style in zip(arms or self.arms, ["-", "--", ":", "-."] * len(self.arms), strict=False):
            curve, updates = self._arm(name).curve(metric), self._arm(name).updates
            if len(updates) == 1:
                curve, updates = curve.expand(-1, 2), [self.updates[0], self.updates[-1]]
            mean, se = curve.mean(0), curve.std(0) / math.sqrt(len(curve))
            (line,) = ax.plot(updates, mean, style, label=name)
            ax.fill_between(updates, mean - se, mean + se, color=line.get_color(), alpha=0.15)
        ax.set(xlabel="更新次数", ylabel=heading(metric))
        ax.legend()

    def as_dict(self) -> dict[str, Any]:
        """All of it but the unchosen rates' curves, in what JSON can hold (what is not finite becomes None)."""
        arms = {
            name: {
                "chosen": arm.chosen, "grid": arm.grid, "alive": self.alive[name], "updates": arm.updates,
                "settings": arm.settings, "curves": {m: _plain(arm.curve(m)) for m in arm.values},
                "validation": _plain(arm.values[f"val_{self.select}"][:, :, -1].nanmean(1)),
            }
            for name, arm in self.arms.items()
        }  # fmt: skip
        return {
            "arms": arms,
            "seeds": self.seeds,
            "select": self.select,
            "settings": self.settings,
            "notes": self.notes,
        }

    def __str__(self) -> str:
        """The table, and what should be known beside it."""
        return "\n".join([str(self.table()), *self.notes])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)

    def _repr_markdown_(self) -> str:
        return "\n\n".join([self.table()._repr_markdown_(), *self.notes])

    def _arm(self, name: str) -> ArmResult:
        if name not in self.arms:
            raise ComparisonError(f"没有叫「{name}」的做法；有 {'、'.join(self.arms)}。")
        return self.arms[name]

    def _chosen_heading(self) -> str:
        names = {arm.settings.get("chosen_name", "学习率") for arm in self.arms.values()}
        return "、".join(sorted(names)) if len(names) == 1 else "选出的设置"


def heading(metric: str) -> str:
    """ "test_error" → "测试误差 %"."""
    part, _, name = metric.partition("_")
    return PARTS.get(part, part) + _NAMES.get(name, f" {name}")


def _range(chosen: Sequence[float | str]) -> str:
    """What was chosen, from the lowest to the highest; settings in words are those of the first seed."""
    numbers = sorted(value for value in chosen if not isinstance(value, str))
    if not numbers:
        return f"{chosen[0]}，…"
    return "–".join(f"{value:.3g}" for value in dict.fromkeys([numbers[0], numbers[-1]]))


def _mean(values: Tensor) -> str:
    return f"{float(values.mean()):.3g} ± {float(values.std()) / math.sqrt(len(values)):.2g}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _plain(values: Tensor) -> Any:
    nested: Any = values.tolist()

    def clean(value: Any) -> Any:
        if isinstance(value, list):
            return [clean(v) for v in value]
        return value if math.isfinite(value) else None

    return clean(nested)


def as_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON can hold them: functions by their names."""
    return {k: v if isinstance(v, int | float | str | None) else _name(v) for k, v in values.items() if v is not None}


def _name(value: Any) -> str:
    if isinstance(value, Sequence):
        return "、".join(f"{v:g}" for v in value)
    return str(getattr(value, "__name__", type(value).__name__))
