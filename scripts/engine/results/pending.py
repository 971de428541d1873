"""What stands for the results of an experiment that has not run yet, or that failed: its code, and why no outputs."""

from __future__ import annotations

import dataclasses
import html
import platform
from collections.abc import Iterator
from pathlib import Path

from engine.common import Project
from engine.experiments import Experiment, Lab, page_metadata
from engine.results.notebook import Facts, downloadable, facts_of, notebook_of
from engine.results.render import cell_fragment
from engine.running import CellRun, Run


def pending_facts(experiment: Experiment, status: str) -> Facts:
    """Return what is known of a run that has not been: nothing but its `status`."""
    return dataclasses.replace(facts_of(_unexecuted(experiment)), status=status)


def pending_files(
    project: Project, experiment: Experiment, lab: Lab | None, facts: Facts, note: str
) -> Iterator[tuple[Path, str]]:
    """Make what would be made of a run (see `results`), with `note`, which is plain text, in place of the outputs.

    The line under the title has an empty element of class ``qa-progress``, for whoever shows it to fill.
    """
    notebook = _unexecuted(experiment)
    folder = project.fragments / experiment.id
    line = f'<p class="qa-pending" data-search-exclude>{html.escape(note, quote=False)}</p>\n'
    for cell in experiment.cells:
        if not experiment.is_lab:
            yield folder / f"{cell.name}.md", f"{cell_fragment(cell, notebook, '')}\n{line}"
    badge = f'<span class="qa-badge qa-badge--pending">{html.escape(facts.status)}</span>'
    line = f'{badge} {html.escape(note, quote=False)} <span class="qa-progress"></span>'
    stamp = f'<p class="qa-stamp" data-search-exclude>{line}</p>\n'
    yield folder / "stamp.md", stamp
    yield project.downloads / f"{experiment.id}.py", experiment.text
    yield project.downloads / f"{experiment.id}.ipynb", downloadable(notebook, experiment)
    if lab:
        yield (
            project.notebooks / f"{experiment.path.stem}.ipynb",
            downloadable(notebook, experiment, page_metadata(lab)),
        )


def _unexecuted(experiment: Experiment) -> dict[str, object]:
    run = Run(tuple(CellRun(cell.name, (), ()) for cell in experiment.cells), 0.0, {})
    return notebook_of(experiment, run, "", {"python": platform.python_version(), "libraries": {}}, {})
