"""The project's settings: whatever is wrong with pyproject.toml is said with its line."""

from __future__ import annotations

import pytest
from tests.tiny import SETTINGS, Tiny

from engine.common import UsageError, find_root


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("04 = 3", '04 = "3"', 3, "第 04 章的问题数不是 0 到 999 的整数"),
        ("04 = 3", "04 = true", 3, "第 04 章的问题数不是"),
        ("04 = 3", "04 = -1", 3, "第 04 章的问题数不是"),
        ("04 = 3", "04 = 4_000_000_000", 3, "第 04 章的问题数不是"),
        ("04 = 3", "四 = 3", 3, "不是合法的 TOML"),
        ("04 = 3", '"四" = 3', 3, "“四”不是章号"),
        ("{ 04 = 3 }", "[3]", 3, "questions 要写成"),
        ('{ "主题" = { "张量" = "形状", "优化" = "下降" } }', '["张量", "优化"]', 4, "tags 要写成表"),
        ('{ "张量" = "形状", "优化" = "下降" }', '"形状"', 4, "“主题”要写成一组标签"),
        ('"优化" = "下降"', '"优化" = 3', 4, "标签“优化”的说明要写成文字"),
        ('"优化"', '"优/化"', 4, "文件名和地址里不能有的字符"),
        ('"优化"', '".优化"', 4, "文件名和地址里不能有的字符"),
        ('"优化"', '""', 4, "文件名和地址里不能有的字符"),
        ('"下降" }', '"下降" }, "别组" = { "张量" = "又一次" }', 4, "写在两组里：主题、别组"),
        ("04 = 3", "04 = 3 3", 3, "不是合法的 TOML"),
        ("04 = 3", f"04 = {'9' * 5000}", None, "读不懂"),
        ("[tool.engine]", "tool = 3\n[engine]", None, "这里不是项目文件夹"),
        ("[tool.engine]", "[tool]\nengine = 3\n[others]", 3, "[tool.engine] 要写成一张表"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tiny: Tiny, old: str, new: str, line: int | None, what: str) -> None:
    assert old in SETTINGS
    tiny.write("pyproject.toml", SETTINGS.replace(old, new))
    with pytest.raises(UsageError) as raised:
        tiny.build()
    (problem,) = raised.value.problems
    assert what in problem.what
    assert problem.line == line
    assert len(str(problem)) < 400


def test_settings_that_are_not_utf8(tiny: Tiny) -> None:
    tiny.write("pyproject.toml", SETTINGS.encode("gb18030"))
    with pytest.raises(UsageError) as raised:
        tiny.build()
    (problem,) = raised.value.problems
    assert (problem.path, problem.line) == ("pyproject.toml", 4)
    assert "不是 UTF-8" in problem.what


def test_what_a_tag_covers_may_have_formulas_that_can_be_converted(tiny: Tiny) -> None:
    tiny.write("pyproject.toml", SETTINGS.replace('"下降"', r'"沿 $-\\nabla f$ 下降"'))
    assert tiny.problems() == ()
    tiny.write("pyproject.toml", SETTINGS.replace('"下降"', r'"沿 $\\frob f$ 下降"'))
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("pyproject.toml", 4)
    assert "公式转换不了" in problem.what


def test_a_tag_that_is_made_from_code(tiny: Tiny) -> None:
    tiny.write("pyproject.toml", SETTINGS.replace('"优化"', '"报错原文"'))
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("pyproject.toml", 4)
    assert "由代码生成" in problem.what


def test_tags_with_names_that_yaml_and_markdown_read_otherwise(tiny: Tiny) -> None:
    name = "C++: 'a' [b] *c* {d} `e` $f$"
    tiny.write("pyproject.toml", SETTINGS.replace('"张量"', f'"{name}"'))
    tiny.page(("tags: [张量]", f'tags: ["{name}"]'))
    assert tiny.problems() == ()
    page = (tiny.root / f"docs/tags/{name}.md").read_text("utf-8")
    assert page.startswith(f'---\ntitle: "标签：{name}"\n')


def test_a_pyproject_of_something_else_on_the_way_up(tiny: Tiny) -> None:
    tiny.write("examples/pyproject.toml", "[tool.ruff]\n")
    assert find_root(tiny.root / "examples/04-a") == tiny.root
