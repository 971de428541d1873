"""The events of a build under MkDocs, in the order in which they come. All the work is done elsewhere.

A build executes what is not cached, and fails if anything is wrong. A server shows what there is at once.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from markupsafe import Markup, escape
from mkdocs.exceptions import PluginError
from mkdocs.plugins import CombinedEvent, event_priority

from engine.build import build
from engine.cli import describe
from engine.common import EngineError, load_project
from mkdocs_site import mathfont, notebook_pages, patches, prerender
from mkdocs_site.exchange import Exchange, ShowSite
from mkdocs_site.live import check_port, written_by_people
from mkdocs_site.remember import MEMORY, RememberingTemplate, TemplateCache, install
from mkdocs_site.searchindex import write_search_index
from mkdocs_site.serving import Serving

# What Pygments marks and the theme draws like any other text, or nearly so: names, spaces, punctuation, operators.
_UNCOLOURED = re.compile(r'<span class="[nwpo]">([^<]*)</span>')

_templates = TemplateCache()
_exchange = Exchange()


class _Run:
    """What is the same for all builds of this process."""

    dirty = False  # only what has changed is built, in the old site
    live = False  # a server that shows what changes
    serving: Serving | None = None
    is_watched: Callable[[Path], bool] = staticmethod(lambda _: True)
    nav: Any = None


def on_startup(command: str, dirty: bool) -> None:
    """Note whether the site is built once or served."""
    logging.getLogger("mkdocs.commands.build").addFilter(ShowSite())
    context = click.get_current_context(silent=True)
    watches = context is None or context.params.get("livereload", True)
    _Run.dirty, _Run.live = dirty, command == "serve" and watches and not dirty
    MEMORY.keeps = command == "serve"
    if _Run.live:  # the server is made before there is a first build
        patches.watch_only(lambda path: _Run.is_watched(path))


def on_config(config: Any) -> None:
    """Have includes found from wherever MkDocs is started, and what is written only take the site's place whole."""
    root = Path(config.config_file_path).parent
    snippets = config.mdx_configs.setdefault("pymdownx.snippets", {})
    base = snippets.get("base_path", ["."])
    folders = [os.path.join(root, folder) for folder in ([base] if isinstance(base, str) else base)]  # noqa: PTH118
    if _Run.live and not config.strict and _Run.serving is None:
        check_port(config.dev_addr)
        _Run.is_watched = staticmethod(written_by_people(root))
        _Run.serving = Serving(root)
    if _Run.serving:
        folders.insert(0, str(_Run.serving.fragments))
        snippets["check_paths"] = False  # what is missing is said on the page
    snippets["base_path"] = folders
    for extension in ("tooltips", "citations"):  # which look for data in the current folder by themselves
        config.mdx_configs.setdefault(f"markdown_extensions.{extension}", {})["root"] = str(root)
    notebook_pages.install()
    install(tuple(map(Path, folders)))
    if _Run.serving:
        _Run.serving.install()
    if not _Run.dirty:
        _exchange.begin(config)


def on_pre_build(config: Any) -> None:
    """Execute what is not cached; a failure fails the build. A server shows what there is."""
    root = Path(config.config_file_path).parent
    try:
        if _Run.serving:
            _Run.serving.draft()
        else:
            build(load_project(root))
    except EngineError as error:
        raise PluginError(f"\n{describe(error)}") from error
    mathfont.write_font(root / "docs" / "assets" / "fonts" / "math.woff2")


@event_priority(100)  # before notebooks are looked for
def on_files(files: Any, config: Any) -> None:
    """Add the pages of a draft."""
    if _Run.serving:
        _Run.serving.add_files(files, config)


def on_nav(nav: Any, config: Any, files: Any) -> None:
    """Have the pages rendered on all cores."""
    _Run.nav = nav
    MEMORY.begin(config, files)
    prerender.start(config, files)


def on_pre_page(*_: Any, **__: Any) -> None:
    """Take over what other cores have done."""
    prerender.collect()


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str | None:
    """Give a notebook's page its title, tags and description; have a page of a draft say what is wrong with it."""
    is_notebook = notebook_pages.is_notebook(page)
    if is_notebook:
        page.meta |= notebook_pages.metadata_of(markdown)
    for key, value in page.meta.items():  # what the theme writes of any page is text, not HTML
        if isinstance(value, str) or key in ("title", "description"):
            page.meta[key] = escape(" ".join(str(value or "").split()))
    return _Run.serving.with_notices(markdown, page) if _Run.serving and not is_notebook else None


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Make a notebook a page; take out markup that no reader sees: a third of a page, half the time of indexing."""
    if notebook_pages.is_notebook(page):
        add = _Run.serving.with_notices if _Run.serving else None
        html = notebook_pages.render(html, page, config, files, add)
    return _UNCOLOURED.sub(r"\1", html)


def on_env(env: Any, **_: Any) -> None:
    """Compile each template once, not at every build; while serving, fill it in once for each page."""
    prerender.stop()
    _titles_as_html(_Run.nav.items)
    MEMORY.begin_templates(_Run.nav)
    if patches.find("bytecode cache"):
        env.bytecode_cache = _templates
    if MEMORY.keeps and patches.find("template class"):
        env.template_class = RememberingTemplate


def _titles_as_html(items: Any) -> None:
    """Have the theme, which writes titles both as they are and escaped, take each for the HTML that it is by now."""
    for item in items:
        rendered = "title" not in getattr(item, "meta", ()) and getattr(item, "_title_from_render", None)
        if item.title:
            item.title = Markup(item.title) if item.title == rendered else escape(item.title)
        _titles_as_html(item.children or ())


def on_post_page(output: str, **_: Any) -> str:
    """Take out the indentation of the theme's templates, and the arrows of its navigation; name its lists."""
    return patches.tidy(output)


def _index(config: Any) -> None:
    """Make the theme's search index light, before the offline plugin copies it."""
    try:
        project = load_project(Path(config.config_file_path).parent)
    except EngineError:  # of a server, whose pages say so
        return
    ledger = _Run.serving.ledger if _Run.serving else project.fragments.parent / "ledger.json"
    write_search_index(Path(config.site_dir), project, ledger)


@event_priority(-200)  # when all plugins have written theirs
def _finish(*_: Any, **__: Any) -> None:
    _exchange.finish()
    if _Run.serving:
        _Run.serving.shown()


on_post_build = CombinedEvent(_index, _finish)


def on_build_error(**_: Any) -> None:
    """Leave the site as it was."""
    _exchange.drop()
    if _Run.serving:
        _Run.serving.shown()


def on_serve(server: Any, config: Any, **_: Any) -> Any:
    """Execute, now that there is a server, what the first build missed."""
    if _Run.serving:
        _Run.serving.attend(server, config)
    return server


def on_shutdown() -> None:
    """Leave nothing half-made, and nothing running, however the build or the server ended."""
    prerender.stop()
    _exchange.drop()
    if _Run.serving:
        _Run.serving.stop()
