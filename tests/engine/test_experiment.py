"""Reading percent files: what is a cell, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.common import ExperimentError
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
        ('# %% a raises="E"\nx = 1\n\n# %% b\ny = 1\n', 1, "raises 只能写在最后一个单元"),
        ("# %% a\nx = 1\n# %% [markdown]\n# 文字\n", 3, "实验里只有代码单元"),
        ("", 1, "没有单元"),
        ('"""只有说明"""\n', 1, "没有单元"),
        ("# %% a\nx = (\n", 2, "不是合法的 Python"),
        (b"# %% a\nx = 1\n" + b"# \xff\n", 3, "不是 UTF-8"),
        (b"# %% a\nx = '\x00'\n", None, "不是合法的 Python"),
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
