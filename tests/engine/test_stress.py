"""Claims under changes: those that should not matter, those that take the cause away, and known limits."""

from __future__ import annotations

import json

import pytest
from tests.tiny import Tiny

from engine.common import EngineError, Reporter
from engine.experiments import parse_experiment
from engine.stress import read_declaration, read_record, settings_of, stress, stress_fragment, to_run, with_settings

EXPERIMENT = '''"""越训练越好吗？"""

# %% settings
num_steps = 10  # 更新次数
noise = 0.5  # 噪声
cause = True  # 有没有处理
rates = [
    0.1,
    0.2,
]  # 学习率

# %% compare
gain = (num_steps * cause - noise * 0, 0.25)
print("好了多少：", gain)
assert gain[0] > 0  # 证据：有好处

# 证据：好处不小
assert gain[0] > 5
'''
DECLARATION = """
effect = "gain"
means = "好了多少"
unit = "分"

[[survives]]
name = "训练 4 倍长"
set = { num_steps = 40 }

[[removes]]
name = "不处理"
set = { cause = false }
claims = ["有好处", "好处不小"]

[[limits]]
name = "训练很短"
set = { num_steps = 2, rates = [0.1] }
claims = ["好处不小"]
"""


def declared(tiny: Tiny, *changes: tuple[str, str]) -> None:
    text = DECLARATION
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    tiny.example(EXPERIMENT, "better")
    tiny.write("examples/04-a/better.stress.toml", text)


def run(tiny: Tiny, **options: object) -> int:
    return stress(tiny.project, reporter=Reporter(tiny.log), **options)  # type: ignore[arg-type]


def complaints(tiny: Tiny) -> list[str]:
    with pytest.raises(EngineError) as caught:
        run(tiny)
    return [f"{problem.line} {problem.what}" for problem in caught.value.problems]


def test_each_change_is_run_once_and_recorded(tiny: Tiny) -> None:
    declared(tiny)
    assert to_run(tiny.project) == {"examples/04-a/better.py": ["本来的设置", "训练 4 倍长", "不处理", "训练很短"]}
    assert run(tiny) == 4
    record = json.loads((tiny.root / "examples/04-a/better.stress.json").read_text("utf-8"))
    assert [outcome["effect"] for outcome in record] == [[10, 0.25], [40, 0.25], [0, 0.25], [2, 0.25]]
    assert record[2]["failed"] == ["有好处", "好处不小"]
    assert (record[3]["held"], record[3]["failed"]) == (["有好处"], ["好处不小"])
    assert record[1]["printed"] == "好了多少： (40.0, 0.25)\n"
    assert record[0]["versions"].keys() >= {"python", "machine"}
    assert run(tiny) == 0
    assert run(tiny, force=True) == 4


def test_other_code_and_other_changes_are_run_again(tiny: Tiny) -> None:
    declared(tiny)
    run(tiny)
    declared(tiny, ("num_steps = 40", "num_steps = 50"))
    assert to_run(tiny.project)["examples/04-a/better.py"] == ["训练 4 倍长"]
    assert run(tiny) == 1
    tiny.example(EXPERIMENT.replace("> 5", "> 6"), "better")
    assert run(tiny) == 4


def test_what_did_not_do_what_is_declared_is_said_with_its_line(tiny: Tiny) -> None:
    declared(
        tiny,
        ("num_steps = 40", "num_steps = 4"),
        ("cause = false", "noise = 1.5"),
        ("num_steps = 2", "num_steps = 8"),
    )
    assert complaints(tiny) == [
        "6 “训练 4 倍长”时不再成立：好处不小",
        "10 “不处理”时仍然成立：有好处、好处不小",
        "15 “训练很短”时其实成立：好处不小",
    ]
    assert (
        len(read_record(parse_experiment(tiny.root / "examples/04-a/better.py", tiny.root / "examples"), tiny.root))
        == 4
    )


def test_a_run_that_breaks_down_is_recorded_and_named(tiny: Tiny) -> None:
    declared(tiny, ("num_steps = 40", 'num_steps = "many"'))
    (complaint,) = complaints(tiny)
    assert complaint.startswith("6 “训练 4 倍长”没有跑完：单元 compare 抛出了 TypeError")


def test_settings_are_changed_in_place(tiny: Tiny) -> None:
    declared(tiny)
    experiment = parse_experiment(tiny.root / "examples/04-a/better.py", tiny.root / "examples")
    assert settings_of(experiment) == {"num_steps": 10, "noise": 0.5, "cause": True, "rates": [0.1, 0.2]}
    changed = with_settings(experiment, {"rates": [1.0], "num_steps": 3})
    assert settings_of(changed) == {"num_steps": 3, "noise": 0.5, "cause": True, "rates": [1.0]}
    before, after = (e.cells[0].source.split("\n") for e in (experiment, changed))
    assert len(before) == len(after)
    assert after[0] == "num_steps = 3  # 更新次数"
    assert changed.cells[1] == experiment.cells[1]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ('effect = "gain"', 'efect = "gain"', 2, "不认识“efect”"),
        ('name = "训练 4 倍长"', "", 6, "改变没有名字（name）"),
        ("set = { num_steps = 40 }", "", 6, "没有写改什么（set）"),
        ("num_steps = 40", "num_stepz = 40", 6, "实验里没有设置“num_stepz”"),
        ("num_steps = 40", "num_steps = 10", 6, "“num_steps”本来就是 10"),
        ('claims = ["有好处", "好处不小"]', "", 10, "要写出哪些断言会失败（claims）"),
        ('claims = ["好处不小"]', 'claims = ["好处很小"]', 15, "没有名为“好处很小”的断言"),
        ('name = "不处理"', 'name = "训练 4 倍长"', 10, "名字“训练 4 倍长”用了两次"),
        ('unit = "分"', 'unit = "分"\nlimits = 3', 5, "“limits”要写成 [[limits]]，一个改变一段"),
    ],
)
def test_a_wrong_declaration(tiny: Tiny, old: str, new: str, line: int, what: str) -> None:
    declared(tiny, (old, new), *([("[[limits]]", "[[others]]")] if "limits = 3" in new else []))
    with pytest.raises(EngineError) as caught:
        to_run(tiny.project)
    found = caught.value.problems
    assert ("examples/04-a/better.stress.toml", line, what) in [(p.path, p.line, p.what) for p in found]


def test_not_toml_and_a_damaged_record(tiny: Tiny) -> None:
    declared(tiny, ("[[survives]]", "[[survives"))
    with pytest.raises(EngineError, match="读不出来"):
        to_run(tiny.project)
    declared(tiny)
    tiny.write("examples/04-a/better.stress.json", "[{]")
    with pytest.raises(EngineError, match="删掉它，再运行 engine stress"):
        to_run(tiny.project)


def test_the_command(tiny: Tiny) -> None:
    declared(tiny)
    checked = tiny.command("stress", "--check")
    assert (checked.returncode, "4 种设置" in checked.stdout) == (1, True)
    done = tiny.command("stress")
    assert done.returncode == 0, done.stderr
    assert "运行了 4 种设置" in done.stdout
    assert tiny.command("stress", "--check").returncode == 0


def test_the_curve(tiny: Tiny) -> None:
    declared(tiny)
    run(tiny)
    experiment = parse_experiment(tiny.root / "examples/04-a/better.py", tiny.root / "examples")
    declaration = read_declaration(experiment, tiny.root)
    assert declaration
    outcomes = {outcome.name: outcome for outcome in read_record(experiment, tiny.root)}
    shown = stress_fragment(experiment, declaration, outcomes)
    assert (
        "同一个实验换 1 种不该有影响的设置重做，1 种断言仍然成立；拿走原因（不处理），断言就失败；在这些地方不成立：训练很短。"
        in shown
    )
    assert "更新次数 40" in shown
    assert (
        shown.count("<circle") == 4 + 4 * 4
    )  # runs, and a dot for each run in each row: three settings, four values
    assert "| 训练 4 倍长 | 不该有影响 | +40 ± 0.25 分 | 成立 |" in shown
    assert "| 训练很短 | 已知的界限 | +2 ± 0.25 分 | 不成立 |" in shown
