"""The cache: an entry is whole and right, or it is computed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.tiny import Tiny


def truncate(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-20])


def flip(entry: Path) -> None:
    content = bytearray(entry.read_bytes())
    at = content.index("和".encode())
    content[at] ^= 1
    entry.write_bytes(content)


def swap(entry: Path) -> None:
    """Put the whole entry of another key in place."""
    stored = json.loads(entry.read_bytes())
    other = entry.with_name("0" * 64 + ".json")
    entry.rename(other)
    shutil.copy(other, entry)
    stored["notebook"]["metadata"]["engine"]["key"] = "0" * 64
    entry.write_text(json.dumps(stored), "utf-8")


def empty(entry: Path) -> None:
    entry.write_bytes(b"")


def foreign(entry: Path) -> None:
    entry.write_text('{"sha256": 1, "notebook": [1, 2]}')


@pytest.mark.parametrize("damage", [truncate, flip, swap, empty, foreign])
def test_a_damaged_entry_is_logged_and_computed_again(tiny: Tiny, damage: object) -> None:
    tiny.build()
    (entry,) = tiny.entries()
    whole = entry.read_bytes()
    damage(entry)  # type: ignore[operator]
    assert tiny.build().executed == ("04-a/sum",)
    assert "已损坏，将重新执行" in tiny.log.getvalue()
    held = json.loads(entry.read_bytes())["notebook"]["cells"]
    assert held == json.loads(whole)["notebook"]["cells"]
    assert tiny.build().executed == ()


def test_a_cache_that_cannot_be_written_costs_only_time(tiny: Tiny) -> None:
    tiny.write(".cache/experiments", "a file where the folder should be")
    assert tiny.build().executed == ("04-a/sum",)
    assert "写不进缓存" in tiny.log.getvalue()
    assert (tiny.root / "build/fragments/04-a/sum/sum.md").exists()
