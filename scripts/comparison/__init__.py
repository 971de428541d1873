"""A fair comparison of ways to train: each with its own learning rate, the same seeds, paired differences.

Does dropout still help a network with batch normalisation (question 13-3)? Each way is a function that returns a
network; the data are a function of the seed:

    import torch
    from sklearn.datasets import load_digits
    from torch import nn
    from comparison import compare, log_grid, split

    X, y = load_digits(return_X_y=True)  # (1797, 64), (1797,)

    def data(seed):
        splits = split(X / 16, y, num_train=300, num_val=500, seed=seed)
        wrong = torch.rand(300) < 0.3  # three labels in ten are random
        splits.y_train = torch.where(wrong, torch.randint(10, (300,)), splits.y_train)
        return splits

    def norm():
        return nn.Sequential(
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, 10),
        )

    def norm_and_dropout():
        return nn.Sequential(
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(64, 10),
        )

    result = compare(
        {"归一化": norm, "归一化 + dropout": norm_and_dropout},
        data, lrs=log_grid(1e-4, 1e-2), num_updates=1000, batch_size=50, optimizer="adam",
    )
    print(result)
    gain = result.difference("归一化", "归一化 + dropout", metric="test_error")
    print(gain)
    assert gain.differs and gain.mean > 0

Modules, in the order in which a comparison goes through them: `splits` (data), `arms` (what is compared), `protocol`
(`compare`), `selection` (learning rate), `training` (networks), `estimators` (scikit-learn, Optuna), `result`;
beside them `randomness`, `recurrent` and `errors`. Needs PyTorch and scikit-learn (which brings NumPy and SciPy).
"""

from .arms import Arm, Estimator, Study, error
from .errors import ComparisonError, EdgeError
from .protocol import compare
from .result import Comparison, Difference, Table
from .selection import log_grid
from .splits import Splits, split

__all__ = [
    "Arm",
    "Comparison",
    "ComparisonError",
    "Difference",
    "EdgeError",
    "Estimator",
    "Splits",
    "Study",
    "Table",
    "compare",
    "error",
    "log_grid",
    "split",
]
