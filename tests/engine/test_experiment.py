"""Reading percent files: what is a cell, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tiny import Tiny

from engine.common import ExperimentError, find_root
from engine.experiments import Experiment, parse_experiment


def parse(folder: Path, content: str | bytes) -> Experiment:
    path = folder / "examples" / "04-a" / "x.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return parse_experiment(path, folder / "examples")


def problems(folder: Path, content: str | bytes) -> list[tuple[int | None, str]]:
    with pytest.raises(ExperimentError) as caught:
        parse(folder, content)
    assert all(problem.path == "examples/04-a/x.py" for problem in caught.value.problems)
    return [(problem.line, problem.what) for problem in caught.value.problems]


def test_cells_keep_their_names_sources_and_lines(tmp_path: Path) -> None:
    experiment = parse(tmp_path, '"""问题？"""\n\n# %% first\nx = 1\n\n# 注释\ny = 2\n\n# %% second-2\n\nprint(x)\n')
    assert experiment.id == "04-a/x"
    assert experiment.docstring == "问题？"
    assert [(cell.name, cell.source, cell.line) for cell in experiment.cells] == [
        ("first", "x = 1\n\n# 注释\ny = 2", 4),
        ("second-2", "print(x)", 11),
    ]


def test_cells_that_begin_alike_keep_their_own_lines(tmp_path: Path) -> None:
    experiment = parse(tmp_path, "# %% a\nprint(1)\n\n# %% b\nprint(1)\nx = 2\n\n# %% c\nprint(1)\n")
    assert [cell.line for cell in experiment.cells] == [2, 5, 9]


def test_text_that_looks_like_a_cell_inside_a_string_is_text(tmp_path: Path) -> None:
    experiment = parse(tmp_path, '# %% a\ntext = """\nnot # %% a cell\n"""\n')
    assert [cell.name for cell in experiment.cells] == ["a"]


def test_options_of_a_cell(tmp_path: Path) -> None:
    experiment = parse(tmp_path, '# %% a caption="看，图。" timeout=3.5\nx = 1\n# %% b raises="KeyError"\n{}[1]\n')
    assert (experiment.cells[0].caption, experiment.timeout) == ("看，图。", 3.5)
    assert experiment.cells[1].raises == "KeyError"


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    experiment = parse(tmp_path, "\ufeff# %% a\r\nx = 1\r\ny = 2\r\n")
    assert experiment.cells[0].source == "x = 1\ny = 2"


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("# %%\nx = 1\n", 1, "单元没有名字"),
        ("x = 1\n# %% a\ny = 1\n", 1, "单元没有名字"),
        ("# %% Ünïcode\nx = 1\n", 1, "不合规"),
        ("# %% a\nx = 1\n# %% b\ny = 1\n# %% a\nz = 1\n", 5, "“a”重复"),
        ("# %% claims\nx = 1\n", 1, "是保留的"),
        ('# %% a captoin="x"\nx = 1\n', 1, "不认识单元选项“captoin”"),
        ("# %% a timeout=oops\nx = 1\n", 1, "单元头读不懂"),
        ('# %% a timeout="3"\nx = 1\n', 1, "timeout 的值不对"),
        ("# %% a timeout=0\nx = 1\n", 1, "timeout 的值不对：0"),
        ("# %% a timeout=-5\nx = 1\n", 1, "timeout 的值不对：-5"),
        ("# %% a timeout=True\nx = 1\n", 1, "timeout 的值不对：True"),
        ("# %% a timeout=1e999\nx = 1\n", 1, "timeout 的值不对：inf"),
        (f"# %% a timeout=1{'0' * 400}\nx = 1\n", 1, "timeout 的值不对"),
        (f"# %% a timeout=1{'0' * 5000}\nx = 1\n", 1, "单元头读不懂"),
        ("# %% a timeout=nan\nx = 1\n", 1, "单元头读不懂"),
        ('# %% a caption="\nx = 1\n', 1, "单元头读不懂"),
        ('# %% a caption=" "\nx = 1\n', 1, "caption 的值不对"),
        ("# %% a raises=3\nx = 1\n", 1, "raises 的值不对"),
        ('# %% a caption="\\ud800"\nx = 1\n', 1, "写不进文件的字符"),
        ('"""\\ud800"""\n# %% a\nx = 1\n', 1, "写不进文件的字符"),
        ('# %% a reads="\'x"\nx = 1\n', 1, "reads 的值不对"),
        ('# %% a reads="x.db"\nx = 1\n', 1, "reads 里的“x.db”不存在"),
        ('# %% a reads="../../.."\nx = 1\n', 1, "在项目之外"),
        ('# %% a raises="E"\nx = 1\n\n# %% b\ny = 1\n', 1, "raises 只能写在最后一个单元"),
        ("# %% a\nx = 1\n# %% [markdown]\n# 文字\n", 3, "实验里只有代码单元"),
        ("", 1, "没有单元"),
        ('"""只有说明"""\n', 1, "没有单元"),
        ("# %% a\nx = (\n", 2, "不是合法的 Python"),
        (b"# %% a\nx = 1\n" + b"# \xff\n", 3, "不是 UTF-8"),
        (b"# %% a\nx = '\x00'\n", 2, "有空字节"),
        ("# %% a\nx = 1\nawait x\n", 3, "不是合法的 Python：'await' outside function"),
        ("# %% a\nx = 1\n\n# %% b\nreturn x\n", 5, "不是合法的 Python：'return' outside function"),
        ("# %% a\nnonlocal x\n", 2, "不是合法的 Python：nonlocal"),
        ("# %% a\n*x = 1\n", 2, "不是合法的 Python"),
        ("# %% a\nx = 1\n# %% b\nfrom __future__ import annotations\n", 4, "不是合法的 Python"),
        ("# %% a\nif True:\n    x = 1\n# %% b\n    y = 2\n", 5, "每个单元要自成一段"),
        (f"# %% a\nx = 1\ny = {'-' * 20_000}1\nz = 1\n", 3, "嵌套太深"),
        (f"# %% a\nx = [\n1]\nx = {'9' * 5000}\n", 4, "不是合法的 Python"),
        ('b"""bytes"""\n# %% a\nx = 1\n', 1, "开头的说明要是一段普通的文字"),
        ('\nf"""{1}"""\n# %% a\nx = 1\n', 2, "开头的说明要是一段普通的文字"),
        ('"""问题"""\nx = 1\n# %% a\ny = 1\n', 2, "单元没有名字"),
        ("# coding: gbk\n# %% a\nx = '字'\n", 1, "编码不是 UTF-8"),
        ("# coding: nonsense\n# %% a\nx = 1\n", 1, "编码不是 UTF-8"),
        ("# %% a\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n", 2, "合并冲突的标记：<<<<<<< HEAD"),
        ('"""问题\n>>>>>>> other\n"""\n# %% a\nx = 1\n', 2, "合并冲突的标记：>>>>>>> other"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, content: str | bytes, line: int | None, what: str
) -> None:
    found = problems(tmp_path, content)
    assert len(found) == 1, found
    assert what in found[0][1]
    assert line is None or found[0][0] == line


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "# %% a\nx = 1\n# %% a\ny = 1\n# %%\nz = 1\n")
    assert [line for line, _ in found] == [3, 5]


def test_a_misspelt_option_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="是不是想写 caption"):
        parse(tmp_path, '# %% a captoin="x"\nx = 1\n')


def test_a_literal_that_cannot_be_made_is_found_by_the_run_not_by_the_reader(tmp_path: Path) -> None:
    assert parse(tmp_path, "# %% a\nx = {[]: 1}\n").cells[0].source == "x = {[]: 1}"


def test_what_is_nested_as_deeply_as_python_reads_is_read_and_run(tiny: Tiny) -> None:
    assert tiny.only(f"# %% a\ny = 1\nprint({'-' * 900}y)\nassert {'-' * 900}y == 1\n") is None
    assert tiny.fragment("a")


@pytest.mark.parametrize(
    "comment",
    [
        "# 为什么?",
        "# why?",
        "# %d 是整数的格式",
        "# %matplotlib inline",
        "# %%time",
        "#%%b",
        "# !pip install torch",
        "# x = !ls",
        "# x = %f",
        "# copy the weights",
        "# cat data.csv",
        "# ls -= 1",
        "# +",
        "# -",
        "# + tags=[1]",
        "# region x",
        "# endregion",
        "# <codecell>",
        "# In[1]:",
        "# ---",
        "# # %% b",
        "# # +",
        "# \\%d",
        "#",
        "##",
        "#! x",
        "    # %% b",
    ],
)
def test_a_comment_stays_one_whatever_it_resembles(tmp_path: Path, comment: str) -> None:
    code = f"ls = 5\n{comment}\nif ls:\n    {comment}\n    ls = 6\n\n\n{comment}"
    experiment = parse(tmp_path, f'{comment}\n"""问题"""\n# %% a\n{code}\n\n# %% c\n{comment}\n')
    assert [(cell.name, cell.source) for cell in experiment.cells] == [("a", code), ("c", comment)]
    assert experiment.docstring == "问题"


def test_cells_are_the_lines_of_the_file_byte_for_byte(tmp_path: Path) -> None:
    text = "#!/usr/bin/env python\n# %% a\nx = 1  \n\n\n\ny = '\\t'\n"
    text += "# %% b\n\x0cz = '''\n# %% c\n  '''\n# \u2028 \u0085\n"
    experiment = parse(tmp_path, text)
    assert experiment.text == text
    assert [cell.name for cell in experiment.cells] == ["a", "b"]
    lines = text.split("\n")
    for cell in experiment.cells:
        height = cell.source.count("\n") + 1
        assert cell.source == "\n".join(lines[cell.line - 1 : cell.line - 1 + height])


def test_a_file_that_is_not_there_any_more_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError) as caught:
        parse_experiment(tmp_path / "examples/04-a/x.py", tmp_path / "examples")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("examples/04-a/x.py", None)
    assert problem.what.startswith("读不出来：")


def test_one_file_that_cannot_be_read_does_not_keep_the_others(tiny: Tiny) -> None:
    tiny.example("# %% a\nx = 1\n# 为什么?\nassert x + 1 == 2\n", "good")
    tiny.example(f"# %% a\nx = {'-' * 20_000}1\n", "deep")
    tiny.example('b"""bytes"""\n# %% a\nx = 1\n', "bytes")
    tiny.example("# %% a\nx = 1\n", "good-too")
    problems = tiny.problems(only=[tiny.root / "examples"])
    assert sorted((problem.path, problem.line) for problem in problems) == [
        ("examples/04-a/bytes.py", 1),
        ("examples/04-a/deep.py", 2),
    ]
    assert "# 为什么?" in tiny.fragment("a", "good")
    assert tiny.fragment("a", "good-too")


@pytest.mark.parametrize(
    "name",
    [".#sum.py", "._sum.py", ".hidden.py", "foo.py/x", "../.ipynb_checkpoints/sum-checkpoint.py", "../.git/x.py"],
)
def test_files_of_editors_and_systems_are_no_experiments(tiny: Tiny, name: str) -> None:
    path = tiny.root / "examples/04-a" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff not Python")
    assert tiny.build().executed == ("04-a/sum",)


def test_the_lock_of_an_editor_is_no_experiment(tiny: Tiny) -> None:
    (tiny.root / "examples/04-a/.#sum.py").symlink_to("me@host.123:456")
    assert tiny.build().executed == ("04-a/sum",)


def test_a_broken_link_is_named(tiny: Tiny) -> None:
    (tiny.root / "examples/04-a/gone.py").symlink_to("nowhere")
    (problem,) = tiny.problems()
    assert (problem.path, problem.line) == ("examples/04-a/gone.py", None)
    assert "读不出来" in problem.what
    assert tiny.fragment("sum", "sum")


def test_examples_may_be_a_link(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "experiments"
    (tiny.root / "examples").rename(elsewhere)
    (tiny.root / "examples").symlink_to(elsewhere)
    for path in ("examples/04-a/sum.py", "examples/04-a", "docs/04-a/sum.md"):
        done = tiny.command("run", path)
        assert done.returncode == 0, done.stderr
        assert "1 个" in done.stdout
    tiny.example("# %% a\n1 / 0\n")
    (problem,) = tiny.problems(only=[tiny.root / "examples"])
    assert problem.path == "examples/04-a/sum.py"


def test_the_project_is_found_from_below_another_pyproject(tiny: Tiny) -> None:
    for other in ("[tool.ruff]\nline-length = 88\n", "not = TOML = at all\n", "tool = 3\n"):
        tiny.write("examples/pyproject.toml", other)
        assert find_root(tiny.root / "examples/04-a") == tiny.root


def test_where_no_project_is_the_nearest_settings_are_named(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/pyproject.toml").write_text("[tool.ruff]\n")
    assert find_root(tmp_path / "a/b") == tmp_path / "a"


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "1e99", "soon"])
def test_a_limit_on_the_command_line_is_a_time(tiny: Tiny, seconds: str) -> None:
    done = tiny.command("run", f"--timeout={seconds}")
    assert done.returncode == 2
    assert "--timeout" in done.stderr
    assert "大于 0 的秒数" in done.stderr
    assert not tiny.entries()


def test_a_limit_of_one_second_is_one(tmp_path: Path) -> None:
    assert parse(tmp_path, "# %% a timeout=1\nx = 1\n").timeout == 1
