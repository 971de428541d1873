"""Notebooks as pages: what mkdocs-jupyter reads comes out like the site's other pages, whatever stands in it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.build.sites import mkdocs
from tests.tiny import PATIENCE, Tiny

LAB = """# ---
# title: 加法实验
# tags: [张量]
# questions: [04-1]
# description: 从一加到三。
# ---

# %% [markdown]
# # 加法实验
#
# 见[一加一等于几？](../04-a/sum.md)；`a < b` 而且 1 < 2 & "3"，$x < y$。

# %% add
text = "<script>alert(1)</script> & &amp; ```"
print(text)
assert 1 < 2

# %% [markdown]
# ## 画出来
# ### 更小的标题
# ## 画出来

# %% plot caption="一条直线。"
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(5.2, 2.8))
ax.plot([0, 3])
ax.set(title="直线", xlabel="横", ylabel="纵")
"""


@pytest.fixture
def page(tiny: Tiny) -> str:
    tiny.write("examples/labs/adding.py", LAB)
    done = mkdocs(tiny, "build", "--strict")
    assert done.returncode == 0, done.stderr
    return (tiny.root / "site/labs/adding.html").read_text("utf-8")


def test_text_and_code_mean_only_themselves(page: str) -> None:
    assert '<code>a &lt; b</code> 而且 1 &lt; 2 &amp; "3"' in page
    assert "<script>alert" not in page
    output = page[page.index("qa-output") :]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &amp;amp; ```" in output
    assert "<math><mi>x</mi><mo>&lt;</mo><mi>y</mi></math>" in page


def test_it_looks_and_weighs_like_the_other_pages(page: str) -> None:
    assert len(page.encode()) < 40_000
    assert "<title>加法实验" in page
    assert '<meta name="description" content="从一加到三。">' in page
    for part in ("qa-stamp", "qa-code", "qa-figure", "qa-foot", "md-tag", "var(--qa-fig-c0)"):
        assert part in page, part
    for foreign in ("jp-", "highlight-ipynb", "clipboard-copy-txt", "require.js", "mathjax"):
        assert foreign not in page, foreign


def test_its_table_of_contents_is_in_chinese_and_leads_somewhere(page: str) -> None:
    contents = re.findall(r'href="#([^"]+)" class="md-nav__link"', page)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert contents[:3] == ["画出来", "更小的标题", "画出来_1"]
    assert set(contents) <= set(ids)
    assert "" not in ids


def test_its_links_are_checked(tiny: Tiny) -> None:
    tiny.write("examples/labs/adding.py", LAB.replace("。\n\n# %% add", "，[没有](../04-a/none.md)。\n\n# %% add"))
    done = mkdocs(tiny, "build", "--strict")
    assert done.returncode != 0
    assert "labs/adding.ipynb" in done.stderr
    assert "../04-a/none.md" in done.stderr


def test_it_is_found_by_the_search_once(tiny: Tiny, page: str) -> None:  # noqa: ARG001
    index = (tiny.root / "site/search/index.js").read_text("utf-8")
    assert index.count('"at":"labs/adding.html"') == 1
    assert "alert(1)" not in index  # an output; code, the tags of a gallery and pictures neither
    assert "plt.subplots" not in index


def test_what_a_reader_downloads_runs(tiny: Tiny, page: str, tmp_path: Path) -> None:  # noqa: ARG001
    import subprocess

    copy = tmp_path / "adding.py"
    copy.write_bytes((tiny.root / "site/downloads/labs/adding.py").read_bytes())
    done = subprocess.run([sys.executable, str(copy)], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<script>")
