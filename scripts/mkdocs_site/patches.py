"""All that is changed in MkDocs, its plugins and its theme from outside, and what is so without it.

None of this is promised to us by those who wrote it: a new version may have it no longer, or under another name. So
each patch is found by its name, and where the name leads nowhere the site is built without the patch, with a warning
that says which one and what is lost. What only makes a build faster is no reason for ``--strict`` to fail; a page
that comes out otherwise is.
"""

from __future__ import annotations

import functools
import logging
import os
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Strict builds count what is logged below "mkdocs"; a logger without handlers writes its warnings to stderr.
_COUNTED, _UNCOUNTED = logging.getLogger("mkdocs.hooks.patches"), logging.getLogger("mkdocs_site.patches")


@dataclass(frozen=True)
class Patch:
    """Something of theirs that we replace or use although it is private.

    Attributes:
        target: where it is: ``module:object.attribute``.
        version: with which it was tried.
        why: what for.
        without: what is so where it is gone.
        shows: whether pages come out otherwise without it.
    """

    target: str
    version: str
    why: str
    without: str
    shows: bool = False


PATCHES = {
    "watch": Patch(
        "mkdocs.livereload:LiveReloadServer.__init__",
        "MkDocs 1.6.1",
        "看文件每秒五次而不是两次，不看引擎自己写的",
        "保存以后慢一点才看到；引擎写文件也引起一次重新构建",
    ),
    "render": Patch(
        "mkdocs.structure.pages:Page.render",
        "MkDocs 1.6.1",
        "没有变的页面不再转换；预览时一页转换不了，只有这一页坏",
        "每次都转换所有页面；预览时一页转换不了，整个站点停在上一次",
    ),
    "populate": Patch(
        "mkdocs.commands.build:_populate_page",
        "MkDocs 1.6.1",
        "别的核同时从最后一页往前转换",
        "只用一个核转换页面",
    ),
    "entries": Patch(
        "material.plugins.search.plugin:SearchIndex.add_entry_from_context",
        "Material 9.8.1",
        "没有变的页面不再为搜索拆开",
        "每次都为搜索拆开所有页面",
    ),
    "nb2html": Patch(
        "mkdocs_jupyter.convert:nb2html", "mkdocs-jupyter 0.26.3", "没有变的笔记本不再转换", "每次都转换所有笔记本"
    ),
    "nb2md": Patch(
        "mkdocs_jupyter.convert:nb2md", "mkdocs-jupyter 0.26.3", "没有变的笔记本不再转换", "每次都转换所有笔记本"
    ),
    "notebook templates": Patch(
        "mkdocs_jupyter.config:settings.templates_dir",
        "mkdocs-jupyter 0.26.3",
        "笔记本的页面与别的页面一样",
        "实验室的页面是 JupyterLab 的样子，一页 600 kB",
        shows=True,
    ),
    "notebook filters": Patch(
        "nbconvert.exporters.templateexporter:default_filters",
        "nbconvert 7",
        "笔记本的页面与别的页面一样",
        "实验室的页面是 JupyterLab 的样子，一页 600 kB",
        shows=True,
    ),
    "bytecode cache": Patch("jinja2:Environment.__init__", "Jinja 3.1", "模板只编译一次", "每次构建都编译模板"),
    "template class": Patch(
        "jinja2:Environment.template_class", "Jinja 3.1", "没有变的页面不再填进模板", "每次都填所有页面的模板"
    ),
}


def find(name: str) -> Any:
    """Return what a patch is for, or None, with a warning, where it is gone."""
    patch = PATCHES[name]
    try:
        return pkgutil.resolve_name(patch.target)
    except (ImportError, AttributeError):
        log = _COUNTED if patch.shows else _UNCOUNTED
        _warn_once(log, f"补丁 {patch.target}（{patch.version}）没有可补的了：{patch.without}；见 {__name__}")
        return None


def put(name: str, make: Callable[[Any], Any]) -> None:
    """Put ``make(original)`` in the place of what a patch is for, if that is there."""
    original = find(name)
    if original is not None:
        owner, _, attribute = PATCHES[name].target.rpartition(".")
        if ":" not in owner:
            owner, _, attribute = PATCHES[name].target.partition(":")
        setattr(pkgutil.resolve_name(owner), attribute, make(original))


@functools.cache
def _warn_once(log: logging.Logger, message: str) -> None:
    log.warning(message)


def watch_only(is_watched: Callable[[Path], bool]) -> None:
    """Have MkDocs look for saved files five times a second, and not at all of them; before it makes its server."""

    def entries(folder: str | None) -> Iterator[os.DirEntry[str]]:
        with os.scandir(folder) as found:
            yield from (entry for entry in found if is_watched(Path(entry.path)))

    def patched(original: Any) -> Any:
        @functools.wraps(original)
        def init(server: Any, *args: Any, **options: Any) -> None:
            from watchdog.observers.polling import PollingObserverVFS

            original(server, *args, **options)
            server.observer = PollingObserverVFS(stat=os.stat, listdir=entries, polling_interval=0.2)

        return init

    put("watch", patched)


@dataclass(frozen=True)
class _Markup:
    """HTML of the theme that we change: what for, how it is found, what it becomes, and what shows a miss."""

    name: str
    pattern: re.Pattern[str]
    change: str
    missed: str


# Material 9.8.1. Where a pattern does not fit any more, the page stays as the theme made it.
_THEME = (
    _Markup(
        "去掉看不见的箭头：没有展开的章只是一个链接，每个轻四分之一",
        re.compile(
            r'<li class="md-nav__item md-nav__item--pruned md-nav__item--nested">\s*(<a [^>]*>)\s*'
            r'<span class="md-ellipsis">\s*([^<]*?)\s*</span>\s*<span class="md-nav__icon md-icon"></span>\s*'
            r"</a>\s*</li>"
        ),
        r'<li class="md-nav__item">\1<span class="md-ellipsis">\2</span></a></li>',
        "md-nav__item--pruned",
    ),
    _Markup(
        "给导航里名字是链接的部分一个名称：主题没有给，读屏软件念不出",
        re.compile(
            r'(<a [^>]*class="md-nav__link[^>]*>\s*<span class="md-ellipsis">\s*([^<]*?)\s*</span>\s*</a>\s*'
            r'<label [^>]*id="(__nav_[\d_]+_label)".*?)aria-labelledby="\3"',
            re.DOTALL,
        ),
        r'\1aria-label="\2"',
        "",
    ),
)
_INDENTATION = re.compile(r"(<pre\b.*?</pre>)|\n\s+", re.DOTALL)
_WORKER = "assets/javascripts/search-worker.js"


def tidy(html: str) -> str:
    """Return the theme's page without its templates' indentation, lighter, with names for its lists."""
    for markup in _THEME:
        html = markup.pattern.sub(markup.change, html)
        if markup.missed and markup.missed in html:
            _warn_once(_UNCOUNTED, f"主题的 HTML 变了，没有做到：{markup.name}；见 {__name__}")
    if '"search":' in html and _WORKER not in html:  # the theme's template names its own worker by a digest
        _warn_once(_COUNTED, f"scripts/theme/main.html 没有换上 {_WORKER}：中文搜索不能用")
    return _INDENTATION.sub(lambda match: match[1] or "\n", html)
