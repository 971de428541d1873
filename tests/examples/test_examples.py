"""Every experiment: it runs alone with plain Python from any folder, prints what the site shows, and reads as agreed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.examples.plain import Done
from tests.tiny import PATIENCE

from engine.build import build
from engine.common import load_project
from engine.experiments import Experiment, key_of, parse_experiment
from engine.results import Cache, Notebook, cell_outputs_text

ROOT = Path(__file__).parents[2]
PROJECT = load_project(ROOT)
EXPERIMENTS = {
    experiment.id: experiment
    for path in sorted(PROJECT.examples.glob("*/*.py"))
    for experiment in [parse_experiment(path, PROJECT.examples)]
}
every = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """Execute what is not cached, once for all tests."""
    build(PROJECT)


def notebook_of(experiment: Experiment) -> Notebook:
    notebook = Cache(PROJECT.cache, ROOT, print).load(experiment.id, key_of(experiment))
    assert notebook is not None
    return notebook


@every
def test_plain_python_prints_what_the_site_shows(experiment: Experiment, plain_runs: Callable[[str], Done]) -> None:
    check_run(experiment, plain_runs(experiment.id))


@pytest.mark.parametrize("name", ["04-tensor/reshape-vs-view", "14-numerical-stability/where-nan-and-inf-come-from"])
def test_on_a_command_line_of_its_own(name: str, tmp_path: Path) -> None:
    """The same with nothing imported before: ``python examples/….py`` from another folder."""
    experiment = EXPERIMENTS[name]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MPLBACKEND")}
    done = subprocess.run(
        [sys.executable, str(experiment.path)],
        cwd=tmp_path,
        env=environment | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    check_run(experiment, Done(done.returncode, done.stdout, done.stderr))


def test_a_downloaded_notebook_runs_in_jupyter(tmp_path: Path) -> None:
    """As it is, in a kernel of its own, with the figures that the site shows."""
    import nbclient
    import nbformat

    name = "labs/autograd-training-loop"
    path = PROJECT.downloads / f"{name}.ipynb"
    notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
    shown = [cell.source for cell in notebook.cells]
    nbclient.NotebookClient(
        notebook, timeout=int(PATIENCE), kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    assert [cell.source for cell in notebook.cells] == shown
    printed = {
        cell.id: "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    expected = notebook_of(EXPERIMENTS[name])
    assert printed == {cell: cell_outputs_text(expected, cell) for cell in printed}


def check_run(experiment: Experiment, done: Done) -> None:
    raises = experiment.cells[-1].raises
    assert done.returncode == (1 if raises else 0), done.stderr
    if raises:
        assert re.search(rf"^{re.escape(raises)}\b|\b{re.escape(raises)}: ", done.stderr, re.MULTILINE)
    notebook = notebook_of(experiment)
    assert done.stdout == "".join(cell_outputs_text(notebook, cell.name) for cell in experiment.cells)


@every
def test_reads_as_agreed(experiment: Experiment) -> None:
    lines = experiment.text.splitlines()
    if experiment.is_lab:
        assert 8 <= len(experiment.cells) <= 20
        assert 2 * sum(bool(cell.assertions) for cell in experiment.cells) >= len(experiment.cells)
    else:
        assert experiment.docstring.strip()
    assert all(len(line) <= 120 for line in lines if not line.startswith("# %%"))
    assert not re.search(r"\.show\(|savefig\(|^\s*(from|import) engine\b", experiment.text, re.MULTILINE)


@every
def test_prints_without_warnings_and_nothing_of_the_machine(experiment: Experiment) -> None:
    notebook = notebook_of(experiment)
    for cell, code in zip(experiment.cells, (c for c in notebook["cells"] if c["cell_type"] == "code"), strict=True):
        printed = cell_outputs_text(notebook, cell.name)
        assert not [output for output in code["outputs"] if output.get("name") == "stderr"], cell.name
        assert not re.search(r"\b(cuda|cpu):\d|/tmp/|/home/", printed)


@every
def test_could_fail(experiment: Experiment) -> None:
    held = notebook_of(experiment)["metadata"]["engine"]["held"]
    assert sum(map(len, held.values())) >= 3
