"""``mkdocs serve``: the site at once, results when they are there, what is wrong on the page where it is wrong."""

from __future__ import annotations

import functools
import html
import logging
import re
import socket
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.structure.pages import Page

from engine.cli import describe
from engine.common import EngineError, Problem, load_project
from engine.preview import Draft, Preview
from mkdocs_site import patches

_PATIENCE = 3.0
"""Seconds that a save may be shown later, if it is shown with its results then."""
_SHOWN = ".results"
"""A hidden file of the site's folder that is written when there are results to show: the server watches it."""


_BROKEN_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*\n", re.DOTALL)
_TITLE = re.compile(r"\A((?:\s*<!--.*?-->)*\s*)((?:# [^\n]*)?)(.*)\Z", re.DOTALL)


class Serving:
    """What a server needs from its first build to its end."""

    def __init__(self, root: Path) -> None:
        """Prepare to serve the project at `root`."""
        self._temporary = tempfile.TemporaryDirectory(prefix="qa-preview-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name).resolve()
        self._site: Path | None = None
        self._preview = Preview(root, self.folder, self._tell)
        self._draft = Draft()
        self._said = ""
        self._installed = False
        self._errors = _Errors()

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
        """Make ready what can be shown."""
        self._draft = self._preview.draft(_PATIENCE)
        said = describe(EngineError(self._draft.problems)) if self._draft.problems else ""
        if said and said != self._said:
            logging.getLogger("mkdocs.hooks").error(f"\n{said}")
        self._said = said

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

    def attend(self, server: Any) -> None:
        """Run what is missing, now that there is a server to show it; have the server tell us who looks at what."""
        self._site = Path(server.root)
        self._tell_path().write_text("")
        server.watch(str(self._tell_path()))
        server.builder = self._told_of_errors(server.builder)
        server.set_app(self._with_errors(server.get_app()))
        self._preview.start()

    def _tell_path(self) -> Path:
        assert self._site is not None
        return self._site / _SHOWN

    def _tell(self) -> None:
        """Have the server build again: a file that it watches changes."""
        path = self._tell_path()
        if path.parent.is_dir():
            path.write_text(str(int(path.read_text() or 0) + 1))

    def _told_of_errors(self, builder: Callable[..., None]) -> Callable[..., None]:
        """Return a builder that does not raise: MkDocs' server answers no request after one that did."""

        @functools.wraps(builder)
        def build(*args: Any) -> None:
            log = logging.getLogger("mkdocs")
            self._errors.messages = []
            log.addHandler(self._errors)
            try:
                builder(*args)
            except Exception as error:
                self._errors.failed = "\n".join([*self._errors.messages, str(error)])
                log.error(f"{error}\n这一次没有构建成；改好以后保存，会再来一次")
            else:
                self._errors.failed = ""
            finally:
                log.removeHandler(self._errors)

        return build

    def _with_errors(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return an application that notes the pages that are asked for, and shows on each why the build failed."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode(errors="replace")
            if path.endswith(".html"):
                self._preview.look_at(path.strip("/").removesuffix(".html"))
            if not self._errors.failed:
                return app(environ, start_response)
            started: list[Any] = []
            body = b"".join(app(environ, lambda *start: started.append(start)))
            status, headers, *rest = started[-1]
            if ("Content-Type", "text/html") in headers:
                banner = f'<pre class="qa-broken">{html.escape(self._errors.failed)}</pre>'.encode()
                body = body.replace(b"</body>", banner + b"</body>")
                headers = [(name, value) for name, value in headers if name != "Content-Length"]
            start_response(status, headers, *rest)
            return [body]

        return answer


def _notice(problems: Iterable[Problem]) -> str:
    """Return problems as HTML that Markdown leaves alone."""
    found = list(problems)
    text = html.escape("\n\n".join(map(str, found)))
    title = f"这里有 {len(found)} 处要改；改好以后保存，这一页自动更新"
    return f'<div class="admonition failure"><p class="admonition-title">{title}</p><pre>{text}</pre></div>'


def check_port(address: Any) -> None:
    """Make sure that a server can have its address, before anything is built for it.

    Raises:
        PluginError: it cannot; says what to do.
    """
    host, port = address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            probe.bind((host, port))
    except OSError as error:
        cure = f"换一个端口：make serve PORT={port + 1}，或 mkdocs serve --dev-addr {host}:{port + 1}"
        raise PluginError(f"\n不能在 {host}:{port} 上提供服务：{error.strerror}\n    {cure}") from error


class _Errors(logging.Handler):
    """Keeps what a build complains of, and why the last one failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self.failed = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def is_made(root: Path) -> Callable[[Path], bool]:
    """Return a function that says of a file below docs/ or examples/ whether the engine writes it."""

    def made(path: Path) -> bool:
        for top, suffixes in tops:
            if path.is_relative_to(top) and path.suffix in suffixes:
                id_ = path.relative_to(top).with_suffix(".py")
                return top == project.tag_pages or (project.examples / start.get(top, "") / id_).is_file()
        return False

    try:
        project = load_project(root)
    except EngineError:  # the draft says so
        return lambda _: False
    tops = (
        (project.downloads, (".py", ".ipynb")),
        (project.thumbnails, (".svg",)),
        (project.tag_pages, (".md",)),
        (project.notebooks, (".ipynb",)),
    )
    start = {project.notebooks: "labs"}
    return made
