"""What is remembered between builds: it saves work, and losing it, or having a wrong one, harms nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.tiny import Tiny

from engine.common import Memo
from engine.common import memo as memo_module


def slow(text: str) -> list[str]:
    slow.calls.append(text)  # type: ignore[attr-defined]
    return [text.upper()]


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    slow.calls = []  # type: ignore[attr-defined]
    return slow.calls  # type: ignore[attr-defined,no-any-return]


def test_a_result_is_kept_for_the_next_process(tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "memo.json"
    first = Memo(path)
    assert [first.get(slow, "a"), first.get(slow, "a"), first.get(slow, "b")] == [["A"], ["A"], ["B"]]
    first.save(forget=True)
    assert Memo(path).get(slow, "b") == ["B"]
    assert calls == ["a", "b"]


def test_what_was_not_asked_for_is_forgotten_only_when_told(tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "memo.json"
    for text, forget in (("a", True), ("b", False), ("b", True)):
        memo = Memo(path)
        memo.get(slow, text)
        memo.save(forget=forget)
        if not forget:
            assert Memo(path).get(slow, "a") == ["A"]
    assert calls == ["a", "b"]
    Memo(path).get(slow, "a")
    assert calls == ["a", "b", "a"]


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"environment": 1}', b"{" * 100_000])
def test_a_damaged_file_is_no_file(tmp_path: Path, content: bytes, calls: list[str]) -> None:
    path = tmp_path / "memo.json"
    path.write_bytes(content)
    assert Memo(path).get(slow, "a") == ["A"]
    assert calls == ["a"]


def test_another_environment_knows_nothing(tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memo.json"
    memo = Memo(path)
    memo.get(slow, "a")
    memo.save(forget=True)
    monkeypatch.setattr(memo_module, "environment", lambda: "another version of a library")
    Memo(path).get(slow, "a")
    assert calls == ["a", "a"]


def test_an_exception_is_not_remembered() -> None:
    memo = Memo()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            memo.get(_fail, "a")


def _fail(_: str) -> None:
    raise ZeroDivisionError


def test_a_build_uses_it_and_survives_its_loss(tiny: Tiny) -> None:
    tiny.build()
    path = tiny.project.memo
    stored = json.loads(path.read_bytes())
    assert len(stored["results"]) == 2  # one experiment's text, one set of libraries
    path.write_bytes(path.read_bytes()[:-20])
    assert tiny.build().cached == ("04-a/sum",)
    assert json.loads(path.read_bytes()) == stored
