"""All the steps, in order: parse → key → cache or run → notebook → fragments, downloads, ledger.

The only module that knows them all. A build is whole or says what is wrong with every part that is not; what was
computed on the way is in the cache in either case.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine import gallery, ledger, references, render
from engine.cache import Cache, Notebook, digest_of_file
from engine.consistency import LEDGER_FRAGMENTS, check_pages
from engine.durations import read_durations, write_durations
from engine.errors import EngineError, Problem, RunError, UsageError
from engine.experiment import Experiment, parse_experiment
from engine.explain import reasons
from engine.glossary import Term, glossary_fragment, read_glossary
from engine.key import ingredients, key_of
from engine.labs import Lab, check_labs, foot_fragment, page_metadata, read_lab
from engine.ledger import Entry
from engine.memo import Memo
from engine.notebook import Facts, downloadable, facts_of, notebook_of
from engine.pages import Page, read_page
from engine.progress import Reporter
from engine.project import Project, remove_unfinished, write_if_changed

if TYPE_CHECKING:
    from engine.runner import Pool


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
    shard: tuple[int, int] | None = None,
    jobs: int | None = None,
    timeout: float | None = None,
    pool: Callable[[Path], Pool] | None = None,
    reporter: Reporter | None = None,
) -> Result:
    """Bring fragments, downloads and ledger up to date, executing what is not cached.

    Args:
        project: the project.
        only: files or folders under examples/ or docs/ to restrict the build to; all by default. A restricted build
            leaves the ledger's own pages as they are.
        force: execute even what is cached.
        shard: (k, n) for the k-th of n slices of the experiments; all slices' caches together make the whole.
        jobs: experiments to run side by side; as many as there are cores by default.
        timeout: seconds each experiment may take, instead of what the experiments say.
        pool: makes, from the project's folder, the pool to run on instead of this machine's cores.
        reporter: is told of the progress.

    Raises:
        UsageError: a path of `only` is no experiment.
        EngineError: everything that is wrong with experiments, runs, pages and claims. All else has been brought up
            to date.
    """
    reporter = reporter or Reporter()
    with _one_at_a_time(project, reporter):
        problems: list[Problem] = []
        remove_unfinished(project)
        memo = Memo(project.memo)
        cache = Cache(project.cache, project.root, reporter.log)
        paths = _select(project, only, shard)
        if pool is None and (new := [path for path in paths if force or not cache.knows(project.id_of(path))]):
            _start_server(new)  # it imports while we read
        experiments, keys = _parse(project, paths, problems, memo)
        whole = not only and not shard
        memo.save(forget=whole)
        del memo  # as large as all the experiments together
        labs = _read_labs(project, experiments, problems)
        facts: dict[str, Facts] = {}
        written: set[str] = set()  # as text, which takes a fifth of what paths take

        def show(experiment: Experiment, notebook: Notebook) -> None:
            known = facts[experiment.id] = facts_of(notebook)
            made = _made_of_run(project, experiment, notebook, known, labs.get(experiment.id), problems)
            with _disk_errors(project, problems):
                written.update(_write(made))

        missing = []
        for experiment in experiments:
            if not force and (notebook := cache.load(experiment.id, keys[experiment.id])):
                show(experiment, notebook)
            else:
                missing.append(experiment)
        cached = tuple(facts)
        missing = _longest_first(project, missing, cache)
        if timeout is not None:
            missing = [dataclasses.replace(experiment, timeout=timeout) for experiment in missing]
        reporter.start(len(missing), len(cached))
        if missing:
            from engine.runner import LocalPool  # imports multiprocessing: not needed when all is cached

            workers = pool(project.root) if pool else LocalPool(missing, project.root, jobs)
            for experiment, notebook in _execute(project, missing, workers, keys, cache, reporter, problems):
                show(experiment, notebook)

        with _disk_errors(project, problems):
            pages = list(_read_pages(project, None if whole else [e.id for e in experiments], problems))
            terms = _read_terms(project, problems)
            shown = [lab for lab in labs.values() if lab.id in facts]
            written |= _write_ledger(project, pages, shown, experiments, facts, terms, problems, whole)
            if whole and not problems:
                _remove_stale(project, written)
    if problems:
        raise EngineError(sorted(problems, key=lambda problem: (problem.path, problem.line or 0)))
    return Result(tuple(e.id for e in missing), cached)


def warm_up(project: Project) -> None:
    """Start, in the background, the process that experiments are forked from, with the libraries they import."""
    _start_server(_select(project, (), None))


def _start_server(paths: Iterable[Path]) -> None:
    from engine.isolation import start_server  # imports multiprocessing: not needed when all is cached

    start_server(paths)


def missing_results(
    project: Project,
    only: Sequence[Path] = (),
    *,
    shard: tuple[int, int] | None = None,
    reporter: Reporter | None = None,
) -> dict[str, list[str]]:
    """Return, by id, why each experiment would be executed whose result is not in the cache, whole and current.

    Raises:
        EngineError: experiments that cannot be read, or pages and claims that are wrong.
    """
    problems: list[Problem] = []
    cache = Cache(project.cache, project.root, (reporter or Reporter()).log)
    experiments, facts = _cached(project, _select(project, only, shard), cache, problems)
    selected = [e.id for e in experiments] if only or shard else None
    pages = list(_read_pages(project, selected, problems))
    for entry in _entries(pages, experiments, facts):
        problems += ledger.check_entry(entry)
    if problems:
        raise EngineError(problems)
    return {e.id: _why(e, cache) for e in experiments if e.id not in facts}


def _why(experiment: Experiment, cache: Cache) -> list[str]:
    last = cache.latest(experiment.id)
    if last is None:
        return ["缓存里没有它的结果"]
    then = last["metadata"]["engine"]["ingredients"]
    return reasons(ingredients(experiment), then, cache.changed_reads(last)) or ["缓存条目已损坏"]


def record_durations(project: Project) -> None:
    """Write down how long each experiment took when it last ran here, for machines that have not run it yet."""
    cache = Cache(project.cache, project.root, Reporter().log)
    ids = map(project.id_of, _select(project, (), None))
    write_durations(project.durations, {id_: s for id_ in ids if (s := cache.last_seconds(id_)) is not None})


def _longest_first(project: Project, experiments: Sequence[Experiment], cache: Cache) -> list[Experiment]:
    """Order by the CPU time of the last run, what is unknown first: then no long one is left to end alone."""
    recorded = read_durations(project.durations, cache.log)
    seconds = {e.id: cache.last_seconds(e.id) or recorded.get(e.id, float("inf")) for e in experiments}
    return sorted(experiments, key=lambda experiment: -seconds[experiment.id])


@contextlib.contextmanager
def _disk_errors(project: Project, problems: list[Problem]) -> Iterator[None]:
    """Turn a disk that is full or may not be written into a problem that says which file and why."""
    try:
        yield
    except OSError as error:
        path = project.relative(Path(error.filename)) if error.filename else "build/"
        what = f"写不进去：{error.strerror}"
        if all(problem.what != what for problem in problems):  # not once for each experiment
            problems.append(Problem(path, None, what, "腾出空间或改好权限，再运行一次"))


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


def _select(project: Project, only: Sequence[Path], shard: tuple[int, int] | None) -> list[Path]:
    """Return the experiments' files that are asked for, in order."""
    every = sorted(path for path in project.examples.glob("*/*.py") if not path.name.startswith("_"))
    if shard:
        number, of = shard
        every_of_shard = set(every[number - 1 :: of])
        return [path for path in _select(project, only, None) if path in every_of_shard]
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


def _parse(
    project: Project, paths: Iterable[Path], problems: list[Problem], memo: Memo
) -> tuple[list[Experiment], dict[str, str]]:
    """Return the experiments that can be read, and their keys by id."""
    experiments = []
    keys = {}
    for path in paths:
        try:
            experiment = parse_experiment(path, project.examples, memo)
            keys[experiment.id] = key_of(experiment, memo)
        except EngineError as error:
            problems += error.problems
        else:
            experiments.append(experiment)
    return experiments, keys


def _cached(
    project: Project, paths: Iterable[Path], cache: Cache, problems: list[Problem]
) -> tuple[list[Experiment], dict[str, Facts]]:
    """Return the experiments that can be read, and by id what is known of the runs; nothing is executed."""
    experiments, keys = _parse(project, paths, problems, Memo(project.memo))
    loaded = ((e.id, cache.load(e.id, keys[e.id])) for e in experiments)
    return experiments, {id_: facts_of(notebook) for id_, notebook in loaded if notebook}


def _execute(
    project: Project,
    missing: Sequence[Experiment],
    pool: Pool,
    keys: dict[str, str],
    cache: Cache,
    reporter: Reporter,
    problems: list[Problem],
) -> Iterator[tuple[Experiment, Notebook]]:
    """Run experiments; keep each result the moment it is there, and each failure for the end."""
    from engine.runner import run_all

    for experiment, run in run_all(missing, pool):
        name = project.relative(experiment.path)
        reporter.done(experiment.id, run.seconds, failed=run.failure is not None)
        if run.failure:
            hint = render.plain(run.failure.traceback).rstrip()
            hint += f"{chr(10) if hint else ''}重现：engine run {name}　或　python {name}"
            problems.append(Problem(name, run.failure.line, run.failure.what, hint))
            continue
        reads = {read: digest_of_file(project.root / read) for read in run.reads}
        notebook = notebook_of(experiment, run, keys[experiment.id], ingredients(experiment), reads)
        cache.store(experiment.id, keys[experiment.id], notebook)
        yield experiment, notebook


def _made_of_run(
    project: Project,
    experiment: Experiment,
    notebook: Notebook,
    facts: Facts,
    lab: Lab | None,
    problems: list[Problem],
) -> Iterator[tuple[Path, str]]:
    """Make, one after another, what comes of one experiment's outputs: fragments, downloads, picture."""
    folder = project.fragments / experiment.id
    for cell in experiment.cells:
        try:
            fragment = render.cell_fragment(cell, notebook, project.relative(experiment.path))
        except RunError as error:
            problems += error.problems
            continue
        if not experiment.is_lab:  # a lab's page is made from its notebook
            yield folder / f"{cell.name}.md", fragment
    yield folder / "stamp.md", render.stamp_fragment(experiment, facts)
    yield project.downloads / f"{experiment.id}.py", experiment.text
    yield project.downloads / f"{experiment.id}.ipynb", downloadable(notebook, experiment)
    if lab:
        yield project.docs / f"{lab.id}.ipynb", downloadable(notebook, experiment, page_metadata(lab))
    if picture := gallery.thumbnail(experiment, notebook):
        yield project.thumbnails / f"{experiment.id}.svg", picture


def _read_pages(project: Project, only: Sequence[str] | None, problems: list[Problem]) -> Iterator[Page]:
    for path in sorted(project.docs.rglob("*.md")):
        if path.is_relative_to(project.tag_pages):
            continue
        if only is not None and path.relative_to(project.docs).with_suffix("").as_posix() not in only:
            continue
        try:
            yield read_page(path, project)
        except EngineError as error:
            problems += error.problems


def _read_labs(project: Project, experiments: Sequence[Experiment], problems: list[Problem]) -> dict[str, Lab]:
    """Return the labs that can be read, by id."""
    labs = {}
    for experiment in experiments:
        if experiment.is_lab:
            try:
                labs[experiment.id] = read_lab(experiment, project)
            except EngineError as error:
                problems += error.problems
    return labs


def _write_ledger(
    project: Project,
    pages: Sequence[Page],
    labs: Sequence[Lab],
    experiments: Sequence[Experiment],
    facts: dict[str, Facts],
    terms: Sequence[Term],
    problems: list[Problem],
    whole: bool,
) -> set[str]:
    """Check the claims and write what is made from them, and what leads from page to page; return the files."""
    entries = _entries(pages, experiments, facts)
    by_id = {experiment.id: experiment for experiment in experiments}
    broken = {problem.path for problem in problems}
    problems += check_pages(pages, by_id, broken, whole)
    for entry in entries:
        problems += ledger.check_entry(entry)
    if whole:
        problems += check_labs(labs, pages)
        write_if_changed(project.fragments.parent / "ledger.json", ledger.ledger_json(entries).encode())
    return _write(_made_of_claims(project, pages, labs, entries, facts, terms, whole))


def _made_of_claims(
    project: Project,
    pages: Sequence[Page],
    labs: Sequence[Lab],
    entries: Sequence[Entry],
    facts: dict[str, Facts],
    terms: Sequence[Term],
    whole: bool,
) -> Iterator[tuple[Path, str]]:
    """Make, one after another, the fragments of each page and lab; of a whole build also those that list them all."""
    for lab in labs:
        yield project.fragments / lab.id / "foot.md", foot_fragment(lab)
    for entry in entries:
        folder = project.fragments / entry.page.id
        yield folder / "claims.md", ledger.claims_fragment(entry.page)
        yield folder / "foot.md", ledger.foot_fragment(entry)
    if whole:
        errata, report = (project.fragments / name for name in LEDGER_FRAGMENTS)
        yield errata, ledger.errata_fragment(entries)
        yield report, ledger.report_fragment(entries)
        yield from _references(project, pages, entries, labs, terms)
        yield project.fragments / gallery.FRAGMENT, gallery.gallery_fragment(labs, entries, facts)


def _references(
    project: Project,
    pages: Sequence[Page],
    entries: Sequence[Entry],
    labs: Sequence[Lab],
    terms: Sequence[Term],
) -> Iterator[tuple[Path, str]]:
    """Make the files that lead from page to page."""
    groups = project.tag_groups
    indexes = {page.chapter: page for page in pages if page.id.endswith("/index")}
    links = {entry.page.qa or "": references.numbered(entry) for entry in entries}
    texts = (
        references.contents_fragment(entries, indexes),
        references.chapters_fragment(entries, indexes),
        references.tags_fragment(entries, groups),
        references.map_fragment(entries, groups, indexes),
        references.apis_fragment(entries, terms),
        glossary_fragment(terms, links),
    )
    yield from ((project.fragments / name, text) for name, text in zip(references.FRAGMENTS, texts, strict=True))
    for chapter in {entry.page.chapter for entry in entries}:
        mine = [entry for entry in entries if entry.page.chapter == chapter]
        yield project.fragments / chapter / "questions.md", references.questions_fragment(mine, chapter)
    related = references.related_of(entries)
    for entry in entries:
        found = related[entry.page.qa or ""]
        yield project.fragments / entry.page.id / "related.md", references.related_fragment(entry, found, labs)
    for tag, text in references.tag_pages(entries, groups, labs).items():
        yield project.tag_pages / f"{tag}.md", text


def likely_related(project: Project) -> list[tuple[float, Page, Page]]:
    """Return pairs of questions that share much and do not name each other, best first, for a person to judge.

    Raises:
        EngineError: something is wrong with experiments or pages.
    """
    problems: list[Problem] = []
    cache = Cache(project.cache, project.root, Reporter().log)
    experiments, facts = _cached(project, _select(project, (), None), cache, problems)
    entries = _entries(list(_read_pages(project, None, problems)), experiments, facts)
    terms = _read_terms(project, problems)
    if problems:
        raise EngineError(problems)
    return [(score, a.page, b.page) for score, a, b in references.likely_related(entries, terms)]


def _read_terms(project: Project, problems: list[Problem]) -> tuple[Term, ...]:
    try:
        return read_glossary(project)
    except EngineError as error:
        problems += error.problems
        return ()


def _entries(pages: Sequence[Page], experiments: Sequence[Experiment], facts: dict[str, Facts]) -> list[Entry]:
    by_id = {experiment.id: experiment for experiment in experiments}
    return [Entry(p, by_id[p.id], facts[p.id]) for p in pages if p.qa and p.id in by_id and p.id in facts]


def _write(files: Iterable[tuple[Path, str]]) -> set[str]:
    """Write files, each as soon as it is made; return their paths."""
    written = set()
    for path, content in files:
        write_if_changed(path, content.encode())
        written.add(str(path))
    return written


def _remove_stale(project: Project, written: set[str]) -> None:
    """Remove what earlier builds wrote and this one did not: renamed cells, deleted questions."""
    for top in (project.fragments, project.downloads, project.tag_pages, project.thumbnails):
        for folder, _, names in os.walk(top, topdown=False):
            for path in (Path(folder, name) for name in names):
                if str(path) not in written:
                    path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty
                Path(folder).rmdir()
    for path in project.notebooks.glob("*.ipynb"):
        if str(path) not in written:
            path.unlink(missing_ok=True)
