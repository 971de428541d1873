"""MkDocs: before each build, bring what the pages include up to date. All the work is the engine's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

import mathfont
from engine.build import build
from engine.cli import describe
from engine.errors import EngineError
from engine.project import load_project

# What Pygments marks and the theme draws like any other text: names, spaces; punctuation nearly so.
_UNCOLOURED = re.compile(r'<span class="[nwp]">([^<]*)</span>')
_INDENTATION = re.compile(r"(<pre\b.*?</pre>)|\n\s+", re.DOTALL)


def on_pre_build(config: Any, **_: Any) -> None:
    """Execute what is not cached; a failure fails the build."""
    root = Path(config.config_file_path).parent
    try:
        build(load_project(root))
    except EngineError as error:
        raise PluginError(f"\n{describe(error)}") from error
    mathfont.write_font(root / "docs" / "assets" / "fonts" / "math.woff2")


def on_post_page(output: str, **_: Any) -> str:
    """Take out markup that no reader sees: a third of a page."""
    return _INDENTATION.sub(lambda match: match[1] or "\n", _UNCOLOURED.sub(r"\1", output))
