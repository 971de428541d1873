"""A server shows the site at once: results when they are there, what is wrong where it is wrong, nothing for good."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.build.sites import QUIET, Server, mkdocs
from tests.build.test_notebooks import LAB
from tests.tiny import Tiny

WAITING = "这一页的实验还没有执行完"
GATED = """# %% a
import time
from pathlib import Path

with Path({log!r}).open("a") as file:
    file.write("开始\\n")
while not Path({gate!r}).exists():
    sum(range(100_000))  # it computes: what only sleeps is ended some time
    time.sleep(0.05)
print('终于')
x = 1 + 1
assert x == 2
"""


class Gate:
    """An experiment, 04-a/other, that runs until the gate is opened, and notes each time that it begins."""

    def __init__(self, tiny: Tiny, folder: Path) -> None:
        self.path, self.log = folder / "gate", folder / "began"
        tiny.example(GATED.format(gate=str(self.path), log=str(self.log)), "other")

    def open(self) -> None:
        self.path.touch()

    def began(self) -> int:
        return self.log.read_text("utf-8").count("开始") if self.log.exists() else 0


@pytest.fixture
def two(tiny: Tiny) -> Tiny:
    """Two questions: 04-a/sum and 04-a/other."""
    text = (tiny.root / "docs/04-a/sum.md").read_text("utf-8")
    tiny.example("# %% a\nprint('另一个')\nx = 1 + 1\nassert x == 2\n", "other")
    tiny.page(
        ("qa: 04-1", "qa: 04-2"),
        ("evidence: sum", "evidence: a"),
        ("04-a/sum/", "04-a/other/"),
        ("/sum.md", "/a.md"),
        ('--8<-- "04-a/other/error.md"', ""),
        name="other",
    )
    tiny.write("docs/04-a/sum.md", text)
    tiny.write("docs/report.md", '# 报告\n\n--8<-- "ledger/report.md"\n')
    return tiny


@contextmanager
def served(tiny: Tiny, tmp_path: Path) -> Iterator[Server]:
    server = Server(tiny, tmp_path / "log")
    try:
        yield server
    finally:
        server.stop()


def test_the_site_is_there_before_its_experiments_and_fills(two: Tiny, tmp_path: Path) -> None:
    gate = Gate(two, tmp_path)
    two.write("examples/labs/adding.py", LAB)
    with served(two, tmp_path) as server:
        page = server.get("04-a/other.html")
        assert WAITING in page
        assert "qa-badge--pending" in page
        assert "time.sleep" in page  # its code
        assert "终于</" not in page
        assert "qa-progress" in page
        assert server.get("qa-progress").startswith("全部 3 个实验")
        server.wait(lambda: "和： 2" in server.page())  # while the other still runs
        server.wait(lambda: "&lt;script&gt;alert(1)" in server.get("labs/adding.html").partition("qa-output")[2])
        assert WAITING in server.get("04-a/other.html")
        assert "还没有执行" in server.get("report.html")
        gate.open()
        server.wait(lambda: "终于" in server.get("04-a/other.html").partition("qa-output")[2])
        assert WAITING not in server.get("04-a/other.html")
        assert server.get("qa-progress") == ""
        assert "还没有执行" not in server.get("report.html")
        assert gate.began() == 1
        assert "[3/3] ✓ 04-a/other" in server.said()


def test_a_failing_experiment_shows_its_error_on_its_own_page(two: Tiny, tmp_path: Path) -> None:
    two.example("# %% a\nprint('最后的话')\nx = 1 + 1\nassert x == 3, '不是三'\n", "other")
    with served(two, tmp_path) as server:
        server.wait(lambda: "AssertionError: 不是三" in server.get("04-a/other.html"))
        page = server.get("04-a/other.html")
        assert "examples/04-a/other.py:4: 单元 a 抛出了 AssertionError" in page
        assert "没有通过" in page
        server.wait(lambda: "和： 2" in server.page())
        assert "AssertionError" not in server.page()
        assert "没有通过" in server.get("report.html")
        failed = mkdocs(two, "build")
        assert failed.returncode == 1
        assert "不是三" in failed.stderr
        assert not (two.root / "site").exists()
        # It is not tried again before something of it changes.
        said = server.said()
        page_file = two.root / "docs/04-a/sum.md"
        page_file.write_text(page_file.read_text("utf-8") + "\n新的一句话。\n", "utf-8")
        server.wait(lambda: "新的一句话" in server.page())
        assert "执行" not in server.said()[len(said) :]
        two.example("# %% a\nprint('好了')\nx = 1 + 1\nassert x == 2, '不是三'\n", "other")
        server.wait(lambda: "好了" in server.get("04-a/other.html").partition("qa-output")[2])
        assert "admonition failure" not in server.get("04-a/other.html")


def test_an_experiment_that_lacked_its_data_is_tried_again_when_it_is_there(two: Tiny, tmp_path: Path) -> None:
    two.example(
        "# %% a\nfrom pathlib import Path\nx = int(open(Path(__file__).parent / 'n.txt').read())\nassert x == 2\n",
        "other",
    )
    with served(two, tmp_path) as server:
        server.wait(lambda: "FileNotFoundError" in server.get("04-a/other.html"))
        two.write("examples/04-a/n.txt", "2")
        server.wait(lambda: "已执行" in server.get("04-a/other.html"))


HALF = {
    "front matter": (("description: 等于二。", "description: 等于：二: 三"), "front matter 不是合法的 YAML"),
    "no front matter's end": (("\n---\n\n# 一加一", "\n\n# 一加一"), "没有同名的页面"),
    "an unknown cell": (("04-a/sum/plot.md", "04-a/sum/plt.md"), "没有单元“plt”"),
    "a missing fragment": (("04-a/sum/plot.md", "04-b/gone/plot.md"), "没有实验 04-b/gone.py"),
    "an unknown tag": (("tags: [张量]", "tags: [张亮]"), "没有标签“张亮”"),
    "evidence that is none": (("evidence: sum", "evidence: plot"), "“plot”撑不起这条说法"),
    "a formula": (("# 一加一等于几？", "# 一加一等于几？\n\n$$\\nosuch$$"), "公式转换不了"),
    "an include in another form": (('--8<-- "04-a/sum/plot.md"', "--8<-- 'gone/gone.md'"), "没有嵌进页面"),
}


def test_a_page_that_is_half_finished_says_so_and_mends_when_saved(two: Tiny, tmp_path: Path) -> None:
    page = two.root / "docs/04-a/sum.md"
    whole = page.read_text("utf-8")

    def broken(change: tuple[str, str]) -> str:
        old, new = change
        assert old in whole
        return whole.replace(old, new, 1)

    page.write_text(broken(HALF["front matter"][0]), "utf-8")
    with served(two, tmp_path) as server:  # it starts, too
        for name, (change, message) in HALF.items():
            page.write_text(broken(change), "utf-8")
            server.wait(lambda message=message: message in server.page() + server.get("index.html"))
            assert message not in server.get("04-a/other.html"), name
            page.write_text(whole, "utf-8")
            server.wait(lambda: "和： 2" in server.page() and "admonition failure" not in server.page())
    assert "Traceback" not in server.said()


def test_an_experiment_that_cannot_be_read_is_said_on_its_page(two: Tiny, tmp_path: Path) -> None:
    two.example("# %% a\nx = (\n", "other")
    with served(two, tmp_path) as server:
        assert "examples/04-a/other.py:" in server.get("04-a/other.html")
        two.example("# %% a\nimport _helper\nx = 1 + 1\nassert x == 2\n", "other")
        two.write("examples/04-a/_helper.py", "y = (\n")
        server.wait(lambda: "examples/04-a/_helper.py:1: 不是合法的 Python" in server.get("04-a/other.html"))
        server.wait(lambda: "和： 2" in server.page())
        two.write("examples/04-a/_helper.py", "y = 1\n")
        server.wait(lambda: "已执行" in server.get("04-a/other.html"))


@pytest.mark.parametrize("name", ["pyproject.toml", "mkdocs.yml", "docs/glossary.yml"])
def test_settings_that_cannot_be_read_are_said_in_the_browser(two: Tiny, tmp_path: Path, name: str) -> None:
    two.write("docs/glossary.yml", "- { term: 张量, en: tensor, means: 数组。 }\n")
    with served(two, tmp_path) as server:
        server.wait(lambda: "和： 2" in server.page())
        whole = (two.root / name).read_text("utf-8")
        two.write(name, whole + "\n]]] = [\n")
        server.wait(lambda: name in server.get("index.html"))
        two.write(name, whole)
        server.wait(lambda: name not in server.get("index.html"))
        assert "和： 2" in server.page()


def test_tags_and_questions_are_watched(two: Tiny, tmp_path: Path) -> None:
    page = two.root / "docs/04-a/sum.md"
    page.write_text(page.read_text("utf-8").replace("[张量]", "[新标签]"), "utf-8")
    with served(two, tmp_path) as server:
        assert "没有标签“新标签”" in server.page()
        settings = (two.root / "pyproject.toml").read_text("utf-8")
        two.write("pyproject.toml", settings.replace('"张量" =', '"新标签" = "新", "张量" ='))
        server.wait(lambda: "没有标签" not in server.page())


def test_it_builds_again_for_what_is_saved_and_for_results_and_for_nothing_else(two: Tiny, tmp_path: Path) -> None:
    with served(two, tmp_path) as server:
        server.wait(lambda: "和： 2" in server.page())
        example, page = two.root / "examples/04-a/sum.py", two.root / "docs/04-a/sum.md"
        code, text = example.read_text("utf-8"), page.read_text("utf-8")
        for number in range(2):
            save(example, code.replace("total)", f"total, '第 {number} 次')"))
            server.wait(lambda number=number: f"第 {number} 次" in server.page().partition("qa-output")[2])
        save(page, text + "\n新的一句话。\n")
        server.wait(lambda: "新的一句话" in server.page())
        told = int(server.get(".results") or 0)
        # One build may be for several of these; none is for what the engine writes into docs/.
        assert server.said().count("Building documentation...") <= 1 + 3 + told, server.said()


def save(path: Path, text: str) -> None:
    """Save a file in one step, as editors do."""
    new = path.with_name(f"{path.name}~")
    new.write_text(text, "utf-8")
    new.replace(path)


def test_a_browser_is_told_only_when_what_it_shows_has_changed(two: Tiny, tmp_path: Path) -> None:
    with served(two, tmp_path) as server:
        server.wait(lambda: "和： 2" in server.page() and "另一个" in server.get("04-a/other.html"))
        told: dict[str, str] = {}

        def poll(page: str) -> threading.Thread:
            epoch = re.search(r"livereload\((\d+)", server.get(page))[1]  # type: ignore[index]
            thread = threading.Thread(target=lambda: told.update({page: server.poll(page, epoch)}), daemon=True)
            thread.start()
            return thread

        one, other = poll("04-a/sum.html"), poll("04-a/other.html")
        page = two.root / "docs/04-a/other.md"
        page.write_text(page.read_text("utf-8") + "\n新的一句话。\n", "utf-8")
        other.join()
        assert "新的一句话" in server.get("04-a/other.html")
        assert told.keys() == {"04-a/other.html"}
        style = two.root / "docs/assets/site.css"
        style.write_text(style.read_text("utf-8") + "\n/* new */\n", "utf-8")
        one.join()
        assert int(told["04-a/sum.html"]) > int(told["04-a/other.html"])


def test_a_build_beside_it_waits_and_executes_nothing_twice(two: Tiny, tmp_path: Path) -> None:
    gate = Gate(two, tmp_path)
    with served(two, tmp_path) as server:
        server.wait(lambda: gate.began() == 1)
        beside = subprocess.Popen(
            [sys.executable, "-m", "mkdocs", "build", "--strict"],
            cwd=two.root,
            env=os.environ | QUIET,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert beside.stderr is not None
        assert any("另一个构建正在进行" in line for line in iter(beside.stderr.readline, ""))
        published = [path.read_text("utf-8") for path in (two.root / "build").rglob("*.md")]
        assert not any("还没有执行" in text for text in published)
        gate.open()
        said = beside.communicate(timeout=120)[1]
        assert beside.returncode == 0, said
        assert gate.began() == 1
        assert "终于" in (two.root / "site/04-a/other.html").read_text("utf-8")
        server.wait(lambda: "终于" in server.get("04-a/other.html").partition("qa-output")[2])


def test_a_second_server_shows_what_the_first_finds(two: Tiny, tmp_path: Path) -> None:
    gate = Gate(two, tmp_path)
    with served(two, tmp_path) as first:
        first.wait(lambda: gate.began() == 1)
        (tmp_path / "b").mkdir()
        with served(two, tmp_path / "b") as second:
            assert WAITING in second.get("04-a/other.html")
            gate.open()
            second.wait(lambda: "终于" in second.get("04-a/other.html").partition("qa-output")[2])
    assert gate.began() == 1


def test_what_is_no_longer_wanted_is_ended(two: Tiny, tmp_path: Path) -> None:
    gate = Gate(two, tmp_path)
    with served(two, tmp_path) as server:
        server.wait(lambda: gate.began() == 1)
        two.example("# %% a\nprint('另写了')\nx = 1 + 1\nassert x == 2\n", "other")  # the gate stays closed
        server.wait(lambda: "另写了" in server.get("04-a/other.html").partition("qa-output")[2])


def test_ctrl_c_ends_all_and_keeps_results(two: Tiny, tmp_path: Path) -> None:
    gate = Gate(two, tmp_path)
    before = set(Path("/tmp").glob("qa-preview-*"))
    with served(two, tmp_path) as server:
        server.wait(lambda: gate.began() == 1 and bool(two.entries()))
    assert server.process.returncode in (0, 130), server.said()
    assert "Traceback" not in server.said()
    deadline = time.monotonic() + 300
    while found := _processes(str(two.root)):  # the server that experiments were forked from notices that we are gone
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert set(Path("/tmp").glob("qa-preview-*")) <= before
    assert [path.parent.name for path in two.entries()] == ["sum"]


def _processes(mention: str) -> list[str]:
    """Return the command lines of processes that run in a folder, or were started for it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = str((process / "cwd").readlink())
        except OSError:
            continue
        if where.startswith(mention):
            found.append(where)
    return found


def test_a_port_that_is_taken_is_said_first(two: Tiny) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = mkdocs(two, "serve", "--dev-addr", address)
    assert done.returncode == 1
    assert f"不能在 {address} 上提供服务" in done.stderr
    assert "--dev-addr" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (two.root / ".cache").exists()
    assert not (two.root / "build").exists()


@pytest.mark.parametrize("options", [["--strict"], ["--no-livereload"]])
def test_without_reloading_or_strictly_it_is_built_first(two: Tiny, tmp_path: Path, options: list[str]) -> None:
    server = Server(two, tmp_path / "log", *options)
    try:
        assert "和： 2" in server.page()
        assert WAITING not in server.page()
    finally:
        server.stop()
