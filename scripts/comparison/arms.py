"""What is compared: networks, estimators of scikit-learn, studies of Optuna, and how each is trained or fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .errors import ComparisonError
from .splits import Splits

Net = Callable[[], nn.Module]
Loss = Callable[[Tensor, Tensor], Tensor]
Metric = Callable[[Tensor, Tensor], Any]
Data = Callable[[int], Splits]
Optimizer = torch.optim.Optimizer


@dataclass(frozen=True)
class Arm:
    """A network and how it is trained. What is left at None is taken from `compare`.

    net:          a function without arguments that returns a new network; initial values come from the seed, which is
                  set beforehand, so ordinary `nn.Linear(...)` and `nn.init` do.
    lrs:          learning rates to begin with: at least five, evenly spaced on a log scale (`log_grid`).
    optimizer:    "sgd", "momentum" (0.9), "adam" or "adamw"; or a function of (net, lr) that returns the optimiser,
                  as in the course: `lambda net, lr: torch.optim.SGD(net.parameters(), lr=lr, momentum=0.5)`.
    weight_decay: of an optimiser given by name, for all parameters; None is the optimiser's own default.
    batch_size:   rows an update; "full" is all of the training data.
    loss:         function of (network's output, y) that returns the mean over the batch; trained with, not reported.
    schedule:     factor of the learning rate at a share (0 to 1) of the updates, e.g. `lambda share: 1 - share`.
    clip:         largest length of the gradient of all parameters together (Pascanu et al. 2013), for RNNs.
    augment:      function of a batch's X that returns the changed X, in training only; it may draw from the global
                  generators as usual (transforms of torchvision do), which are seeded for it and put back.
    batches:      function of (splits, generator) that yields the row numbers of one batch after the other; by default
                  it shuffles, goes through all rows, and shuffles again.
    data:         this arm's own data, where data is what is compared.
    """

    net: Net
    lrs: Sequence[float] | None = None
    optimizer: str | Callable[[nn.Module, float], Optimizer] | None = None
    weight_decay: float | None = None
    batch_size: int | str | None = None
    loss: Loss | None = None
    schedule: Callable[[float], float] | None = None
    clip: float | None = None
    augment: Callable[[Tensor], Tensor] | None = None
    batches: Callable[[Splits, torch.Generator], Iterator[Tensor]] | None = None
    data: Data | None = None

    def with_defaults(self, defaults: Arm) -> Arm:
        """Fill what is None from `defaults`."""
        missing = [f.name for f in fields(self) if getattr(self, f.name) is None]
        return replace(self, **{name: getattr(defaults, name) for name in missing})


@dataclass(frozen=True)
class Estimator:
    """An estimator of scikit-learn with one number to choose: `Estimator(lambda C: SVC(C=C), "C", log_grid(1, 1e3))`.

    make:   function of the number that returns a new estimator; fitted on (N, features) and y.
    name:   what the number is called in the table.
    grid:   values to begin with: at least five on a log scale.
    bounds: where the number ends by nature (None: nowhere), as 1 does for neighbours; there an edge is no edge.
    """

    make: Callable[[float], Any]
    name: str
    grid: Sequence[float]
    bounds: tuple[float | None, float | None] = (None, None)
    data: Data | None = None


@dataclass(frozen=True)
class Study:
    """A search by Optuna, one for each seed, for the lowest validation metric.

    suggest:    function of a trial that returns an estimator of scikit-learn, or an `Arm` with one learning rate.
    num_trials: how many it may try for each seed.
    sampler:    function of a seed that returns a sampler of Optuna; the default is `TPESampler`.
    """

    suggest: Callable[[Any], Any]
    num_trials: int = 25
    sampler: Callable[[int], Any] | None = None
    data: Data | None = None


AnyArm = Arm | Estimator | Study

DEFAULTS: Mapping[str, Callable[..., Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": lambda params, **options: torch.optim.SGD(params, momentum=0.9, **options),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def make_optimizer(arm: Arm, net: nn.Module, lr: float) -> Optimizer:
    """The arm's optimiser for one network (or for several stacked in one)."""
    if callable(arm.optimizer):
        return arm.optimizer(net, lr)
    options = {} if arm.weight_decay is None else {"weight_decay": arm.weight_decay}
    return DEFAULTS[str(arm.optimizer)](net.parameters(), lr=lr, **options)


def check_arm(name: str, arm: Any) -> AnyArm:
    """An arm of one of the three kinds; a bare function is an `Arm`."""
    if isinstance(arm, Estimator | Study):
        return arm
    if isinstance(arm, nn.Module):
        raise ComparisonError(
            f"arms：做法「{name}」是一个已经建好的网络；每个种子要各建一个，请给出不带参数、返回网络的函数（不要加括号调用它）。"
        )
    if not isinstance(arm, Arm):
        if not callable(arm):
            raise ComparisonError(
                f"arms：做法「{name}」是 {type(arm).__name__}；要给返回网络的函数，或 Arm、Estimator、Study。"
            )
        return Arm(arm)
    if isinstance(arm.optimizer, str) and arm.optimizer not in DEFAULTS:
        raise ComparisonError(
            f"optimizer：没有「{arm.optimizer}」；可以写 {'、'.join(DEFAULTS)}，或给 (net, lr) 的函数。"
        )
    if callable(arm.optimizer) and arm.weight_decay is not None:
        raise ComparisonError(f"weight_decay：做法「{name}」自己给出了优化器，请把 weight_decay 写在那个函数里。")
    if arm.clip is not None and arm.clip <= 0:
        raise ComparisonError(f"clip：梯度长度的上限要大于 0，做法「{name}」给的是 {arm.clip:g}。")
    return arm


def error(out: Tensor, y: Tensor) -> Tensor:
    """Share of wrong answers in percent; classes lie in dimension 1 of the output."""
    return (out.argmax(1) != y).float().mean() * 100


def default_loss(y: Tensor) -> Loss:
    """Cross entropy for whole-number labels, squared error otherwise."""
    return F.mse_loss if y.is_floating_point() else F.cross_entropy
