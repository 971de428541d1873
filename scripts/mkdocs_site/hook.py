"""MkDocs: what each build goes through. All the work is done elsewhere: see `events`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mkdocs.exceptions import ConfigurationError

_OURS = ("engine", "markdown_extensions", "mkdocs_site")


def _refuse_another_checkout() -> None:
    """Make sure that the code of this checkout builds it, not that of another one with the same environment.

    Raises:
        ConfigurationError: a package comes from elsewhere; says from where, and what to do.
    """
    here = Path(__file__).resolve().parents[1]
    for name in _OURS:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or not found.is_relative_to(here):
            raise ConfigurationError(
                f"\n{here / name}: 用不上，这个 Python 环境里装的是另一份：{found.parent if found else '（没有）'}\n"
                f"    给这一份装自己的环境：cd {here.parent} && rm -rf .venv && make site"
            )


_refuse_another_checkout()

from mkdocs_site.events import (  # noqa: E402  # only now is it known to be ours
    on_build_error,
    on_config,
    on_env,
    on_files,
    on_nav,
    on_page_content,
    on_page_markdown,
    on_post_build,
    on_post_page,
    on_pre_build,
    on_pre_page,
    on_serve,
    on_shutdown,
    on_startup,
)

__all__ = [
    "on_build_error",
    "on_config",
    "on_env",
    "on_files",
    "on_nav",
    "on_page_content",
    "on_page_markdown",
    "on_post_build",
    "on_post_page",
    "on_pre_build",
    "on_pre_page",
    "on_serve",
    "on_shutdown",
    "on_startup",
]
