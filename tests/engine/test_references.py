"""What leads from page to page: related questions both ways, lists by chapter, tag and API, the map."""

from __future__ import annotations

import ast
import re

import pytest
from tests.tiny import EXAMPLE, Tiny

from engine.experiments.names import used_names
from engine.inspect import likely_related


@pytest.fixture
def three(tiny: Tiny) -> Tiny:
    """Questions 04-1, 04-2 and 04-3; the second names the first."""
    tiny.write("docs/04-a/index.md", "---\ntitle: 04 第一章\ndescription: 开头。\n---\n\n# 04 第一章\n")
    for number, name in ((2, "two"), (3, "three")):
        tiny.example(
            EXAMPLE.replace("total = 1 + 1", "import torch\n\ntotal = torch.ones(2).sum().int().item()"), name
        )
        tiny.page(
            ("qa: 04-1", f"qa: 04-{number}" + ("\nrelated: [04-1]" if number == 2 else "")),
            ("一加一等于几？\nqa", f"问题 {number} [甲]？\nqa"),
            ("tags: [张量]", "tags: [优化]"),
            ("04-a/sum/stamp", f"04-a/{name}/stamp"),
            ("04-a/sum/claims", f"04-a/{name}/claims"),
            ("04-a/sum/sum", f"04-a/{name}/sum"),
            ("04-a/sum/error", f"04-a/{name}/error"),
            ("04-a/sum/foot", f"04-a/{name}/foot"),
            name=name,
        )  # fmt: skip
    return tiny


def fragment(tiny: Tiny, name: str) -> str:
    return (tiny.root / "build/fragments" / name).read_text("utf-8")


def test_related_questions_lead_both_ways(three: Tiny) -> None:
    three.build()
    assert "[一加一等于几？](sum.md)" in fragment(three, "04-a/two/related.md")
    assert "[问题 2 \\[甲\\]？](two.md)" in fragment(three, "04-a/sum/related.md")
    assert "](" not in fragment(three, "04-a/three/related.md")


def test_an_unknown_related_question_is_named(tiny: Tiny) -> None:
    tiny.page(("qa: 04-1", "qa: 04-1\nrelated: [04-7]"))
    (problem,) = tiny.problems()
    assert problem.line == 4
    assert "没有编号为“04-7”的问题" in problem.what


def test_lists_by_chapter_and_tag(three: Tiny) -> None:
    three.build()
    chapter = fragment(three, "04-a/questions.md")
    assert chapter.index("04-1") < chapter.index("04-2") < chapter.index("04-3")
    assert "等于二。" in chapter
    assert "## [04 第一章](04-a/index.md)" in fragment(three, "index/chapters.md")
    assert fragment(three, "index/contents.md") == "- [04 第一章](04-a/index.md)：开头。\n"
    tags = fragment(three, "index/tags.md")
    assert '[优化](tags/优化.md){ .md-tag }<span class="qa-count">2</span> 下降' in tags
    page = (three.root / "docs/tags/优化.md").read_text("utf-8")
    assert "(../04-a/two.md)" in page
    assert "sum.md" not in page
    assert "(../04-a/sum.md)" in (three.root / "docs/tags/报错原文.md").read_text("utf-8")  # from the code


def test_a_tag_page_without_questions_is_removed(three: Tiny) -> None:
    three.build()
    path = three.root / "docs/tags/张量.md"
    assert path.exists()
    three.page(("tags: [张量]", "tags: [优化]"))
    three.build()
    assert not path.exists()


def test_the_map_crosses_chapters_and_topics(three: Tiny) -> None:
    three.build()
    head, _, row = [line for line in fragment(three, "index/map.md").splitlines() if line.startswith("|")]
    assert head == "| 章 | 主题 |"
    assert row.count("](04-a/") == 4  # the chapter and its three questions
    assert '[04-2](04-a/two.md "问题 2 [甲]？")' in row


def test_apis_lead_to_questions(three: Tiny) -> None:
    three.write(
        "docs/glossary.yml",
        "- term: 求和\n  en: sum\n  api: [Tensor.sum]\n  means: 加起来。\n  questions: [04-1]\n",
    )
    three.build()
    apis = fragment(three, "index/apis.md")
    docs = "https://docs.pytorch.org/docs/stable/generated"
    assert f'- [`torch.ones`]({docs}/torch.ones.html) [04-2](04-a/two.md "问题 2 [甲]？") [04-3]' in apis
    assert f"- [`Tensor.sum`]({docs}/torch.Tensor.sum.html) [04-2]" in apis
    assert "04-1" not in apis


def test_a_chapters_list_may_be_included_by_its_page_only_if_there_is_such_a_chapter(three: Tiny) -> None:
    three.write("docs/04-a/index.md", '---\ntitle: 一\n---\n\n--8<-- "04-a/questions.md"\n')
    assert three.problems() == ()
    three.write("docs/04-a/index.md", '---\ntitle: 一\n---\n\n--8<-- "05-b/questions.md"\n')
    (problem,) = three.problems()
    assert (problem.path, problem.line) == ("docs/04-a/index.md", 5)


def test_pairs_that_share_most_come_first(three: Tiny) -> None:
    three.build()
    pairs = likely_related(three.project)
    assert next((a.qa, b.qa) for _, a, b in pairs) == ("04-2", "04-3")
    assert ("04-1", "04-2") not in [(a.qa, b.qa) for _, a, b in pairs]  # linked already
    done = three.command("related", "--count", "1")
    assert done.stdout.count("↔") == 1
    assert "04-2" in done.stdout


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import torch\ntorch.nn.Linear(1, 2)", {"torch.nn.Linear"}),
        ("import torch.nn.functional as F\nF.relu", {"torch.nn.functional.relu"}),
        (
            "from torch import nn\nnn.Linear(1, 2, bias=False).weight.t()",
            {"torch.nn.Linear", "bias=", ".weight", ".t"},
        ),
        ("from sklearn.svm import SVC as S\nS()", {"sklearn.svm.SVC"}),
        ("x = 1\nx.real", {".real"}),
        ("import numpy, torch\nnumpy.zeros(torch.pi)", {"numpy.zeros", "torch.pi"}),
    ],
)
def test_names_that_a_source_uses(source: str, used: set[str]) -> None:
    assert used_names(ast.parse(source)) == used


def test_names_that_differ_in_case_alone_have_a_fixed_order(tiny: Tiny) -> None:
    """``torch.Tensor`` and ``torch.tensor``: else two builds of the same site would differ."""
    letters = "abcdefghijkl"
    uses = "\n".join(f"    torch.{name}x" for letter in letters for name in (letter, letter.upper()))
    tiny.example(f"# %% sum\nimport torch\n\nassert torch.ones(1) > 0\nif False:\n{uses}\n")
    tiny.page(('--8<-- "04-a/sum/error.md"\n\n', ""))
    tiny.build()
    listed = re.findall(
        r"^- \[?`torch\.(\wx)`", (tiny.root / "build/fragments/index/apis.md").read_text("utf-8"), re.MULTILINE
    )
    assert listed == [name for letter in letters for name in (f"{letter.upper()}x", f"{letter}x")]
