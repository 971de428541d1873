"""The data of one seed, split in three, and what must hold of it."""
# ruff: noqa: N803, N806

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ComparisonError

PARTS = {"train": "训练", "val": "验证", "test": "测试"}


@dataclass
class Splits:
    """Data for training, for choosing the learning rate (val) and for reporting (test).

    Each X is (N, ...), each y (N,) whole numbers for classes, or floating, of the shape of the network's output, for
    regression. Arrays of NumPy become tensors, float64 among them float32. Fields may be assigned anew, for instance
    `splits.y_train = with_noise(splits.y_train)`.

    `shared_rows=True` allows the same input to occur in several parts: right where there are few possible inputs
    (bits, a coarse grid), wrong everywhere else.
    """

    X_train: Tensor
    y_train: Tensor
    X_val: Tensor
    y_val: Tensor
    X_test: Tensor
    y_test: Tensor
    shared_rows: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Turn arrays into tensors."""
        if name != "shared_rows":
            value = _tensor(value)
        super().__setattr__(name, value)

    def part(self, name: str) -> tuple[Tensor, Tensor]:
        """X and y of "train", "val" or "test"."""
        return getattr(self, f"X_{name}"), getattr(self, f"y_{name}")

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor, by its name."""
        return {f.name: tuple(getattr(self, f.name).shape) for f in fields(self) if f.name != "shared_rows"}


def split(X: Any, y: Any, num_train: int, num_val: int, num_test: int | None = None, *, seed: int) -> Splits:
    """Shuffle the rows with `seed` and cut them in three; `num_test=None` takes all that are left for testing.

    Raises ComparisonError where there are fewer rows than asked for.
    """
    X, y = _tensor(X), _tensor(y)
    if len(X) != len(y):
        raise ComparisonError(f"split：X 有 {len(X)} 行，y 有 {len(y)} 行；两者要一样多。")
    num_test = len(X) - num_train - num_val if num_test is None else num_test
    if min(num_train, num_val, num_test) < 1 or num_train + num_val + num_test > len(X):
        raise ComparisonError(
            f"split：共 {len(X)} 行，不够分成训练 {num_train}、验证 {num_val}、测试 {num_test}；"
            "每份至少一行，请减小 num_train 或 num_val。"
        )
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))
    train, val, test, _ = torch.split(order, [num_train, num_val, num_test, len(X) - num_train - num_val - num_test])
    return Splits(X[train], y[train], X[val], y[val], X[test], y[test])


def check(splits: Any, seed: int) -> Splits:
    """Refuse what is not a usable split: wrong type, unequal lengths, not finite, rows in two parts."""
    where = f"data({seed})"
    if not isinstance(splits, Splits):
        raise ComparisonError(
            f"{where} 返回了 {type(splits).__name__}；要返回 Splits(X_train, y_train, X_val, y_val, X_test, y_test)。"
        )
    for part, chinese in PARTS.items():
        X, y = splits.part(part)
        if len(X) != len(y) or not len(X):
            raise ComparisonError(
                f"{where}：X_{part} 有 {len(X)} 行，y_{part} 有 {len(y)} 行；{chinese}数据要一样多，且不为空。"
            )
        for name, values in ((f"X_{part}", X), (f"y_{part}", y)):
            if values.is_floating_point() and not bool(torch.isfinite(values).all()):
                raise ComparisonError(f"{where}：{name} 里有 NaN 或无穷大；请先清理数据。")
    if not splits.shared_rows:
        _check_overlap(splits, where)
    return splits


def _check_overlap(splits: Splits, where: str) -> None:
    """More than 1 % of a part's rows in another part is no accident of the data, but a mistake in the split."""
    rows = {part: _row_hashes(splits.part(part)[0]) for part in PARTS}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        known = set(rows[a])
        shared = sum(row in known for row in rows[b])
        if shared > 0.01 * len(rows[b]):
            raise ComparisonError(
                f"{where}：X_{b} 的 {len(rows[b])} 行里有 {shared} 行也在 X_{a} 里，"
                f"{PARTS[b]}误差就不是对没见过的数据说的了。请用 split(X, y, …, seed=seed) 划分；"
                "如果输入本来就只有少数几种，写 Splits(…, shared_rows=True)。"
            )


def check_labels(splits: Splits, num_classes: int, arm: str) -> None:
    """Whole-number labels must name one of the network's outputs."""
    for part in PARTS:
        y = splits.part(part)[1]
        low, high = int(y.min()), int(y.max())
        if low < 0 or high >= num_classes:
            wrong = low if low < 0 else high
            raise ComparisonError(
                f"y_{part} 里有标签 {wrong}，而做法「{arm}」的网络只输出 {num_classes} 类（0 到 {num_classes - 1}）。"
                "请改标签，或改最后一层的输出个数。"
            )


def _row_hashes(X: Tensor) -> list[int]:
    return [hash(row.tobytes()) for row in np.ascontiguousarray(X.reshape(len(X), -1).numpy())]


def _tensor(values: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    array = np.asarray(values)
    return torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array.copy())
