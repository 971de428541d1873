"""Read data that people keep by hand: a YAML file that is a list of entries, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from engine.common.errors import PageError, Problem
from engine.common.markdown import YAML_LOADER


def read_entries(path: Path, name: str, called: str, first_key: str) -> list[tuple[int, Any]]:
    """Return the entries of a file, each with the line on which it starts; none if there is no file.

    Args:
        path: the file.
        name: what the file is called in messages.
        called: what is in it, e.g. ``术语表``.
        first_key: the key with which an entry starts, e.g. ``term``.

    Raises:
        PageError: it is not UTF-8, not YAML, or not a list.
    """
    if not path.is_file():
        return []
    try:
        source = path.read_text("utf-8")
        node, entries = yaml.compose(source, Loader=YAML_LOADER), yaml.load(source, Loader=YAML_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        what = f"{called}读不懂：{getattr(error, 'problem', None) or error}"
        hint = "含有冒号、引号、井号或方括号的文字要用引号括起来"
        raise PageError(Problem(name, mark.line + 1 if mark else None, what, hint)) from error
    if not isinstance(node, yaml.SequenceNode):
        raise PageError(Problem(name, 1, f"{called}要写成条目的列表：每条以“- {first_key}:”开头"))
    return [(item.start_mark.line + 1, raw) for item, raw in zip(node.value, entries, strict=True)]
