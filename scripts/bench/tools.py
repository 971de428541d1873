"""The engine and its peers: how each is given the same experiments, is run, and is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from engine.experiments import Experiment, parse_experiment

CHANGED = "04-tensor/tensor-vs-ndarray"
"""The experiment, and the page, that the benchmark changes: about a second of its own."""

_QUIET = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "NO_MKDOCS_2_WARNING": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


@dataclass(frozen=True)
class Tool:
    """One way to build the site.

    Attributes:
        name: as shown.
        workers: experiments it runs side by side.
        lay_out: writes the experiments into an empty folder as the tool wants them.
        command: builds, in that folder.
        page: the file that holds the prose of `CHANGED`, relative to the folder.
        code: the file that holds its code.
    """

    name: str
    workers: int
    lay_out: Callable[[Sequence[Experiment], Path], None]
    command: Sequence[str]
    page: str
    code: str

    @property
    def environment(self) -> Mapping[str, str]:
        """One thread each, for every tool: the same work, and workers that do not fight for cores."""
        quiet = dict(_QUIET)
        if self.name in ("mkdocs-jupyter", "Jupyter Book"):
            del quiet["MPLBACKEND"]  # the kernel's own backend makes the pictures
        return os.environ | quiet

    def change_code(self, folder: Path) -> None:
        """Add a comment to the experiment's code."""
        _append(folder / self.code, "code", "# 改动")

    def change_prose(self, folder: Path) -> None:
        """Add a line to the page's prose."""
        _append(folder / self.page, "markdown", "多了一行。")


def all_tools(project: Path, peers: Path) -> dict[str, Tool]:
    """Return the tools by name; `peers` is the environment of all but the engine."""
    workers = os.cpu_count() or 1

    def copy_project(experiments: Sequence[Experiment], folder: Path) -> None:
        _copy_project(project, experiments, folder)

    return {
        tool.name: tool
        for tool in (
            Tool(
                "engine",
                workers,
                copy_project,
                [str(project / ".venv/bin/mkdocs"), "build", "--quiet"],
                f"docs/{CHANGED}.md",
                f"examples/{CHANGED}.py",
            ),
            Tool(
                "mkdocs-jupyter",
                1,
                _mkdocs_jupyter,
                [str(peers / "bin/mkdocs"), "build", "--quiet"],
                f"docs/{CHANGED}.ipynb",
                f"docs/{CHANGED}.ipynb",
            ),
            Tool(
                "Jupyter Book",
                1,
                _jupyter_book,
                [str(peers / "bin/jupyter-book"), "build", "--quiet", "."],
                f"{CHANGED}.ipynb",
                f"{CHANGED}.ipynb",
            ),
            Tool(
                "sphinx-gallery",
                workers,
                _sphinx_gallery,
                [str(peers / "bin/sphinx-build"), "-q", ".", "site"],
                f"examples/{CHANGED}.py",
                f"examples/{CHANGED}.py",
            ),
        )
    }


def experiments_of(project: Path, chapters: Sequence[str] = ()) -> list[Experiment]:
    """Return the project's experiments that are under version control, of some chapters or of all."""
    names = sorted(name for name in _files(project) if name.startswith("examples/") and name.endswith(".py"))
    paths = [project / name for name in names if not chapters or name.split("/")[1] in chapters]
    return [parse_experiment(path, project / "examples") for path in paths]


def _files(project: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=project, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (project / name).is_file()]


def _copy_project(project: Path, experiments: Sequence[Experiment], folder: Path) -> None:
    """Copy what is under version control; of the questions and their chapters, only those of the experiments."""
    wanted = {experiment.id for experiment in experiments}
    left_out = {experiment.id for experiment in experiments_of(project)} - wanted
    left_out |= {f"{_chapter(id_)}/index" for id_ in left_out} - {f"{_chapter(id_)}/index" for id_ in wanted}
    for name in _files(project):
        top, _, rest = name.partition("/")
        if top in ("docs", "examples") and rest.rpartition(".")[0] in left_out:
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project / name, folder / name)
    (folder / "plain.yml").write_text("INHERIT: mkdocs.yml\nhooks: []\nsite_dir: site-plain\n")


def _chapter(experiment: str) -> str:
    return experiment.partition("/")[0]


def _docstring(experiment: Experiment) -> str:
    """Return what heads the page: labs have none of their own."""
    return experiment.docstring.strip() or experiment.id


def _notebooks(experiments: Sequence[Experiment], folder: Path) -> None:
    for experiment in experiments:
        notebook = nbformat.v4.new_notebook(
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        )
        notebook.cells.append(nbformat.v4.new_markdown_cell("# " + _docstring(experiment)))
        for cell in experiment.cells:
            tags = {"tags": ["raises-exception"]} if cell.raises else {}
            notebook.cells.append(nbformat.v4.new_code_cell(cell.source, metadata=tags))
        path = folder / f"{experiment.id}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)


def _mkdocs_jupyter(experiments: Sequence[Experiment], folder: Path) -> None:
    _notebooks(experiments, folder / "docs")
    (folder / "docs" / "index.md").write_text("# 首页\n")
    config = {
        "site_name": "bench",
        "theme": {"name": "material", "font": False},
        "plugins": ["search", {"mkdocs-jupyter": {"execute": True}}],
    }
    (folder / "mkdocs.yml").write_text(json.dumps(config))  # JSON is YAML


def _jupyter_book(experiments: Sequence[Experiment], folder: Path) -> None:
    _notebooks(experiments, folder)
    (folder / "index.md").write_text("# 首页\n")
    config = {
        "title": "bench",
        "only_build_toc_files": True,
        "execute": {"execute_notebooks": "cache", "timeout": -1},
    }
    (folder / "_config.yml").write_text(json.dumps(config))
    chapters = [{"file": experiment.id} for experiment in experiments]
    (folder / "_toc.yml").write_text(json.dumps({"format": "jb-book", "root": "index", "chapters": chapters}))


def _sphinx_gallery(experiments: Sequence[Experiment], folder: Path) -> None:
    for experiment in experiments:
        path = folder / "examples" / f"{experiment.id}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        title, _, rest = _docstring(experiment).partition("\n")
        code = "\n\n# %%\n".join(cell.source for cell in experiment.cells)
        path.write_text(f'"""\n{title}\n{"=" * 2 * len(title)}\n{rest}\n"""\n\n# %%\n{code}\n')
    for chapter in {path.parent for path in (folder / "examples").glob("*/*.py")} | {folder / "examples"}:
        (chapter / "GALLERY_HEADER.rst").write_text(f"{chapter.name}\n{'=' * 40}\n")
    raising = [f"examples/{experiment.id}.py" for experiment in experiments if experiment.cells[-1].raises]
    config = f"""
import os
project = "bench"
extensions = ["sphinx_gallery.gen_gallery"]
html_theme = "alabaster"
sphinx_gallery_conf = {{
    "examples_dirs": "examples", "gallery_dirs": "gallery", "filename_pattern": "/", "parallel": os.cpu_count(),
    "expected_failing_examples": {raising!r}, "within_subsection_order": "FileNameSortKey",
}}
"""
    (folder / "conf.py").write_text(config)
    (folder / "index.rst").write_text("bench\n=====\n\n.. toctree::\n\n   gallery/index\n")


def _append(path: Path, kind: str, line: str) -> None:
    """Add a line to the first code cell, or to the prose, of a notebook, a script or a page."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        notebook = nbformat.reads(text, as_version=4)
        cell = next(cell for cell in notebook.cells if cell.cell_type == kind)
        cell.source += f"\n\n{line}"
        nbformat.write(notebook, path)
    elif path.suffix == ".py" and kind == "markdown":
        path.write_text(text.replace('\n"""\n\n# %%', f'\n\n{line}\n"""\n\n# %%', 1), "utf-8")
    else:
        path.write_text(f"{text.rstrip()}\n{'' if kind == 'code' else chr(10)}{line}\n", "utf-8")
