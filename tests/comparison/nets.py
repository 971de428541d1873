"""Small data and networks for the tests, in double precision where rounding would blur what is compared."""
# ruff: noqa: N803, N806

from __future__ import annotations

import torch
from torch import Tensor, nn

from comparison import Splits


def classes(seed: int, shape: tuple[int, ...] = (6,), sizes: tuple[int, int, int] = (24, 20, 20)) -> Splits:
    """Three classes told apart by the first numbers of the input, with noise."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(sum(sizes), *shape, generator=generator, dtype=torch.float64)
    y = (X.flatten(1)[:, :3] + 0.3 * torch.randn(sum(sizes), 3, generator=generator)).argmax(1)
    parts = [(a, b) for a, b in zip(X.split(sizes), y.split(sizes), strict=True)]
    return Splits(*parts[0], *parts[1], *parts[2])


def images(seed: int) -> Splits:
    return classes(seed, (2, 6, 6))


def series(seed: int) -> Splits:
    return classes(seed, (5, 3))


def numbers(seed: int, noise: float = 0.5) -> Splits:
    """Regression: y is linear in the first two of eight features, plus noise."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(120, 8, generator=generator, dtype=torch.float64)
    y = X[:, :1] - 2 * X[:, 1:2] + noise * torch.randn(120, 1, generator=generator, dtype=torch.float64)
    return Splits(X[:40], y[:40], X[40:80], y[40:80], X[80:], y[80:])


def words(seed: int) -> Splits:
    """For each of six words of a sequence, the sum of it and the one before, modulo 4."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randint(4, (64, 6), generator=generator)
    y = (X + X.roll(1, 1)) % 4
    return Splits(X[:24], y[:24], X[24:44], y[24:44], X[44:], y[44:], shared_rows=True)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()


def normed_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3)).double()


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3), nn.Dropout2d(0.3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    ).double()  # fmt: skip


class Recurrent(nn.Module):
    """(N, T, 3) → (N, 3) by the last state."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.rnn = layer
        self.linear = nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), 3)

    def forward(self, X: Tensor) -> Tensor:
        output, _ = self.rnn(X if self.rnn.batch_first else X.transpose(0, 1))
        return self.linear(output[:, -1] if self.rnn.batch_first else output[-1])


def rnn() -> nn.Module:
    return Recurrent(nn.RNN(3, 4, nonlinearity="relu")).double()


def gru() -> nn.Module:
    return Recurrent(nn.GRU(3, 4, num_layers=2, batch_first=True)).double()


def lstm() -> nn.Module:
    return Recurrent(nn.LSTM(3, 4, bidirectional=True, bias=False)).double()


class Cell(nn.Module):
    """The loop over time written out, as in the course."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.linear, self.drop = nn.GRUCell(3, 4), nn.Linear(4, 3), nn.Dropout(0.2)

    def forward(self, X: Tensor) -> Tensor:
        h = torch.zeros(len(X), 4, dtype=X.dtype)
        for x in X.unbind(1):
            h = self.cell(self.drop(x), h)
        return self.linear(h)


class LanguageModel(nn.Module):
    """(N, T) words → (N, words, T) scores."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.gru, self.linear = nn.Embedding(4, 5), nn.GRU(5, 6, batch_first=True), nn.Linear(6, 4)

    def forward(self, X: Tensor) -> Tensor:
        return self.linear(self.gru(self.embedding(X))[0]).transpose(1, 2)


def language_model() -> nn.Module:
    return LanguageModel().double()


class Tied(nn.Module):
    """One weight used twice, one parameter that is not learned, one that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.second.weight = self.first.weight
        self.last.bias.requires_grad_(False)
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, X: Tensor) -> Tensor:
        return self.last(torch.tanh(self.second(torch.tanh(self.first(X)))))


def tied() -> nn.Module:
    return Tied().double()


def regression() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 1)).double()
