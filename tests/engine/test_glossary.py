"""The glossary: read with every defect named, and what is made from it."""

from __future__ import annotations

import pytest
from tests.tiny import Tiny

GLOSSARY = """
- term: 求和
  en: sum
  synonyms: [加法, "a+b"]
  typed: [加起来]
  api: [torch.sum, Tensor.sum]
  means: 把几个数加起来。
  questions: [04-1]

- term: 商
  en: quotient
  means: 除法的结果。
"""


@pytest.fixture
def worded(tiny: Tiny) -> Tiny:
    tiny.write("docs/glossary.yml", GLOSSARY)
    return tiny


def test_terms_stand_in_the_glossary(worded: Tiny) -> None:
    worded.build()
    fragments = worded.root / "build/fragments"
    page = (fragments / "index/glossary.md").read_text("utf-8")
    assert "**求和**{ #term-1 }　sum、加法、a+b" in page
    assert '[04-1](04-a/sum.md "一加一等于几？")' in page
    assert "除法的结果。" in page
    assert "加起来" not in page.replace("把几个数加起来", "")  # for the search alone


def test_words_are_escaped(worded: Tiny) -> None:
    worded.write("docs/glossary.yml", GLOSSARY.replace('"a+b"', "'<script>'"))
    worded.build()
    page = (worded.root / "build/fragments/index/glossary.md").read_text("utf-8")
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "hint"),
    [
        ("questions: [04-1]", "questions: [04-9]", 2, "没有编号为“04-9”的问题", ""),
        ("api: [torch", "apis: [torch", 2, "不认识“apis”", "是不是想写“api”"),
        ("en: quotient", "en: Sum", 10, "“sum”已经属于“求和”", ""),
        ("  means: 除法的结果。", "  means:", 10, "条目缺“means”", ""),
        ("synonyms: [加法,", "synonyms: [加法, 3,", 2, "文字的列表", ""),
        ("- term: 商", "- 商\n- term: 商", 10, "键: 值", "term、en"),
        ("en: sum", "en: [sum", 4, "术语表读不懂", ""),
        ("means: 除法", "means: $\\frob$ 除法", 10, "公式转换不了", "frob"),
        ("means: 除法的结果。", "means: 2024-13-45", 12, "读不出这个值", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    worded: Tiny, old: str, new: str, line: int, what: str, hint: str
) -> None:
    assert old in GLOSSARY
    worded.write("docs/glossary.yml", GLOSSARY.replace(old, new))
    problem = worded.problems()[0]
    assert (problem.path, problem.line) == ("docs/glossary.yml", line)
    assert what in problem.what
    assert hint in problem.hint


def test_a_glossary_that_is_no_list(worded: Tiny) -> None:
    worded.write("docs/glossary.yml", "term: 求和\n")
    assert "列表" in worded.problems()[0].what


def test_a_mended_glossary_executes_nothing(worded: Tiny) -> None:
    worded.build()
    worded.write("docs/glossary.yml", GLOSSARY.replace("加法", "相加"))
    assert worded.build().executed == ()
    assert "相加" in (worded.root / "build/fragments/index/glossary.md").read_text("utf-8")


@pytest.mark.parametrize("text", ["", "# 还没有\n", "---\n", "\ufeff- term: 商\n  en: q\n  means: 除法。\n"])
def test_a_glossary_may_be_empty_or_begin_with_a_mark_of_its_encoding(tiny: Tiny, text: str) -> None:
    tiny.write("docs/glossary.yml", text)
    assert tiny.problems() == ()


def test_an_interface_that_is_no_plain_name(worded: Tiny) -> None:
    worded.write("docs/glossary.yml", GLOSSARY.replace("torch.sum", "'a`<b>`'"))
    worded.build()
    assert "`` a`<b>` ``" in (worded.root / "build/fragments/index/glossary.md").read_text("utf-8")
