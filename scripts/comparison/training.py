"""Training the networks of one arm: all seeds and learning rates.

`one_by_one` is the plain loop that a reader would write; it says what is meant. `together` gives the same numbers to
rounding, faster: the networks' parameters are stacked, and `torch.func.vmap` computes all at once.
Optimisers are PyTorch's own, on the stacked parameters: what they do to a number depends on that number alone.
"""
# ruff: noqa: N803, N806

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from .arms import Arm, Metric, Optimizer, make_optimizer
from .errors import ComparisonError
from .randomness import Dropout, Mask, draw_mask, generator, isolated
from .recurrent import open_up
from .splits import PARTS, Splits

Grads = Sequence[Tensor | None]
Values = dict[str, Tensor]  # by "test_error" and the like: (rates, seeds, records)

# Their step treats each number by itself, so several networks may lie in one tensor.
_ELEMENTWISE = {
    torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad,
    torch.optim.Adadelta, torch.optim.Adamax, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Rprop,
    torch.optim.ASGD,
}  # fmt: skip
_FUSED = {torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad}
_ROWS = 128  # of each network evaluated at once: little memory, and it stays in the cache


class NotTogether(Exception):  # noqa: N818
    """These networks cannot be computed at once; the message says why."""


@dataclass
class Job:
    """One arm with all that its training needs; `splits` are in the order of `seeds`, all of one size."""

    name: str
    arm: Arm
    splits: Sequence[Splits]
    seeds: Sequence[int]
    metrics: Mapping[str, Metric]
    num_updates: int
    records: Sequence[int]  # after which updates metrics are taken; 0 is before the first
    method: str = "auto"
    notes: list[str] = field(default_factory=list)

    def build(self, seed: int) -> nn.Module:
        """The network with the initial values of this seed."""
        with isolated(seed, "net"):
            net = self.arm.net()
        if not isinstance(net, nn.Module):
            raise ComparisonError(f"arms：做法「{self.name}」返回了 {type(net).__name__}；要返回 nn.Module。")
        if not any(p.requires_grad for p in net.parameters()):
            raise ComparisonError(
                f"arms：做法「{self.name}」的网络没有可以学习的参数；层要放在 nn.Sequential 里，或赋给 self。"
            )
        return net

    def batches(self, i: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of the i-th seed, the same for every learning rate."""
        arm, splits, seed = self.arm, self.splits[i], self.seeds[i]
        order = generator(seed, "batches")
        rows_of = arm.batches(splits, order) if arm.batches else _shuffled(self, len(splits.X_train), order)
        given = 0
        for rows in itertools.islice(rows_of, self.num_updates):
            X, y = splits.X_train[rows], splits.y_train[rows]
            if arm.augment:
                with isolated(seed, f"augment/{given}"):
                    X = arm.augment(X)
            given += 1
            yield X, y
        if given < self.num_updates:
            raise ComparisonError(
                f"batches：做法「{self.name}」只给出 {given} 个批次，而要更新 {self.num_updates} 次；"
                "请让它不断地给（while True）。"
            )

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The arm's loss of one batch."""
        assert self.arm.loss is not None
        return self.arm.loss(out, y)

    def mask_source(self, seed: int) -> torch.Generator:
        """Where a seed's masks come from: independent between arms and seeds, the same for all learning rates."""
        return generator(seed, f"dropout/{self.name}")


def _shuffled(job: Job, num_rows: int, source: torch.Generator) -> Iterator[Tensor]:
    """All rows in random order, again and again, cut into batches (one may reach from one epoch into the next)."""
    size = num_rows if job.arm.batch_size == "full" else job.arm.batch_size
    if not isinstance(size, int) or not 1 <= size <= num_rows:
        raise ComparisonError(
            f"batch_size：做法「{job.name}」给的是 {size}，要在 1 与训练数据的行数 {num_rows} 之间；"
            '整批训练写 batch_size="full"。'
        )
    while size == num_rows:
        yield torch.arange(num_rows)  # their order does not matter
    rest = torch.empty(0, dtype=torch.long)
    while True:
        if len(rest) < size:
            rest = torch.cat([rest, torch.randperm(num_rows, generator=source)])
        yield rest[:size]
        rest = rest[size:]


def train(job: Job, lrs: Sequence[float], places: Sequence[int] | None = None) -> Values:
    """Train at each rate and seed (or the seeds at `places`): together if possible, else one by one with a note."""
    if places is not None:
        job = replace(job, seeds=[job.seeds[i] for i in places], splits=[job.splits[i] for i in places])
    if job.method != "loop":
        try:
            return together(job, lrs)
        except NotTogether as reason:
            if job.method == "together":
                raise ComparisonError(
                    f'method：做法「{job.name}」不能一起训练（{reason}）；请写 method="auto"。'
                ) from reason
            note = f"做法「{job.name}」是逐个训练的（结果相同，只是慢）：{reason}"
            if note not in job.notes:
                job.notes.append(note)
    return one_by_one(job, lrs)


def one_by_one(job: Job, lrs: Sequence[float]) -> Values:
    """A loop over rates and seeds around the loop that the course writes."""
    values: dict[str, list[list[list[float]]]] = {}
    for lr in lrs:
        for rows in values.values():
            rows.append([])
        for i, seed in enumerate(job.seeds):
            with isolated(seed, f"training/{job.name}"):
                curves = _train_one(job, i, lr)
            for name, curve in curves.items():
                values.setdefault(name, [[]])[-1].append(curve)
    return {name: torch.tensor(rows, dtype=torch.float64) for name, rows in values.items()}


def _train_one(job: Job, i: int, lr: float) -> dict[str, list[float]]:
    arm, net, source = job.arm, job.build(job.seeds[i]), job.mask_source(job.seeds[i])
    optimizer = make_optimizer(arm, net, lr)
    rates, batches = _rates(optimizer), job.batches(i)
    curves: dict[str, list[float]] = {}
    for step in range(job.num_updates + 1):
        if step in job.records:
            net.eval()
            for part in PARTS:
                X, y = job.splits[i].part(part)
                with torch.no_grad():
                    out = torch.cat([net(rows) for rows in torch.split(X, _ROWS)])
                for name, metric in job.metrics.items():
                    curves.setdefault(f"{part}_{name}", []).append(_value(metric, out, y))
        if step == job.num_updates:
            break
        X, y = next(batches)
        net.train()
        with Dropout(lambda shape, keep: draw_mask(shape, keep, source)):
            loss = job.loss(net(X), y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if arm.clip:
            nn.utils.clip_grad_norm_(net.parameters(), arm.clip)
        _schedule(optimizer, rates, arm, step / job.num_updates)
        optimizer.step()
    return curves


def together(job: Job, lrs: Sequence[float]) -> Values:
    """All rates and seeds at once. Raises NotTogether where these networks do not allow it."""
    nets = _Stack(job, lrs)
    nets.check()
    batches = [job.batches(i) for i in range(len(job.seeds))]
    sources = [job.mask_source(seed) for seed in job.seeds]
    curves: dict[str, list[list[float]]] = {}
    for step in range(job.num_updates + 1):
        if step in job.records:
            for name, values in nets.measure().items():
                curves.setdefault(name, []).append(values)
        if step == job.num_updates:
            break
        X, y = (torch.stack(part) for part in zip(*map(next, batches), strict=True))
        masks = [torch.stack([draw_mask(*mask, source) for source in sources]) for mask in nets.masks]
        nets.update(X, y, masks, share=step / job.num_updates)
    shape = len(job.records), len(lrs), len(job.seeds)
    return {name: torch.tensor(c, dtype=torch.float64).view(shape).permute(1, 2, 0) for name, c in curves.items()}


class _Stack:
    """The networks of all rates and seeds in one: number k has rate k // seeds and seed k % seeds.

    Each parameter is one tensor (rates × seeds, *shape); the rows of one rate are what that rate's optimiser updates.
    """

    masks: list[Mask]  # the calls of dropout in one forward pass, found by `check`

    def __init__(self, job: Job, lrs: Sequence[float]) -> None:
        self.job, self.num_lrs, self.num_seeds = job, len(lrs), len(job.seeds)
        self.plain = [job.build(seed) for seed in job.seeds]
        self.net = copy.deepcopy(self.plain[0])  # the form that all share; computed with the numbers of each
        open_up(self.net)
        learned = [name for name, p in self.net.named_parameters() if p.requires_grad]
        tensors = [dict(net.named_parameters()) | dict(net.named_buffers()) for net in self.plain]
        if any(t.keys() != tensors[0].keys() for t in tensors):
            raise NotTogether("各个种子的网络结构不同")
        self.state = {name: self._repeat(torch.stack([t[name].detach() for t in tensors])) for name in tensors[0]}
        self.leaves = [self.state[name].requires_grad_() for name in learned]

        # For each rate a network whose parameters are that rate's rows, and its optimiser.
        parts = [self._part(i, learned) for i in range(len(lrs))]
        self.parameters = [[dict(part.named_parameters())[name] for name in learned] for part in parts]
        self.optimizers = [self._optimizer(part, lr) for part, lr in zip(parts, lrs, strict=True)]
        self.rates = [_rates(optimizer) for optimizer in self.optimizers]
        self.losses_of = vmap(self._loss, randomness="error")  # only dropout's randomness is paired (through masks)
        self.outputs_of = vmap(self._output, randomness="error")

    def _repeat(self, values: Tensor) -> Tensor:
        """(seeds, ...) → (rates × seeds, ...), in memory of its own."""
        return values.repeat(self.num_lrs, *[1] * (values.dim() - 1))

    def _part(self, i: int, learned: list[str]) -> nn.Module:
        part = copy.deepcopy(self.plain[0])
        parameters = dict(part.named_parameters())
        for name in learned:
            parameters[name].data = self.state[name].detach()[i * self.num_seeds : (i + 1) * self.num_seeds]
        return part

    def _optimizer(self, part: nn.Module, lr: float) -> Optimizer:
        optimizer = make_optimizer(self.job.arm, part, lr)
        if type(optimizer) not in _ELEMENTWISE:
            raise NotTogether(f"{type(optimizer).__name__} 不是逐个数更新的")
        for group in optimizer.param_groups:
            if type(optimizer) in _FUSED and group.get("foreach") is None:
                group["fused"] = True  # one pass over memory instead of several
        return optimizer

    def _loss(self, state: dict[str, Tensor], X: Tensor, y: Tensor, masks: list[Tensor]) -> Tensor:
        """Of one network: vmap makes it that of all."""
        waiting = iter(masks)
        with Dropout(lambda *_: next(waiting)):
            return self.job.loss(functional_call(self.net, state, (X,)), y)

    def _output(self, state: dict[str, Tensor], X: Tensor) -> Tensor:
        out: Tensor = functional_call(self.net, state, (X,))
        return out

    def check(self) -> None:
        """One pass of the first network by itself: it shows where dropout is called, and what all must reproduce."""
        self.masks, drawn = [], []

        def note(shape: tuple[int, ...], keep: float) -> Tensor:
            self.masks.append((shape, keep))
            drawn.append(draw_mask(shape, keep, source))
            return drawn[-1]

        net, source = copy.deepcopy(self.plain[0]).train(), self.job.mask_source(self.job.seeds[0])
        X, y = next(self.job.batches(0))
        try:
            with isolated(self.job.seeds[0], "check"), Dropout(note), torch.no_grad():
                expected = [self.job.loss(net(X), y), net.eval()(X)]
        except Exception as error:
            error.add_note(
                f"做法「{self.job.name}」的网络或损失在第一个批次上出错：X {tuple(X.shape)}，y {tuple(y.shape)}。"
            )
            raise
        before = {name: tensor.clone() for name, tensor in self.state.items()}
        try:
            with torch.no_grad():
                every_X, every_y, *masks = (
                    t.expand(len(self.optimizers) * self.num_seeds, *t.shape) for t in (X, y, *drawn)
                )
                found = [self.losses_of(before, every_X, every_y, masks)[0]]
                self.net.eval()
                found.append(self.outputs_of(before, every_X)[0])
                self.net.train()
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4, equal_nan=True)
        except Exception as error:
            raise NotTogether(str(error).strip().splitlines()[0]) from error

    def update(self, X: Tensor, y: Tensor, masks: list[Tensor], share: float) -> None:
        """One step of all optimisers on batches (seeds, batch, ...)."""
        losses = self.losses_of(self.state, self._repeat(X), self._repeat(y), [self._repeat(m) for m in masks])
        grads: Grads = torch.autograd.grad(losses.sum(), self.leaves, allow_unused=True)
        if self.job.arm.clip:
            grads = _clip(grads, self.job.arm.clip)
        for parameters, grad in zip(zip(*self.parameters, strict=True), grads, strict=True):
            if grad is not None:  # contiguous: fused optimisers read gradients in the order of the parameters' memory
                for parameter, rows in zip(parameters, torch.split(grad.contiguous(), self.num_seeds), strict=True):
                    parameter.grad = rows
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            _schedule(optimizer, rates, self.job.arm, share)
            optimizer.step()

    @torch.no_grad()
    def measure(self) -> dict[str, list[float]]:
        """Each metric on each part of the data, one value a network."""
        self.net.eval()
        values = {}
        for part in PARTS:
            X, y = (torch.stack(t) for t in zip(*(splits.part(part) for splits in self.job.splits), strict=True))
            outs = torch.cat(
                [self.outputs_of(self.state, self._repeat(rows)) for rows in torch.split(X, _ROWS, 1)], 1
            )
            for name, metric in self.job.metrics.items():
                pairs = zip(outs, self._repeat(y), strict=True)
                values[f"{part}_{name}"] = [_value(metric, out, target) for out, target in pairs]
        self.net.train()
        return values


def _value(metric: Metric, out: Tensor, y: Tensor) -> float:
    """NaN for a network that diverged: the class with the highest of scores that are NaN is no answer."""
    return float(metric(out, y)) if bool(out.isfinite().all()) else math.nan


def _clip(grads: Grads, length: float) -> Grads:
    """`nn.utils.clip_grad_norm_` for each network by itself."""
    squares = [grad.flatten(1).square().sum(1) for grad in grads if grad is not None]
    factor = (length / (torch.stack(squares).sum(0).sqrt() + 1e-6)).clamp(max=1)  # (networks,)
    return [None if g is None else g * factor.view(-1, *[1] * (g.dim() - 1)) for g in grads]


def _rates(optimizer: Optimizer) -> list[float]:
    """The learning rate of each group of parameters as the optimiser was made."""
    return [group["lr"] for group in optimizer.param_groups]


def _schedule(optimizer: Optimizer, rates: list[float], arm: Arm, share: float) -> None:
    if arm.schedule:
        for group, lr in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = lr * arm.schedule(share)
