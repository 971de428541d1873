"""The benchmark gives every tool the same experiments, in a form that it accepts."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from bench.tools import all_tools, experiments_of

ROOT = Path(__file__).parents[2]
EXPERIMENTS = experiments_of(ROOT)
TOOLS = all_tools(ROOT, ROOT / ".bench" / "venv")


@pytest.mark.parametrize("name", TOOLS)
def test_what_is_changed_is_there(name: str, tmp_path: Path) -> None:
    tool = TOOLS[name]
    tool.lay_out(EXPERIMENTS, tmp_path)
    before = (tmp_path / tool.code).read_text("utf-8"), (tmp_path / tool.page).read_text("utf-8")
    tool.change_code(tmp_path)
    assert (tmp_path / tool.code).read_text("utf-8") != before[0]
    tool.change_prose(tmp_path)
    assert (tmp_path / tool.page).read_text("utf-8") != before[1]


def test_every_experiment_has_a_title_everywhere(tmp_path: Path) -> None:
    TOOLS["sphinx-gallery"].lay_out(EXPERIMENTS, tmp_path / "gallery")
    TOOLS["Jupyter Book"].lay_out(EXPERIMENTS, tmp_path / "book")
    for experiment in EXPERIMENTS:
        script = ast.parse((tmp_path / "gallery" / "examples" / f"{experiment.id}.py").read_text("utf-8"))
        title, line = (ast.get_docstring(script) or "").splitlines()[:2]
        assert title
        assert set(line) == {"="}
        notebook = nbformat.read(tmp_path / "book" / f"{experiment.id}.ipynb", as_version=4)
        assert notebook.cells[0].source.removeprefix("# ")
