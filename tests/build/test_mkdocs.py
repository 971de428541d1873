"""The engine under MkDocs: a tiny site built and served in processes of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.build.sites import QUIET, ROOT, Server, files, mkdocs
from tests.tiny import EXAMPLE, Tiny


def test_two_builds_from_scratch_are_the_same_bytes(tiny: Tiny) -> None:
    first = mkdocs(tiny, "build", "--strict", "--site-dir", "one", PYTHONHASHSEED="1")
    assert first.returncode == 0, first.stderr
    assert "执行 1 个实验" in first.stderr
    again = mkdocs(tiny, "build", "--strict", "--site-dir", "two", PYTHONHASHSEED="2")
    assert again.returncode == 0, again.stderr
    assert "执行" not in again.stderr  # all was cached
    for made in (".cache", "build", "docs/downloads"):
        shutil.rmtree(tiny.root / made)
    scratch = mkdocs(tiny, "build", "--strict", "--site-dir", "three", PYTHONHASHSEED="3")
    assert "执行 1 个实验" in scratch.stderr
    one, two, three = (files(tiny.root / name) for name in ("one", "two", "three"))
    assert len(one) > 20
    assert [name for name in one if two.get(name) != one[name]] == []
    assert [name for name in one if three.get(name) != one[name]] == []
    assert one.keys() == two.keys() == three.keys()


INSTEAD = "find = patches.find\npatches.find = lambda name: (lambda *_: {}) if name == 'populate' else find(name)"
HELPERS = {
    "none": "prerender._MOST = 0",
    "all there are": "prerender.os.cpu_count = lambda: 9",
    "helpers that die": INSTEAD.format("prerender.os._exit(1)"),
    "helpers that fail": INSTEAD.format("1 / 0"),
}


def hook(tiny: Tiny, code: str) -> None:
    """Have MkDocs wait for all that helpers hand over, so that nothing depends on who is faster, and run `code`."""
    settings = (tiny.root / "mkdocs.yml").read_text("utf-8")
    tiny.write("mkdocs.yml", settings.replace("hooks:\n  - /", "hooks:\n  - waiting.py\n  - /"))
    tiny.write(
        "waiting.py",
        f"import sys\nsys.path.insert(0, {str(ROOT / 'scripts')!r})\nfrom mkdocs_site import patches, prerender, remember\n"
        "def on_pre_page(*_, **__):\n"
        "    while [reader.poll(30) and prerender.collect() for _, reader in list(prerender._helpers)]:\n"
        f"        pass\n{code}\n",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_pages_are_the_same_whoever_renders_them(tiny: Tiny) -> None:
    report = (
        "import atexit\ntake, taken = remember.Memory.take, []\n"
        "remember.Memory.take = lambda self, new: (taken.extend(new), take(self, new))\n"
        "atexit.register(lambda: print('taken', sorted({kind for kind, _ in taken})))\n"
    )
    sites = {}
    for name, change in HELPERS.items():
        hook(tiny, report + change)
        built = mkdocs(tiny, "build", "--strict", "--site-dir", "site")
        assert built.returncode == 0, built.stderr
        assert "Traceback" not in built.stderr, name
        kinds = "['entries', 'page']" if name == "all there are" else "[]"
        assert built.stdout.splitlines()[-1] == f"taken {kinds}", name
        sites[name] = files(tiny.root / "site")
    assert len(sites["none"]) > 20
    for name, site in sites.items():
        assert site == sites["none"], name


def test_what_is_wrong_with_a_page_is_said_once(tiny: Tiny) -> None:
    hook(tiny, HELPERS["all there are"])
    tiny.write("docs/zz.md", "# 末页\n\n[没有这一页](gone.md)\n")
    built = mkdocs(tiny, "build", "--strict")
    assert built.returncode == 1
    assert built.stderr.count("gone.md") == 1


def test_a_failing_experiment_fails_the_build(tiny: Tiny) -> None:
    tiny.example("# %% sum\ntotal = 1 + 1\nassert total == 3, '不对'\n")
    done = mkdocs(tiny, "build")
    assert done.returncode != 0
    for part in (
        "examples/04-a/sum.py:3: 单元 sum 抛出了 AssertionError",
        "assert total == 3",
        "AssertionError: 不对",
        "重现：engine run examples/04-a/sum.py",
    ):
        assert part in done.stderr, done.stderr


def test_an_unknown_cell_fails_the_build_naming_page_and_line(tiny: Tiny) -> None:
    page = tiny.root / "docs/04-a/sum.md"
    text = page.read_text("utf-8").replace("04-a/sum/plot.md", "04-a/sum/plt.md")
    page.write_text(text, "utf-8")
    line = text[: text.index("plt.md")].count("\n") + 1
    done = mkdocs(tiny, "build")
    assert done.returncode != 0
    assert f"docs/04-a/sum.md:{line}: 04-a/sum.py 里没有单元“plt”" in done.stderr


def test_it_builds_from_wherever_it_is_started(tiny: Tiny, tmp_path: Path) -> None:
    tiny.write("docs/glossary.yml", "- { term: 公式, en: formula, means: 用记号写的话。 }\n")
    here = mkdocs(tiny, "build", "--strict", "--site-dir", str(tmp_path / "here"))
    assert here.returncode == 0, here.stderr
    assert 'class="qa-term"' in (tmp_path / "here/index.html").read_text("utf-8")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(tiny.root / "mkdocs.yml")],
        cwd=tmp_path / "elsewhere",
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert files(tiny.root / "site") == files(tmp_path / "here")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_script_and_closing_tags_in_an_output_are_text(tiny: Tiny) -> None:
    tiny.example(EXAMPLE.replace('print("和：", total)', 'print("</div><script>document.title = 1</script></pre>")'))
    tiny.page()
    assert mkdocs(tiny, "build").returncode == 0
    html = (tiny.root / "site/04-a/sum.html").read_text("utf-8")
    assert "&lt;/div&gt;&lt;script&gt;document.title = 1&lt;/script&gt;&lt;/pre&gt;" in html
    assert "<script>document.title" not in html


def test_saving_prose_executes_nothing_saving_an_experiment_only_that_one(tiny: Tiny, server: Server) -> None:
    assert "执行 2 个实验" in server.said()
    before = len(server.said())

    page = tiny.root / "docs/04-a/sum.md"
    page.write_text(page.read_text("utf-8") + "\n新的一句话。\n", "utf-8")
    server.wait(lambda: "新的一句话" in server.page())
    assert "执行" not in server.said()[before:]

    before = len(server.said())
    example = tiny.root / "examples/04-a/sum.py"
    example.write_text(example.read_text("utf-8").replace("和：", "总和："), "utf-8")
    server.wait(lambda: "总和：" in server.page().partition("qa-output")[2])
    assert "执行 1 个实验" in server.said()[before:]
    assert "04-a/other" not in server.said()[before:]


def test_a_failure_while_serving_is_told_and_mended_without_a_restart(tiny: Tiny, server: Server) -> None:
    example = tiny.root / "examples/04-a/sum.py"
    whole = example.read_text("utf-8")
    example.write_text(whole.replace("total == 2", "total == 3"), "utf-8")
    server.wait(lambda: "单元 sum 抛出了 AssertionError" in server.said())
    example.write_text(whole.replace("和：", "合计："), "utf-8")
    server.wait(lambda: "合计：" in server.page().partition("qa-output")[2])


def as_built(html: str) -> str:
    """Return a page without what only a server adds: the address of the page, and the script that reloads it."""
    return re.sub(r'<link rel="canonical"[^>]*>\n|<script>\nvar livereload.*</script>', "", html, flags=re.DOTALL)


def test_what_a_server_remembers_is_what_a_build_gives(tiny: Tiny, server: Server) -> None:
    """A page, an experiment, a page twice, a title: the pages and the index are as if all had been made anew."""
    other = tiny.root / "docs/04-a/other.md"
    other.write_text(other.read_text("utf-8") + "\n[上一题](sum.md#没有这一节)\n", "utf-8")
    page = tiny.root / "docs/04-a/sum.md"
    server.wait(lambda: "doc '04-a/sum.md' does not contain an anchor" in server.said())
    before = len(server.said())
    example = tiny.root / "examples/04-a/sum.py"
    example.write_text(example.read_text("utf-8").replace("和：", "总和："), "utf-8")
    server.wait(lambda: "总和：" in server.page().partition("qa-output")[2])
    page.write_text(page.read_text("utf-8") + "\n## 新的一节\n\n新的一句话。\n", "utf-8")
    server.wait(lambda: "新的一句话" in server.page())
    home = tiny.root / "docs/index.md"
    home.write_text(home.read_text("utf-8").replace("# 首页", "# 新的首页"), "utf-8")
    server.wait(lambda: "新的首页" in server.page())  # in the navigation of pages that stayed as they were, too
    # The page that stayed as it was is still complained of.
    server.wait(lambda: "doc '04-a/sum.md' does not contain an anchor" in server.said()[before:])

    assert mkdocs(tiny, "build").returncode == 0
    for name in ("04-a/sum.html", "04-a/other.html", "index.html", "tags.html"):
        built = as_built((tiny.root / "site" / name).read_text("utf-8"))
        assert "新的首页" in built
        assert as_built(server.get(name)) == built
    assert server.get("search/search_index.json") == (tiny.root / "site/search/search_index.json").read_text("utf-8")


TITLE = """为什么 x<y 时要有 <unk> & "词元" | `a|b` 'c' <img src=x onerror=a()></title></h2>？"""
QUOTED = TITLE.replace("'", "''")


class Elements(HTMLParser):
    """What a page's elements say: their attributes, and the words of its title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.titles: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "title":
            self.titles.append("")

    def handle_data(self, data: str) -> None:
        if self.titles and not self.titles[-1]:
            self.titles[-1] = data


def test_what_a_title_or_a_description_says_is_text_wherever_it_lands(tiny: Tiny) -> None:
    tiny.page(
        ("title: 一加一等于几？", f"title: '{QUOTED}\n\n  第二行'"),
        ("description: 等于二。", f"description: '{QUOTED}'"),
        ("claims:", f"aliases: ['{QUOTED}']\nclaims:"),
        ('--8<-- "04-a/sum/error.md"', '--8<-- "04-a/sum/plot.md"\n\n--8<-- "04-a/sum/error.md"'),
    )
    tiny.write("docs/04-a/index.md", '---\ntitle: "一 <b>"\n---\n\n# 一\n\n--8<-- "04-a/questions.md"\n')
    tiny.write("docs/map.md", '# `<unk></title>` & 地图\n\n--8<-- "index/map.md"\n')
    built = mkdocs(tiny, "build", "--strict")
    assert built.returncode == 0, built.stderr
    names = ("04-a/sum.html", "04-a/index.html", "map.html", "tags/张量.html", "index.html")
    pages = {name: Elements((tiny.root / "site" / name).read_text("utf-8")) for name in names}
    whole = f"{TITLE} 第二行"
    assert pages["04-a/sum.html"].titles[0] == f"{whole} - 可运行的深度学习问答"
    assert pages["04-a/index.html"].titles[0] == "一 <b> - 可运行的深度学习问答"
    assert pages["map.html"].titles[0] == "<unk></title> & 地图 - 可运行的深度学习问答"
    assert ("meta", "content", TITLE) in pages["04-a/sum.html"].attributes
    assert ("a", "title", whole) in pages["map.html"].attributes
    labels = [value for page in pages.values() for _, name, value in page.attributes if name == "aria-label"]
    assert f"下一页: {whole}" in labels
    assert "下一页: <unk></title> & 地图" in labels
    for name, page in pages.items():
        assert not [attribute for attribute in page.attributes if attribute[1].startswith("on")], name
        assert not [attribute for attribute in page.attributes if attribute[0] == "unk"], name
        assert not [value for _, _, value in page.attributes if "&lt;" in value or "&amp;" in value], name


def test_built_from_another_folder(tiny: Tiny, tmp_path: Path) -> None:
    tiny.write("docs/glossary.yml", "- term: 公式\n  en: formula\n  means: 等式。\n")
    there, here = (mkdocs(tiny, "build", "--strict", "-f", str(tiny.root / "mkdocs.yml"), *options, cwd=folder)
                   for folder, options in ((tmp_path, ["--site-dir", "one"]), (tiny.root, ["--site-dir", "two"])))  # fmt: skip
    assert there.returncode == here.returncode == 0, there.stderr
    one, two = (
        files(next(path for path in (tmp_path / name, tiny.root / name) if path.is_dir())) for name in ("one", "two")
    )
    assert 'title="公式、formula：等式。"'.replace("公式、", "") in one["index.html"].decode()
    assert [name for name in two if one.get(name) != two[name]] == []


def test_settings_and_pages_that_the_engine_does_not_read_end_in_a_sentence(tiny: Tiny) -> None:
    tiny.write("docs/other.markdown", "# 甲\n\n$\\frob$\n")
    built = mkdocs(tiny, "build")
    assert built.returncode != 0
    assert 'other.markdown: 0: Unknown command "\\frob"' in built.stderr
    tiny.write("pyproject.toml", '[tool.engine]\nquestions = "3"\n')
    again = mkdocs(tiny, "build")
    assert again.returncode != 0
    assert "pyproject.toml:2: questions 要写成" in again.stderr
    assert "Traceback" not in built.stderr + again.stderr
