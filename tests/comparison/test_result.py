"""What a result tells: numbers, tables, a record; estimators and studies through the same door."""
# ruff: noqa: N803

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC
from tests.comparison import nets
from torch import nn
from torch.nn import functional as F  # noqa: N812

from comparison import Arm, ComparisonError, EdgeError, Estimator, Study, Table, compare, log_grid

SETTINGS = {"lrs": log_grid(0.03, 3), "num_updates": 40, "batch_size": 8}


def more(seed):
    return nets.classes(seed, sizes=(40, 60, 60))


@pytest.fixture(scope="module")
def result():
    return compare({"小": nets.mlp, "归一化": nets.normed_mlp}, more, num_records=4, **SETTINGS)


def test_numbers(result):
    assert result.updates == [0, 10, 20, 30, 40]
    assert result.seeds == [0, 1, 2, 3, 4]
    curves = result.curves["小"]
    assert set(curves) == {f"{part}_{name}" for part in ("train", "val", "test") for name in ("loss", "error")}
    assert all(curve.shape == (5, 5) for curve in curves.values())
    assert torch.equal(result.final("小", "test_error"), curves["test_error"][:, -1])
    assert torch.equal(result.final("小"), result.final("小", "test_error"))
    assert torch.equal(result.final("小", "val_loss", at=20), curves["val_loss"][:, 2])
    one = result.difference("小", "归一化", at=20)
    expected = curves["test_error"][:, 2] - result.curves["归一化"]["test_error"][:, 2]
    assert one.per_seed == pytest.approx(expected.tolist())
    assert one.mean == pytest.approx(expected.mean().item())
    assert one.se == pytest.approx(expected.std().item() / 5**0.5)
    assert (
        curves["test_error"] * 60 / 100 - (curves["test_error"] * 60 / 100).round()
    ).abs().max() < 1e-4  # whole rows
    with pytest.raises(ComparisonError, match="没有叫「大」的做法；有 小、归一化"):
        result.final("大")
    with pytest.raises(ComparisonError, match="metric：没有「test_acc」；有 train_loss"):
        result.final("小", "test_acc")
    with pytest.raises(ComparisonError, match="at：没有在第 15 次更新后测量；有 0、10"):
        result.final("小", at=15)


def test_untrained_networks_are_at_chance_and_trained_ones_better(result):
    chance = result.arms["小"].chance["test_error"]
    assert ((chance > 40) & (chance < 80)).all()
    assert result.final("小", at=0).mean() > 40
    assert result.final("小").mean() < 35
    assert result.alive == {"小": True, "归一化": True}


def test_tables(result):
    text = str(result).splitlines()
    assert text[0].split() == ["做法", "学习率", "训练误差", "%", "验证误差", "%", "测试误差", "%", "学到了东西"]
    assert len(text) == 3
    table = Table(["做法", "a|b"], [["x", "1 < 2"], ["归一化", "3"]])
    assert str(table) == "做法    a|b\nx       1 < 2\n归一化  3"
    assert table._repr_markdown_().splitlines()[:3] == ["| 做法 | a\\|b |", "| --- | --- |", "| x | 1 < 2 |"]
    assert "<td>1 &lt; 2</td>" in table._repr_html_()
    assert result._repr_html_().startswith("<table>")
    assert "测试损失" in result.table(["test_loss"]).headings
    assert "归一化 减 小" in str(result.difference("归一化", "小"))


def test_record_is_json(result):
    record = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert record["settings"]["num_updates"] == 40
    assert record["settings"]["optimizer"] == "sgd"
    assert record["arms"]["小"]["chosen"] == result.chosen["小"]
    assert np.shape(record["arms"]["小"]["curves"]["test_error"]) == (5, 5)
    difference = json.loads(json.dumps(result.difference("小", "归一化").as_dict()))
    assert {"effect", "se", "n", "per_seed"} <= difference.keys()


def test_plot(result):
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    result.plot(ax)
    assert [line.get_label() for line in ax.lines] == ["小", "归一化"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), result.curves["小"]["test_error"].mean(0))
    assert ax.get_ylabel() == "测试误差 %"
    plt.close(fig)


def test_choosing_and_reporting_by_different_metrics():
    def third_power(out, y):
        return F.cross_entropy(out, y).item() ** 3

    metrics = {"loss": F.cross_entropy, "立方": third_power}
    result = compare({"一": nets.mlp}, more, metrics=metrics, select="立方", **SETTINGS)
    again = compare({"一": nets.mlp}, more, metrics=metrics, select="loss", **SETTINGS)
    assert result.chosen == again.chosen  # the same order
    torch.testing.assert_close(result.final("一"), again.final("一", "test_立方"))
    torch.testing.assert_close(result.final("一"), result.final("一", "test_loss") ** 3, rtol=1e-5, atol=1e-6)


def test_seeds_pair_the_arms():
    def two():
        return nets.mlp()

    result = compare({"一": nets.mlp, "二": two}, more, **SETTINGS)
    assert result.difference("一", "二", "test_loss").per_seed == (0.0,) * 5  # nothing differs, so nothing is random


def test_dropout_masks():
    """Different in each step, row and arm; kept with probability 1 - p; off when measured."""
    seen = {}

    class Watched(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name, self.linear, self.drop = name, nn.Linear(6, 3).double(), nn.Dropout(0.3)

        def forward(self, X):
            kept = self.drop(torch.ones_like(X))
            if self.training:
                seen.setdefault(self.name, []).append(kept.detach().clone())
            return self.linear(X * kept)

    compare({n: lambda n=n: Watched(n) for n in "ab"}, more, method="loop", **SETTINGS)
    masks = {name: torch.stack(list(kept)[:200]) for name, kept in seen.items()}  # (updates of seeds, 8, 6)
    for mask in masks.values():
        torch.testing.assert_close(mask.unique(), torch.tensor([0, 1 / 0.7]).double(), rtol=1e-6, atol=0)
        assert (mask > 0).double().mean().item() == pytest.approx(0.7, abs=0.02)
        assert len(mask.flatten(1).unique(dim=0)) == len(mask)
    assert (masks["a"] != masks["b"]).double().mean().item() == pytest.approx(2 * 0.7 * 0.3, abs=0.03)


def test_dropout_of_whole_channels():
    from comparison.randomness import Dropout, draw_mask, generator

    with Dropout(lambda shape, keep: draw_mask(shape, keep, generator(0, "mask"))):
        dropped = nn.Dropout2d(0.5)(torch.ones(4, 6, 3, 3))
        same = [nn.Dropout2d(0.5).eval()(dropped), nn.Dropout(0.0)(dropped)]
        all_gone = nn.Dropout(1.0)(dropped)
    shares = (dropped > 0).float().mean((2, 3))
    assert set(shares.flatten().tolist()) == {0.0, 1.0}
    assert all(torch.equal(other, dropped) for other in same)
    assert not all_gone.any()


def test_batches_go_through_all_rows():
    from comparison.training import Job

    one = more(0)
    rows = {tuple(row.tolist()): i for i, row in enumerate(one.X_train)}
    job = Job("一", Arm(nets.mlp, batch_size=7), [one], [0], {}, 40, [])
    order = [rows[tuple(row.tolist())] for X, _ in job.batches(0) for row in X]
    assert len(order) == 280
    for epoch in range(7):
        assert sorted(order[40 * epoch : 40 * epoch + 40]) == list(range(40))
    assert order[:40] != order[40:80]


def test_estimators_beside_networks():
    arms = {
        "SVM": Estimator(lambda C: SVC(C=C), "C", log_grid(0.1, 1000, 5)),
        "逻辑回归": Estimator(lambda C: LogisticRegression(C=C, max_iter=1000), "C", log_grid(0.01, 100, 5)),
        "网络": nets.mlp,
    }
    result = compare(arms, more, **SETTINGS)
    for seed in range(5):
        data = more(seed)
        chosen = result.chosen["SVM"][seed]
        fitted = SVC(C=chosen).fit(data.X_train, data.y_train)
        assert result.final("SVM")[seed].item() == pytest.approx(
            100 * (1 - fitted.score(data.X_test, data.y_test)), abs=1e-4
        )
        tried = result.arms["SVM"].grid
        errors = [1 - SVC(C=C).fit(data.X_train, data.y_train).score(data.X_val, data.y_val) for C in tried]
        assert 1 - fitted.score(data.X_val, data.y_val) <= min(errors) + 0.02  # widened grids are not all tried
    assert result.alive["SVM"]
    assert result.final("SVM", "test_loss").isnan().all()  # no probabilities
    data = more(2)
    fitted = LogisticRegression(C=result.chosen["逻辑回归"][2], max_iter=1000).fit(data.X_train, data.y_train)
    log_loss = -np.log(fitted.predict_proba(data.X_test)[np.arange(60), data.y_test]).mean()
    assert result.final("逻辑回归", "test_loss")[2].item() == pytest.approx(log_loss, rel=1e-6)
    assert len(result.difference("SVM", "网络").per_seed) == 5
    assert "选出的设置" in str(result)
    json.dumps(result.as_dict(), allow_nan=False)


def test_estimators_of_numbers():
    arms = {"岭回归": Estimator(lambda a: Ridge(alpha=a), "alpha", log_grid(0.01, 100, 5))}
    result = compare(arms, nets.numbers)
    data = nets.numbers(0)
    fitted = Ridge(alpha=result.chosen["岭回归"][0]).fit(data.X_train, data.y_train)
    expected = ((fitted.predict(data.X_test).reshape(-1, 1) - data.y_test.numpy()) ** 2).mean()
    assert result.final("岭回归", "test_loss")[0].item() == pytest.approx(expected)


def test_random_estimators_repeat():
    arms = {"森林": Estimator(lambda n: RandomForestClassifier(round(n)), "n", [2, 4, 8, 16, 32], bounds=(1, 40))}
    first, second = (compare(arms, more) for _ in range(2))
    assert first.as_dict() == second.as_dict()


def test_studies():
    def suggest(trial):
        return SVC(
            C=trial.suggest_float("C", 1e-3, 1e5, log=True),
            kernel=trial.suggest_categorical("kernel", ["rbf", "linear"]),
        )

    def network(trial):
        lr = trial.suggest_float("lr", 1e-4, 100, log=True)
        return Arm(nets.mlp, lrs=[lr], weight_decay=trial.suggest_float("decay", 0, 0.01))

    arms = {"试": Study(suggest, 8), "试网络": Study(network, 4)}
    result = compare(arms, more, num_records=2, **SETTINGS)
    assert result.final("试").mean() < 40
    assert "C = " in result.chosen["试"][0]
    assert "kernel = " in result.chosen["试"][0]
    assert result.curves["试网络"]["test_error"].shape == (5, 3)
    values = result.arms["试"].values["val_error"][:, :, -1]
    assert torch.equal(values[result.arms["试"].index, torch.arange(5)], values.min(0).values)
    assert result.as_dict() == compare(arms, more, num_records=2, **SETTINGS).as_dict()


def test_a_study_at_the_edge_of_its_range_is_refused():
    def narrow(trial):
        return Ridge(alpha=trial.suggest_float("alpha", 1e3, 1e5, log=True))

    with pytest.raises(
        EdgeError, match=r"suggest：做法「试」在种子 0 上选出 alpha = .*范围 1000 到 100000.*放宽范围"
    ):
        compare({"试": Study(narrow, 60)}, nets.numbers, num_updates=1)


def test_a_plateau_is_no_edge():
    """Where least squares needs no penalty, ever smaller ones are equally good, and the choice would run to the edge."""
    arms = {"岭回归": Estimator(lambda a: Ridge(alpha=a), "alpha", log_grid(0.01, 100, 5))}
    result = compare(arms, nets.numbers)
    values = result.arms["岭回归"].values["val_loss"][:, :, 0].nan_to_num(nan=torch.inf)
    assert (result.arms["岭回归"].index > 0).all()
    assert (values.argmin(0) == 0).any()
    assert (result.final("岭回归", "val_loss") <= 1.001 * values.min(0).values).all()


def test_the_example_in_the_documentation_runs():
    import comparison

    code = [line[4:] for line in comparison.__doc__.splitlines() if line.startswith("    ")]
    assert code[-1].startswith("assert gain")  # holds after 1,000 updates; here it is to be quick
    shorter = "\n".join(code[:-1]).replace("num_updates=1000", "num_updates=100")
    found = {}
    exec(compile(shorter, "comparison", "exec"), found)
    assert len(found["gain"].per_seed) == 5
