"""A build, room by room: what experiments there are → running them → what they leave → what pages say of them.

A build is whole or says what is wrong with every part that is not; what was computed on the way is in the cache in
either case.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.common import EngineError, Memo, Problem, Project, Reporter, Written, one_at_a_time, remove_unfinished
from engine.experiments import read_experiments, read_labs, select
from engine.pages import write_pages
from engine.results import Results
from engine.running import IDLE, LocalPool, Pool, run_all, start_server, where_temporary_files_go


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
    idle: float = IDLE,
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
        timeout: seconds of processor time each experiment may take, instead of what the experiments say.
        idle: seconds in which an experiment may neither compute nor end.
        pool: makes, from the project's folder, the pool to run on instead of this machine's cores.
        reporter: is told of the progress.

    Raises:
        UsageError: a path of `only` is no experiment.
        EngineError: everything that is wrong with experiments, runs, pages and claims. All else has been brought up
            to date.
    """
    reporter = reporter or Reporter()
    problems: list[Problem] = []
    with one_at_a_time(project.lock, reporter.log), reporter, Written(project, reporter.log, problems) as written:
        remove_unfinished(project)
        results = Results(project, reporter, problems, written)
        paths = select(project, only, shard)
        whole = not only and not shard
        if pool is None and (new := [p for p in paths if force or not results.cache.knows(project.id_of(p))]):
            start_server(new)  # it imports while we read

        memo = Memo(project.memo)
        experiments, keys = read_experiments(project, paths, problems, memo)
        memo.save(forget=whole)
        del memo  # as large as all the experiments together
        labs = read_labs(project, experiments, problems)

        missing = results.take_cached(experiments, keys, labs, force)
        cached = tuple(results.facts)
        if timeout is not None:
            missing = [dataclasses.replace(experiment, timeout=timeout) for experiment in missing]
        reporter.start(len(missing), len(cached))
        if missing:
            if notice := where_temporary_files_go():
                reporter.log(notice)
            workers = pool(project.root) if pool else LocalPool(missing, project.root, jobs, idle)
            for experiment, run in run_all(missing, workers):
                results.take(experiment, run)

        ran = [lab for lab in labs.values() if lab.id in results.facts]
        write_pages(project, experiments, ran, results.facts, problems, whole, written)
        if whole and not problems:
            written.remove_stale()
            results.cache.forget({experiment.id for experiment in experiments})
    if problems:
        raise EngineError(sorted(problems, key=lambda problem: (problem.path, problem.line or 0)))
    return Result(tuple(e.id for e in missing), cached)


def clean(project: Project, reporter: Reporter) -> int:
    """Remove the files that builds wrote, but not what is kept between builds; return how many.

    Raises:
        EngineError: some cannot be removed.
    """
    problems: list[Problem] = []
    with one_at_a_time(project.lock, reporter.log):
        removed = Written(project, reporter.log, problems).remove_all()
    if problems:
        raise EngineError(problems)
    return removed
