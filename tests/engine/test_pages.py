"""Pages and claims: every defect is named with page and line, and nothing false gets into the ledger."""

from __future__ import annotations

import json

import pytest
from tests.tiny import EXAMPLE, PAGE, Tiny


def line_of(text: str) -> int:
    return PAGE[: PAGE.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "at", "what", "hint"),
    [
        ("tags: [张量]", "tag: [张量]", "tags", "不认识“tag”", "是不是想写“tags”"),
        ("tags: [张量]", "tags: [张亮]", "tags", "没有标签“张亮”", "是不是想写“张量”"),
        ("tags: [张量]", "tags: 张量", "tags", "文字的列表", ""),
        ("qa: 04-1", "qa: 04-9", "qa", "没有编号为“04-9”的问题", ""),
        ("description: 等于二。", "description:", "description", "缺“description”", ""),
        ("verdict: 成立", "verdict: 成力", "  - says", "不认识判定“成力”", "是不是想写“成立”"),
        ("verdict: 成立", "verdict: 不成立", "  - says", "判定为“不成立”要写出", ""),
        ("verdict: 成立", "verdict: 无法用实验判定", "  - says", "要写出理由", ""),
        ("    evidence: sum\n", "", "  - says", "说法没有证据", ""),
        ("evidence: sum", "evidense: sum", "  - says", "说法里不认识“evidense”", "是不是想写“evidence”"),
        ("evidence: sum", "evidence: smu", "  - says", "没有叫“smu”的断言或单元", "它的单元：sum、error"),
        ("says: 一加一等于二", "says: [未闭合", "  - says", "不是合法的 YAML", ""),
        ("04-a/sum/sum.md", "04-a/sum/smu.md", "--8<-- \"04-a/sum/sum.md", "没有单元“smu”", "它的单元：sum、error"),
        ("04-a/sum/sum.md", "04-a/smu/sum.md", "--8<-- \"04-a/sum/sum.md", "没有实验 04-a/smu.py", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tiny: Tiny, old: str, new: str, at: str, what: str, hint: str) -> None:
    tiny.page((old, new))
    found = tiny.problems()
    problem = next((problem for problem in found if what in problem.what), None)
    assert problem is not None, found
    assert problem.path == "docs/04-a/sum.md"
    assert abs((problem.line or 0) - line_of(at)) <= (1 if "YAML" in what else 0)
    assert hint in problem.hint


def test_a_formula_that_cannot_be_converted_is_named_with_its_line(tiny: Tiny) -> None:
    tiny.page(
        (
            "# 一加一等于几？\n\n--8",
            "# 一加一等于几？\n\n```text\n$\\nonsense$ 是代码\n```\n\n对的：$x^2$。错的：$\\nonsense{x}$\n\n--8",
        )
    )
    (problem,) = tiny.problems()
    assert problem.path == "docs/04-a/sum.md"
    assert problem.line == line_of("# 一加一") + 6
    assert "公式" in problem.what
    assert "nonsense" in problem.hint


def test_a_display_formula_is_checked_too(tiny: Tiny) -> None:
    tiny.page(("# 一加一等于几？\n\n--8", "# 一加一等于几？\n\n$$\nx = \\nonsense{x}\n$$\n\n--8"))
    (problem,) = tiny.problems()
    assert problem.line == line_of("# 一加一") + 2


FROB = r"$\frob{2}$"
UNDECIDED = "  - says: 一加一很美\n    verdict: 无法用实验判定\n    truth: "


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("title: 一加一", f"title: {FROB} 一加一", "title:"),
        ("description: 等于二", f"description: 等于 {FROB}", "description:"),
        ("says: 一加一", f"says: {FROB} 一加一", "  - says"),
        ("claims:\n", f"claims:\n{UNDECIDED}没有 {FROB}\n", "  - says"),
        ("claims:\n", f"aliases: [一加一, '{FROB}']\nclaims:\n", "claims:"),
        ("claims:\n", f"asks:\n  - 一加一\n  - '{FROB}'\nclaims:\n", "  - says"),
        ("# 一加一等于几？\n", "# 一加一等于几？ \\(\\frob\\)\n", "# 一加一"),
        ('--8<-- "04-a/sum/stamp', '\\[\\frob\n\\]\n\n--8<-- "04-a/sum/stamp', '--8<-- "04-a/sum/stamp'),
        ('--8<-- "04-a/sum/stamp', '> $$\n> \\frob\n> $$\n\n--8<-- "04-a/sum/stamp', '--8<-- "04-a/sum/stamp'),
        (
            '--8<-- "04-a/sum/stamp',
            '\\begin{frob}\nx\n\\end{frob}\n\n--8<-- "04-a/sum/stamp',
            '--8<-- "04-a/sum/stamp',
        ),
        ('--8<-- "04-a/sum/stamp', f'- 一\n- 二 {FROB}\n\n--8<-- "04-a/sum/stamp', '--8<-- "04-a/sum/claims'),
        ('--8<-- "04-a/sum/stamp', f'!!! note\n    二 {FROB}\n\n--8<-- "04-a/sum/stamp', '--8<-- "04-a/sum/claims'),
        ('--8<-- "04-a/sum/stamp', f'```text\n没有闭合\n\n{FROB}\n\n--8<-- "04-a/sum/stamp', None),
    ],
)
def test_a_formula_is_checked_wherever_it_is_rendered(tiny: Tiny, old: str, new: str, at: str | None) -> None:
    tiny.page((old, new))
    (problem,) = [problem for problem in tiny.problems() if "公式" in problem.what]
    assert problem.path == "docs/04-a/sum.md"
    if at:
        lines = (tiny.root / "docs/04-a/sum.md").read_text("utf-8").split("\n")
        there = next(number for number, line in enumerate(lines, 1) if "frob" in line)
        assert 0 <= there - (problem.line or 0) <= (2 if "truth" in new else 1)
        assert abs((problem.line or 0) - line_of(at)) <= 3
    assert "frob" in problem.hint


def test_the_description_of_a_chapter_is_checked(tiny: Tiny) -> None:
    tiny.write("docs/04-a/index.md", f"---\ntitle: 第四章\ndescription: '{FROB}'\n---\n\n# 第四章\n")
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("docs/04-a/index.md", 3)


@pytest.mark.parametrize(
    "body",
    [
        "花 $5 和 $6 元。",
        f"代码 `{FROB}` 与 ``{FROB}``。",
        f"```text\n{FROB}\n```",
        f"~~~ {{ .text }}\n{FROB}\n~~~",
        f"    {FROB}",
        r"\$\frob$ 是转义的。",
        r"方括号 \[甲\] 与 \frob。",
        f'<div title="x">\n{FROB}\n</div>',
    ],
)
def test_what_is_no_formula_is_left_alone(tiny: Tiny, body: str) -> None:
    tiny.page(("# 一加一等于几？\n", f"# 一加一等于几？\n\n{body}\n"))
    assert tiny.problems() == ()


@pytest.mark.parametrize(
    "link",
    [
        "[点](javascript:alert(1))",
        "[点](JavaScript:alert(1))",
        "[点](&#106;avascript:alert(1))",
        "[点](java&#9;script:alert(1))",
        "[点][甲]\n\n[甲]: javascript:alert(1)",
        "[点](sum.md){ href=javascript:alert(1) }",
        "![点](javascript:alert(1))",
        "<a class=x href='javascript:alert(1)'>点</a>",
        "[点](data:text/html,<script>alert(1)</script>)",
        "[点](vbscript:x)",
    ],
)
def test_a_link_that_runs_a_script_is_refused(tiny: Tiny, link: str) -> None:
    tiny.write("docs/other.md", f"# 甲页\n\n`javascript:` 是代码。\n\n{link}\n")
    (problem,) = tiny.problems()
    assert problem.path == "docs/other.md"
    assert problem.line in (5, 7)
    assert "会执行脚本" in problem.what


def test_links_that_run_nothing(tiny: Tiny) -> None:
    body = "[a](https://x.y/javascript:z) <a@b.c> [b](mailto:a@b.c) [c](04-a/sum.md) ![d](data:image/png;base64,AA)\n"
    tiny.write("docs/other.md", f"# 甲页\n\n{body}\n```html\n<a href=javascript:x>\n```\n")
    assert tiny.problems() == ()


def test_what_a_failed_merge_leaves_is_refused_outside_code(tiny: Tiny) -> None:
    conflict = "<<<<<<< HEAD\n甲\n=======\n乙\n>>>>>>> branch\n"
    tiny.write("docs/other.md", f"# 甲页\n\n```text\n{conflict}```\n\n{conflict}")
    found = tiny.problems()
    assert [(problem.path, problem.line) for problem in found] == [("docs/other.md", 11), ("docs/other.md", 15)]
    assert "合并冲突" in found[0].what


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("total = 1 + 1\n", "其中没有断言"),
        ("total = 1 + 1\nassert True\n", "不可能失败"),
        ("total = 1 + 1\nassert total == total\n", "不可能失败"),
        ("total = 1 + 1\nif total == 3:\n    assert total == 2\n", "没有执行到"),
        ("total = 1 + 1\nfor x in []:\n    assert x == 2\n", "没有执行到"),
    ],
)
def test_a_claim_is_held_only_by_an_assertion_that_ran_and_could_fail(tiny: Tiny, code: str, why: str) -> None:
    tiny.example(f"# %% sum\n{code}\n# %% error\nassert total\n")
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("docs/04-a/sum.md", line_of("  - says"))
    assert why in problem.what


def test_a_cell_that_raises_what_it_declares_is_evidence(tiny: Tiny) -> None:
    tiny.page(("evidence: sum", "evidence: error"))
    assert tiny.problems() == ()


def test_an_assertion_made_in_a_function_of_an_earlier_cell_counts_for_the_cell_that_states_it(tiny: Tiny) -> None:
    tiny.example(
        "# %% sum\ndef check(x):\n    assert x == 2\n\ncheck(1 + 1)\n\n# %% error\nimport math\nassert math.pi > 3\n"
    )
    assert tiny.problems() == ()


def test_a_cell_that_no_page_shows_is_a_problem(tiny: Tiny) -> None:
    tiny.page(('--8<-- "04-a/sum/error.md"', ""))
    (problem,) = tiny.problems()
    assert "单元 error 没有嵌进页面" in problem.what


def test_page_and_experiment_need_each_other_and_numbers_are_unique(tiny: Tiny) -> None:
    tiny.page(name="twin")
    tiny.example("# %% a\nassert 1 + 1 == 2\n", "orphan")
    found = {(problem.path, problem.what) for problem in tiny.problems()}
    assert ("docs/04-a/twin.md", "没有同名的实验 examples/04-a/twin.py") in found
    assert ("docs/04-a/twin.md", "编号 04-1 已经用在 docs/04-a/sum.md:3") in found
    assert ("examples/04-a/orphan.py", "没有同名的页面 docs/04-a/orphan.md") in found


def test_everything_wrong_is_reported_at_once(tiny: Tiny) -> None:
    tiny.page(("tags: [张量]", "tags: [张亮]"), ("verdict: 成立", "verdict: 成力"))
    tiny.example("# %% a\n1 / 0\n", "broken")
    assert {problem.path for problem in tiny.problems()} == {"docs/04-a/sum.md", "examples/04-a/broken.py"}


def test_the_ledger_is_rendered_three_ways(tiny: Tiny) -> None:
    tiny.page(
        (
            "    evidence: sum\n",
            "    evidence: sum\n"
            '  - says: "一加一等于 `a|b` | <三>"\n    verdict: 不成立\n    truth: 等于*二*\n    evidence: [sum, error]\n'
            "  - says: 一加一很美\n    verdict: 无法用实验判定\n    truth: 美不美没有度量\n",
        )
    )
    assert tiny.problems() == ()
    fragments = tiny.root / "build/fragments"
    table = (fragments / "04-a/sum/claims.md").read_text("utf-8")
    assert 'qa-verdict--yes">成立<' in table
    assert "一加一等于 `a|b` \\| &lt;三&gt;" in table
    assert "等于\\*二\\*　[sum](#cell-sum)" in table
    assert "(#cell-error)" in table
    errata = (fragments / "ledger/errata.md").read_text("utf-8")
    assert "&lt;三&gt;" in errata
    assert "(04-a/sum.md#cell-error)" in errata
    assert "很美" not in errata  # it is not wrong
    report = (fragments / "ledger/report.md").read_text("utf-8")
    assert "1 个问题，2 个实验单元，3 条说法：1 条成立，1 条不成立，1 条无法判定。" in report
    assert "很美" in report
    (entry,) = json.loads((tiny.root / "build/ledger.json").read_text("utf-8"))
    assert entry["qa"] == "04-1"
    assert entry["seconds"] >= 0
    assert len(entry["claims"]) == 3


def test_what_is_gone_is_removed(tiny: Tiny) -> None:
    tiny.build()
    old = tiny.root / "build/fragments/04-a/sum/sum.md"
    assert old.exists()
    tiny.example(EXAMPLE.replace("# %% sum", "# %% total"))
    tiny.page(("sum/sum.md", "sum/total.md"), ("evidence: sum", "evidence: total"))
    tiny.build()
    assert not old.exists()
    assert (tiny.root / "build/fragments/04-a/sum/total.md").exists()


def test_files_that_did_not_change_are_not_written_again(tiny: Tiny) -> None:
    tiny.build()
    before = {path: path.stat().st_mtime_ns for path in (tiny.root / "build").rglob("*") if path.is_file()}
    tiny.build(force=True)
    after = {path: path.stat().st_mtime_ns for path in before}
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed <= {"ledger.json"}  # it holds the exact seconds


def test_other_pages_may_have_any_front_matter(tiny: Tiny) -> None:
    tiny.write("docs/index.md", "---\ntitle: 首页\nhide: [navigation]\n---\n\n# 首页\n")
    assert tiny.problems() == ()


def test_a_page_that_is_not_utf8(tiny: Tiny) -> None:
    tiny.write("docs/04-a/sum.md", PAGE.encode("gb18030"))
    assert any("不是 UTF-8" in problem.what for problem in tiny.problems())


def test_files_of_editors_are_no_pages(tiny: Tiny) -> None:
    whole = (tiny.root / "docs/04-a/sum.md").read_text("utf-8")
    (tiny.root / "docs/04-a/.#sum.md").symlink_to("me@host.123:456")
    tiny.write("docs/04-a/._sum.md", b"\x00\x05\x16\x07")
    tiny.write("docs/04-a/.ipynb_checkpoints/sum-checkpoint.md", whole)
    (tiny.root / "docs/04-a/folder.md").mkdir()
    assert tiny.problems() == ()
    assert not [entry for entry in tiny.problems(only=[tiny.root / "docs/04-a"]) if entry]


def test_a_page_that_cannot_be_read_is_named_as_it_is_called(tiny: Tiny) -> None:
    (tiny.root / "docs/04-a/gone.md").symlink_to("nowhere.md")
    (problem,) = tiny.problems()
    assert problem.path == "docs/04-a/gone.md"
    assert "读不出来" in problem.what


def test_a_copy_of_a_page_is_called_that(tiny: Tiny) -> None:
    tiny.write("docs/04-a/sum.orig.md", PAGE)
    found = [problem for problem in tiny.problems() if problem.path == "docs/04-a/sum.orig.md"]
    assert any("已经用在 docs/04-a/sum.md:3" in problem.what and "副本" in problem.hint for problem in found)


HARD = {
    "digits": (f"qa: 04-1\nx: {'9' * 5000}", 3, "读不出这个值"),
    "date": ("qa: 04-1\nx: 2024-13-45", 3, "读不出这个值：2024-13-45"),
    "itself": ("qa: 04-1\nx: &x [*x]", 3, "指回了自己"),
    "depth": (f"qa: 04-1\nx: {'[' * 900}{']' * 900}", 1, "太深"),
    "bomb": (
        "x0: &x0 [y]\n" + "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 30)),
        7,
        "展开后超过",
    ),
}


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("other", [False, True])
def test_front_matter_that_is_hard_to_read(tiny: Tiny, kind: str, other: bool) -> None:
    front, line, what = HARD[kind]
    tiny.write("docs/other.md" if other else "docs/04-a/sum.md", f"---\n{front}\n---\n\n# 甲\n")
    problem = tiny.problems()[0]
    assert problem.path == ("docs/other.md" if other else "docs/04-a/sum.md")
    assert problem.line == line
    assert what in problem.what
    assert len(str(problem)) < 400


def test_a_body_that_is_nested_too_deep(tiny: Tiny) -> None:
    boxes = '<div markdown="1">\n\n' * 1500 + "深" + "\n\n</div>" * 1500
    tiny.write("docs/other.md", f"# 甲\n\n{boxes}\n")
    (problem,) = tiny.problems()
    assert problem.path == "docs/other.md"
    assert "嵌套得太深" in problem.what


def test_values_that_other_pages_may_have(tiny: Tiny) -> None:
    tiny.write("docs/04-a/index.md", "---\ntitle: [一]\ntags: 3\nrelated: 1\ndescription:\naliases: {a: b}\n---\n")
    assert tiny.problems() == ()


@pytest.mark.parametrize("name", ["a#b", "a%20b", "a?b", 'a"b', "a<b", "a|b", "a`b", "a\nb", "a[b]", "a$b$"])
def test_a_name_that_is_no_address(tiny: Tiny, name: str) -> None:
    tiny.write(f"docs/{name}.md", "# 甲\n")
    (problem,) = tiny.problems()
    assert problem.path == f"docs/{name}.md"
    assert "文件名里不能有" in problem.what
    assert "改名" in problem.hint


@pytest.mark.parametrize("chapter", ["tags", "downloads", "assets", "templates"])
def test_a_chapter_with_a_name_that_is_taken(tiny: Tiny, chapter: str) -> None:
    tiny.write(f"examples/{chapter}/sum.py", EXAMPLE)
    tiny.write(f"docs/{chapter}/sum.md", PAGE.replace("qa: 04-1", "qa: 04-2").replace("04-a/", f"{chapter}/"))
    (problem,) = tiny.problems()
    assert problem.path == f"examples/{chapter}/sum.py"
    assert f"一章不能叫 {chapter}" in problem.what


def test_a_question_among_the_labs(tiny: Tiny) -> None:
    tiny.write("docs/labs/sum.md", PAGE.replace("qa: 04-1", "qa: 04-2"))
    assert any("只有实验室" in problem.what and problem.line == 3 for problem in tiny.problems())


@pytest.mark.parametrize("name", ["index", "README"])
def test_a_question_that_would_be_the_page_of_its_chapter(tiny: Tiny, name: str) -> None:
    tiny.write(f"examples/04-a/{name}.py", EXAMPLE)
    tiny.write(f"docs/04-a/{name}.md", PAGE.replace("qa: 04-1", "qa: 04-2").replace("04-a/sum/", f"04-a/{name}/"))
    problem = tiny.problems()[0]
    assert (problem.path, problem.line) == (f"docs/04-a/{name}.md", 3)
    assert "首页" in problem.what
