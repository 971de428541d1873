"""Look at a project without executing anything: what would run and why, what took how long, what may be related."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.common import EngineError, Memo, Problem, Project, Reporter, guarded
from engine.experiments import Experiment, ingredients, read_experiments, read_labs, reasons, select
from engine.pages import Page, check_entry, check_pages, entries_of, read_lectures, read_pages, read_terms
from engine.pages import likely_related as most_alike
from engine.results import Cache, Facts, facts_of, write_durations


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
    experiments, facts = _cached(project, select(project, only, shard), cache, problems)
    whole = not only and not shard
    pages = list(read_pages(project, None if whole else [e.id for e in experiments], problems))
    read_terms(project, problems)
    read_labs(project, experiments, problems)
    lectures = read_lectures(project, problems)
    problems += check_pages(project, pages, experiments, problems, lectures, whole)
    for entry in entries_of(pages, experiments, facts):
        with guarded(problems, entry.page.path):
            problems += check_entry(entry)
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
    ids = map(project.id_of, select(project, (), None))
    write_durations(project.durations, {id_: s for id_ in ids if (s := cache.last_seconds(id_)) is not None})


def likely_related(project: Project) -> list[tuple[float, Page, Page]]:
    """Return pairs of questions that share much and do not name each other, best first, for a person to judge.

    Raises:
        EngineError: something is wrong with experiments or pages.
    """
    problems: list[Problem] = []
    cache = Cache(project.cache, project.root, Reporter().log)
    experiments, facts = _cached(project, select(project, (), None), cache, problems)
    entries = entries_of(list(read_pages(project, None, problems)), experiments, facts)
    terms = read_terms(project, problems)
    if problems:
        raise EngineError(problems)
    return [(score, a.page, b.page) for score, a, b in most_alike(entries, terms)]


def _cached(
    project: Project, paths: Iterable[Path], cache: Cache, problems: list[Problem]
) -> tuple[list[Experiment], dict[str, Facts]]:
    """Return the experiments that can be read, and by id what is known of the runs; nothing is executed."""
    experiments, keys = read_experiments(project, paths, problems, Memo(project.memo))
    facts = {}
    for experiment in experiments:
        with guarded(problems, project.relative(experiment.path)):
            if notebook := cache.load(experiment.id, keys[experiment.id]):
                facts[experiment.id] = facts_of(notebook)
    return experiments, facts
