"""The numbers that an experiment ends with: what pages quote by name, and what records of other settings keep."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

LONGEST = 64
"""Entries of a list or mapping that are kept; of a longer one nothing is."""

_DEPTH = 3


def values_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers and short texts among an experiment's global names, as JSON.

    Tensors and NumPy numbers of one element count as numbers, other tensors of at most `LONGEST` as lists; mappings,
    sequences and dataclasses hold such things in turn, three deep. Names that begin with an underscore, and what is
    none of these, are left out; so is what is not finite, which JSON cannot hold.
    """
    kept = ((name, _plain(value, 0)) for name, value in namespace.items() if not name.startswith("_"))
    return {name: value for name, value in kept if value is not None}


def _plain(value: Any, depth: int) -> Any:
    """Return a value as JSON, or None where it cannot be."""
    if isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= LONGEST):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth == _DEPTH or isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif hasattr(value, "tolist") and hasattr(value, "shape"):  # a tensor, an array, a NumPy number
        if math.prod(value.shape) > LONGEST:
            return None
        try:
            return _plain(value.tolist(), depth)
        except Exception:  # a tensor without data, one inside a transformation
            return None
    if isinstance(value, Mapping):
        if len(value) > LONGEST:
            return None
        parts = {str(key): _plain(part, depth + 1) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not None} or None
    if isinstance(value, list | tuple) and 0 < len(value) <= LONGEST:
        listed = [_plain(part, depth + 1) for part in value]
        return None if None in listed else listed
    return None
