"""MkDocs' live server: built again when there are results, reloading only what changed, never left without an answer.

As it is, the server reloads every page in every browser after each build, and answers nobody after a build that
failed until one succeeds. Here a browser is told only when the page that it shows has changed, or what all pages
share; and a build that fails, which with drafts only broken settings can cause, is shown on the pages there are.
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mkdocs.exceptions import PluginError

from engine.common import EngineError, load_project

_RESULTS = ".results"
"""A hidden file of the site's folder that is written when there are results to show: the server watches it."""
_POLL = re.compile(r"/livereload/(\d+)/\d+")
_PATIENCE = 60.0
"""Seconds after which a browser that nothing happens to is answered, and asks again."""
_BANNER = (
    "position:fixed;inset:0 0 auto;z-index:99;margin:0;padding:1rem;max-height:60vh;overflow:auto;"
    "white-space:pre-wrap;background:#b3261e;color:#fff"
)
_PROGRESS = "/qa-progress"
_FILL = (
    f'<script>!function fill(){{fetch("{_PROGRESS}").then(answer=>answer.text()).then(text=>{{'
    'for(const place of document.querySelectorAll(".qa-progress"))place.textContent=text;'
    "setTimeout(fill,2000)})}()</script>"
)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Live:
    """What stands between MkDocs' server, its builds and the browsers."""

    def __init__(self, server: Any, look_at: Callable[[str], None], progress: Callable[[], str]) -> None:
        """Attend to `server`; `look_at` is told the id of each page that is asked for, `progress` is shown there."""
        self._server, self._look_at, self._progress = server, look_at, progress
        self._site = Path(server.root)
        self._results = self._site / _RESULTS
        self._results.write_text("")
        server.watch(str(self._results))
        self._build, server.builder = server.builder, self._build_without_raising
        self._answer: Application = server.get_app()
        server.set_app(self._application)
        self._errors = _Errors()
        self._changes = threading.Condition()
        self._digests = _digests(self._site)
        self._changed: dict[str, int] = dict.fromkeys(self._digests, 0)

    def changed(self) -> None:
        """Have the server build again."""
        if self._site.is_dir():
            self._results.write_text(str(int(self._results.read_text() or 0) + 1))

    def _build_without_raising(self, *arguments: Any) -> None:
        log = logging.getLogger("mkdocs")
        failed, self._errors.messages = self._errors.failed, []
        log.addHandler(self._errors)
        try:
            self._build(*arguments)
        except Exception as error:
            self._errors.failed = "\n".join([*self._errors.messages, str(error)])
            log.error(f"{error}\n这一次没有构建成；改好以后保存，会再来一次")
        else:
            self._errors.failed = ""
        finally:
            log.removeHandler(self._errors)
        digests, epoch = _digests(self._site), getattr(self._server, "_wanted_epoch", 0)
        with self._changes:
            for name, digest in digests.items():
                if digest != self._digests.get(name) or failed != self._errors.failed:
                    self._changed[name] = epoch
            self._digests = digests
            self._changes.notify_all()

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode(errors="replace")
        if poll := _POLL.fullmatch(path):
            page = _page_at(urlsplit(environ.get("HTTP_REFERER", "")).path)
            if page in self._changed and hasattr(self._server, "_wanted_epoch"):
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [str(self._wait_for_change(page, int(poll[1]))).encode()]
        elif path == _PROGRESS:
            start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
            return [self._progress().encode()]
        elif (page := _page_at(path)).endswith(".html"):
            self._look_at(page.removesuffix(".html"))
            return self._with_more(environ, start_response)
        return self._answer(environ, start_response)

    def _wait_for_change(self, page: str, epoch: int) -> int:
        """Wait until a page, or what all share, has changed since the build `epoch`; return the build that did it."""

        def changed() -> int:
            return max(epoch, self._changed[page], self._changed[""])

        with self._changes:
            self._changes.wait_for(lambda: changed() > epoch, timeout=_PATIENCE)
            return changed()

    def _with_more(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer with a page, and on it how far the experiments are, and why the last build failed."""
        started: list[Any] = []
        body = b"".join(self._answer(environ, lambda *start: started.append(start)))
        status, headers, *rest = started[-1]
        before, found, after = body.rpartition(b"</body>")
        more = _FILL if b"qa-progress" in body else ""
        if self._errors.failed:
            more += f'<pre style="{_BANNER}">{html.escape(self._errors.failed)}</pre>'
        start_response(status, [header for header in headers if header[0] != "Content-Length"], *rest)
        return [before, more.encode(), found, after]


class _Errors(logging.Handler):
    """Keeps what a build complains of, and why the last one failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self.failed = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _page_at(path: str) -> str:
    """Return which file of the site an address shows."""
    return unquote(path).lstrip("/") + ("index.html" if path.endswith("/") else "")


def _digests(site: Path) -> dict[str, bytes]:
    """Return a digest of each page by its name, and under "" one of all that pages share."""
    digests = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).digest() for path in site.rglob("*.html")
    }
    shared = hashlib.sha256()
    for path in sorted(path for path in (site / "assets").rglob("*") if path.is_file()):
        shared.update(path.read_bytes())
    return digests | {"": shared.digest()}


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


def written_by_people(root: Path) -> Callable[[Path], bool]:
    """Return a function that says of a file whether a change of it is a reason to build: somebody saved it.

    No reason are what the engine writes into docs/, and what editors and Python leave beside what is saved.
    """

    def written(path: Path) -> bool:
        if path.name.startswith(".") or path.name.endswith("~") or path.name == "__pycache__":
            return path.name == _RESULTS
        for top, suffixes, chapter in tops:
            if path.suffix in suffixes and path.is_relative_to(top):
                source = project.examples / chapter / path.relative_to(top).with_suffix(".py")
                return top != project.tag_pages and not source.is_file()
        return True

    try:
        project = load_project(root)
    except EngineError:  # the draft says so
        return lambda _: True
    tops = (
        (project.downloads, (".py", ".ipynb"), ""),
        (project.thumbnails, (".svg",), ""),
        (project.tag_pages, (".md",), ""),
        (project.notebooks, (".ipynb",), project.notebooks.name),
    )
    return written
