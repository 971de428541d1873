"""Render pages on the other cores while MkDocs, which uses one, goes through them.

MkDocs renders from the first page on. Helpers, forked from it when it knows all files, render from the last page on
and hand over each result; what MkDocs comes to and a helper has done it need not do. Nobody waits for anybody: a
helper that is slow, or dies, or finds a page wrong, only leaves more to MkDocs.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from mkdocs.structure.pages import Page

from engine.common import cores
from mkdocs_site import patches
from mkdocs_site.remember import MEMORY, Complaints

_MOST = 3  # the rest of the build is not divided: more would hardly help

_helpers: list[tuple[BaseProcess, Connection]] = []


def start(config: Any, files: Any) -> None:
    """Start the helpers, where there are cores for them and processes can be forked safely."""
    stop()
    number = min(cores() - 1, _MOST)
    if sys.platform != "linux" or threading.active_count() > 1 or not (populate := patches.find("populate")):
        return
    context = multiprocessing.get_context("fork")
    backwards = list(files.documentation_pages())[::-1]
    for i in range(number):
        reader, writer = context.Pipe(duplex=False)
        work = (writer, populate, backwards[i::number], config, files)
        process = context.Process(target=_work, args=work, daemon=True)
        process.start()
        writer.close()
        _helpers.append((process, reader))


def collect() -> None:
    """Take over what helpers have done by now."""
    for helper in list(_helpers):
        try:
            while helper[1].poll():
                MEMORY.take(helper[1].recv())
        except (EOFError, OSError):  # it has done its share, or died
            _helpers.remove(helper)


def stop() -> None:
    """End the helpers: all pages are rendered."""
    while _helpers:
        process, reader = _helpers.pop()
        process.kill()
        process.join()
        reader.close()


def _work(writer: Connection, populate: Callable[..., None], pages: Sequence[Any], config: Any, files: Any) -> None:
    """Render pages and take them apart for the search, and send what that gave."""
    mkdocs = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # MkDocs is told, and ends us
    _helpers.clear()  # those that were forked before us are not ours
    log = logging.getLogger("mkdocs")
    log.handlers, log.propagate = [Complaints()], False  # MkDocs renders such a page again and says what is wrong
    MEMORY.keeps = True
    search = config.plugins["material/search"].search_index
    for file in pages:
        if os.getppid() != mkdocs:  # it was killed before it could end us
            return
        with contextlib.suppress(Exception):
            page = file.page or Page(None, file, config)
            populate(page, config, files)
            search.add_entry_from_context(page)
            writer.send(MEMORY.hand_over())
