"""Two copies of one network are not called different more often than promised; what differs is found."""
# ruff: noqa: N803, N806

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from comparison import Splits, compare, log_grid
from comparison.result import Difference

DRAWS, SEEDS = 200, 5


def tiny_data(_: int) -> Splits:
    """Two classes with noise; validation is small, so that choosing the rate is a matter of luck too."""
    X = torch.randn(112, 8)
    y = (X[:, :2].sum(1) + 0.7 * torch.randn(112) > 0).long()
    return Splits(X[:16], y[:16], X[16:48], y[16:48], X[48:], y[48:])


def tiny() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 2))


def tiny_again() -> nn.Module:
    torch.rand(1)  # the same network from other initial values; its dropout is its own by its name
    return tiny()


@pytest.fixture(scope="module")
def copies():
    """200 comparisons with five seeds each: what a seed gives does not depend on the others (see test_equal)."""
    settings = {"lrs": log_grid(0.03, 3), "num_updates": 40, "batch_size": 8, "num_records": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compare({"一": tiny, "又一": tiny_again}, tiny_data, seeds=DRAWS * SEEDS, **settings)


@pytest.mark.parametrize("metric", ["test_error", "test_loss", "val_error"])
def test_copies_are_not_called_different(copies, metric):
    per_seed = copies.difference("一", "又一", metric).per_seed
    draws = [Difference("一", "又一", metric, per_seed[i : i + SEEDS]) for i in range(0, len(per_seed), SEEDS)]
    assert len(draws) == DRAWS
    assert sum(draw.differs for draw in draws) <= 0.05 * DRAWS
    at_five_percent = sum(not draw.interval(0.05)[0] <= 0 <= draw.interval(0.05)[1] for draw in draws)
    assert at_five_percent <= 0.1 * DRAWS  # and the level means what it says
    if metric == "test_error":  # losses have long tails, with which t is more careful than it promises
        assert at_five_percent >= 0.01 * DRAWS
        assert sum(abs(draw.t) > 2 for draw in draws) > 0.05 * DRAWS  # the criterion that would not do


def test_copies_are_not_the_same_networks(copies):
    assert (copies.final("一", "test_loss") != copies.final("又一", "test_loss")).all()
    rates = torch.tensor([copies.chosen["一"], copies.chosen["又一"]])
    assert (rates[0] != rates[1]).float().mean() > 0.2


def two_features(_: int) -> Splits:
    """y = x0 - 2 x1 + noise of variance 1/4: who does not see x0 has a squared error that is 1 larger."""
    X = torch.randn(700, 4)
    y = X[:, :1] - 2 * X[:, 1:2] + 0.5 * torch.randn(700, 1)
    return Splits(X[:100], y[:100], X[100:300], y[100:300], X[300:], y[300:])


class Blind(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, X: Tensor) -> Tensor:
        return self.linear(X[:, 1:])


def test_a_handicap_is_found_at_its_size():
    arms = {"全看": lambda: nn.Linear(4, 1), "不看": Blind}
    result = compare(arms, two_features, lrs=log_grid(0.01, 1), num_updates=100, batch_size=20)
    gain = result.difference("不看", "全看", "test_loss")
    assert gain.differs
    assert gain.mean == pytest.approx(1, abs=0.25)
    assert gain.interval()[0] < 1 < gain.interval()[1]
    assert result.difference("全看", "不看", "test_loss").mean == pytest.approx(-gain.mean)
    assert result.final("全看", "test_loss").mean() == pytest.approx(0.25, abs=0.05)


def xor(_: int) -> Splits:
    X = 2 * torch.rand(500, 2) - 1
    y = (X[:, 0] * X[:, 1] > 0).long()
    return Splits(X[:100], y[:100], X[100:300], y[100:300], X[300:], y[300:])


def test_a_straight_line_cannot_do_xor():
    arms = {
        "线性": lambda: nn.Linear(2, 2),
        "MLP": lambda: nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2)),
    }
    result = compare(arms, xor, lrs=log_grid(0.03, 3), num_updates=200, batch_size=20)
    gain = result.difference("线性", "MLP")
    assert gain.differs
    assert gain.mean > 20
    assert result.alive["MLP"]


def test_difference_by_hand():
    one = Difference("一", "二", "test_error", (1.0, 2.0, 3.0, 4.0, 5.0))
    assert one.mean == 3
    assert one.se == pytest.approx(0.5**0.5)
    assert one.t == pytest.approx(3 / 0.5**0.5)
    high = one.interval()[1]
    assert high - one.mean == pytest.approx(4.604 * one.se, rel=1e-3)  # t, four degrees of freedom, 99.5 %
    assert not one.differs  # 4.24 standard errors are not enough for five seeds at 1 %
    assert one.within(high + 0.01)
    assert not one.within(high - 0.01)
    assert Difference("一", "二", "x", (2.0, 2.1, 1.9, 2.0, 2.0)).differs
    same = Difference("一", "二", "x", (0.0,) * 5)
    assert (same.t, same.differs, same.within(0.1)) == (0, False, True)
    assert Difference("一", "二", "x", (1.0,) * 5).differs
