"""The learning rate: chosen on validation data, for each seed, never at an edge."""

from __future__ import annotations

import math

import pytest
import torch
from tests.comparison import nets
from torch import nn

from comparison import Arm, ComparisonError, EdgeError, Estimator, compare, log_grid
from comparison.selection import MORE, check_grid, choose, search

GRID = log_grid(0.01, 1)


def valley(best, width=1.0, floor=5.0):
    """A trainer whose seed i has its lowest validation error at best[i]; test error is another matter."""
    calls = []

    def train(lrs, places):
        calls.append((lrs, places))
        error = torch.tensor([[floor + width * math.log(lr / best[i]) ** 2 for i in places] for lr in lrs])
        return {"val_error": error[..., None], "test_error": 100 - error[..., None]}

    return train, calls


def run(train, num_seeds, **settings):
    return search("一", "lrs", train, GRID, list(range(num_seeds)), "val_error", **settings)


def test_log_grid():
    assert log_grid(0.01, 1) == [0.01, 0.032, 0.1, 0.32, 1]
    assert log_grid(1, 64, 7) == [1, 2, 4, 8, 16, 32, 64]


def test_each_seed_has_its_own_rate_by_validation():
    train, calls = valley([0.03, 0.1, 0.3])
    choice = run(train, 3)
    assert [choice.grid[i] for i in choice.index] == [0.032, 0.1, 0.32]
    assert len(calls) == 1


def test_grid_widens_only_where_and_for_whom_it_must():
    train, calls = valley([0.1, 0.002, 20.0, 0.1])
    choice = run(train, 4)
    assert [choice.grid[i] for i in choice.index] == pytest.approx([0.1, 0.00316, 31.6, 0.1], rel=0.5)
    assert calls[0] == (GRID, [0, 1, 2, 3])
    assert {tuple(places) for _, places in calls[1:]} == {(1,), (2,)}
    assert choice.grid == sorted(choice.grid)
    ratios = [b / a for a, b in zip(choice.grid, choice.grid[1:], strict=False)]
    assert ratios == pytest.approx([10**0.5] * len(ratios), rel=0.03)
    values = choice.values["val_error"]
    assert values[0, [0, 2, 3]].isnan().all()  # what these seeds did not need
    assert not values[2:7, 0].isnan().any()
    for seed, place in enumerate(choice.index):
        tried = values[:, seed, 0].nan_to_num(nan=math.inf)
        assert place == tried.argmin()
        assert 0 < place < len(tried) - 1
        assert not values[place - 1 : place + 2, seed].isnan().any()  # both neighbours were tried


@pytest.mark.parametrize(("best", "word"), [(1e-9, "最小"), (1e9, "最大")])
def test_what_stays_at_the_edge_is_refused(best, word):
    train, calls = valley([0.1, 0.1, best])
    with pytest.raises(EdgeError, match=rf"「一」.*种子 2.*{word}"):
        run(train, 3)
    assert len(GRID) + sum(len(lrs) for lrs, _ in calls[1:]) == len(GRID) + MORE


def test_an_arm_that_learns_nowhere_is_not_refused():
    train, _ = valley([1e9] * 3)
    assert run(train, 3, is_dead=lambda _: True).index.shape == (3,)


def test_a_natural_bound_is_no_edge():
    train, calls = valley([1e-9, 0.1])
    choice = run(train, 2, bounds=(0.009, None))
    assert choice.grid[choice.index[0]] == 0.01
    assert len(calls) == 1


def test_values_that_are_not_finite_are_out():
    assert choose("一", "lrs", [math.nan, 3.0, 2.0, math.inf, math.nan], 0) == 2
    assert choose("一", "lrs", [5.0, 1.0, 1.0, 1.0, 5.0], 0) == 2
    assert choose("一", "lrs", [1.0, 1.0001, 1.0002, 1.0003, 5.0], 0) == 2
    assert choose("一", "lrs", [1.0, 1.1, 1.2, 1.3, 5.0], 0) == 0
    with pytest.raises(ComparisonError, match=r"「一」在种子 7 上.*NaN.*clip"):
        choose("一", "lrs", [math.nan, math.inf], 7)


def test_real_networks_widen_and_are_the_same_as_if_begun_wider():
    settings = {"num_updates": 60, "batch_size": 10}
    narrow = compare({"一": nets.regression}, nets.numbers, lrs=[1e-3, 2e-3, 4e-3, 8e-3, 16e-3], **settings)
    rate = narrow.chosen["一"][0]
    assert rate > 16e-3
    place = narrow.arms["一"].grid.index(rate)
    wide = compare(
        {"一": nets.regression}, nets.numbers, lrs=[rate / 4, rate / 2, rate, rate * 2, rate * 4], **settings
    )
    losses = [result.arms["一"].values["test_loss"] for result in (wide, narrow)]
    torch.testing.assert_close(losses[0][2, 0], losses[1][place, 0])


def test_edge_of_real_networks_is_refused():
    with pytest.raises(EdgeError, match=r"lrs.*「一」.*最大.*往大的方向移"):
        compare({"一": nets.regression}, nets.numbers, lrs=log_grid(0.001, 0.002), num_updates=60, batch_size=10)


def test_neighbours_have_a_natural_bound():
    from sklearn.neighbors import KNeighborsClassifier

    arm = Estimator(lambda k: KNeighborsClassifier(round(k)), "k", [1, 1.5, 2.25, 3.4, 5], bounds=(1, 20))
    result = compare({"近邻": arm}, nets.classes)
    assert max(result.arms["近邻"].grid) <= 20
    assert min(result.arms["近邻"].grid) == 1


def test_arms_have_grids_of_their_own():
    arms = {"一": nets.mlp, "二": Arm(nets.mlp, lrs=log_grid(1e-3, 1e-1, 7), optimizer="adam")}
    result = compare(arms, nets.classes, lrs=log_grid(0.03, 3), num_updates=60, batch_size=8)
    assert set(result.arms["二"].grid) >= set(log_grid(1e-3, 1e-1, 7))
    assert set(result.arms["一"].grid) >= set(log_grid(0.03, 3))


def test_dead_arms_are_reported():
    def dead() -> nn.Module:
        net = nets.mlp()
        net[1] = nn.Hardtanh(-1e-9, 1e-9)
        net[2] = nn.Linear(8, 3, bias=False).double()
        return net

    def still() -> nn.Module:
        net = nets.mlp()
        for parameter in net.parameters():
            nn.init.zeros_(parameter)
        net[2].bias.requires_grad_(False)
        return net

    result = compare(
        {"活": nets.mlp, "死": still, "几乎死": dead},
        nets.classes,
        lrs=log_grid(0.03, 3),
        num_updates=100,
        batch_size=8,
    )
    assert result.alive["活"]
    assert not result.alive["死"]
    assert any("「死」没有学到东西" in note for note in result.notes)
    assert not any("「活」" in note for note in result.notes)
    assert "否" in str(result.table())


@pytest.mark.parametrize("count", [1, 4])
def test_too_few_rates(count):
    with pytest.raises(ComparisonError, match=f"lrs：做法「一」只有 {count} 个.*log_grid"):
        check_grid("一", "lrs", log_grid(0.01, 1, 9)[:count] * 2)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (None, "没有给做法「一」的取值"),
        ([0, 0.01, 0.1, 1, 10], "要是正数"),
        ([0.1, 0.2, 0.3, 0.4, 0.5], "不等距"),
        ([1e-8, 1e-6, 1e-4, 1e-2, 1], "10 倍以上"),
    ],
)
def test_bad_grids(grid, message):
    with pytest.raises(ComparisonError, match=message):
        check_grid("一", "lrs", grid)
