"""Labs: experiments with text between their cells, shown as notebooks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.tiny import Tiny

LAB = """# ---
# title: 加法实验
# tags: [张量]
# questions: [04-1]
# description: 从一加到三。
# ---

# %% [markdown]
# # 加法实验
#
# 见[一加一等于几？](../04-a/sum.md)。

# %% add
total = 1 + 2
print("和：", total)
assert total == 3

# %% [markdown]
# ## 画出来
# 公式 $a + b$。

# %% plot caption="一条直线。"
import matplotlib.pyplot as plt

plt.plot([0, total])
plt.title("直线")
"""


def lab(tiny: Tiny, *changes: tuple[str, str]) -> Path:
    text = LAB
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return tiny.write("examples/labs/adding.py", text)


def notebook(tiny: Tiny, name: str = "docs/labs/adding.ipynb") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tiny.root / name).read_text("utf-8"))
    return content


def test_a_lab_becomes_a_notebook_with_its_text_and_what_its_cells_gave(tiny: Tiny) -> None:
    lab(tiny)
    tiny.build()
    cells = notebook(tiny)["cells"]
    assert [(c["cell_type"], c["id"]) for c in cells] == [
        ("markdown", "text-1"),
        ("code", "add"),
        ("markdown", "text-2"),
        ("code", "plot"),
    ]
    assert cells[0]["source"].startswith("# 加法实验\n\n见[一加一")
    assert cells[1]["outputs"][0]["text"] == "和： 3\n"
    assert "image/svg+xml" in cells[3]["outputs"][0]["data"]
    assert cells[3]["metadata"]["caption"] == "一条直线。"
    assert notebook(tiny)["metadata"]["page"] == {
        "id": "labs/adding",
        "title": "加法实验",
        "tags": ["张量"],
        "description": "从一加到三。",
    }


def test_what_readers_download_is_valid_and_has_no_page(tiny: Tiny) -> None:
    import nbformat

    lab(tiny)
    tiny.build()
    content = notebook(tiny, "docs/downloads/labs/adding.ipynb")
    nbformat.validate(content)
    assert "page" not in content["metadata"]
    assert (tiny.root / "docs/downloads/labs/adding.py").read_text("utf-8") == LAB


def test_a_change_of_words_alone_executes_nothing_and_is_shown(tiny: Tiny) -> None:
    lab(tiny)
    tiny.build()
    lab(tiny, ("## 画出来", "## 画成图"), ("一条直线。", "直直的线。"))
    assert tiny.build().executed == ()
    cells = notebook(tiny)["cells"]
    assert cells[2]["source"].startswith("## 画成图")
    assert cells[3]["metadata"]["caption"] == "直直的线。"


def test_a_lab_and_its_questions_lead_to_each_other(tiny: Tiny) -> None:
    tiny.page(("sum/foot.md", 'sum/related.md"\n\n--8<-- "04-a/sum/foot.md'))
    lab(tiny)
    tiny.build()
    assert "实验室：[加法实验](../labs/adding.ipynb)" in tiny.fragment("related", "sum")
    assert "[加法实验](../labs/adding.ipynb)" in (tiny.root / "docs/tags/张量.md").read_text("utf-8")
    lab(tiny, ("见[一加一等于几？](../04-a/sum.md)。", "见别处。"))
    (problem,) = tiny.problems()
    assert (problem.path, problem.what) == ("examples/labs/adding.py", "列出了问题 04-1，正文里没有链接到它")


def test_the_gallery_shows_labs_and_experiments(tiny: Tiny) -> None:
    lab(tiny)
    tiny.build()
    gallery = (tiny.root / "build/fragments/index/gallery.md").read_text("utf-8")
    assert re.findall(r"\[([^]]+)\]\(([^)]+)\)", gallery) == [
        ("加法实验", "adding.ipynb"),
        ("一加一等于几？", "../04-a/sum.md"),
    ]
    assert 'data-tags="张量"' in gallery
    picture = (tiny.root / "docs/assets/thumbnails/labs/adding.svg").read_text("utf-8")
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "直线</text>" in picture
    assert not (tiny.root / "docs/assets/thumbnails/04-a").exists()  # it draws nothing


def test_a_lab_that_is_gone_leaves_nothing(tiny: Tiny) -> None:
    path = lab(tiny)
    tiny.write("docs/labs/index.md", "# 实验室\n")
    tiny.build()
    path.unlink()
    tiny.build()
    assert [p.name for p in (tiny.root / "docs/labs").iterdir()] == ["index.md"]
    assert not (tiny.root / "docs/assets/thumbnails/labs").exists()


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (("# title: 加法实验\n", ""), 1, "开头的说明里缺“title”"),
        (("[张量]", "[张亮]"), 3, "没有标签“张亮”"),
        (("[04-1]", "[04-9]"), 4, "没有编号为这样的问题“04-9”"),
        (("# tags", "# tag"), 3, "开头的说明里不认识“tag”"),
        (("# # 加法实验", "# # 减法实验"), 9, "开头没有与 title 相同的标题"),
        (("$a + b$", "$\\frac{a$"), 20, "公式转换不了"),
        (("description: 从一加到三。", "description: [没完"), None, "front matter 不是合法的 YAML"),
        (("description: 从一加到三。", r"description: 从 $\frob{1}$ 加到三。"), 5, "公式转换不了"),
        (("title: 加法实验", "title: 加法 <unk> 实验"), 2, "标题要写成一行，里面的 <…> 会被当成 HTML"),
        (("$a + b$", r"\(\frob\)"), 20, "公式转换不了"),
        (("$a + b$", "[甲](javascript:x)"), 20, "链接会执行脚本"),
    ],
)
def test_what_is_wrong_with_a_lab_is_said_with_its_line(
    tiny: Tiny, change: tuple[str, str], line: int | None, what: str
) -> None:
    lab(tiny, change)
    problem = next(p for p in tiny.problems() if p.what.startswith(what))
    assert problem.path == "examples/labs/adding.py"
    assert line is None or problem.line == line


def test_markdown_in_an_experiment_that_is_no_lab_is_refused(tiny: Tiny) -> None:
    problem = tiny.only("# %% [markdown]\n# 文字\n\n# %% a\nx = 1\n")
    assert problem is not None
    assert problem.what == "实验里只有代码单元"


@pytest.mark.parametrize("code", ["x = 1 + 1", "assert 1 == 2", "   # 缩进的注释", "f'{x}'"])
def test_code_below_a_header_of_text_is_refused(tiny: Tiny, code: str) -> None:
    lab(tiny, ("#\n# 见", f"#\n{code}\n# 见"))
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("examples/labs/adding.py", 11)
    assert "Markdown 单元里有代码" in problem.what


def test_text_may_be_one_string(tiny: Tiny) -> None:
    lab(tiny, ("# ## 画出来\n# 公式 $a + b$。", '"""\n## 画出来\n公式 $a + b$。\n"""'))
    tiny.build()
    assert notebook(tiny)["cells"][2]["source"] == "## 画出来\n公式 $a + b$。"
