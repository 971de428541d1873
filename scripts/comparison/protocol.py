"""`compare`: the one way in."""
# ruff: noqa: N806

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from .arms import AnyArm, Arm, Data, Estimator, Loss, Metric, Study, check_arm, default_loss, error
from .errors import ComparisonError
from .estimators import check_estimator, fit, fit_grid, run_study
from .randomness import isolated
from .result import ArmResult, Comparison, as_settings, at_chance
from .selection import Choice, check_grid, search
from .splits import PARTS, Splits, check, check_labels
from .training import Job, Values, train

MIN_SEEDS = 5


def compare(
    arms: Mapping[str, Arm | Estimator | Study | Callable[[], nn.Module]],
    data: Data,
    *,
    lrs: Sequence[float] | None = None,
    num_updates: int | None = None,
    num_epochs: int | None = None,
    batch_size: int | str = 32,
    optimizer: Any = "sgd",
    weight_decay: float | None = None,
    loss: Loss | None = None,
    metrics: Mapping[str, Metric] | None = None,
    select: str | None = None,
    seeds: int | Sequence[int] = MIN_SEEDS,
    num_records: int = 10,
    method: str = "auto",
) -> Comparison:
    """Train all arms fairly and say what each reached.

    Each arm gets, for each seed, the learning rate that is best on validation data (`lrs`, widened where the best
    lies at an edge), as many updates as every other arm, and the same seeds. A seed redraws all that is chance: the
    split and the noise (`data(seed)`), initial values, batch order, dropout.

    arms:         by name, a function that returns a new network, or an `Arm` (with settings of its own), an
                  `Estimator` or a `Study`.
    data:         function of the seed that returns `Splits`; the global generators are seeded for it.
    lrs:          learning rates to begin with, at least five evenly spaced on a log scale, e.g. log_grid(0.01, 1).
                  Where neighbours differ much, give more of them: the best may lie in between.
    num_updates:  of the parameters, for all arms; or num_epochs of the training data at `batch_size`.
    batch_size, optimizer, weight_decay, loss: as in `Arm`, for the arms that do not say. The loss is by default cross
                  entropy for whole-number y and squared error otherwise.
    metrics:      by name, functions of (output, y); lower is better. The default: the "loss", and for classes the
                  "error" in percent. An arm's own loss is what it trains with; metrics are the same for all.
    select:       name of the metric that chooses the rate, on validation data: the default is "error" for classes,
                  else "loss". What is reported is up to `Comparison.difference`.
    seeds:        how many, from 0; or which.
    num_records:  how often metrics are taken, evenly over the updates, and once before the first.
    method:       "together" (all at once), "loop" (one by one, the readable reference), or "auto": together where
                  the networks allow it. All give the same numbers to rounding.

    The global generators are as before at the end. Raises ComparisonError, in Chinese, for what would not be fair or
    cannot be done, and EdgeError, a kind of it, where an arm's best rate stays at the edge of the widened grid.
    """
    chosen = {name: check_arm(name, arm) for name, arm in arms.items()}
    if not chosen:
        raise ComparisonError('arms：没有要比较的做法；例如 {"不用": plain, "用": with_dropout}。')
    seed_list = _check_seeds(seeds)
    if method not in ("auto", "together", "loop"):
        raise ComparisonError(f'method：没有「{method}」；可以写 "auto"、"together" 或 "loop"。')
    drawn: dict[Data, list[Splits]] = {}
    for arm in chosen.values():
        source = arm.data or data
        if source not in drawn:
            drawn[source] = _draw(source, seed_list)
    main = drawn.get(data) or next(iter(drawn.values()))
    y = main[0].y_train
    loss = loss or default_loss(y)
    if metrics is None:
        metrics = {"loss": loss} if y.is_floating_point() else {"loss": loss, "error": error}
    select = select or ("error" if "error" in metrics else next(iter(metrics)))
    if select not in metrics:
        raise ComparisonError(f"select：没有叫「{select}」的指标；有 {'、'.join(metrics)}。")

    defaults = Arm(nn.Module, lrs, optimizer, weight_decay, batch_size, loss)
    has_nets = not all(isinstance(arm, Estimator) for arm in chosen.values())
    updates = _check_updates(num_updates, num_epochs, batch_size, len(y)) if has_nets else 0
    records = sorted({round(i * updates / max(1, num_records)) for i in range(max(1, num_records) + 1)})
    notes: list[str] = []
    results = {}
    for name, arm in chosen.items():
        task = _Task(name, drawn[arm.data or data], seed_list, metrics, select, updates, records, method, notes)
        results[name] = task.run(arm, defaults)
    for name, result in results.items():
        if not result.is_alive(select):
            what = result.settings.get("chosen_name", "学习率")
            notes.append(
                f"做法「{name}」没有学到东西：训练和验证都不比猜一个常数好，或者不是有限的数"
                f"（试过的{what}从 {result.grid[0]:.3g} 到 {result.grid[-1]:.3g}）。"
            )
    settings = as_settings(
        {
            "optimizer": optimizer, "weight_decay": weight_decay, "batch_size": batch_size, "num_updates": updates,
            "loss": loss, "lrs": lrs, "train": len(y), "val": len(main[0].y_val), "test": len(main[0].y_test),
        }
    )  # fmt: skip
    return Comparison(results, seed_list, select, settings, notes)


class _Task:
    """One arm's part of the comparison."""

    def __init__(
        self, name: str, splits: list[Splits], seeds: list[int], metrics: Mapping[str, Metric], select: str,
        num_updates: int, records: list[int], method: str, notes: list[str],
    ) -> None:  # fmt: skip
        self.name, self.splits, self.seeds, self.metrics = name, splits, seeds, metrics
        self.select, self.num_updates, self.records = select, num_updates, records
        self.method, self.notes = method, notes
        self.chance: dict[str, Tensor] = {}

    def run(self, arm: AnyArm, defaults: Arm) -> ArmResult:
        if isinstance(arm, Estimator):
            return self.estimator(arm)
        if isinstance(arm, Study):
            return self.study(arm, defaults)
        full = _filled(self.name, arm, defaults)
        job = self.job(full)
        choice = self.search(
            "lrs", lambda lrs, places: train(job, lrs, places), check_grid(self.name, "lrs", full.lrs)
        )
        own = {f.name: getattr(arm, f.name) for f in fields(arm) if f.name != "net"}
        return self.result(choice, _values(choice), as_settings(own))

    def estimator(self, arm: Estimator) -> ArmResult:
        grid = check_grid(self.name, "grid", arm.grid)
        check_estimator(self.name, arm.make(grid[0]))
        self.set_chance(None)
        choice = self.search(
            "grid",
            lambda values, places: fit_grid(self.name, arm.make, values, *self.at(places), self.metrics),
            grid,
            arm.bounds,
        )
        settings = {"chosen_name": arm.name, "estimator": type(arm.make(grid[0])).__name__}
        return self.result(choice, _values(choice), settings)

    def study(self, study: Study, defaults: Arm) -> ArmResult:
        self.set_chance(None)

        def try_one(suggested: Any, i: int) -> Values:
            if isinstance(suggested, Arm):
                full = _filled(self.name, suggested, defaults)
                if full.lrs is None or len(full.lrs) != 1:
                    raise ComparisonError(f"suggest：做法「{self.name}」的 Arm 要恰好有一个学习率：lrs=[lr]。")
                return train(self.job(full), full.lrs, [i])
            check_estimator(self.name, suggested)
            return fit(self.name, lambda: suggested, *self.at([i]), self.metrics)

        choice, words = run_study(self.name, study, try_one, f"val_{self.select}", self.seeds)
        return self.result(choice, words, {"chosen_name": "选出的设置", "num_trials": study.num_trials})

    def job(self, arm: Arm) -> Job:
        """The arm's training, after a look at what its network gives for the data."""
        job = Job(
            self.name,
            arm,
            self.splits,
            self.seeds,
            self.metrics,
            self.num_updates,
            self.records,
            self.method,
            self.notes,
        )
        X, y = self.splits[0].X_train[:2], self.splits[0].y_train[:2]
        with torch.no_grad(), isolated(self.seeds[0], "check"):
            try:
                out = job.build(self.seeds[0]).eval()(X)
            except ComparisonError:
                raise
            except Exception as problem:
                problem.add_note(f"做法「{self.name}」的网络在 X_train 的前两行上出错，形状是 {tuple(X.shape)}。")
                raise
        if not isinstance(out, Tensor):
            raise ComparisonError(
                f"arms：做法「{self.name}」的网络返回 {type(out).__name__}；forward 要只返回输出这一个张量。"
            )
        if y.is_floating_point() and out.shape != y.shape:
            raise ComparisonError(
                f"arms：做法「{self.name}」的输出是 {tuple(out.shape[1:])}，y 是 {tuple(y.shape[1:])}（不算批量）；"
                "形状不同会悄悄广播。请给 y 加一维 y[:, None]，或去掉输出的一维。"
            )
        if not y.is_floating_point() and out.dim() > 1:
            for splits in self.splits:
                check_labels(splits, out.shape[1], self.name)
        self.set_chance(out)
        return job

    def at(self, places: list[int]) -> tuple[list[Splits], list[int]]:
        """Splits and seeds at these places."""
        return [self.splits[i] for i in places], [self.seeds[i] for i in places]

    def set_chance(self, out: Tensor | None) -> None:
        """The metrics of the best constant prediction by the training labels, where a metric takes it."""
        for part in PARTS:
            for key, metric in self.metrics.items():
                try:
                    values = [
                        float(metric(_constant(s.y_train, s.part(part)[1], out), s.part(part)[1]))
                        for s in self.splits
                    ]
                except (RuntimeError, ValueError, IndexError, TypeError):
                    continue
                self.chance[f"{part}_{key}"] = torch.tensor(values, dtype=torch.float64)

    def search(
        self,
        argument: str,
        train_on: Callable[[list[float], list[int]], Values],
        grid: list[float],
        bounds: tuple[float | None, float | None] = (None, None),
    ) -> Choice:
        key = f"val_{self.select}"

        def is_dead(values: Values) -> bool:
            ends = values[key][:, :, -1]
            return all(at_chance(end, self.chance.get(key)) for end in ends if bool(end.isfinite().all()))

        return search(self.name, argument, train_on, grid, self.seeds, key, is_dead, bounds)

    def result(self, choice: Choice, chosen: list[float] | list[str], settings: dict[str, Any]) -> ArmResult:
        length = next(iter(choice.values.values())).shape[2]
        updates = self.records[-length:]
        return ArmResult(self.name, chosen, choice.grid, choice.index, updates, choice.values, self.chance, settings)


def _values(choice: Choice) -> list[float]:
    return [choice.grid[i] for i in choice.index.tolist()]


def _constant(train_y: Tensor, y: Tensor, out: Tensor | None) -> Tensor:
    """The best prediction that does not look at X: logarithms of the classes' shares, or the mean."""
    if train_y.is_floating_point():
        return train_y.mean(0).expand(y.shape)
    num_classes = out.shape[1] if out is not None else int(max(train_y.max(), y.max())) + 1
    shares = torch.bincount(train_y.flatten(), minlength=num_classes).float() / train_y.numel()
    log = shares.clamp(min=1e-6).log()  # (classes,)
    return log.view(1, -1, *[1] * (y.dim() - 1)).expand(len(y), -1, *y.shape[1:])


def _draw(data: Data, seeds: list[int]) -> list[Splits]:
    splits = []
    for seed in seeds:
        with isolated(seed, "data"):
            splits.append(check(data(seed), seed))
    for seed, one in zip(seeds, splits, strict=True):
        if one.sizes() != splits[0].sizes():
            raise ComparisonError(
                f"data：种子 {seeds[0]} 的形状是 {splits[0].sizes()}，种子 {seed} 的是 {one.sizes()}；要一样大。"
            )
    same = [
        torch.equal(one.X_train, splits[0].X_train) and torch.equal(one.y_train, splits[0].y_train) for one in splits
    ]
    if all(same):
        raise ComparisonError(
            "data：每个种子的训练数据完全相同；data(seed) 要用 seed 重新划分：split(X, y, …, seed=seed)。"
        )
    return splits


def _check_seeds(seeds: int | Sequence[int]) -> list[int]:
    values = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if len(set(values)) < MIN_SEEDS:
        raise ComparisonError(f"seeds：只有 {len(set(values))} 个不同的种子，至少要 {MIN_SEEDS} 个。")
    if len(set(values)) < len(values):
        raise ComparisonError(f"seeds：{values} 里有重复的种子，会被当成独立的结果；请去掉重复。")
    return values


def _check_updates(num_updates: int | None, num_epochs: int | None, batch_size: int | str, rows: int) -> int:
    if (num_updates is None) == (num_epochs is None):
        raise ComparisonError("num_updates 与 num_epochs：要恰好给一个，例如 num_updates=1000。")
    if num_epochs is not None:
        num_updates = num_epochs * (1 if batch_size == "full" else math.ceil(rows / int(batch_size)))
    assert num_updates is not None
    if num_updates < 1:
        raise ComparisonError(f"num_updates：至少更新一次，给的是 {num_updates}。")
    return num_updates


def _filled(name: str, arm: Arm, defaults: Arm) -> Arm:
    """The arm with what it does not say taken from `compare`, checked once more."""
    full = arm.with_defaults(defaults)
    check_arm(name, full)
    return full
