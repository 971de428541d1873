"""What a run gave, as a notebook can hold it and a page can show it.

Libraries give as rich output what they like: bytes, numbers, objects. A notebook holds text, and JSON in some places.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Mapping
from typing import Any

_DISPLAY_OBJECT = re.compile(r"<IPython\.core\.display\.\w+ object>")
_SOURCES = ("text/markdown", "text/latex", "text/html")
_PNG_HEADER = b"\x89PNG\r\n\x1a\n"


def storable(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output as nbformat 4 has it: text as text, pictures in base64, JSON as JSON.

    Raises:
        ValueError: it cannot be said so; the message says what.
    """
    if "data" not in output:
        return dict(output)
    data = {_text(kind, "类型"): _value(kind, value) for kind, value in output["data"].items()}
    metadata = _json(output.get("metadata") or {}, "metadata")
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata 不是字典，是 {type(metadata).__name__}")
    return {**output, "data": data, "metadata": metadata}


def _value(kind: str, value: Any) -> Any:
    if kind.endswith(("/json", "+json")):
        return _json(value, kind)
    if isinstance(value, bytes) and kind.startswith("image/"):
        return base64.b64encode(value).decode()
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return _text(value, kind)


def _text(value: Any, kind: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{kind} 应该是文字，却是 {type(value).__name__}")
    return value


def _json(value: Any, kind: str) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{kind} 不是 JSON：{error}") from error


def shown_text(data: Mapping[str, str]) -> str:
    """Return what a page shows of a rich output that is no picture: its text; of HTML, Markdown, LaTeX the source."""
    text = data.get("text/plain", "")
    if _DISPLAY_OBJECT.fullmatch(text):
        return next((data[kind] for kind in _SOURCES if kind in data), text)
    return text


def size_of_png(content: str) -> tuple[int, int]:
    """Return the width and height of a PNG in base64.

    Raises:
        ValueError: it is none.
    """
    try:
        start = base64.b64decode(content, validate=True)[:24]
    except binascii.Error as error:
        raise ValueError(f"不是 base64（{error}）") from error
    if not start.startswith(_PNG_HEADER) or len(start) < 24:
        raise ValueError("不是 PNG")
    width, height = struct.unpack(">II", start[16:])
    return width, height
