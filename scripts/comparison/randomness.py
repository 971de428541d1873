"""Randomness that belongs to one seed: nothing here disturbs the caller's generators.

Each seed has several streams of its own (split, initial values, batch order, augmentation, dropout), so that one more
draw in one of them shifts none of the others.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode


def derive(seed: int, purpose: str) -> int:
    """A seed for one purpose: the same for the same two arguments, unrelated for any others."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, purpose: str) -> torch.Generator:
    """A generator of its own for one purpose of one seed."""
    return torch.Generator().manual_seed(derive(seed, purpose))


@contextmanager
def isolated(seed: int, purpose: str) -> Iterator[None]:
    """Seed the global generators of PyTorch (CPU), NumPy and Python, and put them back as they were at the end."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    value = derive(seed, purpose)
    torch.default_generator.manual_seed(value)
    np.random.seed(value % 2**32)
    random.seed(value)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])


Mask = tuple[tuple[int, ...], float]  # of one call of dropout: shape of the mask, probability of keeping


class Dropout(TorchFunctionMode):
    """While active, each call of dropout in training gets its mask from `next_mask(shape, keep)`.

    Both ways of training give a network the same masks this way: drawn call by call in a plain loop, drawn beforehand
    for all seeds where networks train together (inside `torch.func.vmap` a generator cannot be used).
    """

    def __init__(self, next_mask: Callable[[tuple[int, ...], float], Tensor]) -> None:
        """Keep where masks come from: each is 0 where something is dropped and 1 / keep elsewhere."""
        super().__init__()
        self.next_mask = next_mask

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace dropout; let everything else pass."""
        kwargs = kwargs or {}
        if func not in _DROPOUTS:
            return func(*args, **kwargs)
        return self._drop(_DROPOUTS[func], *args, **kwargs)

    def _drop(
        self, channels: bool, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training or p == 0:
            return input
        shape = tuple(input.shape[:2]) + (1,) * (input.dim() - 2) if channels else tuple(input.shape)
        mask = self.next_mask(shape, 1 - p)
        return input.mul_(mask) if inplace else input * mask


_DROPOUTS = {F.dropout: False, F.dropout1d: True, F.dropout2d: True, F.dropout3d: True}  # whole channels?


def draw_mask(shape: tuple[int, ...], keep: float, source: torch.Generator) -> Tensor:
    """A mask of 0 and 1 / keep. (Comparing uniform numbers takes half the time of `bernoulli_` on a processor.)"""
    mask = (torch.rand(shape, generator=source) < keep).float()
    return mask.div_(keep) if keep > 0 else mask
