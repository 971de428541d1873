"""What must run again after a change, and only that; and what `run --explain` says of it."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable

import pytest
from tests.tiny import Tiny

from engine.common import EngineError, Problem, memo
from engine.experiments import key
from engine.inspect import missing_results
from engine.running import LocalPool

FIRST = """# %% load
from pathlib import Path
import numpy
from _helper import word

print(word(), Path(__file__).with_name("data.csv").read_text())

# %% show
print(numpy.ones(2))
"""
SECOND = "# %% only\nprint(2)\n"


@pytest.fixture
def two(tiny: Tiny) -> Tiny:
    """Two experiments that ran: first, which needs everything that can change, and second, which needs nothing."""
    tiny.write("examples/04-a/_helper.py", "from _deeper import stem\n\ndef word():\n    return stem\n")
    tiny.write("examples/04-a/_deeper.py", "stem = '词'\n")
    tiny.write("examples/04-a/data.csv", "1,2\n")
    tiny.example(FIRST, "first")
    tiny.example(SECOND, "second")
    tiny.problems(only=[tiny.root / "examples"])
    assert missing(tiny) == {}
    return tiny


def missing(tiny: Tiny) -> dict[str, list[str]]:
    found = missing_results(tiny.project, [tiny.root / "examples"])
    return {id_.removeprefix("04-a/"): why for id_, why in found.items()}


def edit(tiny: Tiny, name: str, old: str, new: str) -> None:
    path = tiny.root / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def install(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, library: str, version: str) -> None:
    """Put another version of a library in front of the one that is there."""
    metadata = f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n"
    tiny.write(f"site/{library}-{version}.dist-info/METADATA", metadata)
    monkeypatch.syspath_prepend(tiny.root / "site")
    # Both are remembered for the life of a process, in which nothing is installed.
    monkeypatch.setattr(key, "_version_and_requirements", key._version_and_requirements.__wrapped__)
    monkeypatch.setattr(memo, "environment", memo.environment.__wrapped__)


FIRST_PY, SECOND_PY = "examples/04-a/first.py", "examples/04-a/second.py"
Change = Callable[[Tiny, pytest.MonkeyPatch], object]
TABLE: dict[str, tuple[Change, dict[str, str]]] = {
    "a cell": (lambda t, _: edit(t, SECOND_PY, "print(2)", "print(3)"), {"second": "单元 only 的代码改了"}),
    "a comment": (lambda t, _: edit(t, SECOND_PY, "print(2)", "print(2)  # 二"), {"second": "单元 only 的代码改了"}),
    "a cell's name": (
        lambda t, _: edit(t, SECOND_PY, "%% only", "%% sole"),
        {"second": "单元 sole 是新的；单元 only 没有了"},
    ),
    "a line above": (
        lambda t, _: edit(t, FIRST_PY, "# %% show", "\n# %% show"),
        {"first": "单元 show 从第 9 行移到了第 10 行（错误信息里有行号）"},
    ),
    "a module": (
        lambda t, _: edit(t, "examples/04-a/_helper.py", "return stem", "return stem * 2"),
        {"first": "本地模块 _helper 改了"},
    ),
    "its module": (lambda t, _: edit(t, "examples/04-a/_deeper.py", "词", "字"), {"first": "本地模块 _deeper 改了"}),
    "a data file": (
        lambda t, _: edit(t, "examples/04-a/data.csv", "1", "3"),
        {"first": "数据文件 examples/04-a/data.csv 改了"},
    ),
    "no data file": (
        lambda t, _: (t.root / "examples/04-a/data.csv").unlink(),
        {"first": "数据文件 examples/04-a/data.csv 改了"},
    ),
    "a library": (
        lambda tiny, m: install(tiny, m, "pillow", "0.0"),
        {"first": "库 pillow：* → 0.0", "second": "库 pillow：* → 0.0", "sum": "库 pillow：* → 0.0"},
    ),
    "Python": (
        lambda _, m: m.setattr(platform, "python_version", lambda: "3.99.0"),
        dict.fromkeys(("first", "second", "sum"), "Python：* → 3.99.0"),
    ),
    "the engine": (
        lambda _, m: m.setattr(key, "engine_version", lambda: "other"),
        dict.fromkeys(("first", "second", "sum"), "引擎里决定结果的代码改了"),
    ),
    "the file's name": (
        lambda t, _: (t.root / SECOND_PY).rename(t.root / "examples/04-a/renamed.py"),
        {"renamed": "缓存里没有它的结果"},
    ),
    "another library": (lambda tiny, m: install(tiny, m, "optuna", "0.0"), {}),
    "the words of the page": (lambda t, _: edit(t, "docs/04-a/sum.md", "等于二。", "是二。"), {}),
    "the docstring": (lambda t, _: edit(t, "examples/04-a/sum.py", "一加一等于几", "一加一是多少"), {}),
    "a new experiment": (lambda t, _: t.example("# %% a\nx = 1\n", "new"), {"new": "缓存里没有它的结果"}),
    "the clock": (lambda t, _: [os.utime(path, (0, 0)) for path in t.root.rglob("*.py")], {}),
    "the user": (lambda _, m: [m.setenv(name, "someone") for name in ("USER", "LOGNAME", "HOME")], {}),
}


@pytest.mark.parametrize("name", TABLE)
def test_only_what_a_change_touches(two: Tiny, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, expected = TABLE[name]
    change(two, monkeypatch)
    found = {id_: "；".join(why) for id_, why in missing(two).items()}
    assert found.keys() == expected.keys()
    for id_, why in expected.items():
        before, _, after = why.partition("*")
        assert found[id_].startswith(before), found[id_]
        assert found[id_].endswith(after), found[id_]


def test_the_folder_does_not_matter(two: Tiny, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = Tiny(two.root.rename(tmp_path_factory.mktemp("elsewhere") / "project"))
    assert missing(moved) == {}


def test_a_module_that_is_no_python_is_named_with_its_line(two: Tiny) -> None:
    edit(two, "examples/04-a/_helper.py", "return stem", "return stem +")
    edit(two, SECOND_PY, "print(2)", "print(3)")
    for problems in (two.problems(only=[two.root / "examples"]), _check_problems(two)):
        (problem,) = problems
        assert (problem.path, problem.line) == ("examples/04-a/_helper.py", 4)
        assert "不是合法的 Python" in problem.what
        assert "examples/04-a/first.py" in problem.hint
    assert "print(3)" in two.fragment("only", "second")  # the others go on


def _check_problems(tiny: Tiny) -> tuple[Problem, ...]:
    with pytest.raises(EngineError) as error:
        missing(tiny)
    return error.value.problems


def test_explain_runs_nothing_and_says_why(two: Tiny) -> None:
    edit(two, SECOND_PY, "print(2)", "print(3)")
    before = two.entries()
    done = two.command("run", "examples", "--explain")
    assert done.returncode == 0
    assert done.stdout == "需要执行：04-a/second：单元 only 的代码改了\n共 1 个实验需要执行：engine run\n"
    assert two.entries() == before
    assert two.command("run", "examples", "--check").returncode == 1


def test_going_back_finds_the_former_result(two: Tiny) -> None:
    edit(two, SECOND_PY, "print(2)", "print(3)")
    two.problems(only=[two.root / "examples"])
    edit(two, SECOND_PY, "print(3)", "print(2)")
    assert missing(two) == {}


def test_the_cache_does_not_grow_without_end(tiny: Tiny) -> None:
    for number in range(12):
        assert tiny.only(f"# %% a\nprint({number})\n") is None
    assert len([path for path in tiny.entries() if path.parent.name == "lone"]) == 8
    assert missing_results(tiny.project, [tiny.root / "examples/04-a/lone.py"]) == {}


def started(tiny: Tiny, names: list[str]) -> list[str]:
    """Execute these experiments, whatever is cached, and return the order in which they were started."""
    order: list[str] = []
    submit = LocalPool.submit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalPool, "submit", lambda pool, e: (order.append(e.path.stem), submit(pool, e))[1])
        tiny.problems(only=[tiny.root / f"examples/04-a/{name}.py" for name in names], force=True)
    return order


def of_several_lengths(tiny: Tiny) -> list[str]:
    for name, turns in (("a-short", 1), ("b-long", 16), ("c-middle", 8)):
        tiny.example(
            f"# %% a\nimport time\nend = time.process_time() + {turns} / 10\n"
            "while time.process_time() < end:\n    pass\n",
            name,
        )
    return ["a-short", "b-long", "c-middle"]


def test_the_longest_of_the_last_time_starts_first(tiny: Tiny) -> None:
    names = of_several_lengths(tiny)
    started(tiny, names)
    tiny.example("# %% a\nprint(1)\n", "d-unknown")
    assert started(tiny, [*names, "d-unknown"]) == ["d-unknown", "b-long", "c-middle", "a-short"]


def test_a_machine_without_a_cache_starts_with_what_took_longest_elsewhere(tiny: Tiny) -> None:
    names = of_several_lengths(tiny)
    assert started(tiny, names) == names
    done = tiny.command("run", "--record", *(f"examples/04-a/{name}.py" for name in names))
    assert done.returncode == 0, done.stderr
    recorded = json.loads((tiny.root / "examples/seconds.json").read_bytes())
    assert list(recorded) == [f"04-a/{name}" for name in names]
    assert recorded["04-a/b-long"] == 2
    shutil.rmtree(tiny.root / ".cache")
    assert started(tiny, names) == ["b-long", "c-middle", "a-short"]


@pytest.mark.parametrize("content", ["{", "[]", '{"04-a/sum": "soon"}', '{"04-a/sum": null}'])
def test_times_that_cannot_be_read_are_told_and_do_not_matter(tiny: Tiny, content: str) -> None:
    tiny.write("examples/seconds.json", content)
    assert tiny.build().executed == ("04-a/sum",)
    assert "seconds.json 读不出来" in tiny.log.getvalue()
