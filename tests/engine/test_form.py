"""The form of a page: teach, then prove. Each rule says what to do when it is broken."""

from __future__ import annotations

import pytest
from tests.tiny import SETTINGS, Tiny

EXPERIMENT = '''"""越训练越好吗？"""

# %% settings
num_steps = 10  # 更新次数

# %% compare label="比一比" fold="训练两次，比较"
import matplotlib.pyplot as plt

gains = {"多": num_steps * 1.5, "少": 2.25}
print("| 训练 | 好了多少 |")
print("|---|---|")
for name, gain in gains.items():
    print(f"| {name} | {gain} |")
print("就这些")
assert gains["多"] > gains["少"]  # 证据：多训练更好

# 证据：不止一点
assert gains["多"] > 5
'''
PAGE = """---
title: 越训练越好吗？
qa: 04-1
tags: [张量]
description: 是的。
given: [1997]
claims:
  - says: 越训练越好
    verdict: 成立
    truth: 好了 {{gains.多:.0f}} 分
    evidence: [多训练更好, 不止一点]
---

# 越训练越好吗？

--8<-- "04-a/sum/stamp.md"

多训练好了 {{gains.多:.1f}}，少训练好了 2.25；1997 年就知道。

## 怎么写

--8<-- "04-a/sum/settings.md"

## 常见说法

--8<-- "04-a/sum/claims.md"

--8<-- "04-a/sum/compare.md"

## 什么时候不成立

--8<-- "04-a/sum/foot.md"
"""


def formed(tiny: Tiny, *changes: tuple[str, str], code: str = EXPERIMENT) -> None:
    """Write a question of the new form, with some changes to its page."""
    tiny.write("pyproject.toml", SETTINGS.replace('old_form = ["04-1", ', "old_form = ["))
    tiny.example(code)
    text = PAGE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    tiny.write("docs/04-a/sum.md", text)


def test_a_page_of_the_new_form(tiny: Tiny) -> None:
    formed(tiny)
    assert tiny.problems() == ()
    cell = tiny.fragment("compare", "sum")
    assert '<details class="qa-fold" markdown="1"><summary>训练两次，比较<span>10 行代码</span></summary>' in cell
    assert "| 训练 | 好了多少 |\n| --- | --- |\n| 多 | 15.0 |\n| 少 | 2.25 |" in cell
    assert '.qa-output title="输出" }\n就这些\n```' in cell
    assert '<span id="evidence-多训练更好">多训练更好</span>' in cell
    claims = tiny.fragment("claims", "sum")
    assert "好了 15 分" in claims
    assert "[多训练更好](#evidence-多训练更好){ .qa-evidence }" in claims
    assert '"{{gains.多:.1f}}": "15.0"' in claims


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("## 怎么写", "## 背景", None, "没有“怎么写”或“最小例子”一节"),
        ("## 什么时候不成立", "## 其他", None, "没有“什么时候不成立”一节"),
        ("2.25；", "2.35；", 18, "没有哪次运行给出“2.35”"),
        ("given: [1997]", "given: []", 18, "没有哪次运行给出“1997”"),
        ("{{gains.多:.1f}}", "{{gains.多少:.1f}}", 18, "实验结束时没有“多少”（在 gains.多少 里）；有的：少、多"),
        ("[多训练更好, 不止一点]", "[多训练更好, compare]", 8, "证据要写断言的名字，“compare”是单元"),
        ("[多训练更好, 不止一点]", "[多训练更好, 不止两点]", 8, "04-a/sum.py 里没有叫“不止两点”的断言或单元"),
    ],
)
def test_what_a_page_lacks_is_said(tiny: Tiny, old: str, new: str, line: int | None, what: str) -> None:
    formed(tiny, (old, new))
    assert ("docs/04-a/sum.md", line, what) in [(p.path, p.line, p.what) for p in tiny.problems()]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("# 证据：多训练更好", "# 证据：更好", None, "没有叫“多训练更好”的断言"),
        ('print("就这些")', f'print("{"长" * 45}")', 14, "这一行宽 99 列，至多 88 列"),
        ('fold="训练两次，比较"', f'caption="{"看" * 46}"', 6, "图的说明有 46 个字，至多 45 个"),
        ("import matplotlib.pyplot as plt\n", "import comparison\n", None, "比较训练的实验没有声明它经得起什么"),
    ],
)
def test_what_an_experiment_lacks_is_said(tiny: Tiny, old: str, new: str, line: int | None, what: str) -> None:
    assert old in EXPERIMENT
    formed(tiny, code=EXPERIMENT.replace(old, new))
    found = [(p.line, p.what) for p in tiny.problems()]
    assert [1 for at, said in found if what in said and line in (None, at)], found


def test_cells_stand_in_the_order_in_which_they_run(tiny: Tiny) -> None:
    formed(
        tiny,
        ('--8<-- "04-a/sum/settings.md"', '--8<-- "04-a/sum/compare.md"'),
        ('claims.md"\n\n--8<-- "04-a/sum/compare.md"', 'claims.md"\n\n--8<-- "04-a/sum/settings.md"'),
    )
    assert [p.what for p in tiny.problems()] == ["settings 在实验里排在上一个嵌入的单元前面"]


def test_an_unused_name_is_said(tiny: Tiny) -> None:
    formed(tiny, ("[多训练更好, 不止一点]", "[多训练更好]"))
    assert [(p.path, p.what) for p in tiny.problems()] == [("examples/04-a/sum.py", "没有哪条说法用到证据“不止一点”")]


def test_what_an_experiment_survives_is_checked_and_shown(tiny: Tiny) -> None:
    declaration = 'effect = "gains.多"\nmeans = "好处"\n[[survives]]\nname = "4 倍长"\nset.num_steps = 40\n'
    formed(tiny)
    tiny.write("examples/04-a/sum.stress.toml", declaration)
    whats = [p.what for p in tiny.problems()]
    assert "没有“经得起什么”一节" in whats
    assert "“4 倍长”还没有跑过" in whats
    formed(tiny, ("## 什么时候不成立", '## 经得起什么\n\n--8<-- "04-a/sum/stress.md"\n\n## 什么时候不成立'))
    assert tiny.command("stress").returncode == 0
    assert tiny.problems() == ()
    assert "同一个实验换 1 种不该有影响的设置重做，1 种断言仍然成立" in tiny.fragment("stress", "sum")
    tiny.example(EXPERIMENT.replace("> 5", "> 6"))
    assert "“4 倍长”的记录属于别的代码或设置" in [p.what for p in tiny.problems()]


def test_the_list_of_old_pages_can_only_shrink() -> None:
    """Those that were there when the form changed; whoever brings one into the new form takes it off."""
    from pathlib import Path

    from engine.common import load_project

    project = load_project(Path(__file__).parents[2])
    assert project.old_form <= project.questions - {"04-1"}
