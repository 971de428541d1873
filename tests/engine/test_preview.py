"""What can be shown while experiments still run: whole for what has run, a note for the rest, problems by page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tiny import Tiny

from engine.preview import Preview

PATIENCE = 300


class Shown:
    """A preview of a tiny project, one experiment at a time, and a way to wait for its news."""

    def __init__(self, tiny: Tiny, folder: Path) -> None:
        self.folder, self.news = folder, threading.Event()
        self.preview = Preview(tiny.root, folder, self.news.set, jobs=1)
        self.draft = self.preview.draft()

    def again(self) -> None:
        """Wait for news, and take another draft."""
        self.preview.shown()
        assert self.news.wait(PATIENCE)
        self.news.clear()
        self.draft = self.preview.draft()

    def fragment(self, name: str) -> str:
        return (self.folder / "fragments" / name).read_text("utf-8")


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny(tmp_path / "project")
    for number, name in ((2, "second"), (3, "third")):
        log = tmp_path / "order"
        code = f"# %% a\nwith open({str(log)!r}, 'a') as file:\n    file.write('{name} ')\nx = 1 + 1\nassert x == 2\n"
        tiny.example(code, name)
        tiny.page(
            ("qa: 04-1", f"qa: 04-{number}"),
            ("evidence: sum", "evidence: a"),
            ("04-a/sum/", f"04-a/{name}/"),
            (f"{name}/sum.md", f"{name}/a.md"),
            (f'--8<-- "04-a/{name}/error.md"', ""),
            name=name,
        )
    return tiny


@pytest.fixture
def shown(tiny: Tiny, tmp_path: Path) -> Iterator[Shown]:
    shown = Shown(tiny, tmp_path / "made")
    yield shown
    shown.preview.stop()


def test_it_fills_and_writes_nothing_where_builds_write(tiny: Tiny, shown: Shown) -> None:
    assert shown.draft.waiting == {"04-a/sum", "04-a/second", "04-a/third"}
    assert shown.preview.progress == "全部 3 个实验，执行完了 0 个"
    assert "total = 1 + 1" in shown.fragment("04-a/sum/sum.md")
    assert "qa-pending" in shown.fragment("04-a/sum/sum.md")
    assert shown.fragment("ledger/report.md").count("还没有执行") == 3
    assert not tiny.project.fragments.exists()
    assert not tiny.project.downloads.exists()
    shown.preview.start()
    while shown.draft.waiting:
        shown.again()
    assert shown.draft.problems == ()
    assert shown.preview.progress == ""
    assert "和： 2" in shown.fragment("04-a/sum/sum.md")
    assert not tiny.project.fragments.exists()
    assert not tiny.project.downloads.exists()
    assert shown.fragment("ledger/report.md").count("通过") == 3
    tiny.build()
    for path in (shown.folder / "fragments").rglob("*.md"):
        built = tiny.project.fragments / path.relative_to(shown.folder / "fragments")
        assert path.read_text("utf-8") == built.read_text("utf-8")


def test_what_is_looked_at_goes_first(shown: Shown, tmp_path: Path) -> None:
    shown.preview.look_at("04-a/third")
    shown.preview.start()
    while "04-a/third" in shown.draft.waiting:
        shown.again()
    assert (tmp_path / "order").read_text("utf-8").split()[0] == "third"


def test_problems_are_sorted_by_the_page_they_belong_to(tiny: Tiny, shown: Shown) -> None:
    tiny.example("# %% sum\ntotal = 1 + 1\nassert total == 3\n")
    tiny.page(("tags: [张量]", "tags: [张亮]"), ("04-a/sum/error.md", "04-a/sum/sum.md"))
    tiny.example("# %% a\nimport _helper\nx = 1 + 1\nassert x == 2\n", "second")
    tiny.write("examples/04-a/_helper.py", "y = (\n")
    tiny.example("# %% a\nx = 1 + 1\n", "new")
    tiny.write("docs/glossary.yml", "x: 1\n")
    shown.preview.start()
    shown.draft = shown.preview.draft()
    while shown.draft.waiting:
        shown.again()
    notices = {id_: " ".join(map(str, problems)) for id_, problems in shown.draft.notices.items()}
    assert "单元 sum 抛出了 AssertionError" in notices["04-a/sum"]
    assert "没有标签“张亮”" in notices["04-a/sum"]
    assert "_helper.py:1: 不是合法的 Python" in notices["04-a/second"]
    assert "没有同名的页面 docs/04-a/new.md" in notices[""]
    assert "glossary.yml" in notices[""]
    assert "04-a/third" not in notices
    assert sum(map(len, shown.draft.notices.values())) == len(shown.draft.problems)


def test_a_cache_that_cannot_be_written_does_not_make_it_run_forever(tiny: Tiny, tmp_path: Path) -> None:
    tiny.write(".cache/experiments", "a file, not a folder")
    shown = Shown(tiny, tmp_path / "made")
    shown.preview.start()
    while shown.draft.waiting:
        shown.again()
    order = (tmp_path / "order").read_text("utf-8")
    shown.draft = shown.preview.draft()
    assert not shown.draft.waiting
    assert (tmp_path / "order").read_text("utf-8") == order
    shown.preview.stop()
