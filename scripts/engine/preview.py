"""The project as it can be shown now, while experiments that have no result yet run in the background.

A build is whole or fails; a preview takes what there is. Of what is missing or wrong it says so in the place where it
is missed. Nothing of that kind is ever written where builds write: drafts have a folder of their own, which stands
before the project's, so that a build beside a preview publishes results only.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.common import EngineError, Memo, Problem, Project, Reporter, load_project, one_at_a_time
from engine.experiments import Experiment, Lab, read_experiments, read_labs, select
from engine.pages import write_pages
from engine.results import Cache, Facts, Results, changed_reads, pending_facts, pending_files
from engine.running import Background, Run

_PACE, _LONGEST_REST = 5, 15.0
"""How many times as long as showing results took nothing new is shown, and how many seconds at most: experiments
want the processor too."""
_IN_PATH, _IN_HINT = re.compile(r"^(?:docs|examples)/(.+)\.(?:md|py)$"), re.compile(r"\bexamples/([^\s:]+)\.py\b")


@dataclass(frozen=True)
class Draft:
    """What can be shown now.

    Attributes:
        problems: all that is wrong.
        notices: the same by the id of the page that it belongs to; what belongs to none is under "".
        waiting: the ids of the experiments whose result is still to come.
        total: how many experiments there are.
    """

    problems: tuple[Problem, ...] = ()
    notices: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    total: int = 0


@dataclass(frozen=True)
class _Ended:
    """A run of this preview: what is known of it (None: it failed), what is wrong, the data files as they were."""

    facts: Facts | None
    problems: tuple[Problem, ...]
    reads: Mapping[str, str | None]


@dataclass(frozen=True)
class _DraftProject(Project):
    """The same project, but all that is made is written elsewhere.

    Attributes:
        folder: where: ``fragments`` and ``docs`` in it are to be looked into before the project's own.
    """

    folder: Path = Path()

    @property
    def fragments(self) -> Path:
        return self.folder / "fragments"

    @property
    def tag_pages(self) -> Path:
        return self.folder / "docs" / "tags"

    @property
    def downloads(self) -> Path:
        return self.folder / "docs" / "downloads"

    @property
    def notebooks(self) -> Path:
        return self.folder / "docs" / "labs"

    @property
    def thumbnails(self) -> Path:
        return self.folder / "docs" / "assets" / "thumbnails"


class _Folder:
    """Writes into a folder where nobody else does, without waiting for the disk."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def write(self, files: Iterable[tuple[Path, str]]) -> None:
        for path, content in files:
            self.names.add(str(path))
            if not path.is_file() or path.read_text("utf-8") != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, "utf-8")

    def remove_others(self, folder: Path) -> None:
        """Remove what has not been written."""
        for path in folder.rglob("*"):
            if path.is_file() and str(path) not in self.names:
                path.unlink()


class _Nowhere:
    """Writes nothing: what is kept in the cache is shown by the next draft."""

    def write(self, files: Iterable[tuple[Path, str]]) -> None:
        for _ in files:
            pass


class Preview:
    """Drafts of a project, and the experiments that run meanwhile."""

    def __init__(
        self,
        root: Path,
        folder: Path,
        changed: Callable[[], None],
        *,
        jobs: int | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        """Prepare a preview; nothing is executed before `start`.

        Args:
            root: the project.
            folder: a folder of ours, where drafts are written: fragments in ``fragments``, pages and downloads in
                ``docs``, the ledger in ``ledger.json``. What a draft has no use for is removed from it.
            changed: is called, in a thread of ours, when another draft would have more to show.
            jobs: experiments to run side by side; as many as there are cores by default.
            reporter: is told of the progress.
        """
        self._root, self._folder, self._tell = root, folder, changed
        self._reporter = reporter or Reporter(bar=False)
        self._background = Background(root, self._take, self._alone, self._is_known, jobs)
        self._state = threading.Condition()  # for all below
        self._ended: dict[str, _Ended] = {}
        self._project: Project | None = None
        self._labs: Mapping[str, Lab] = {}
        self._wanted: set[str] = set()
        self._total = 0
        self._looked_at = ""
        self._news = self._drafting = False
        self._began = self._rest_until = 0.0
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Begin to execute what the last draft missed."""
        self._background.start()

    def stop(self) -> None:
        """End what is running; what has ended is in the cache."""
        with self._state:
            if self._timer:
                self._timer.cancel()
        self._background.stop()

    def look_at(self, id_: str) -> None:
        """Note that somebody looks at a page: its experiment goes first, and is shown at once when it has run."""
        with self._state:
            self._looked_at = id_
        self._background.prefer(id_)

    @property
    def progress(self) -> str:
        """How far the experiments are; empty when none is waited for."""
        with self._state:
            left = len(self._wanted)
        return f"全部 {self._total} 个实验，执行完了 {self._total - left} 个" if left else ""

    def draft(self, patience: float = 0.0) -> Draft:
        """Bring everything up to date that can be, and have the rest executed.

        Args:
            patience: seconds to wait for results, if few are missing: what has been saved is then shown once, whole.
        """
        with self._state:
            self._drafting, self._began = True, time.monotonic()
        try:
            project = load_project(self._root)
        except EngineError as error:
            return Draft(error.problems, {"": error.problems})
        problems: list[Problem] = []
        made = _DraftProject(project.root, project.questions, project.tag_groups, project.old_form, self._folder)
        written = _Folder()
        results = Results(made, self._reporter, problems, written)
        memo = Memo(project.memo)
        experiments, keys = read_experiments(project, select(project, (), None), problems, memo)
        memo.save(forget=True)
        labs = read_labs(project, experiments, problems)
        missing = {keys[e.id]: e for e in results.take_cached(experiments, keys, labs, force=False)}
        self._total = len(experiments)
        self._want(project, labs, missing, len(results.facts))
        if self._background.is_started and len(missing) <= self._background.jobs:
            with self._state:
                self._state.wait_for(lambda: missing.keys() <= self._ended.keys(), timeout=patience)
        with self._state:
            self._news = False
            ended = {key: self._ended[key] for key in missing if key in self._ended}
        fresh = [missing[key] for key, run in ended.items() if run.facts]  # kept while we waited
        unkept = {e.id for e in results.take_cached(fresh, keys, labs, force=False)}
        missing = {key: e for key, e in missing.items() if e.id in unkept or e.id not in results.facts}
        problems += (problem for run in ended.values() for problem in run.problems)
        waiting = {e.id for key, e in missing.items() if key not in ended}
        facts = results.facts | {e.id: _facts(e, ended.get(key)) for key, e in missing.items()}
        ran = [lab for lab in labs.values() if lab.id in facts]
        write_pages(made, experiments, ran, facts, problems, True, written)
        for experiment in missing.values():
            text = _WAITING if experiment.id in waiting else _FAILED
            written.write(pending_files(made, experiment, labs.get(experiment.id), facts[experiment.id], text))
        written.remove_others(self._folder)
        pages = {path.relative_to(project.docs).with_suffix("").as_posix() for path in project.docs.rglob("*.md")}
        notices = _by_page(problems, pages | labs.keys())
        return Draft(tuple(problems), notices, frozenset(waiting), len(experiments))

    def shown(self) -> None:
        """Note that the last draft is being shown."""
        with self._state:
            self._drafting = False
            rest = min(_PACE * (time.monotonic() - self._began), _LONGEST_REST)
            self._rest_until = time.monotonic() + rest
        self._announce()

    def _want(
        self, project: Project, labs: Mapping[str, Lab], missing: Mapping[str, Experiment], cached: int
    ) -> None:
        with self._state:
            self._project, self._labs = project, labs
            # A failure is not tried again, unless a file that it read, or did not find, is another now.
            for key in [key for key, run in self._ended.items() if key not in missing or _has_changed(run, project)]:
                del self._ended[key]
            wanted = {key: e for key, e in missing.items() if key not in self._ended}
            if wanted.keys() - self._wanted:
                self._reporter.start(len(wanted), cached)
            self._wanted = set(wanted)
        self._background.want(wanted)
        self._background.prefer(self._looked_at)

    def _is_known(self, key: str, experiment: Experiment) -> bool:
        known = Cache(self._root / ".cache" / "experiments", self._root, self._reporter.log).load(experiment.id, key)
        if known:
            self._end(key, experiment, None)
        return known is not None

    def _take(self, key: str, experiment: Experiment, run: Run) -> None:
        """Keep a run and render it; called in a thread of the background."""
        with self._state:
            project, labs = self._project, self._labs
        assert project is not None
        found: list[Problem] = []
        results = Results(project, self._reporter, found, _Nowhere())
        results.take_cached((), {experiment.id: key}, labs, force=False)
        results.take(experiment, run)
        facts = results.facts.get(experiment.id)
        ended = None
        if facts or found:  # else it was not kept, as something changed while it ran: it is to run again
            ended = _Ended(facts, tuple(found), run.reads)
        self._end(key, experiment, ended)

    def _end(self, key: str, experiment: Experiment, ended: _Ended | None) -> None:
        with self._state:
            if ended:
                self._ended[key] = ended
            self._wanted.discard(key)
            self._news = True
            if not self._wanted or experiment.id == self._looked_at:
                self._rest_until = 0.0
            self._state.notify_all()
        self._announce()

    def _announce(self) -> None:
        """Say, now or in a while, that there is more to show; not while a draft is made that will show it."""
        with self._state:
            if self._timer:
                self._timer.cancel()
            if self._news and not self._drafting:
                self._timer = threading.Timer(max(0.0, self._rest_until - time.monotonic()), self._tell)
                self._timer.daemon = True
                self._timer.start()

    @contextlib.contextmanager
    def _alone(self, pause: Callable[[], None]) -> Iterator[None]:
        assert self._project is not None
        with one_at_a_time(self._project.lock, self._reporter.log, pause):
            yield


_WAITING = "这一页的实验还没有执行完，完成后自动更新"
_FAILED = "实验没有通过：出了什么错见页首"


def _facts(experiment: Experiment, run: _Ended | None) -> Facts:
    if run and run.facts:
        return run.facts
    return pending_facts(experiment, "没有通过" if run else "还没有执行")


def _has_changed(run: _Ended, project: Project) -> bool:
    return bool(changed_reads(project.root, run.reads))


def _by_page(problems: Iterable[Problem], pages: set[str]) -> dict[str, tuple[Problem, ...]]:
    """Sort problems by the page that they belong to: its own text, its experiment, or what that needs."""
    found: dict[str, tuple[Problem, ...]] = {}
    for problem in problems:
        ids = set(_IN_PATH.findall(problem.path)) & pages or set(_IN_HINT.findall(problem.hint)) & pages
        for id_ in ids or {""}:
            found[id_] = (*found.get(id_, ()), problem)
    return found
