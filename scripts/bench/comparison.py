"""What the comparison protocol costs, and what it promises: `python -m bench.comparison cost [name]` or `null`.

cost: processor time for each network and update, evaluation on the way included, against training written by hand
      (as the experiments had it at commit 7b85dd0: five seeds stacked in one tensor), alternating in one run.
null: how often two copies of one network are called different, with the rate chosen for each seed and by the mean.
"""
# ruff: noqa: N803, N806

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from comparison import Splits, compare, log_grid, split
from comparison.result import Comparison, Difference

SEEDS, UPDATES, RECORDS = 5, 200, 2
images, digits = load_digits(return_X_y=True)


def processor_time(run: Callable[[], int]) -> float:
    """Microseconds for each network and update; `run` returns how many there were."""
    start = time.process_time()
    count = run()
    return (time.process_time() - start) / count * 1e6


def digits_data(seed: int) -> Splits:
    """300 to train, 500 to choose, 997 to test, as in question 13-3."""
    return split(images / 16, digits, 300, 500, seed=seed)


def by_hand_mlp(norm: bool, p: float) -> int:
    """64-64-64-10 by hand, Adam, batches of 50."""
    one = digits_data(0)
    X, y, sizes = one.X_train, one.y_train, (64, 64, 64, 10)
    Ws = [torch.randn(SEEDS, a, b) * (2 / a) ** 0.5 for a, b in pairwise(sizes)]
    params = [Ws, [0 * W[:, :1] for W in Ws], [0 * W[:, :1] + 1 for W in Ws]]
    stats = [(torch.zeros(SEEDS * 64), torch.ones(SEEDS * 64)) for _ in range(2)]
    leaves = [w.requires_grad_() for kind in params for w in kind]
    optimizer = torch.optim.Adam(leaves, lr=1e-3)

    def net(h: Tensor, training: bool) -> Tensor:
        for i, (W, b, scale) in enumerate(zip(*params, strict=True)):
            h = h @ W + b
            if norm and i < 2:
                rows = h.transpose(0, 1).flatten(1)
                rows = F.batch_norm(rows, *stats[i], scale.flatten(), training=training)
                h = rows.view(-1, *h[:, 0].shape).transpose(0, 1)
            h = F.dropout(h.relu(), p, training) if i < 2 else h
        return h

    for step in range(1, UPDATES + 1):
        batch = torch.randint(300, (SEEDS, 50))
        out = net(X[batch], True).flatten(0, 1)
        optimizer.zero_grad()
        (F.cross_entropy(out, y[batch].flatten(), reduction="sum") / 50).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % (UPDATES // RECORDS) == 0:
            with torch.no_grad():
                for part in (one.X_val, one.X_test):
                    net(part.expand(SEEDS, -1, -1), False).argmax(2)
    return SEEDS * UPDATES


def mlp(norm: bool, p: float) -> Callable[[], nn.Module]:
    """The same as a reader writes it."""

    def net() -> nn.Module:
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(64, 64), *([nn.BatchNorm1d(64)] if norm else []), nn.ReLU()]
            layers += [nn.Dropout(p)] if p else []
        return nn.Sequential(*layers, nn.Linear(64, 10))

    return net


def small_images(seed: int) -> Splits:
    """Digits of 16 × 16 pixels."""
    big = F.interpolate(torch.tensor(images).float().view(-1, 1, 8, 8) / 16, size=(16, 16))
    return split(big, digits, 300, 300, 300, seed=seed)


def by_hand_cnn() -> int:
    """Grouped convolutions, as question 24-1: Adam, batches of 32, validation and test at the end."""
    one = small_images(0)
    dims = ((1, 8, 3, 2, 1), (8, 16, 3, 2, 1), (16, 16, 3, 1, 1), (16, 10, 2, 1, 0))
    net = [
        [
            (torch.randn(SEEDS, o, i, k, k) * (2 / (i * k * k)) ** 0.5).requires_grad_(),
            torch.zeros(SEEDS, o).requires_grad_(),
        ]
        for i, o, k, *_ in dims
    ]
    optimizer = torch.optim.Adam([p for layer in net for p in layer], 0.003)

    def forward(X: Tensor) -> Tensor:
        X = X.contiguous(memory_format=torch.channels_last)
        for i, (W, b) in enumerate(net):
            X = F.adaptive_avg_pool2d(X.relu(), 2) if i == 3 else X.relu() if i else X
            X = F.conv2d(X, W.flatten(0, 1), b.flatten(), dims[i][3], dims[i][4], groups=X.shape[1] // W.shape[2])
        return X.view(len(X), -1, 10).transpose(0, 1)

    for step in range(1, UPDATES + 1):
        batch = torch.randint(300, (SEEDS, 32))
        out = forward(one.X_train[batch][:, :, 0].transpose(0, 1))
        loss = F.cross_entropy(out.flatten(0, 1), one.y_train[batch].flatten(), reduction="sum")
        optimizer.zero_grad()
        (loss / 32).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % (UPDATES // RECORDS) == 0:
            with torch.no_grad():
                for part in (one.X_val, one.X_test):
                    forward(part.expand(-1, SEEDS, -1, -1)).argmax(2)
    return SEEDS * UPDATES


def cnn() -> nn.Module:
    """The same as a reader writes it."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Conv2d(16, 10, 2), nn.Flatten(),
    )  # fmt: skip


class Recurrent(nn.Module):
    """A language model's shape: 27 letters in, 40 hidden, scores at each of 25 letters."""

    def __init__(self, layer: nn.RNNBase) -> None:
        """With a layer of this kind."""
        super().__init__()
        self.rnn, self.linear = layer, nn.Linear(40, 27)

    def forward(self, X: Tensor) -> Tensor:
        """(N, T) letters → (N, 27, T) scores."""
        scores: Tensor = self.linear(self.rnn(F.one_hot(X, 27).float())[0])
        return scores.transpose(1, 2)


def letters(seed: int) -> Splits:
    """Random letters: only their number matters here."""
    X = torch.randint(27, (600, 26), generator=torch.Generator().manual_seed(seed))
    return Splits(X[:400, :-1], X[:400, 1:], X[400:500, :-1], X[400:500, 1:], X[500:, :-1], X[500:, 1:])


def by_hand_rnn() -> int:
    """Five RNNs by hand, as question 55-1: Adam, batches of 16, 25 letters."""
    one = letters(0)
    shapes = [(27, 40), (40, 40), (1, 40), (40, 27), (1, 27)]
    E, W, b, U, c = params = [(torch.randn(SEEDS, *s) / s[0] ** 0.5).requires_grad_() for s in shapes]
    optimizer = torch.optim.Adam(params, lr=0.01)

    def rnn(X: Tensor) -> Tensor:
        inputs, states = E[torch.arange(SEEDS).view(-1, 1, 1), X] + b[:, None], []
        h = torch.zeros(SEEDS, X.shape[1], 40)
        for t in range(X.shape[2]):
            h = torch.tanh(inputs[:, :, t] + h @ W)
            states.append(h)
        scores: Tensor = torch.stack(states, 2) @ U[:, None] + c[:, None]
        return scores

    for step in range(1, UPDATES + 1):
        rows = torch.randint(400, (SEEDS, 16))
        loss = F.cross_entropy(rnn(one.X_train[rows]).flatten(0, 2), one.y_train[rows].flatten(), reduction="sum")
        optimizer.zero_grad()
        (loss / (16 * 25)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % (UPDATES // RECORDS) == 0:
            with torch.no_grad():
                for part in (one.X_val, one.X_test):
                    rnn(part.expand(SEEDS, -1, -1))
    return SEEDS * UPDATES


def by_loop(net: Callable[[], nn.Module], data: Callable[[int], Splits], batch_size: int) -> Callable[[], int]:
    """One ordinary network in the ordinary loop, where nothing was written by hand."""

    def run() -> int:
        one, model = data(0), net()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(UPDATES // 4):
            rows = torch.randint(len(one.X_train), (batch_size,))
            loss = F.cross_entropy(model(one.X_train[rows]), one.y_train[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return UPDATES // 4

    return run


def by_protocol(net: Callable[[], nn.Module], data: Callable[[int], Splits], batch_size: int) -> Callable[[], int]:
    """All of `compare`, except that the grid begins wide enough not to widen."""

    def run() -> int:
        settings = {"num_updates": UPDATES, "num_records": RECORDS, "batch_size": batch_size, "optimizer": "adam"}
        result = compare({"一": net}, data, lrs=log_grid(1e-4, 1e-1, 7), **settings)  # type: ignore[arg-type]
        values = result.arms["一"].values["val_loss"]
        return int((~values[:, :, -1].isnan()).sum()) * UPDATES

    return run


def cost(rounds: int = 3, only: str = "") -> None:
    """A table of median times and of the median of their ratios; `only` those whose name contains this."""
    wide = lambda: nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))  # noqa: E731
    cases: dict[str, tuple[Callable[[], int], Callable[[], int]]] = {}
    for norm in (False, True):
        for p in (0.0, 0.5):
            cases[f"MLP 64, batch norm {norm:d}, dropout {p}"] = (
                lambda norm=norm, p=p: by_hand_mlp(norm, p),  # type: ignore[misc]
                by_protocol(mlp(norm, p), digits_data, 50),
            )
    cases["CNN"] = by_hand_cnn, by_protocol(cnn, small_images, 32)
    cases["RNN 40"] = by_hand_rnn, by_protocol(lambda: Recurrent(nn.RNN(27, 40, batch_first=True)), letters, 16)
    cases["GRU 40 (against a plain loop)"] = (
        by_loop(lambda: Recurrent(nn.GRU(27, 40, batch_first=True)), letters, 16),
        by_protocol(lambda: Recurrent(nn.GRU(27, 40, batch_first=True)), letters, 16),
    )
    cases["MLP 256 (against a plain loop)"] = by_loop(wide, digits_data, 50), by_protocol(wide, digits_data, 50)
    print(f"{'microseconds per network and update':40} {'before':>8} {'compare':>8} {'ratio':>6}")
    for name, (before, after) in cases.items():
        if only not in name:
            continue
        before(), after()
        times = [(processor_time(before), processor_time(after)) for _ in range(rounds)]
        columns = [[a for a, _ in times], [b for _, b in times], [b / a for a, b in times]]
        by_hand, protocol, ratio = map(statistics.median, columns)
        print(f"{name:40} {by_hand:8.0f} {protocol:8.0f} {ratio:6.2f}", flush=True)


def noisy(_: int) -> Splits:
    """Two classes with noise; 32 rows to choose by."""
    X = torch.randn(112, 8)
    y = (X[:, :2].sum(1) + 0.7 * torch.randn(112) > 0).long()
    return Splits(X[:16], y[:16], X[16:48], y[16:48], X[48:], y[48:])


def tiny() -> nn.Module:
    """Small enough to train thousands."""
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 2))


def again() -> nn.Module:
    """The same from other initial values."""
    torch.rand(1)
    return tiny()


def mean_choice(result: Comparison, arm: str, seeds: slice, select: str) -> Tensor:
    """Test error where one rate is chosen for these seeds by their mean, among the rates begun with."""
    values = {key: value[:, seeds, -1] for key, value in result.arms[arm].values.items()}
    scores = torch.where(values[select].isfinite(), values[select], torch.inf).mean(1)
    return values["test_error"][scores.argmin()]


def null(draws: int = 400) -> None:
    """The share of comparisons of copies called different, by level."""
    levels = (0.05, 0.01)
    print("chosen by  seeds  choice     " + "  ".join(f"at {level:.0%}" for level in levels))
    for select in ("error", "loss"):
        settings = {"num_updates": 40, "batch_size": 8, "num_records": 1, "select": select}
        result = compare(  # a wide grid, so that choosing by the mean need not widen it
            {"一": tiny, "又一": again},
            noisy,
            lrs=log_grid(0.01, 100, 9),
            seeds=draws * 5,
            **settings,  # type: ignore[arg-type]
        )
        each = result.difference("一", "又一", "test_error").per_seed
        for n in (5, 10):
            slices = [slice(i, i + n) for i in range(0, len(each) - n + 1, n)]
            means = [
                tuple(
                    (
                        mean_choice(result, "一", s, f"val_{select}")
                        - mean_choice(result, "又一", s, f"val_{select}")
                    ).tolist()
                )
                for s in slices
            ]
            for name, pairs in (("each seed", [each[s] for s in slices]), ("mean", means)):
                draws_of = [Difference("一", "又一", "test_error", pair) for pair in pairs]
                found = [
                    sum(not d.interval(v)[0] <= 0 <= d.interval(v)[1] for d in draws_of) / len(draws_of)
                    for v in levels
                ]
                print(f"{select:9}  {n:5}  {name:9}  " + "  ".join(f"{share:5.1%}" for share in found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["null"]:
        null()
    else:
        cost(only=" ".join(sys.argv[2:]))
