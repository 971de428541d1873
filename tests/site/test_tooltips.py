"""Terms explain themselves where a page first uses them, in Chinese sentences too."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import markdown
import pytest
from tests.tiny import SETTINGS

GLOSSARY = """
- term: 权重衰减
  en: weight decay
  synonyms: [L2 正则化]
  means: 每次更新把权重乘一个略小于 1 的数。
- term: 正则化
  en: regularization
  means: 限制模型。
- term: BN
  en: batch norm
  means: 归一化。
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "docs" / "glossary.yml").write_text(GLOSSARY, "utf-8")
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def convert(text: str) -> str:
    return markdown.markdown(
        text, extensions=["markdown_extensions.tooltips", "admonition", "attr_list", "md_in_html", "tables"]
    )


def marked(html: str) -> list[str]:
    return re.findall(r'<abbr class="qa-term" title="[^"]*">([^<]*)</abbr>', html)


def test_inside_a_chinese_sentence_the_first_time_only() -> None:
    html = convert("用权重衰减来训练。\n\n又是权重衰减。")
    assert marked(html) == ["权重衰减"]
    assert (
        '用<abbr class="qa-term" title="weight decay：每次更新把权重乘一个略小于 1 的数。">权重衰减</abbr>来训练'
        in html
    )


def test_a_term_is_explained_once_under_whatever_name() -> None:
    html = convert("Weight Decay 就是权重衰减。")
    assert marked(html) == ["Weight Decay"]
    assert 'title="权重衰减：每次' in html


def test_the_longest_name_at_a_place_is_meant() -> None:
    assert marked(convert("L2 正则化与正则化")) == ["L2 正则化", "正则化"]


def test_several_in_one_text_keep_their_order_and_what_stands_between() -> None:
    html = convert("甲权重衰减乙**丙 BN 丁**戊正则化己")
    assert re.sub(r"<[^>]*>", "", html) == "甲权重衰减乙丙 BN 丁戊正则化己"
    assert marked(html) == ["权重衰减", "BN", "正则化"]


@pytest.mark.parametrize(
    "text",
    [
        "# 权重衰减",
        "[权重衰减](a.md)",
        "`权重衰减`",
        "BNN 和 xBN",
        "no.BN",
        '!!! note "权重衰减"\n\n    内容',
        '<div class="qa-glossary" markdown="1">\n\n权重衰减\n\n</div>',
    ],
)
def test_headings_links_code_and_parts_of_words_are_left_alone(text: str) -> None:
    assert marked(convert(text)) == []


def test_cells_of_tables_and_boxes_are_prose(project: Path) -> None:
    assert marked(convert("| 甲 |\n|---|\n| 用 BN |")) == ["BN"]
    assert marked(convert("!!! note\n\n    用 BN")) == ["BN"]
    (project / "docs" / "glossary.yml").unlink()
    assert marked(convert("用 BN")) == []


def test_a_glossary_that_was_saved_is_read_again(project: Path) -> None:
    assert marked(convert("学习率")) == []
    text = GLOSSARY + "- term: 学习率\n  en: learning rate\n  means: 步子的大小。\n"
    (project / "docs" / "glossary.yml").write_text(text, "utf-8")
    assert marked(convert("学习率")) == ["学习率"]


def test_a_letter_that_only_resembles_the_first_of_a_term(project: Path) -> None:
    """ſ is a small s to a pattern that ignores case, yet its own small letter."""
    (project / "docs" / "glossary.yml").write_text("- term: SVM\n  en: svm\n  means: 最大间隔。\n", "utf-8")
    assert marked(convert("ſ 不是 SVM。")) == ["SVM"]
