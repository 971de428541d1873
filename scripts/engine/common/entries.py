"""Read data that people keep by hand: a YAML file that is a list of entries, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from engine.common.errors import PageError, Problem
from engine.common.yamltext import BadYaml, load_yaml


def read_entries(path: Path, name: str, called: str, first_key: str) -> list[tuple[int, Any]]:
    """Return the entries of a file, each with the line on which it starts; none if there is no file.

    Args:
        path: the file.
        name: what the file is called in messages.
        called: what is in it, e.g. ``术语表``.
        first_key: the key with which an entry starts, e.g. ``term``.

    Raises:
        PageError: it cannot be read, is not UTF-8, not YAML, or not a list.
    """
    if not path.is_file():
        return []
    try:
        node, entries = load_yaml(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise PageError(Problem(name, None, f"读不出来：{error.strerror}")) from error
    except BadYaml as error:
        raise PageError(Problem(name, error.line, f"{called}读不懂：{error}", error.hint)) from error
    except UnicodeDecodeError as error:
        raise PageError(Problem(name, None, "不是 UTF-8 编码", "用 UTF-8 重新保存这个文件")) from error
    if entries is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise PageError(Problem(name, 1, f"{called}要写成条目的列表：每条以“- {first_key}:”开头"))
    return [(item.start_mark.line + 1, raw) for item, raw in zip(node.value, entries, strict=True)]
