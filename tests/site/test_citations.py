"""A citation in the prose leads to its work, under any generator; all else stays as it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import markdown
import pytest
from tests.tiny import SETTINGS

WORKS = """
- key: ioffe2015
  authors: [Sergey Ioffe, Christian Szegedy]
  year: 2015
  title: "Batch \\"Normalization\\""
  arxiv: "1502.03167"
- key: lecun1998
  authors: [Yann LeCun, Léon Bottou, Yoshua Bengio, Patrick Haffner]
  year: 1998
  title: Gradient-Based
  doi: 10.1109/5.726791
- key: nobody2000
  authors: [Nobody]
  year: 2000
  title: Lost
- key: zhang2019a
  authors: [A. Zhang, others]
  year: 2019
  title: One
- key: zhang2019b
  authors: [B. Zhang, others]
  year: 2019
  title: Two
"""
IOFFE = (
    '<a class="qa-cite" href="https://arxiv.org/abs/1502.03167" title="Sergey Ioffe、Christian Szegedy，2015，'
    'Batch &quot;Normalization&quot;">{}</a>'
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "docs" / "bibliography.yml").write_text(WORKS, "utf-8")
    (tmp_path / "docs" / "glossary.yml").write_text(
        "- term: LeCun\n  en: person\n  means: 人。\n- term: 网络\n  en: net\n  means: 函数。\n", "utf-8"
    )
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def convert(text: str) -> str:
    extensions = ["cjklines", "citations", "tooltips"]
    return markdown.markdown(
        text,
        extensions=[f"markdown_extensions.{name}" for name in extensions]
        + ["admonition", "attr_list", "md_in_html", "tables", "toc"],
        extension_configs={"toc": {"permalink": "#"}},
    )


def linked(html: str) -> list[str]:
    return re.findall(r'<(?:a|cite) (?:class="qa-cite"|[^>]*class="qa-cite")[^>]*>([^<]*)<', html)


def test_a_citation_is_a_link_that_says_what_is_cited() -> None:
    html = convert("归一化（Ioffe 与 Szegedy，2015）有用。")
    assert html == f"<p>归一化（{IOFFE.format('Ioffe 与 Szegedy，2015')}）有用。</p>"
    assert 'href="https://doi.org/10.1109/5.726791" title="Yann LeCun 等，1998，' in convert("LeCun 等（1998）")


def test_a_work_that_is_nowhere_to_be_read_is_no_link() -> None:
    assert '<cite class="qa-cite" title="Nobody，2000，Lost">Nobody，2000</cite>' in convert("（Nobody，2000）")


def test_each_time_and_with_what_stands_between() -> None:
    html = convert("甲（LeCun 等，1998；Ioffe 与 Szegedy，2015）乙**丙 LeCun 等（1998）丁**戊")
    assert linked(html) == ["LeCun 等，1998", "Ioffe 与 Szegedy，2015", "LeCun 等（1998）"]
    plain = re.sub(r"<[^>]*>", "", html)
    assert plain == "甲（LeCun 等，1998；Ioffe 与 Szegedy，2015）乙丙 LeCun 等（1998）丁戊"


def test_across_lines_and_with_an_ampersand() -> None:
    assert linked(convert("归一化（Ioffe 与\nSzegedy，2015）有用。")) == ["Ioffe 与\nSzegedy，2015"]
    assert linked(convert("Ioffe & Szegedy (2015)")) == ["Ioffe &amp; Szegedy (2015)"]
    assert linked(convert("| 甲 |\n|---|\n| Ioffe &amp; Szegedy (2015) |")) == ["Ioffe &amp; Szegedy (2015)"]


def test_cells_of_tables_and_boxes_are_prose() -> None:
    assert linked(convert("| 甲 |\n|---|\n| LeCun 等（1998） |")) == ["LeCun 等（1998）"]
    assert linked(convert("!!! note\n\n    LeCun 等（1998）")) == ["LeCun 等（1998）"]


@pytest.mark.parametrize(
    "text",
    [
        "# LeCun 等（1998）",
        "[LeCun 等（1998）](a.md)",
        "`LeCun 等（1998）`",
        "    LeCun 等（1998）",
        "<div>LeCun 等（1998）</div>",
        '!!! note "LeCun 等（1998）"\n\n    内容',
        '<div class="qa-foot qa-outward" markdown="1">\n\n- LeCun 等（1998）\n\n</div>',
        "LeCun 等（1999）、LeCun（1998）、Zhang 等（2019）、AlexNet（1998）",
    ],
)
def test_headings_links_code_the_list_itself_and_what_is_not_known_are_left_alone(text: str) -> None:
    assert linked(convert(text)) == []


def test_terms_are_explained_outside_of_citations_only() -> None:
    html = convert("LeCun 等（1998）的网络，也就是 LeCun 的。")
    assert re.findall(r"<abbr[^>]*>([^<]*)", html) == ["网络", "LeCun"]
    assert html.index("</a>") < html.index("<abbr")


def test_a_bibliography_that_was_saved_is_read_again_and_a_broken_one_links_nothing(project: Path) -> None:
    path = project / "docs" / "bibliography.yml"
    assert linked(convert("Cover（1965）")) == []
    path.write_text(WORKS + "- key: cover1965\n  authors: [T. Cover]\n  year: 1965\n  title: Three\n", "utf-8")
    assert linked(convert("Cover（1965）")) == ["Cover（1965）"]
    path.write_text("- key: [", "utf-8")
    assert linked(convert("Cover（1965）、LeCun 等（1998）")) == []
    path.unlink()
    assert linked(convert("LeCun 等（1998）")) == []
