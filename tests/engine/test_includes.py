"""What a page includes: one reading of it for all, the same as that of pymdownx.snippets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown import Markdown
from pymdownx.snippets import SnippetPreprocessor
from tests.tiny import PAGE, Tiny

from engine.common import includes, shown

LINES = [
    '--8<-- "a.md"', "--8<-- 'a.md'", "-8<- 'b.md'", '   ---8<--- "a.md"', "--8<--", "-8<-", "a.md", "  b.md", "; a.md",
    ';--8<-- "a.md"', ';;--8<-- "a.md"', '--8<-- ";a.md"', "\t--8<--\t'a.md'", '--8<-- "a.md" ', "--8<-- ", ";--8<--",
    '--8<-- "a.md:2:5"', '--8<-- "a.md:1:2,4:5"', '--8<-- "a.md:name"', '--8<-- " a.md "', '--8<-- " "', "--8<-- a.md",
    '--8<-- "a\\"b.md"', '--8<-- "c:/d.md"', "-8<- [start:x]", "文字 -8<- [start:x]", ";-8<- [end:x] 文字", "", "```",
    '--8<-- "a.md:"', '--8<-- ":3"', "--8<-- '“a”.md'", '> --8<-- "a.md"', '--8<-- "b.md"\r',
]  # fmt: skip


def preprocessor(**settings: object) -> SnippetPreprocessor:
    md = Markdown(extensions=["pymdownx.snippets"], extension_configs={"pymdownx.snippets": settings})
    made = md.preprocessors["snippet"]
    assert isinstance(made, SnippetPreprocessor)
    return made


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=6))
def test_the_same_is_read_as_pymdownx_includes(lines: list[str]) -> None:
    theirs, opened = preprocessor(base_path=["/nowhere"]), []
    theirs.get_snippet_path = opened.append
    theirs.run(list(lines))
    assert [path for path, _, _ in includes(lines) if path] == opened


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=6))
def test_text_that_is_shown_comes_out_as_it_was(lines: list[str]) -> None:
    lines = [line for line in lines if "\r" not in line]
    assert preprocessor(base_path=["/nowhere"]).run(shown("\n".join(lines)).split("\n")) == (lines or [""])


FORMS = [
    "--8<-- '04-a/sum/{}.md'",
    '-8<- "04-a/sum/{}.md"',
    "--8<--\n04-a/sum/{}.md\n--8<--",
    '  ---8<---  "04-a/sum/../sum/{}.md"',
    '```text\n--8<-- "04-a/sum/{}.md"\n```',
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_include_is_checked(tiny: Tiny, form: str) -> None:
    line = '--8<-- "04-a/sum/sum.md"'
    tiny.page((line, form.format("sum")))
    assert tiny.problems() == ()
    tiny.page((line, form.format("smu")))
    problem = next(problem for problem in tiny.problems() if "没有单元“smu”" in problem.what)
    text = (tiny.root / "docs/04-a/sum.md").read_text("utf-8")
    assert (problem.path, problem.line) == ("docs/04-a/sum.md", text[: text.index("smu")].count("\n") + 1)


@pytest.mark.parametrize(
    ("include", "what"),
    [
        ('--8<-- "04-a/sum/sum.md:2:5"', "片段要整个嵌入"),
        ('--8<-- "04-a/sum/sum.md:name"', "片段要整个嵌入"),
        ('--8<-- "04-a/sum/sum"', "没有片段“04-a/sum/sum”"),
        ('--8<-- "04-a/sum/sum.md" ', "这一行不会嵌入任何东西"),
        ("--8<-- 04-a/sum/sum.md", "这一行不会嵌入任何东西"),
        ('--8<-- "https://example.org/sum.md"', "没有实验"),
        ('--8<-- "/etc/passwd"', "没有片段"),
        ('--8<-- "../../docs/04-a/sum.md"', "没有实验"),
        ('--8<-- "04-a/sum/none/questions.md"', "没有实验"),
    ],
)
def test_what_would_include_nothing_or_half_a_fragment_is_named(tiny: Tiny, include: str, what: str) -> None:
    tiny.write("docs/other.md", f"# 甲页\n\n{include}\n")
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("docs/other.md", 3)
    assert what in problem.what


def test_a_semicolon_makes_it_text(tiny: Tiny) -> None:
    tiny.write("docs/other.md", '# 甲页\n\n;--8<-- "04-a/sum/none.md"\n\n--8<-- ";04-a/sum/none.md"\n')
    assert tiny.problems() == ()


def test_a_cell_twice_on_a_page(tiny: Tiny) -> None:
    line = '--8<-- "04-a/sum/sum.md"'
    tiny.page((line, f"{line}\n\n--8<--\n./04-a/sum/sum.md\n--8<--"))
    (problem,) = tiny.problems()
    first = PAGE[: PAGE.index(line)].count("\n") + 1
    assert problem.line == first + 3
    assert f"第 {first} 行已经嵌过" in problem.what
