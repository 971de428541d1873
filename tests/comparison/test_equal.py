"""Trained together or in a plain loop: the same numbers."""
# ruff: noqa: N803, N812

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.comparison import nets
from torch import nn
from torch.nn import functional as F

from comparison import Arm, compare, log_grid
from comparison.arms import error
from comparison.training import Job, one_by_one, together

LRS = [0.01, 0.1]


def cell():
    return nets.Cell().double()


def job(net, data, **settings):
    seeds = [3, 4, 5]
    arm = replace(Arm(net, LRS, "sgd", None, 8, F.cross_entropy), **settings)
    metrics = {"loss": F.cross_entropy, "error": error}
    return Job("一", arm, [data(seed) for seed in seeds], seeds, metrics, num_updates=9, records=[0, 4, 9])


def assert_same(one):
    fast, plain = together(one, LRS), one_by_one(one, LRS)
    assert fast.keys() == plain.keys()
    for name in plain:
        assert plain[name].shape == (2, 3, 3)
        torch.testing.assert_close(
            fast[name], plain[name], rtol=1e-6, atol=1e-8, msg=lambda m, name=name: f"{name}: {m}"
        )
    loss = plain["train_loss"]
    assert (loss[..., 0] != loss[..., -1]).all()
    assert len(loss.flatten().unique()) >= 12  # neither seeds nor rates are copies of each other


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
@pytest.mark.parametrize("net", [nets.mlp, nets.normed_mlp])
def test_mlp_by_optimizer(net, optimizer):
    assert_same(job(net, nets.classes, optimizer=optimizer, weight_decay=0.05))


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize(
    ("net", "data"),
    [
        (nets.cnn, nets.images),
        (nets.rnn, nets.series),
        (nets.gru, nets.series),
        (nets.lstm, nets.series),
        (cell, nets.series),
        (nets.language_model, nets.words),
        (nets.tied, nets.classes),
    ],
)
def test_kinds_of_network(net, data, optimizer):
    assert_same(job(net, data, optimizer=optimizer))


@pytest.mark.parametrize(
    "settings",
    [
        {"clip": 0.1},
        {"schedule": lambda share: 1 - share},
        {"batch_size": "full"},
        {"augment": lambda X: X + 0.1 * torch.randn_like(X)},
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
        {"optimizer": lambda net, lr: torch.optim.RMSprop(net.parameters(), lr=lr)},
        {"optimizer": lambda net, lr: torch.optim.SGD([{"params": net[0].parameters(), "lr": lr / 10}, *[{"params": net[2].parameters()}]], lr=lr, nesterov=True, momentum=0.5)},
        {"optimizer": lambda net, lr: torch.optim.Adam(net[2].parameters(), lr=lr)},
        {"batches": lambda splits, generator: (torch.randint(len(splits.X_train), (4,), generator=generator) for _ in range(100))},
    ],
    ids=["clip", "schedule", "full batch", "augment", "loss", "other optimizer", "groups", "part is trained", "batches"],
)  # fmt: skip
def test_settings(settings):
    plain = together(job(nets.mlp, nets.classes), LRS)["train_loss"]
    changed = job(nets.mlp, nets.classes, **settings)
    assert_same(changed)
    assert not torch.allclose(
        together(changed, LRS)["train_loss"][..., -1], plain[..., -1], rtol=1e-6
    )  # it does something


def test_regression():
    settings = {"lrs": log_grid(0.001, 0.1), "num_updates": 30, "batch_size": 10}
    fast, plain = (
        compare({"线性": nets.regression}, nets.numbers, method=m, **settings) for m in ("together", "loop")
    )
    assert fast.chosen == plain.chosen
    assert set(fast.curves["线性"]) == {"train_loss", "val_loss", "test_loss"}
    torch.testing.assert_close(fast.curves["线性"], plain.curves["线性"])


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 3).double()

    def forward(self, X):
        return self.linear(X + torch.randn_like(X) if self.training else X)


class Branching(Noisy):
    def forward(self, X):
        return self.linear(X) if self.linear.weight.sum() > 0 else 2 * self.linear(X)


@pytest.mark.parametrize("net", [Noisy, Branching])
def test_what_cannot_train_together_trains_one_by_one_and_says_so(net):
    settings = {"lrs": log_grid(0.001, 10), "num_updates": 10, "batch_size": 8}
    results = [compare({"一": net}, nets.classes, method=method, **settings) for method in ("auto", "loop", "auto")]
    assert "逐个训练" in results[0].notes[0]
    assert not any("逐个训练" in note for note in results[1].notes)
    torch.testing.assert_close(results[0].curves["一"], results[1].curves["一"], rtol=0, atol=0)
    torch.testing.assert_close(results[0].curves["一"], results[2].curves["一"], rtol=0, atol=0)


def test_what_comes_out_otherwise_together_trains_one_by_one(monkeypatch):
    """Before training, the first network alone and among the others must agree."""

    def open_up_wrongly(net):
        net[1] = nn.Tanh()

    monkeypatch.setattr("comparison.training.open_up", open_up_wrongly)
    settings = {"lrs": log_grid(0.01, 10), "num_updates": 10, "batch_size": 8}
    results = [compare({"一": nets.mlp}, nets.classes, method=method, **settings) for method in ("auto", "loop")]
    assert "逐个训练" in results[0].notes[0]
    assert results[0].as_dict()["arms"] == results[1].as_dict()["arms"]


def test_optimizers_that_mix_numbers_train_one_by_one():
    class Mixing(torch.optim.SGD):
        pass

    arm = Arm(nets.mlp, optimizer=lambda net, lr: Mixing(net.parameters(), lr=lr))
    result = compare({"一": arm}, nets.classes, lrs=log_grid(0.01, 10), num_updates=10, batch_size=8)
    assert "Mixing" in result.notes[0]


def test_same_results_again_and_the_callers_generators_untouched():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    settings = {"lrs": log_grid(0.01, 1), "num_updates": 20, "batch_size": 8}
    first, second = (compare({"一": nets.normed_mlp}, nets.classes, **settings) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.as_dict() == second.as_dict()


def test_result_of_an_arm_does_not_depend_on_what_else_is_trained():
    settings = {"num_updates": 20, "batch_size": 8}
    alone = compare({"一": nets.normed_mlp}, nets.classes, lrs=log_grid(0.01, 1), **settings)
    beside = compare(
        {"别的": nets.mlp, "一": nets.normed_mlp},
        nets.classes,
        lrs=log_grid(0.01, 1, 5),
        seeds=[5, 4, 3, 2, 1, 0],
        **settings,
    )
    rows = [5, 4, 3, 2, 1]  # of seeds 0 to 4
    torch.testing.assert_close(alone.arms["一"].values["val_loss"][1], beside.arms["一"].values["val_loss"][1][rows])
