"""Remember what pages gave: for the life of a server, and what helpers found out ahead of the build.

MkDocs builds the whole site after each save. Most of that goes into converting every page's Markdown and every
notebook, taking every page apart for the search index, and filling in the theme's templates. Here each of these looks
first whether its result is known from the same ingredients. While serving, all results are kept; in a single
``mkdocs build`` only those come in that `prerender` hands over.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from pymdownx.snippets import SnippetMissingError

from engine.common import includes
from markdown_extensions.mathml import MathError
from mkdocs_site import patches

# What `Page.render` sets, but for the links, which name files of one build.
_RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")

Results = dict[tuple[str, str], tuple[str, bytes]]
"""By kind and name: a digest of all that a result was made of, and the result, pickled: each use gets a copy."""


class Memory:
    """Results, and the circumstances of the present build that all of its pages share.

    Attributes:
        keeps: whether results of this process are kept.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.keeps = False
        self._known: Results = {}
        self._new: Results = {}
        self._settings = self._navigation = ""

    def begin(self, config: Any, files: Iterable[Any]) -> None:
        """Note what a page depends on besides its own text: settings, theme, data, and which files there are."""
        theme = Path(config.theme.custom_dir).rglob("*.html") if config.theme.custom_dir else ()
        data = (Path(config.docs_dir) / name for name in ("glossary.yml", "bibliography.yml"))
        paths = [Path(config.config_file_path), *sorted(theme), *data]
        texts = (path.read_text("utf-8") if path.is_file() else "" for path in paths)
        self._settings = _digest([*texts, *sorted(file.src_uri for file in files)])

    def begin_templates(self, nav: Any) -> None:
        """Note what each page shows of the others, now that all have titles."""
        self._navigation = _digest([str(nav)])

    def digest(self, parts: Iterable[str]) -> str:
        """Digest what a page's text is converted from, in the present circumstances."""
        return _digest([self._settings, *parts])

    def digest_in_template(self, parts: Iterable[str]) -> str:
        """Digest what a page's HTML is filled in from, in the present circumstances."""
        return _digest([self._settings, self._navigation, *parts])

    def get(self, kind: str, name: str, digest: str) -> Any:
        """Return a result made of the same, or None."""
        before = self._known.get((kind, name))
        return pickle.loads(before[1]) if before and before[0] == digest else None

    def put(self, kind: str, name: str, digest: str, result: Any) -> None:
        """Keep a result, if results are kept."""
        if self.keeps:
            self._known[kind, name] = self._new[kind, name] = digest, pickle.dumps(result)

    def take(self, results: Mapping[tuple[str, str], tuple[str, bytes]]) -> None:
        """Keep results of another process."""
        self._known.update(results)

    def hand_over(self) -> Results:
        """Return what was kept since the last call."""
        new, self._new = self._new, {}
        return new


MEMORY = Memory()


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

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the HTML of a context; see `jinja2.Template.render`."""
        context = dict(*args, **kwargs)
        page = context.get("page")
        if page is None:
            return super().render(context)
        digest = MEMORY.digest_in_template([page.content, repr(page.meta), str(page.title)])
        html: str | None = MEMORY.get("html", page.url, digest)
        if html is None:
            html = super().render(context)
            MEMORY.put("html", page.url, digest, html)
        return html


class Complaints(logging.Handler):
    """Counts warnings."""

    def __init__(self) -> None:
        """Start at none."""
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, _: logging.LogRecord) -> None:
        """Count one."""
        self.count += 1


@functools.cache
def install(folders: tuple[Path, ...]) -> None:
    """Make MkDocs and its plugins look into the memory; `folders` are where pages include from."""
    for name in ("nb2html", "nb2md"):
        patches.put(name, _remembering_notebooks)
    patches.put("render", functools.partial(_remembering_render, folders=folders))
    patches.put("entries", _remembering_entries)


def _included(text: str, folders: tuple[Path, ...]) -> Iterator[str]:
    """Yield what a page includes, in whatever form."""
    for name, _, _ in includes(text.split("\n")):
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        yield path.read_text("utf-8") if path else ""


def _remembering_render(render: Any, folders: tuple[Path, ...]) -> Any:
    @functools.wraps(render)
    def remembering(page: Page, config: Any, files: Any) -> None:
        text = page.markdown or ""
        digest = MEMORY.digest([text, *_included(text, folders)])
        before = MEMORY.get("page", page.file.src_uri, digest)
        if before:
            rendered, links = before
            page.__dict__.update(rendered)
            page.links_to_anchors = {files.get_file_from_path(uri): anchors for uri, anchors in links.items()}
            return
        complaints = Complaints()
        log = logging.getLogger("mkdocs")
        log.addHandler(complaints)
        try:
            render(page, config, files)
        except (MathError, SnippetMissingError) as error:  # on a page that the engine does not read
            raise PluginError(f"{page.file.src_uri}: {error}") from error
        finally:
            log.removeHandler(complaints)
        if not complaints.count:  # what is wrong is said at each build
            links = {file.src_uri: anchors for file, anchors in (page.links_to_anchors or {}).items()}
            rendered = {name: getattr(page, name) for name in _RENDERED}
            MEMORY.put("page", page.file.src_uri, digest, (rendered, links))

    return remembering


def _remembering_notebooks(convert: Any) -> Any:
    @functools.wraps(convert)
    def remembering(path: str, **options: Any) -> str:
        digest = MEMORY.digest([str(Path(path).stat().st_mtime_ns), repr(options)])
        text: str | None = MEMORY.get(convert.__name__, path, digest)
        if text is None:
            text = convert(path, **options)
            MEMORY.put(convert.__name__, path, digest, text)
        return text

    return remembering


def _remembering_entries(add: Any) -> Any:
    @functools.wraps(add)
    def remembering(index: Any, page: Page) -> None:
        digest = MEMORY.digest([page.content or "", repr(page.meta)])
        entries = MEMORY.get("entries", page.url, digest)
        if entries is not None:
            index.entries += entries
            return
        start = len(index.entries)
        add(index, page)
        MEMORY.put("entries", page.url, digest, index.entries[start:])

    return remembering


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
