"""While serving, do not convert and index again the pages that stayed as they were.

MkDocs builds the whole site after each save. Most of that goes into converting every page's Markdown and every
notebook, taking every page apart for the search index, and filling in the theme's templates: results of what has not
changed. `install` keeps them for the life of the process; nothing of it is used by ``mkdocs build``.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import logging
import re
from pathlib import Path
from typing import Any, ClassVar

import jinja2
from mkdocs.structure.pages import Page

_INCLUDE = re.compile(r'^\s*--8<--\s+"([^"]+)"', re.MULTILINE)
# What `Page.render` sets, but for the links, which name files of one build.
_RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")


class TemplateCache(jinja2.BytecodeCache):
    """Compiled templates, in memory: MkDocs makes a new environment for each build."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Fill a bucket with what was compiled from the same source; Jinja puts the source's digest in the bucket."""
        if code := self._compiled.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep what was compiled."""
        self._compiled[bucket.key] = bucket.bytecode_to_string()


class RememberingTemplate(jinja2.Template):
    """A template that gives a page's HTML again as long as the page, the navigation, settings and theme stay."""

    _known: ClassVar[dict[str, tuple[str, str]]] = {}

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the HTML of a context; see `jinja2.Template.render`."""
        context = dict(*args, **kwargs)
        page = context.get("page")
        if page is None:
            return super().render(context)
        made_of = [
            page.content,
            repr(page.meta),
            page.title,
            str(context["nav"]),
            *_settings_and_theme(context["config"]),
        ]
        digest = hashlib.sha256("\0".join(map(str, made_of)).encode()).hexdigest()
        before = self._known.get(page.url)
        if not before or before[0] != digest:
            before = self._known[page.url] = digest, super().render(context)
        return before[1]


def _settings_and_theme(config: Any) -> list[str]:
    templates = sorted(Path(config.theme.custom_dir).rglob("*.html")) if config.theme.custom_dir else []
    return [path.read_text("utf-8") for path in (Path(config.config_file_path), *templates)]


class _Complaints(logging.Handler):
    """Counts warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, _: logging.LogRecord) -> None:
        self.count += 1


def look_often() -> None:
    """Have MkDocs look for saved files five times a second instead of twice; before it makes its server."""
    from mkdocs.livereload import LiveReloadServer

    often = functools.partialmethod(LiveReloadServer.__init__, polling_interval=0.2)
    LiveReloadServer.__init__ = often  # type: ignore[method-assign,assignment]


@functools.cache
def install(fragments: Path) -> None:
    """Make MkDocs and the search plugin remember; `fragments` is where pages include from."""
    from material.plugins.search.plugin import SearchIndex
    from mkdocs_jupyter import convert

    for converter in ("nb2html", "nb2md"):
        setattr(convert, converter, _remembering_notebooks(getattr(convert, converter)))
    Page.render = _remembering_render(Page.render, fragments)  # type: ignore[method-assign]
    SearchIndex.add_entry_from_context = _remembering_entries(SearchIndex.add_entry_from_context)


def _remembering_render(render: Any, fragments: Path) -> Any:
    known: dict[str, tuple[str, dict[str, Any], dict[str, dict[str, str]]]] = {}

    @functools.wraps(render)
    def remembering(page: Page, config: Any, files: Any) -> None:
        digest = _digest_of_page(page, config, files, fragments)
        before = known.get(page.file.src_uri)
        if before and before[0] == digest:
            page.__dict__.update(copy.deepcopy(before[1]))  # plugins go on to change the table of contents
            page.links_to_anchors = {files.get_file_from_path(uri): links for uri, links in before[2].items()}
            return
        complaints = _Complaints()
        log = logging.getLogger("mkdocs")
        log.addHandler(complaints)
        try:
            render(page, config, files)
        finally:
            log.removeHandler(complaints)
        if not complaints.count:  # what is wrong is said at each build
            links = {file.src_uri: links for file, links in (page.links_to_anchors or {}).items()}
            known[page.file.src_uri] = digest, copy.deepcopy({name: getattr(page, name) for name in _RENDERED}), links

    return remembering


def _digest_of_page(page: Page, config: Any, files: Any, fragments: Path) -> str:
    """Digest what a rendered page depends on: its text, what it includes, the settings, and which files there are."""
    text = page.markdown or ""
    parts = [text, *_settings_and_theme(config), *sorted(file.src_uri for file in files)]
    glossary = Path(config.docs_dir) / "glossary.yml"  # terms are explained where they stand
    parts.append(glossary.read_text("utf-8") if glossary.is_file() else "")
    for name in _INCLUDE.findall(text):
        path = fragments / name
        parts.append(path.read_text("utf-8") if path.is_file() else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _remembering_notebooks(convert: Any) -> Any:
    known: dict[str, tuple[tuple[int, str], str]] = {}

    @functools.wraps(convert)
    def remembering(path: str, **options: Any) -> str:
        state = Path(path).stat().st_mtime_ns, repr(options)
        before = known.get(path)
        if not before or before[0] != state:
            before = known[path] = state, convert(path, **options)
        return before[1]

    return remembering


def _remembering_entries(add: Any) -> Any:
    known: dict[str, tuple[tuple[str, str], list[dict[str, Any]]]] = {}

    @functools.wraps(add)
    def remembering(index: Any, page: Page) -> None:
        digest = page.content or "", repr(page.meta)
        before = known.get(page.url)
        if before and before[0] == digest:
            index.entries += [dict(entry) for entry in before[1]]
            return
        start = len(index.entries)
        add(index, page)
        known[page.url] = digest, [dict(entry) for entry in index.entries[start:]]

    return remembering
