"""Check the pages against what ran, and write all that is made from both."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.common import Problem, Project, Writer, guarded
from engine.experiments import Experiment, Lab
from engine.pages import gallery, ledger, references
from engine.pages.bibliography import Work, read_bibliography
from engine.pages.citations import Citations
from engine.pages.cited import cited_works
from engine.pages.consistency import LEDGER_FRAGMENTS, check_pages
from engine.pages.course import Lecture, course_fragment, read_course
from engine.pages.form import check_form, quoted
from engine.pages.glossary import Term, glossary_fragment, read_glossary
from engine.pages.labs import check_labs, foot_fragment
from engine.pages.ledger import Entry
from engine.pages.outward import Outward
from engine.pages.page import Page, read_page
from engine.results import Facts
from engine.stress import Declaration, Outcome, check, code_digest, read_declaration, read_record, stress_fragment


def read_pages(project: Project, only: Sequence[str] | None, problems: list[Problem]) -> Iterator[Page]:
    """Yield the pages that can be read: all, or those of the experiments whose ids are in `only`."""
    for path in sorted(_page_files(project, problems)):
        if only is not None and path.relative_to(project.docs).with_suffix("").as_posix() not in only:
            continue
        found: list[Problem] = []
        page = None
        with guarded(found, project.relative(path)):
            page = read_page(path, project)
        if page:
            yield page
        elif os.path.lexists(path):  # else it was removed while we read
            problems += found


def _page_files(project: Project, problems: list[Problem]) -> Iterator[Path]:
    """Yield the files that MkDocs makes pages of, without those that the engine writes.

    What begins with a dot is none: editors, file systems and notebooks keep copies and locks under such names.
    """

    def unreadable(error: OSError) -> None:
        problems.append(Problem(project.relative(Path(error.filename)), None, f"读不出来：{error.strerror}"))

    for folder, folders, names in os.walk(project.docs, onerror=unreadable, followlinks=True):
        here = Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and here / name != project.tag_pages]
        yield from (here / name for name in names if name.endswith(".md") and not name.startswith("."))


def write_pages(
    project: Project,
    experiments: Sequence[Experiment],
    labs: Sequence[Lab],
    facts: Mapping[str, Facts],
    problems: list[Problem],
    whole: bool,
    written: Writer,
) -> None:
    """Read pages and glossary, check the claims, and write what is made from them.

    Args:
        project: the project.
        experiments: those of this build that can be read.
        labs: the labs among them that ran.
        facts: what is known of their runs, by id.
        problems: is added to.
        whole: this build is of all experiments: what lists them all is written too.
        written: does the writing.
    """
    pages = list(read_pages(project, None if whole else [e.id for e in experiments], problems))
    terms = read_terms(project, problems)
    lectures = read_lectures(project, problems)
    works = read_works(project, problems)
    entries = entries_of(pages, experiments, facts)
    with guarded(problems, "docs/"):
        problems += check_pages(project, pages, experiments, problems, lectures, whole)
    survived = {entry.page.id: _survived(project, entry, problems) for entry in entries}
    for entry in entries:
        with guarded(problems, entry.page.path):
            problems += ledger.check_entry(entry)
            if entry.page.qa not in project.old_form:
                declaration, outcomes = survived[entry.page.id]
                problems += check_form(entry.page, entry.experiment, entry.facts, declaration, outcomes)
    shown = [dataclasses.replace(e, page=ledger.filled(e.page, quoted(e.page, e.facts))) for e in entries]
    if whole:
        with guarded(problems, "docs/labs/"):
            problems += check_labs(labs, pages)
    cited: Mapping[str, list[Work]] = {}
    with guarded(problems, "docs/bibliography.yml"):
        cited = cited_works(project, pages, experiments, Citations(works), problems) if works else {}
    questions = [entry.experiment for entry in entries]
    outward = Outward(lectures, cited, lambda experiment: references.apis_of(experiment, terms), questions)
    written.write(_made_of_claims(project, labs, entries, outward, problems))
    for entry in entries:
        declaration, outcomes = survived[entry.page.id]
        if declaration:
            with guarded(problems, entry.page.path):
                path = project.fragments / entry.page.id / "stress.md"
                written.write([(path, stress_fragment(entry.experiment, declaration, outcomes))])
    with guarded(problems, "docs/course.yml"):
        written.write(_made_of_course(project, entries, lectures))
    if whole:
        with guarded(problems, "docs/"):
            written.write(_made_of_all(project, pages, labs, shown, facts, terms))


def _survived(
    project: Project, entry: Entry, problems: list[Problem]
) -> tuple[Declaration | None, dict[str, Outcome]]:
    """Return what an experiment is put through, and what came of it; `problems` is told of what does not agree."""
    with guarded(problems, entry.page.path):
        declaration = read_declaration(entry.experiment, project.root)
        if declaration:
            outcomes = {outcome.name: outcome for outcome in read_record(entry.experiment, project.root)}
            problems += check(declaration, outcomes, code_digest(entry.experiment))
            return declaration, outcomes
    return None, {}


def _made_of_claims(
    project: Project, labs: Sequence[Lab], entries: Sequence[Entry], outward: Outward, problems: list[Problem]
) -> Iterator[tuple[Path, str]]:
    """Make, one after another, the fragments of each page and lab."""
    for lab in labs:
        with guarded(problems, lab.path):
            yield project.fragments / lab.id / "foot.md", foot_fragment(lab) + outward.section(lab.experiment)
    for entry in entries:
        folder = project.fragments / entry.page.id
        with guarded(problems, entry.page.path):
            yield folder / "claims.md", ledger.claims_fragment(entry.page, quoted(entry.page, entry.facts))
            outer = outward.section(entry.experiment, entry.page)
            yield folder / "foot.md", ledger.foot_fragment(entry) + outer


def _made_of_all(
    project: Project,
    pages: Sequence[Page],
    labs: Sequence[Lab],
    entries: Sequence[Entry],
    facts: Mapping[str, Facts],
    terms: Sequence[Term],
) -> Iterator[tuple[Path, str]]:
    """Make, one after another, the fragments that list all pages, and the ledger."""
    yield project.fragments.parent / "ledger.json", ledger.ledger_json(entries)
    errata, report = (project.fragments / name for name in LEDGER_FRAGMENTS)
    yield errata, ledger.errata_fragment(entries)
    yield report, ledger.report_fragment(entries)
    yield from _references(project, pages, entries, labs, terms)
    yield project.fragments / gallery.FRAGMENT, gallery.gallery_fragment(labs, entries, facts)


def _made_of_course(
    project: Project, entries: Sequence[Entry], lectures: Mapping[str, Lecture]
) -> Iterator[tuple[Path, str]]:
    """Make, for each chapter, where the course treats it."""
    for chapter in {entry.page.chapter for entry in entries}:
        if lecture := lectures.get(chapter.partition("-")[0]):
            yield project.fragments / chapter / "course.md", course_fragment(lecture)


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


def read_terms(project: Project, problems: list[Problem]) -> tuple[Term, ...]:
    """Return the glossary's terms; none if it cannot be read, which `problems` then says."""
    with guarded(problems, project.relative(project.glossary)):
        return read_glossary(project)
    return ()


def read_works(project: Project, problems: list[Problem]) -> tuple[Work, ...]:
    """Return the bibliography; none if it cannot be read, which `problems` then says."""
    with guarded(problems, project.relative(project.docs / "bibliography.yml")):
        return read_bibliography(project)
    return ()


def read_lectures(project: Project, problems: list[Problem]) -> dict[str, Lecture]:
    """Return where the course treats each chapter; nothing if that cannot be read, which `problems` then says."""
    with guarded(problems, project.relative(project.docs / "course.yml")):
        return read_course(project)
    return {}


def entries_of(pages: Sequence[Page], experiments: Sequence[Experiment], facts: Mapping[str, Facts]) -> list[Entry]:
    """Return the questions whose experiment ran, each with its page, its experiment and what is known of the run."""
    by_id = {experiment.id: experiment for experiment in experiments}
    return [Entry(p, by_id[p.id], facts[p.id]) for p in pages if p.qa and p.id in by_id and p.id in facts]
