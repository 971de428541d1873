"""What is not fair or cannot be done is refused in Chinese: which argument, and what to do."""
# ruff: noqa: ARG001, ARG005, N803, N806

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.svm import SVC
from tests.comparison import nets
from torch import nn

from comparison import Arm, ComparisonError, Estimator, Splits, Study, compare, log_grid, split

FINE = {"lrs": log_grid(0.03, 3), "num_updates": 5, "batch_size": 8}


def changed(**fields):
    """Data with some fields replaced by functions of the splits."""
    return lambda seed: replace(one := nets.classes(seed), **{name: change(one) for name, change in fields.items()})


def nan(splits):
    X = splits.X_val.clone()
    X[3, 0] = torch.nan
    return X


def no_parameters():
    return nn.Sequential(nn.Flatten(), nn.ReLU())


def frozen():
    return nets.mlp().requires_grad_(False)


def exploding():
    return nn.Sequential(nets.mlp(), nn.Softplus(beta=1e-30), nn.Linear(3, 3).double())


class Pair(nn.GRU):
    pass


@pytest.mark.parametrize(
    ("arms", "data", "settings", "message"),
    [
        ({}, nets.classes, {}, "arms：没有要比较的做法"),
        ({"一": nets.mlp()}, nets.classes, {}, "arms：做法「一」是一个已经建好的网络.*不要加括号"),
        ({"一": 3}, nets.classes, {}, "arms：做法「一」是 int；要给返回网络的函数"),
        ({"一": lambda: 3}, nets.classes, {}, "arms：做法「一」返回了 int；要返回 nn.Module"),
        ({"一": no_parameters}, nets.classes, {}, "「一」的网络没有可以学习的参数；.*self"),
        ({"一": frozen}, nets.classes, {}, "「一」的网络没有可以学习的参数"),
        ({"一": lambda: Pair(3, 3, batch_first=True).double()}, nets.series, {}, "「一」的网络返回 tuple；forward 要只返回输出"),
        ({"一": nets.mlp}, nets.classes, {"seeds": 4}, "seeds：只有 4 个不同的种子，至少要 5 个"),
        ({"一": nets.mlp}, nets.classes, {"seeds": [1, 1, 2, 3, 4]}, "seeds：只有 4 个不同的"),
        ({"一": nets.mlp}, nets.classes, {"seeds": [1, 1, 2, 3, 4, 5]}, "seeds：.*重复的种子"),
        ({"一": nets.mlp}, nets.classes, {"lrs": [0.01, 0.1]}, "lrs：做法「一」只有 2 个不同的取值，至少要 5 个"),
        ({"一": nets.mlp}, nets.classes, {"lrs": None}, "lrs：没有给做法「一」的取值"),
        ({"一": Arm(nets.mlp, lrs=[0.1])}, nets.classes, {}, "lrs：做法「一」只有 1 个"),
        ({"一": nets.mlp}, nets.classes, {"num_updates": None}, "num_updates 与 num_epochs：要恰好给一个"),
        ({"一": nets.mlp}, nets.classes, {"num_epochs": 2}, "num_updates 与 num_epochs：要恰好给一个"),
        ({"一": nets.mlp}, nets.classes, {"num_updates": 0}, "num_updates：至少更新一次"),
        ({"一": nets.mlp}, nets.classes, {"batch_size": 25}, "batch_size：做法「一」给的是 25，要在 1 与训练数据的行数 24 之间"),
        ({"一": nets.mlp}, nets.classes, {"batch_size": 0}, "batch_size：.*给的是 0"),
        ({"一": Arm(nets.mlp, batches=lambda splits, generator: iter([torch.arange(3)]))}, nets.classes, {}, "batches：做法「一」只给出 1 个批次，而要更新 5 次"),
        ({"一": Arm(nets.mlp, batches=lambda splits, generator: iter([]))}, nets.classes, {}, "batches：做法「一」只给出 0 个批次"),
        ({"一": nets.mlp}, nets.classes, {"optimizer": "admm"}, "optimizer：没有「admm」；可以写 sgd、momentum"),
        ({"一": Arm(nets.mlp, optimizer=lambda net, lr: None, weight_decay=0.1)}, nets.classes, {}, "weight_decay：做法「一」自己给出了优化器"),
        ({"一": Arm(nets.mlp, clip=0)}, nets.classes, {}, "clip：.*大于 0"),
        ({"一": nets.mlp}, nets.classes, {"select": "准确率"}, "select：没有叫「准确率」的指标；有 loss、error"),
        ({"一": nets.mlp}, nets.classes, {"method": "fast"}, "method：没有「fast」"),
        ({"一": nets.mlp}, lambda seed: nets.classes(0), {}, "data：每个种子的训练数据完全相同"),
        ({"一": nets.mlp}, lambda seed: (1, 2), {}, r"data\(0\) 返回了 tuple；要返回 Splits"),
        ({"一": nets.mlp}, lambda seed: nets.classes(seed, sizes=(24 + seed, 20, 20)), {}, "data：种子 0 的形状是.*种子 1 的是.*要一样大"),
        ({"一": nets.mlp}, changed(y_val=lambda s: s.y_val[1:]), {}, "X_val 有 20 行，y_val 有 19 行"),
        ({"一": nets.mlp}, changed(X_val=nan), {}, "X_val 里有 NaN"),
        ({"一": nets.mlp}, changed(X_test=lambda s: torch.cat([s.X_test[1:], s.X_train[:1]])), {}, "X_test 的 20 行里有 1 行也在 X_train 里.*shared_rows"),
        ({"一": nets.mlp}, changed(X_test=lambda s: s.X_val, y_test=lambda s: s.y_val), {}, "X_test 的 20 行里有 20 行也在 X_val 里"),
        ({"一": nets.mlp}, changed(y_train=lambda s: s.y_train + 1), {}, "y_train 里有标签 3，而做法「一」的网络只输出 3 类"),
        ({"一": nets.mlp}, changed(y_test=lambda s: s.y_test - 1), {}, "y_test 里有标签 -1"),
        ({"一": nets.regression}, lambda seed: replace(one := nets.numbers(seed), y_train=one.y_train[:, 0]), {}, r"输出是 \(1,\)，y 是 \(\).*广播"),
        ({"一": nets.mlp}, nets.classes, {"loss": lambda out, y: out.sum() * torch.nan}, "lrs：做法「一」在种子 0 上，5 个取值全都得到 NaN"),
        ({"一": Estimator(lambda C: 3, "C", log_grid(1, 100))}, nets.classes, {}, "「一」给出了 int；要给出 scikit-learn 的估计器"),
        ({"一": Estimator(lambda C: SVC(C=C), "C", [1, 10])}, nets.classes, {}, "grid：做法「一」只有 2 个"),
        ({"一": Study(lambda trial: Arm(nets.mlp))}, nets.classes, {}, "suggest：做法「一」的 Arm 要恰好有一个学习率"),
    ],
)  # fmt: skip
def test_refused(arms, data, settings, message):
    with pytest.raises(ComparisonError) as refused:
        compare(arms, data, **(FINE | settings))
    assert re.search(message, str(refused.value)), str(refused.value)


def test_errors_of_the_readers_own_network_stay_and_say_where():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as failed:
        compare({"一": lambda: nn.Sequential(nn.Linear(5, 3).double())}, nets.classes, **FINE)
    assert "做法「一」" in failed.value.__notes__[0]
    with pytest.raises(TypeError) as failed:
        compare({"一": Arm(nets.mlp, loss=lambda out: out)}, nets.classes, **FINE)
    assert "第一个批次" in failed.value.__notes__[0]


def test_method_together_does_not_fall_back():
    class Noisy(nn.Linear):
        def forward(self, X):
            return super().forward(X + torch.randn_like(X))

    with pytest.raises(ComparisonError, match=r'method：做法「一」不能一起训练.*"auto"'):
        compare({"一": lambda: Noisy(6, 3).double()}, nets.classes, method="together", **FINE)


def test_shared_rows_may_be_allowed():
    def bits(seed):
        return Splits(
            *[t for _ in range(3) for t in (torch.randint(2, (8, 6)).double(), torch.randint(3, (8,)))],
            shared_rows=True,
        )

    assert compare({"一": nets.mlp}, bits, **FINE | {"num_updates": 2}).seeds == [0, 1, 2, 3, 4]


def test_split():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    one = split(X, y, 5, 3, seed=1)
    assert one.X_train.dtype == torch.float32
    assert [len(one.part(part)[0]) for part in ("train", "val", "test")] == [5, 3, 2]
    assert sorted(torch.cat([one.y_train, one.y_val, one.y_test]).tolist()) == list(range(10))
    assert torch.equal(one.X_val[:, 0], 2.0 * one.y_val)  # rows stay together
    assert torch.equal(split(X, y, 5, 3, seed=1).y_train, one.y_train)
    assert not torch.equal(split(X, y, 5, 3, seed=2).y_train, one.y_train)
    assert len(split(X, y, 5, 3, 1, seed=1).X_test) == 1
    for sizes in ((5, 5), (9, 2), (0, 3), (5, 3, 3)):
        with pytest.raises(ComparisonError, match="不够分成"):
            split(X, y, *sizes, seed=1)
    with pytest.raises(ComparisonError, match="X 有 10 行，y 有 9 行"):
        split(X, y[1:], 5, 3, seed=1)


def test_global_generators_are_seeded_for_data_and_nets():
    drawn = []

    def data(seed):
        drawn.append((torch.rand(1).item(), np.random.rand()))
        return nets.classes(seed)

    for _ in range(2):
        compare({"一": nets.mlp}, data, **FINE | {"num_updates": 1})
    assert drawn[:5] == drawn[5:]
    assert len(set(drawn)) == 5
