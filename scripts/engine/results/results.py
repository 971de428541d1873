"""Keep what runs gave, and bring fragments and downloads up to date with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.common import Problem, Project, Reporter, Writer, guarded
from engine.experiments import Experiment, Lab, current_key, ingredients, local_modules, page_metadata
from engine.results import render
from engine.results.cache import Cache, Notebook, changed_reads
from engine.results.durations import read_durations
from engine.results.notebook import Facts, downloadable, facts_of, notebook_of
from engine.results.thumbnail import thumbnail
from engine.running import Run


class Results:
    """The results of one build, each written as it comes: none stays in memory.

    Attributes:
        cache: the executed notebooks of this build and of earlier ones.
        facts: what is to be known of each run, by the experiment's id.
    """

    def __init__(self, project: Project, reporter: Reporter, problems: list[Problem], written: Writer) -> None:
        """Write into `project` by way of `written`; `problems` is added to."""
        self.cache = Cache(project.cache, project.root, reporter.log)
        self.facts: dict[str, Facts] = {}
        self._written = written
        self._project, self._reporter, self._problems = project, reporter, problems
        self._keys: Mapping[str, str] = {}
        self._labs: Mapping[str, Lab] = {}

    def take_cached(
        self, experiments: Sequence[Experiment], keys: Mapping[str, str], labs: Mapping[str, Lab], force: bool
    ) -> list[Experiment]:
        """Render what the cache holds, unless `force`; return what is missing, what takes longest first."""
        self._keys, self._labs = keys, labs
        missing = []
        for experiment in experiments:
            notebook = None
            with guarded(self._problems, self._project.relative(experiment.path)):
                if not force:
                    notebook = self.cache.load(experiment.id, keys[experiment.id])
                if notebook:
                    self._show(experiment, notebook)
            if not notebook:
                missing.append(experiment)
        return self._longest_first(missing)

    def take(self, experiment: Experiment, run: Run) -> None:
        """Keep and render a run the moment it is there; of a failure only what to say at the end."""
        name = self._project.relative(experiment.path)
        self._reporter.done(experiment.id, run.seconds, failed=run.failure is not None)
        if run.failure:
            hint = render.plain(run.failure.traceback).rstrip()
            hint += f"{chr(10) if hint else ''}重现：engine run {name}　或　python {name}"
            self._problems.append(Problem(name, run.failure.line, run.failure.what, hint))
            return
        if changed := self._changed_meanwhile(experiment, run):
            what = f"执行期间改了：{'、'.join(changed)}；结果不算数，没有保存"
            hint = "再运行一次。是实验自己写的：写进当前文件夹，那里是临时的"
            self._problems.append(Problem(name, None, what, hint))
            return
        with guarded(self._problems, name):
            self._keep(experiment, run)

    def _keep(self, experiment: Experiment, run: Run) -> None:
        key = self._keys[experiment.id]
        in_key = {self._project.relative(path) for path in local_modules(experiment).values()}
        reads = {read: digest for read, digest in run.reads.items() if read not in in_key}
        notebook = notebook_of(experiment, run, key, ingredients(experiment), reads)
        self.cache.store(experiment.id, key, notebook)
        self._show(experiment, notebook)

    def _changed_meanwhile(self, experiment: Experiment, run: Run) -> list[str]:
        """Return what is not as it was when the run read it, or when the key was made."""
        changed = changed_reads(self._project.root, run.reads)
        if not changed and current_key(experiment, self._project) != self._keys[experiment.id]:
            changed = [self._project.relative(experiment.path)]
        return changed

    def _longest_first(self, experiments: Sequence[Experiment]) -> list[Experiment]:
        """Order by the CPU time of the last run, what is unknown first: then no long one is left to end alone."""
        recorded = read_durations(self._project.durations, self.cache.log)
        seconds = {e.id: self.cache.last_seconds(e.id) or recorded.get(e.id, float("inf")) for e in experiments}
        return sorted(experiments, key=lambda experiment: -seconds[experiment.id])

    def _show(self, experiment: Experiment, notebook: Notebook) -> None:
        facts = self.facts[experiment.id] = facts_of(notebook)
        lab = self._labs.get(experiment.id)
        self._written.write(_made_of_run(self._project, experiment, notebook, facts, lab, self._problems))


def _made_of_run(
    project: Project,
    experiment: Experiment,
    notebook: Notebook,
    facts: Facts,
    lab: Lab | None,
    problems: list[Problem],
) -> Iterator[tuple[Path, str]]:
    """Make, one after another, what comes of one experiment's outputs: fragments, downloads, picture."""
    folder, name = project.fragments / experiment.id, project.relative(experiment.path)
    found: list[Problem] = []
    with guarded(problems, name):
        for cell in experiment.cells:
            fragment = None
            with guarded(found, name, cell.line - 1):
                fragment = render.cell_fragment(cell, notebook, name)
            if fragment is not None and not experiment.is_lab:  # a lab's page is made from its notebook
                yield folder / f"{cell.name}.md", fragment
        problems += found
        yield folder / "stamp.md", render.stamp_fragment(experiment, facts)
        yield project.downloads / f"{experiment.id}.py", experiment.text
        yield project.downloads / f"{experiment.id}.ipynb", downloadable(notebook, experiment)
        if lab:
            yield (
                project.notebooks / f"{experiment.path.stem}.ipynb",
                downloadable(notebook, experiment, page_metadata(lab)),
            )
        if not found and (picture := thumbnail(experiment, notebook)):
            yield project.thumbnails / f"{experiment.id}.svg", picture
