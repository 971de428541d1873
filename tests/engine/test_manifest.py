"""What the engine makes, and what it therefore may overwrite and delete: nothing of anybody else's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tiny import EXAMPLE, Tiny

from engine.common import Written

SCRIPTS = Path(__file__).parents[2] / "scripts"
BY_HAND = {
    "docs/labs/mine.ipynb": '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}',
    "docs/labs/.writing-notes": "还没写完",
    "docs/downloads/dataset.csv": "1,2\n",
    "docs/downloads/slides/a.pdf": "x",
    "docs/downloads/04-a/dataset.csv": "3,4\n",
    "docs/tags/how-we-tag.md": "# 我们怎样打标签\n",
    "docs/assets/thumbnails/logo.svg": "<svg/>",
    "build/fragments/notes.md": "笔记\n",
    "build/fragments/04-a/sum/notes.md": "笔记\n",
    ".cache/experiments/README": "不是缓存\n",
}
GENERATED = ("build/fragments", "docs/downloads", "docs/tags", "docs/labs", "docs/assets/thumbnails")


def files(tiny: Tiny) -> set[str]:
    """Return the files in the folders that the engine writes to."""
    tops = [tiny.root / top for top in GENERATED]
    return {path.relative_to(tiny.root).as_posix() for top in tops for path in top.rglob("*") if path.is_file()}


def assert_kept(tiny: Tiny) -> None:
    assert {name: (tiny.root / name).read_text("utf-8") for name in BY_HAND} == BY_HAND


def test_files_made_by_hand_stay(tiny: Tiny) -> None:
    for name, text in BY_HAND.items():
        tiny.write(name, text)
    assert tiny.problems() == ()
    assert_kept(tiny)
    tiny.page(("等于二。", "还是二。"))  # there is a list now
    assert tiny.problems() == ()
    assert_kept(tiny)


def test_a_page_of_a_chapter_called_downloads_stays(tiny: Tiny) -> None:
    tiny.write("examples/downloads/sum.py", EXAMPLE)
    page = (tiny.root / "docs/04-a/sum.md").read_text("utf-8").replace("04-a/", "downloads/").replace("04-1", "04-2")
    tiny.write("docs/downloads/sum.md", page)
    for _ in range(2):  # it is refused, and stays
        (problem,) = tiny.problems()
        assert "一章不能叫 downloads" in problem.what
        assert (tiny.root / "docs/downloads/sum.md").read_text("utf-8") == page


def test_what_is_no_longer_made_goes(tiny: Tiny) -> None:
    tiny.build()
    for name, text in BY_HAND.items():
        tiny.write(name, text)
    before = files(tiny)
    for folder in ("examples", "docs"):
        (tiny.root / folder / "04-a").rename(tiny.root / folder / "05-b")
    page = tiny.root / "docs/05-b/sum.md"
    page.write_text(page.read_text("utf-8").replace("04-a/", "05-b/").replace("[张量]", "[优化]"), "utf-8")
    assert tiny.problems() == ()
    assert_kept(tiny)
    now = files(tiny)
    assert "docs/downloads/05-b/sum.py" in now
    gone = {name for name in before if "04-a" in name or name == "docs/tags/张量.md"} - BY_HAND.keys()
    assert len(gone) > 8
    assert not gone & now
    assert f"删除了 {len(gone)} 个" in tiny.log.getvalue()
    assert not (tiny.root / "docs/downloads/04-a/sum.ipynb").exists()
    assert (tiny.root / "docs/downloads/04-a").is_dir()  # the data set is in it
    (tiny.root / "docs/05-b/sum.md").unlink()
    (tiny.root / "examples/05-b/sum.py").unlink()
    assert tiny.problems() == ()
    assert not (tiny.root / "docs/downloads/05-b").exists()  # nothing is in it
    assert_kept(tiny)


def test_what_somebody_changed_stays_and_is_said(tiny: Tiny) -> None:
    tiny.build()
    tiny.write("docs/downloads/04-a/sum.py", "手工改过\n")
    tiny.write("docs/tags/张量.md", "# 手写的\n")
    tiny.page(("[张量]", "[优化]"))
    (problem,) = tiny.problems()
    assert problem.path == "docs/downloads/04-a/sum.py"
    assert "后来被改过，没有覆盖" in problem.what
    assert (tiny.root / problem.path).read_text("utf-8") == "手工改过\n"
    (tiny.root / problem.path).unlink()
    assert tiny.problems() == ()
    assert (tiny.root / problem.path).read_text("utf-8") == EXAMPLE
    assert (tiny.root / "docs/tags/张量.md").read_text("utf-8") == "# 手写的\n"
    assert "1 个以前生成、现在不要的文件后来被改过，留着：docs/tags/张量.md" in tiny.log.getvalue()
    tiny.log.truncate(0)
    assert tiny.problems() == ()
    assert "docs/tags/张量.md" not in tiny.log.getvalue()  # it is theirs now


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    "name", ["docs/tags/张量.md", "docs/downloads/04-a/more.py", "docs/downloads/04-a/more.ipynb"]
)
def test_a_file_made_by_hand_where_the_engine_writes_is_named_and_not_overwritten(
    tiny: Tiny, name: str, built: bool
) -> None:
    tiny.page(("[张量]", "[优化]"))
    if built:
        tiny.build()
    tiny.write(name, "手写的\n")
    tiny.page()
    tiny.example("# %% a\nassert 1 + 1 == 2\n", "more")
    found = [problem for problem in tiny.problems() if problem.path == name]
    assert [problem.what for problem in found] == ["这里要写一个生成的文件，而现有的不是引擎写的，没有覆盖它"]
    assert (tiny.root / name).read_text("utf-8") == "手写的\n"
    assert name in [problem.path for problem in tiny.problems()]  # and so it stays
    (tiny.root / name).unlink()
    assert name not in [problem.path for problem in tiny.problems()]
    assert (tiny.root / name).read_text("utf-8") != "手写的\n"


@pytest.mark.parametrize("lost", ["the list", "a damaged list", "all that can be made again"])
def test_without_a_list_nothing_is_deleted_or_lost(tiny: Tiny, lost: str) -> None:
    tiny.build()
    for name, text in BY_HAND.items():
        tiny.write(name, text)
    (tiny.root / "docs/tags/张量.md").write_text("旧版本写的\n", "utf-8")
    tiny.write("docs/tags/旧标签.md", "旧版本写的\n")
    (listed,) = tiny.root.glob(".*.jsonl")
    if lost == "all that can be made again":
        shutil.rmtree(tiny.root / "build")
    if lost == "a damaged list":
        listed.write_bytes(listed.read_bytes()[100:])
    else:
        listed.unlink()
    before = files(tiny)
    assert tiny.problems(only=[tiny.root / "examples"]) == ()
    assert tiny.problems() == ()
    assert before <= files(tiny)
    if lost != "all that can be made again":
        assert_kept(tiny)
        assert "build/fragments/04-a/sum/notes.md" in tiny.log.getvalue()
    assert (tiny.root / "docs/tags/旧标签.md").exists()
    assert "个文件不是这次写的，都没有动" in tiny.log.getvalue()
    aside = tiny.root / "build/replaced/docs/tags/张量.md"
    assert aside.read_text("utf-8") == "旧版本写的\n"
    assert "旧的移到了 build/replaced/" in tiny.log.getvalue()
    tiny.page(("[张量]", "[优化]"))
    assert tiny.problems() == ()
    assert not (tiny.root / "docs/tags/张量.md").exists()  # known again


@pytest.mark.parametrize("folder", ["docs/downloads", "docs/tags", "docs/assets/thumbnails", "build"])
def test_nothing_behind_a_link_is_deleted(tiny: Tiny, folder: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "own.txt").write_text("自己的\n", "utf-8")
    (elsewhere / "张量.md").write_text("自己的\n", "utf-8")
    (elsewhere / ".writing-0123456789ab").write_text("自己的\n", "utf-8")
    (tiny.root / folder).parent.mkdir(parents=True, exist_ok=True)
    (tiny.root / folder).symlink_to(elsewhere)
    own = {path: path.read_text("utf-8") for path in elsewhere.rglob("*") if path.is_file()}
    tiny.page(("[张量]", "[优化]"))
    assert tiny.problems() == ()
    written = {path for path in elsewhere.rglob("*") if path.is_file()}
    tiny.page()
    found = tiny.problems()
    assert [problem.path for problem in found] == (["docs/tags/张量.md"] if folder == "docs/tags" else [])
    (elsewhere / "张量.md").unlink()
    del own[elsewhere / "张量.md"]
    (tiny.root / "examples/04-a/sum.py").unlink()
    (tiny.root / "docs/04-a/sum.md").unlink()
    assert tiny.problems() == ()
    assert tiny.command("clean").returncode == 0
    assert written - {elsewhere / "张量.md"} <= set(elsewhere.rglob("*"))
    assert {path: path.read_text("utf-8") for path in own} == own


@pytest.mark.parametrize("target", ["a file", "nothing"])
def test_a_link_in_the_place_of_a_file_is_not_followed(tiny: Tiny, target: str, tmp_path: Path) -> None:
    linked = tmp_path / "linked.md"
    if target == "a file":
        linked.write_text("自己的\n", "utf-8")
    (tiny.root / "docs/tags").mkdir()
    (tiny.root / "docs/tags/张量.md").symlink_to(linked)
    assert [problem.path for problem in tiny.problems()] == ["docs/tags/张量.md"]
    assert (tiny.root / "docs/tags/张量.md").is_symlink()
    assert linked.exists() == (target == "a file")


def test_a_file_or_folder_in_the_way_is_named(tiny: Tiny) -> None:
    tiny.write("docs/downloads/04-a", "一个文件\n")
    tiny.write("docs/tags/张量.md/own.txt", "在文件夹里\n")
    found = {problem.path: problem.what for problem in tiny.problems()}
    assert found.keys() == {"docs/downloads/04-a", "docs/tags/张量.md"}
    assert all("挡住了" in what for what in found.values())
    assert (tiny.root / "build/fragments/04-a/sum/sum.md").exists()  # the rest is built
    assert (tiny.root / "docs/tags/张量.md/own.txt").exists()


# Ends the process the moment that it is about to put a half-written file in its place for the nth time.
KILLED = """
import os, pathlib, sys
from engine import cli
replace, count = pathlib.Path.replace, int(sys.argv[1])
def dying(self, target):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), 9)
    return replace(self, target)
if __name__ == "__main__":
    pathlib.Path.replace = dying
    sys.exit(cli.main(["run"]))
"""


def test_killed_while_writing(tiny: Tiny) -> None:
    """Wherever a build is killed, the next one removes what was half-written and knows all files as its own."""
    script = tiny.write("kill.py", KILLED)
    tiny.build()
    tiny.write("docs/labs/.writing-notes", "还没写完")
    died = set()
    for number in range(1, 60):
        tiny.page(("等于二。", f"等于二，{number}。"), ("[张量]", "[优化]" if number % 2 else "[张量]"))
        tiny.example(EXAMPLE.replace('"和："', f'"和 {number}："'))
        done = subprocess.run(
            [sys.executable, str(script), str(number)],
            cwd=tiny.root,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
            capture_output=True,
            timeout=120,
        )
        died.update(path.parent.relative_to(tiny.root).parts[0] for path in tiny.root.rglob(".writing-*"))
        if done.returncode != -signal.SIGKILL:
            break
        if number % 3 == 0:
            assert tiny.problems() == ()
            assert [path.name for path in tiny.root.rglob(".writing-*")] == [".writing-notes"]
    else:
        raise AssertionError("it never ran to its end")
    assert {"build", "docs", ".cache"} <= died  # else the test would show nothing
    assert tiny.problems() == ()
    assert [path.name for path in tiny.root.rglob(".writing-*")] == [".writing-notes"]
    (tiny.root / "examples/04-a/sum.py").unlink()
    (tiny.root / "docs/04-a/sum.md").unlink()
    assert tiny.problems() == ()
    assert not [name for name in files(tiny) if "04-a" in name or "docs/tags" in name]


def test_clean_removes_what_was_made_and_nothing_else(tiny: Tiny) -> None:
    tiny.build()
    made = files(tiny)
    for name, text in BY_HAND.items():
        tiny.write(name, text)
    tiny.write("docs/tags/张量.md", "改过\n")
    done = tiny.command("clean")
    assert done.returncode == 0, done.stderr
    assert f"删除了 {len(made)} 个" in done.stderr  # the ledger's file too, but not the changed page
    assert "docs/tags/张量.md" in done.stderr
    assert_kept(tiny)
    assert files(tiny) == {*(name for name in BY_HAND if not name.startswith(".cache")), "docs/tags/张量.md"}
    assert len(tiny.entries()) == 1
    (tiny.root / "docs/tags/张量.md").unlink()
    assert tiny.build().executed == ()
    assert made <= files(tiny)


def test_make_clean_deletes_nothing_by_name() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    (recipe,) = [part for part in makefile.split("\n\n") if part.startswith("clean:")]
    assert "engine clean" in recipe
    assert not {"docs/downloads", "docs/tags", "docs/labs", "docs/assets/thumbnails", "build"} & {*recipe.split()}


def test_a_list_that_somebody_tampered_with_reaches_nothing_else(tiny: Tiny) -> None:
    tiny.build()
    import hashlib

    digest = hashlib.sha256(EXAMPLE.encode()).hexdigest()
    (listed,) = tiny.root.glob(".*.jsonl")
    lines = listed.read_text("utf-8").splitlines()
    head = json.loads(lines[0])
    names = ["examples/04-a/sum.py", "docs/tags/../../examples/04-a/sum.py", str(tiny.root / "examples/04-a/sum.py")]
    head["files"] += len(names)
    lines = [
        json.dumps(head),
        *lines[1:],
        *(json.dumps([name, [digest]]) for name in names),
        "[1, 2",
        '{"a": 1}',
        "7",
    ]
    lines += [json.dumps(["docs/tags/a.md", [], other]) for other in ("../../examples/04-a/sum.py", 3, "sum.py")]
    listed.write_text("\n".join(lines), "utf-8")
    assert tiny.problems() == ()
    assert (tiny.root / "examples/04-a/sum.py").read_text("utf-8") == EXAMPLE


def test_who_may_read_what_is_written_is_up_to_the_user(tiny: Tiny) -> None:
    before = os.umask(0o027)
    try:
        tiny.build()
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tiny.root / "docs/downloads").rglob("*.*")}
    assert modes == {0o640}


def test_the_list_has_its_head_from_the_first_file_on(tiny: Tiny) -> None:
    """A first build that is killed leaves a list that can be read: what it had begun is removed by the next."""
    Written(tiny.project, print, []).write([(tiny.project.fragments / "04-a" / "a.md", "甲")])
    head, line, *_ = (tiny.root / ".written.jsonl").read_text("utf-8").split("\n")
    assert json.loads(head) == {"complete": True, "files": 0}
    assert json.loads(line)[0] == "build/fragments/04-a/a.md"
