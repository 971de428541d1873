"""Estimators of scikit-learn and studies of Optuna: same splits, same seeds, same choice on validation data."""
# ruff: noqa: N803, N806

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from .arms import Metric, Study
from .errors import ComparisonError, EdgeError
from .randomness import derive, isolated
from .selection import Choice, choose
from .splits import PARTS, Splits
from .training import Values


def fit(
    name: str, make: Callable[[], Any], splits: Sequence[Splits], seeds: Sequence[int], metrics: Mapping[str, Metric]
) -> Values:
    """Fit a new estimator for each seed; values (1, seeds, 1).

    Cross entropy is NaN where the estimator gives no probabilities.
    """
    values: dict[str, list[float]] = {}
    for seed, data in zip(seeds, splits, strict=True):
        with isolated(seed, f"training/{name}"):
            estimator = make().fit(_flat(data.X_train), data.y_train.numpy())
            for part in PARTS:
                X, y = data.part(part)
                out, is_probability = _output(estimator, X, y)
                for key, metric in metrics.items():
                    known = is_probability or metric is not F.cross_entropy
                    values.setdefault(f"{part}_{key}", []).append(float(metric(out, y)) if known else float("nan"))
    return {key: torch.tensor(value, dtype=torch.float64).view(1, -1, 1) for key, value in values.items()}


def fit_grid(
    name: str,
    make: Callable[[float], Any],
    grid: Sequence[float],
    splits: Sequence[Splits],
    seeds: Sequence[int],
    metrics: Mapping[str, Metric],
) -> Values:
    """`fit` for each value of a grid: values (grid, seeds, 1)."""
    fits = [fit(name, lambda value=value: make(value), splits, seeds, metrics) for value in grid]  # type: ignore[misc]
    return {key: torch.cat([values[key] for values in fits]) for key in fits[0]}


def run_study(
    name: str, study: Study, try_one: Callable[[Any, int], Values], select: str, seeds: Sequence[int]
) -> tuple[Choice, list[str]]:
    """A study of Optuna for each seed, as a network's rate is chosen for each: its best trial, and that in words.

    The i-th entry of the choice's grid is the number of the i-th trial.
    """
    every, words, index = [], [], []
    for i, seed in enumerate(seeds):
        trials = _new_study(study, derive(seed, f"study/{name}") % 2**32)
        tried: list[Values] = []
        for _ in range(study.num_trials):
            trial = trials.ask()
            tried.append(try_one(study.suggest(trial), i))
            score = float(tried[-1][select][0, 0, -1])
            trials.tell(trial, score if np.isfinite(score) else 1e30)
        best = choose(name, "suggest", [values[select][0, 0, -1] for values in tried], seed)
        _check_ranges(name, trials.trials[best], seed)
        words.append("，".join(f"{key} = {_short(value)}" for key, value in trials.trials[best].params.items()))
        index.append(best)
        every.append(tried)
    length = min(values[select].shape[2] for tried in every for values in tried)  # 1 where some are estimators
    joined = {
        key: torch.stack([torch.stack([values[key][0, 0, -length:] for values in tried]) for tried in every], 1)
        for key in every[0][0]
    }
    return Choice([float(i) for i in range(study.num_trials)], joined, torch.tensor(index)), words


def _new_study(study: Study, seed: int) -> Any:
    optuna = importlib.import_module("optuna")  # only where it is used: a download need not have it
    sampler = study.sampler(seed) if study.sampler else optuna.samplers.TPESampler(seed=seed)
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="minimize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(level)


def _check_ranges(name: str, best: Any, seed: int) -> None:
    """What was searched on a log scale must not end within a fiftieth of its range's ends."""
    for key, where in best.distributions.items():
        if getattr(where, "log", False):
            share = np.log(best.params[key] / where.low) / np.log(where.high / where.low)
            if not 0.02 < share < 0.98:
                raise EdgeError(
                    f"suggest：做法「{name}」在种子 {seed} 上选出 {key} = {best.params[key]:.3g}，"
                    f"在范围 {where.low:g} 到 {where.high:g} 的边上，不能报告；请放宽范围。"
                )


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _output(estimator: Any, X: Tensor, y: Tensor) -> tuple[Tensor, bool]:
    """What metrics of a network's output can take: logarithms of probabilities, or 1 for the predicted class.

    For regression it is the prediction, in the shape of y.
    """
    if y.is_floating_point():
        return torch.as_tensor(estimator.predict(_flat(X)), dtype=y.dtype).view(y.shape), True
    classes = torch.as_tensor(estimator.classes_).long()
    width = int(max(classes.max(), y.max())) + 1
    if hasattr(estimator, "predict_proba"):
        out = torch.full((len(X), width), 1e-12, dtype=torch.float64)
        out[:, classes] = torch.as_tensor(estimator.predict_proba(_flat(X)), dtype=torch.float64).clamp(min=1e-12)
        return out.log(), True
    return F.one_hot(torch.as_tensor(estimator.predict(_flat(X))).long(), width).double(), False


def _flat(X: Tensor) -> Any:
    return X.reshape(len(X), -1).numpy()


def check_estimator(name: str, made: Any) -> None:
    """What was made must at least be able to fit and predict."""
    if not (hasattr(made, "fit") and hasattr(made, "predict")):
        raise ComparisonError(
            f"arms：做法「{name}」给出了 {type(made).__name__}；要给出 scikit-learn 的估计器（有 fit 和 predict）。"
        )
