"""Numbers of a run in a page's text: ``{{gain.mean:.1f}}`` is what the experiment calls ``gain.mean``, rounded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

REFERENCE = re.compile(r"\{\{\s*([^{}\s:][^{}:]*?)\s*(?::([^{}]*?))?\s*\}\}")
"""``{{name}}`` or ``{{name:format}}``; the name may go into mappings and lists: ``errors.dropout.0``."""


class NoSuchValueError(ValueError):
    """A reference to something that the run does not have, or that cannot be written so; the message says what."""


def references(text: str) -> Iterator[tuple[str, int]]:
    """Yield the references in a text, each with the number of line breaks before it."""
    for match in REFERENCE.finditer(text):
        yield match.group(), text.count("\n", 0, match.start())


def resolve(reference: str, values: Mapping[str, Any]) -> str:
    """Return what a reference stands for.

    Args:
        reference: with its braces.
        values: what the run ended with, by name.

    Raises:
        NoSuchValueError: no such name, a part of it that is not there, a format that does not fit.
    """
    match = REFERENCE.fullmatch(reference)
    if not match:
        raise NoSuchValueError(f"读不懂“{reference}”")
    value: Any = values
    for part in match[1].split("."):
        known = list(value) if isinstance(value, Mapping) else [str(i) for i in range(len(_listed(value)))]
        if part not in known:
            close = difflib.get_close_matches(part, known, 3, cutoff=0.5) or known[:12]
            raise NoSuchValueError(f"实验结束时没有“{part}”（在 {match[1]} 里）；有的：{'、'.join(close)}")
        value = value[part] if isinstance(value, Mapping) else value[int(part)]
    if isinstance(value, Mapping | list):
        raise NoSuchValueError(f"“{match[1]}”不是一个数")
    try:
        return format(value, match[2] or "").replace("-", "−" if isinstance(value, int | float) else "-")
    except ValueError as error:
        raise NoSuchValueError(f"“{match[1]}”的值 {value!r} 写不成“{match[2]}”：{error}") from error


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
