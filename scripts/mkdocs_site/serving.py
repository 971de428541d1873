"""``mkdocs serve``: the site at once, results when they are there, what is wrong on the page where it is wrong."""

from __future__ import annotations

import functools
import html
import logging
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from mkdocs.structure.pages import Page

from engine.cli import describe
from engine.common import EngineError, Problem
from engine.preview import Draft, Preview
from mkdocs_site import patches
from mkdocs_site.live import Live

_PATIENCE = 3.0
"""Seconds that a save may be shown later, if it is shown with its results then."""
_BROKEN_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*\n", re.DOTALL)
_TITLE = re.compile(r"\A((?:\s*<!--.*?-->)*\s*)((?:# [^\n]*)?)(.*)\Z", re.DOTALL)


class Serving:
    """What a server needs from its first build to its end."""

    def __init__(self, root: Path) -> None:
        """Prepare to serve the project at `root`."""
        self._temporary = tempfile.TemporaryDirectory(prefix="qa-preview-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name).resolve()
        self._root = root
        self._tell: Callable[[], None] = lambda: None
        self._preview = Preview(root, self.folder, lambda: self._tell())
        self._draft = Draft()
        self._site_is_to_come = True
        self._said: tuple[Problem, ...] = ()
        self._installed = False

    @property
    def fragments(self) -> Path:
        """What pages include from before they include from the project's own fragments."""
        return self.folder / "fragments"

    @property
    def ledger(self) -> Path:
        """What is known of the questions, for the search."""
        return self.folder / "ledger.json"

    def install(self) -> None:
        """Have a page that cannot be rendered spoil no other."""
        if not self._installed:
            patches.put("render", self._forgiving)
            self._installed = True

    def stop(self) -> None:
        """End what runs, and leave nothing."""
        self._preview.stop()
        self._temporary.cleanup()

    def draft(self) -> None:
        """Make ready what can be shown.

        Raises:
            EngineError: the first draft already has nothing to show: the settings cannot be read.
        """
        self._draft = self._preview.draft(_PATIENCE)
        problems = self._draft.problems
        if self._site_is_to_come and not self._draft.total and problems:
            raise EngineError(problems)
        self._site_is_to_come = False
        if new := [problem for problem in problems if problem not in self._said]:
            logging.getLogger("mkdocs.hooks").error(f"\n{describe(EngineError(new))}")
        self._said = problems

    def shown(self) -> None:
        """Note that what was made ready is built."""
        self._preview.shown()

    def add_files(self, files: Any, config: Any) -> None:
        """Have files of the draft stand for those of docs/."""
        docs = self.folder / "docs"
        for path in sorted(docs.rglob("*")):
            if path.is_file():
                uri = path.relative_to(docs).as_posix()
                if existing := files.get_file_from_path(uri):
                    files.remove(existing)
                files.append(File(uri, str(docs), config.site_dir, config.use_directory_urls))

    def with_notices(self, markdown: str, page: Any) -> str:
        """Return a page's Markdown with what is wrong with it under its title; on the home page also the rest."""
        id_ = page.file.src_uri.rpartition(".")[0]
        problems = self._draft.notices.get(id_, ())
        if page.is_homepage or not self._draft.total:
            problems += self._draft.notices.get("", ())
        if not problems:
            return markdown
        markdown = _BROKEN_FRONT_MATTER.sub("", markdown)
        head, title, rest = _TITLE.match(markdown).groups()  # type: ignore[union-attr]  # it matches any text
        return "\n\n".join([head + title, _notice(problems), rest])

    def _forgiving(self, render: Any) -> Any:
        """Return a `Page.render` that shows what is wrong with a page instead of ending the build."""

        @functools.wraps(render)
        def forgiving(page: Page, config: Any, files: Any) -> None:
            try:
                render(page, config, files)
            except Exception as error:
                problem = Problem(f"docs/{page.file.src_uri}", None, f"转换不了：{type(error).__name__}", str(error))
                logging.getLogger("mkdocs.hooks").error(f"\n{problem}")
                known = self._draft.notices.get(page.file.src_uri.rpartition(".")[0], ())
                page.markdown = f"# {page.file.src_uri}\n\n{_notice(known or (problem,))}"
                render(page, config, files)

        return forgiving

    def attend(self, server: Any, config: Any) -> None:
        """Run what is missing, now that there is a server to show it."""
        self._tell = Live(server, self._preview.look_at, lambda: self._preview.progress).changed
        for path in (self._root / "pyproject.toml", self._root / "examples", config.theme.custom_dir):
            if path:
                server.watch(str(path))
        self._preview.start()


def _notice(problems: Iterable[Problem]) -> str:
    """Return problems as HTML that Markdown leaves alone."""
    found = list(problems)
    text = html.escape("\n\n".join(map(str, found)))
    title = f"这里有 {len(found)} 处要改；改好以后保存，这一页自动更新"
    return f'<div class="admonition failure"><p class="admonition-title">{title}</p><pre>{text}</pre></div>'
