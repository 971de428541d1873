"""Where things are in a project, and its settings (``[tool.engine]`` in pyproject.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.common.settings import NAME, read_settings

LABS = "labs"
"""The folder, in examples/ and in docs/, of the labs: experiments that explain themselves."""


@dataclass(frozen=True)
class Project:
    """A project folder and its settings; all other paths follow from it by convention."""

    root: Path
    questions: frozenset[str]
    tag_groups: Mapping[str, Mapping[str, str]]
    old_form: frozenset[str] = frozenset()

    @property
    def tags(self) -> frozenset[str]:
        """The tags a page may have; `tag_groups` says of each, by group, what it covers."""
        return frozenset().union(*self.tag_groups.values())

    @property
    def examples(self) -> Path:
        """The experiments, ``<chapter>/<slug>.py``."""
        return self.root / "examples"

    @property
    def durations(self) -> Path:
        """How long each experiment took when that was last recorded; may be missing."""
        return self.examples / "seconds.json"

    @property
    def docs(self) -> Path:
        """The pages, ``<chapter>/<slug>.md``."""
        return self.root / "docs"

    @property
    def glossary(self) -> Path:
        """The terms, as data; may be missing."""
        return self.docs / "glossary.yml"

    @property
    def bibliography(self) -> Path:
        """The works that pages cite, as data; may be missing."""
        return self.docs / "bibliography.yml"

    @property
    def course(self) -> Path:
        """The lectures of the course and the sections of its book, by chapter, as data; may be missing."""
        return self.docs / "course.yml"

    @property
    def tag_pages(self) -> Path:
        """A page for each tag, made by the engine; inside docs/ so that any site generator sees them."""
        return self.docs / "tags"

    @property
    def notebooks(self) -> Path:
        """The executed notebooks that are pages themselves; beside them stands the hand-written index of labs."""
        return self.docs / LABS

    @property
    def thumbnails(self) -> Path:
        """A small picture of each experiment that draws one; inside docs/ so that any site generator copies them."""
        return self.docs / "assets" / "thumbnails"

    @property
    def cache(self) -> Path:
        """Executed notebooks, by key."""
        return self.kept / "experiments"

    @property
    def memo(self) -> Path:
        """What need not be worked out again: see `engine.common.memo`."""
        return self.kept / "memo.json"

    @property
    def fragments(self) -> Path:
        """The Markdown that pages include."""
        return self.root / "build" / "fragments"

    @property
    def downloads(self) -> Path:
        """The .py and .ipynb files that readers take home; inside docs/ so that any site generator copies them."""
        return self.docs / "downloads"

    @property
    def kept(self) -> Path:
        """The folder of what is kept between builds: nobody else's."""
        return self.root / ".cache"

    @property
    def lock(self) -> Path:
        """What a build holds so that another one waits."""
        return self.kept / "lock"

    @property
    def made(self) -> tuple[Path, ...]:
        """The folders that the engine writes to, each of which may hold files of others as well."""
        return (self.fragments.parent, self.downloads, self.tag_pages, self.notebooks, self.thumbnails)

    @property
    def written(self) -> Path:
        """The list of the files that the engine made there (see `engine.common.written`).

        Neither in .cache/ nor in build/: people delete these, because all in them can be made again. The list cannot.
        """
        return self.root / ".written.jsonl"

    def id_of(self, path: Path) -> str:
        """Return the id of the experiment in a file: its path without folder ``examples`` and suffix."""
        return path.relative_to(self.examples).with_suffix("").as_posix()

    def relative(self, path: Path) -> str:
        """Name a file as the maintainer would: relative to the project, with forward slashes."""
        for form in (path, path.resolve()):  # the first also where a folder of the project is a link to elsewhere
            if form.is_relative_to(self.root):
                return form.relative_to(self.root).as_posix()
        return path.as_posix()


def load_project(root: Path) -> Project:
    """Read the settings of the project in `root`.

    Raises:
        UsageError: there is no pyproject.toml with a ``[tool.engine]`` table in `root`, or it is not as agreed.
    """
    root = root.resolve()
    return Project(root, *read_settings(root))


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` whose pyproject.toml has a ``[tool.engine]``.

    Where there is none, return the nearest with any pyproject.toml, or `start`: what is wrong there can be said.
    """
    folders = [folder for folder in (start, *start.parents) if (folder / NAME).is_file()]
    return next((folder for folder in folders if _is_project(folder)), folders[0] if folders else start)


def _is_project(folder: Path) -> bool:
    try:
        tool = tomllib.loads((folder / NAME).read_text("utf-8")).get("tool")
    except (OSError, ValueError):
        return False
    return isinstance(tool, dict) and "engine" in tool
