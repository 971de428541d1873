"""MkDocs: bring what the pages include up to date before each build. All the work is the engine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

import mathfont
from engine.build import build
from engine.cli import describe
from engine.errors import EngineError
from engine.project import load_project


def on_pre_build(config: Any, **_: Any) -> None:
    """Execute what is not cached; a failure fails the build."""
    root = Path(config.config_file_path).parent
    try:
        build(load_project(root))
    except EngineError as error:
        raise PluginError(f"\n{describe(error)}") from error
    mathfont.write_font(root / "docs" / "assets" / "fonts" / "math.woff2")
