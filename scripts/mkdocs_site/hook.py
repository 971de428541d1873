"""MkDocs: before each build, bring what the pages include up to date. All the work is the engine's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from mkdocs.exceptions import PluginError

from engine.build import build, warm_up
from engine.cli import describe
from engine.common import EngineError, load_project
from mkdocs_site import mathfont, notebook_pages, prerender
from mkdocs_site.remember import MEMORY, RememberingTemplate, TemplateCache, install, look_often
from mkdocs_site.searchindex import write_search_index

# What Pygments marks and the theme draws like any other text, or nearly so: names, spaces, punctuation, operators.
_UNCOLOURED = re.compile(r'<span class="[nwpo]">([^<]*)</span>')
# Chapters whose questions are not shown: links like any other, each a quarter lighter without a box for an arrow.
_PRUNED = re.compile(
    r'<li class="md-nav__item md-nav__item--pruned md-nav__item--nested">\s*(<a [^>]*>)\s*<span class="md-ellipsis">'
    r'\s*([^<]*?)\s*</span>\s*<span class="md-nav__icon md-icon"></span>\s*</a>\s*</li>'
)
# A part of the navigation whose name is a link: the theme leaves its list without a name for screen readers.
_NAMELESS = re.compile(
    r'(<a [^>]*class="md-nav__link[^>]*>\s*<span class="md-ellipsis">\s*([^<]*?)\s*</span>\s*</a>\s*'
    r'<label [^>]*id="(__nav_[\d_]+_label)".*?)aria-labelledby="\3"',
    re.DOTALL,
)
_INDENTATION = re.compile(r"(<pre\b.*?</pre>)|\n\s+", re.DOTALL)


_templates = TemplateCache()
_serving = False
_nav: Any = None


def on_startup(command: str, **_: Any) -> None:
    """Note whether the site is built once or served."""
    global _serving
    _serving = command == "serve"
    MEMORY.keeps = _serving
    if _serving:
        look_often()


def on_config(config: Any) -> None:
    """Have notebooks shown like pages, and what is known of a page not worked out again."""
    notebook_pages.install()
    try:
        project = load_project(Path(config.config_file_path).parent)
    except EngineError as error:
        raise PluginError(f"\n{describe(error)}") from error
    install(project.fragments)
    # What they name by themselves is relative to the current folder, which may be another.
    for name in ("citations", "tooltips"):
        config.mdx_configs.setdefault(f"markdown_extensions.{name}", {})["root"] = str(project.root)
    config.mdx_configs["pymdownx.snippets"]["base_path"] = [str(project.fragments)]


def on_serve(server: Any, config: Any, **_: Any) -> Any:
    """Have torch imported by the time that an experiment is saved."""
    warm_up(load_project(Path(config.config_file_path).parent))
    return server


def on_nav(nav: Any, config: Any, files: Any) -> None:
    """Have the pages rendered on all cores."""
    global _nav
    _nav = nav
    MEMORY.begin(config, files)
    prerender.start(config, files)


def on_pre_page(*_: Any, **__: Any) -> None:
    """Take over what other cores have done."""
    prerender.collect()


def on_env(env: Any, **_: Any) -> None:
    """Compile each template once, not at every build; while serving, fill it in once for each page."""
    prerender.stop()
    _titles_as_html(_nav.items)
    MEMORY.begin_templates(_nav)
    env.bytecode_cache = _templates
    if _serving:
        env.template_class = RememberingTemplate


def _titles_as_html(items: Any) -> None:
    """Have the theme, which writes titles both as they are and escaped, take each for the HTML that it is by now."""
    for item in items:
        rendered = "title" not in getattr(item, "meta", ()) and getattr(item, "_title_from_render", None)
        if item.title:
            item.title = Markup(item.title) if item.title == rendered else escape(item.title)
        _titles_as_html(item.children or ())


def on_pre_build(config: Any, **_: Any) -> None:
    """Execute what is not cached; a failure fails the build."""
    root = Path(config.config_file_path).parent
    try:
        build(load_project(root))
    except EngineError as error:
        raise PluginError(f"\n{describe(error)}") from error
    mathfont.write_font(root / "docs" / "assets" / "fonts" / "math.woff2")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> None:
    """Give a notebook's page its title, tags and description; what the theme writes of any page is text, not HTML."""
    if notebook_pages.is_notebook(page):
        page.meta |= notebook_pages.metadata_of(markdown)
    for key, value in page.meta.items():
        if isinstance(value, str) or key in ("title", "description"):
            page.meta[key] = escape(" ".join(str(value or "").split()))


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Make a notebook a page; take out markup that no reader sees: a third of a page, half the time of indexing."""
    if notebook_pages.is_notebook(page):
        html = notebook_pages.render(html, page, config, files)
    return _UNCOLOURED.sub(r"\1", html)


def on_post_page(output: str, **_: Any) -> str:
    """Take out the indentation of the theme's templates, and the arrows of its navigation; name its lists."""
    output = _PRUNED.sub(r'<li class="md-nav__item">\1<span class="md-ellipsis">\2</span></a></li>', output)
    output = _NAMELESS.sub(r'\1aria-label="\2"', output)
    return _INDENTATION.sub(lambda match: match[1] or "\n", output)


def on_post_build(config: Any, **_: Any) -> None:
    """Make the theme's search index light, before the offline plugin copies it."""
    write_search_index(Path(config.site_dir), load_project(Path(config.config_file_path).parent))
