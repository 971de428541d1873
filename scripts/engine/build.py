"""All the steps, in order: parse → key → cache or run → notebook → fragments, downloads, ledger.

The only module that knows them all. A build is whole or says what is wrong with every part that is not; what was
computed on the way is in the cache in either case.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import ledger, render
from engine.cache import Cache, Notebook, digest_of_file
from engine.errors import EngineError, Problem, RunError, UsageError
from engine.experiment import Experiment, parse_experiment
from engine.key import ingredients, key_of
from engine.ledger import Entry
from engine.notebook import downloadable, notebook_of
from engine.pages import Page, read_page
from engine.progress import Reporter
from engine.project import Project, write_if_changed

LEDGER_FRAGMENTS = ("ledger/errata.md", "ledger/report.md")


@dataclass(frozen=True)
class Result:
    """What a build did: ids of experiments that were executed and of those taken from the cache."""

    executed: tuple[str, ...]
    cached: tuple[str, ...]


def build(
    project: Project,
    only: Sequence[Path] = (),
    *,
    force: bool = False,
    jobs: int | None = None,
    timeout: float | None = None,
    reporter: Reporter | None = None,
) -> Result:
    """Bring fragments, downloads and ledger up to date, executing what is not cached.

    Args:
        project: the project.
        only: files or folders under examples/ or docs/ to restrict the build to; all by default. A restricted build
            leaves the ledger's own pages as they are.
        force: execute even what is cached.
        jobs: experiments to run side by side; as many as there are cores by default.
        timeout: seconds each experiment may take, instead of what the experiments say.
        reporter: is told of the progress.

    Raises:
        UsageError: a path of `only` is no experiment.
        EngineError: everything that is wrong with experiments, runs, pages and claims. All else has been brought up
            to date.
    """
    reporter = reporter or Reporter()
    with _one_at_a_time(project, reporter):
        problems: list[Problem] = []
        experiments = _parse(project, _select(project, only), problems)
        cache = Cache(project.cache, project.root, reporter.log)
        notebooks: dict[str, Notebook] = {}
        keys = {experiment.id: key_of(experiment) for experiment in experiments}
        if not force:
            for experiment in experiments:
                if notebook := cache.load(keys[experiment.id]):
                    notebooks[experiment.id] = notebook
        cached = tuple(notebooks)
        missing = [experiment for experiment in experiments if experiment.id not in notebooks]
        reporter.start(len(missing), len(cached))
        for experiment, notebook in _execute(project, missing, keys, jobs, timeout, cache, reporter, problems):
            notebooks[experiment.id] = notebook

        written = _render(project, experiments, notebooks, problems)
        pages = list(_read_pages(project, [e.id for e in experiments] if only else None, problems))
        written |= _write_ledger(project, pages, experiments, notebooks, problems, whole=not only)
        if not only and not problems:
            _remove_stale(project, written)
    if problems:
        raise EngineError(sorted(problems, key=lambda problem: (problem.path, problem.line or 0)))
    return Result(tuple(e.id for e in missing), cached)


def missing_results(project: Project, only: Sequence[Path] = ()) -> list[str]:
    """Return the ids of the experiments whose results are not in the cache, whole and current.

    Raises:
        EngineError: experiments that cannot be read, or pages and claims that are wrong.
    """
    problems: list[Problem] = []
    experiments = _parse(project, _select(project, only), problems)
    cache = Cache(project.cache, project.root, Reporter().log)
    notebooks = {e.id: notebook for e in experiments if (notebook := cache.load(key_of(e)))}
    pages = list(_read_pages(project, [e.id for e in experiments] if only else None, problems))
    for entry in _entries(pages, experiments, notebooks):
        problems += ledger.check_entry(entry)
    if problems:
        raise EngineError(problems)
    return [experiment.id for experiment in experiments if experiment.id not in notebooks]


@contextlib.contextmanager
def _one_at_a_time(project: Project, reporter: Reporter) -> Iterator[None]:
    """Wait for another build of the same checkout: what it executes need not be executed twice."""
    path = project.cache.parent / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError:  # a read-only checkout can still be rendered elsewhere, and two builds never harm each other
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.log("另一个构建正在进行，等它结束……")
            fcntl.flock(file, fcntl.LOCK_EX)
        with reporter:
            yield


def _select(project: Project, only: Sequence[Path]) -> list[Path]:
    """Return the experiments' files that are asked for, in order."""
    every = sorted(path for path in project.examples.glob("*/*.py") if not path.name.startswith("_"))
    if not only:
        return every
    chosen: set[Path] = set()
    for path in only:
        wanted = path.resolve()
        if wanted.is_relative_to(project.docs):
            wanted = project.examples / wanted.relative_to(project.docs)
        found = [p for p in every if p == wanted.with_suffix(".py") or p.is_relative_to(wanted)]
        if not found:
            raise UsageError(Problem(str(path), None, "这里没有实验", "给出 examples/ 或 docs/ 下的文件或文件夹"))
        chosen.update(found)
    return sorted(chosen)


def _parse(project: Project, paths: Iterable[Path], problems: list[Problem]) -> list[Experiment]:
    experiments = []
    for path in paths:
        try:
            experiments.append(parse_experiment(path, project.examples))
        except EngineError as error:
            problems += error.problems
    return experiments


def _execute(
    project: Project,
    missing: Sequence[Experiment],
    keys: dict[str, str],
    jobs: int | None,
    timeout: float | None,
    cache: Cache,
    reporter: Reporter,
    problems: list[Problem],
) -> Iterator[tuple[Experiment, Notebook]]:
    """Run experiments; keep each result the moment it is there, and each failure for the end."""
    if not missing:
        return
    from engine.runner import run_all  # imports multiprocessing and Pebble: not needed when all is cached

    for experiment, run in run_all(missing, project.root, jobs or os.cpu_count() or 1, timeout=timeout):
        name = project.relative(experiment.path)
        reporter.done(experiment.id, run.seconds, failed=run.failure is not None)
        if run.failure:
            hint = render.plain(run.failure.traceback).rstrip()
            hint += f"{chr(10) if hint else ''}重现：engine run {name}　或　python {name}"
            problems.append(Problem(name, run.failure.line, run.failure.what, hint))
            continue
        reads = {read: digest_of_file(project.root / read) for read in run.reads}
        notebook = notebook_of(experiment, run, keys[experiment.id], ingredients(experiment), reads)
        cache.store(keys[experiment.id], notebook)
        yield experiment, notebook


def _render(
    project: Project,
    experiments: Sequence[Experiment],
    notebooks: dict[str, Notebook],
    problems: list[Problem],
) -> set[Path]:
    """Write the fragments and downloads of all experiments that have a result; return the files."""
    written: set[Path] = set()

    def write(path: Path, content: str | bytes) -> None:
        write_if_changed(path, content.encode() if isinstance(content, str) else content)
        written.add(path)

    for experiment in experiments:
        notebook = notebooks.get(experiment.id)
        if notebook is None:
            continue
        folder = project.fragments / experiment.id
        for cell in experiment.cells:
            try:
                fragment = render.cell_fragment(cell, notebook, project.relative(experiment.path))
            except RunError as error:
                problems += error.problems
                continue
            write(folder / f"{cell.name}.md", fragment)
        write(folder / "stamp.md", render.stamp_fragment(experiment, notebook))
        write(project.downloads / f"{experiment.id}.py", experiment.text)
        write(project.downloads / f"{experiment.id}.ipynb", downloadable(notebook, experiment))
    return written


def _read_pages(project: Project, only: Sequence[str] | None, problems: list[Problem]) -> Iterator[Page]:
    for path in sorted(project.docs.rglob("*.md")):
        if only is not None and path.relative_to(project.docs).with_suffix("").as_posix() not in only:
            continue
        try:
            yield read_page(path, project)
        except EngineError as error:
            problems += error.problems


def _write_ledger(
    project: Project,
    pages: Sequence[Page],
    experiments: Sequence[Experiment],
    notebooks: dict[str, Notebook],
    problems: list[Problem],
    whole: bool,
) -> set[Path]:
    """Check the claims and write what is made from them; return the files."""
    entries = _entries(pages, experiments, notebooks)
    by_id = {experiment.id: experiment for experiment in experiments}
    broken = {problem.path for problem in problems}
    problems += _check_pages(pages, by_id, broken, whole)
    files: dict[Path, str] = {}
    for entry in entries:
        problems += ledger.check_entry(entry)
        folder = project.fragments / entry.page.id
        files[folder / "claims.md"] = ledger.claims_fragment(entry.page)
        files[folder / "foot.md"] = ledger.foot_fragment(entry)
    if whole:
        fragments = (ledger.errata_fragment(entries), ledger.report_fragment(entries))
        files |= {project.fragments / name: text for name, text in zip(LEDGER_FRAGMENTS, fragments, strict=True)}
        data = json.dumps(ledger.ledger_json(entries), ensure_ascii=False, indent=1)
        write_if_changed(project.fragments.parent / "ledger.json", data.encode())
    for path, text in files.items():
        write_if_changed(path, text.encode())
    return set(files)


def _entries(pages: Sequence[Page], experiments: Sequence[Experiment], notebooks: dict[str, Notebook]) -> list[Entry]:
    by_id = {experiment.id: experiment for experiment in experiments}
    return [Entry(p, by_id[p.id], notebooks[p.id]) for p in pages if p.qa and p.id in by_id and p.id in notebooks]


def _check_pages(
    pages: Sequence[Page], experiments: dict[str, Experiment], broken: set[str], whole: bool
) -> Iterator[Problem]:
    """Yield what is wrong between pages and experiments: one without the other, unknown cells, a repeated number."""
    numbers: dict[str, Page] = {}
    for page in pages:
        if page.qa is None:
            yield from _check_includes(page, experiments, broken)
            continue
        if page.qa in numbers:
            other = numbers[page.qa]
            yield Problem(page.path, page.line("qa"), f"编号 {page.qa} 已经用在 {other.path}:{other.line('qa')}")
        numbers[page.qa] = page
        example = f"examples/{page.id}.py"
        if page.id not in experiments and example not in broken:
            yield Problem(page.path, page.line("qa"), f"没有同名的实验 {example}")
        yield from _check_includes(page, experiments, broken)
    if whole:
        for id_ in experiments.keys() - {page.id for page in pages if page.qa}:
            path = f"examples/{id_}.py"
            if f"docs/{id_}.md" not in broken:
                yield Problem(path, None, f"没有同名的页面 docs/{id_}.md", "页面的 front matter 里要有 qa")


def _check_includes(page: Page, experiments: dict[str, Experiment], broken: set[str]) -> Iterator[Problem]:
    for include, line in page.includes:
        id_, _, name = include.removesuffix(".md").rpartition("/")
        if include in LEDGER_FRAGMENTS or f"examples/{id_}.py" in broken:
            continue
        experiment = experiments.get(id_)
        if experiment is None:
            if page.qa is None or id_ != page.id:
                yield Problem(page.path, line, f"没有实验 {id_}.py，嵌不了“{include}”")
        elif name not in ("stamp", "claims", "foot") and experiment.cell(name) is None:
            known = "、".join(cell.name for cell in experiment.cells)
            yield Problem(page.path, line, f"{id_}.py 里没有单元“{name}”", f"它的单元：{known}")


def _remove_stale(project: Project, written: set[Path]) -> None:
    """Remove what earlier builds wrote and this one did not: renamed cells, deleted questions."""
    for folder in (project.fragments, project.downloads):
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):  # not empty
                    path.rmdir()
            elif path not in written:
                path.unlink(missing_ok=True)
