"""The cache: an entry is whole and right, or it is computed again."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from tests.tiny import EXAMPLE, Tiny


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


def age(path: Path, days: float) -> None:
    then = time.time() - days * 24 * 60 * 60
    os.utime(path, (then, then))


def test_what_nobody_has_used_for_long_is_forgotten(tiny: Tiny) -> None:
    """Of experiments that are gone; and only what is an entry by its name."""
    for name in ("old", "recent", "stays", "with-notes"):
        tiny.example(EXAMPLE, name)
    tiny.problems()
    folders = {entry.parent.name: entry for entry in tiny.entries()}
    notes = tiny.write(".cache/experiments/04-a/with-notes/notes.json", "{}")
    stranger = tiny.write(".cache/experiments/README", "x")
    age(notes, 400)
    age(stranger, 400)
    for name in ("old", "stays", "sum", "with-notes"):
        age(folders[name], 31)
    age(folders["recent"], 29)
    for name in ("old", "recent", "with-notes"):
        (tiny.root / f"examples/04-a/{name}.py").unlink()
    assert tiny.problems() != ()  # one experiment has no page
    assert folders["old"].exists()  # nothing is removed while something is wrong
    assert {path.parent.name for path in tiny.entries() if path != notes} == folders.keys()
    tiny.page(("04-1", "04-2"), ("04-a/sum/", "04-a/stays/"), name="stays")
    assert tiny.problems(only=[tiny.root / "examples"]) == ()
    assert folders["old"].exists()  # nor when not all was looked at
    assert tiny.problems() == ()
    assert not folders["old"].parent.exists()
    assert not folders["with-notes"].exists()
    assert folders["recent"].exists()
    assert folders["sum"].exists()
    assert notes.exists()
    assert stranger.exists()
    assert "删除了 2 个缓存条目" in tiny.log.getvalue()
    assert tiny.build().executed == ()


def test_what_was_used_is_kept(tiny: Tiny) -> None:
    """A branch that is built once a month keeps its results, whenever they were computed."""
    tiny.build()
    (entry,) = tiny.entries()
    age(entry, 400)
    tiny.build()
    (tiny.root / "examples/04-a/sum.py").rename(tiny.root / "sum.py")
    (tiny.root / "docs/04-a/sum.md").rename(tiny.root / "sum.md")
    assert tiny.problems() == ()
    assert entry.exists()
    (tiny.root / "sum.py").rename(tiny.root / "examples/04-a/sum.py")
    (tiny.root / "sum.md").rename(tiny.root / "docs/04-a/sum.md")
    assert tiny.build().executed == ()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_a_build_goes_on_and_says_so(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Some network file systems have none."""

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    assert tiny.build().executed == ("04-a/sum",)
    assert "不要同时运行两个构建" in tiny.log.getvalue()


def test_the_lock_is_nobody_elses_file(tiny: Tiny, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("自己的", "utf-8")
    (tiny.root / ".cache").mkdir()
    (tiny.root / ".cache/lock").symlink_to(own)
    tiny.build()
    assert own.read_text("utf-8") == "自己的"


def test_two_checkouts_with_one_cache(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each finds what the other has computed; neither takes the other's files for its own, or deletes them."""
    tiny.build()
    other = Tiny(tmp_path_factory.mktemp("other"))
    (other.root / ".cache").symlink_to(tiny.root / ".cache")
    assert other.build().executed == ()
    (other.root / "examples/04-a/sum.py").unlink()
    (other.root / "docs/04-a/sum.md").unlink()
    assert other.problems() == ()
    assert not (other.root / "docs/downloads").exists()
    assert (tiny.root / "docs/downloads/04-a/sum.py").exists()
    tiny.page(("等于二。", "还是二。"))
    assert tiny.build().executed == ()
