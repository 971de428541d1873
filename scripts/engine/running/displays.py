"""What ``display(x)`` and the value of a cell become: IPython's formats, as JSON, with a text that says something."""

from __future__ import annotations

import base64
import functools
import json
import math
import re
import types
import warnings
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from engine.running import figures
from engine.running.capture import Streams
from engine.running.plain_text import text_of_html
from engine.running.recorder import Recorder
from engine.running.run import Output

# What Python says of an object that says nothing of itself.
_SAYS_NOTHING = re.compile(r"<[\w.<>]+ (object|object at 0x[0-9a-f]+|at 0x[0-9a-f]+)>")


@functools.cache
def shell_of_cells() -> Any:
    """Return the IPython shell whose displays go to a recorder: ``display(x)`` and rich representations work."""
    with warnings.catch_warnings():  # what IPython puts into the filters is not there under plain Python
        warnings.simplefilter("ignore")
        from IPython.core.displaypub import DisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        class Publisher(DisplayPublisher):
            recorder: Recorder
            streams: Streams

            def publish(
                self, data: Any, metadata: Any = None, *_: Any, transient: Any = None, update: bool = False, **__: Any
            ) -> None:
                data, metadata = mime_bundle(data), jsonable(_flat(metadata or {}))
                if self.streams.in_child:  # whose recorder is a copy
                    print(data.get("text/plain", ""))
                    return
                self.streams.drain()
                display_id: Any = (transient or {}).get("display_id")
                if update:
                    self.recorder.update(display_id, data, metadata)
                elif data:
                    output = {"output_type": "display_data", "data": data, "metadata": metadata}
                    self.recorder.show(output, display_id)

            def clear_output(self, wait: bool = False) -> None:
                self.streams.drain()
                self.recorder.clear(wait)

        class Shell(InteractiveShell):
            display_pub_class = Publisher

            def showtraceback(self, exc_tuple: Any = None, *_: Any, **__: Any) -> None:
                """A representation that fails is an error of the cell, not a traceback among its outputs."""
                raise exc_tuple[1]

        config = Config({"HistoryManager": {"enabled": False}, "HistoryAccessor": {"enabled": False}})
        shell: Any = Shell.instance(config=config, user_module=types.ModuleType("__engine__"))
        shell.display_pub = Publisher(parent=shell)  # type: ignore[no-untyped-call]
        formatter = shell.display_formatter.formatters["image/svg+xml"]
        formatter.for_type_by_name("matplotlib.figure", "Figure", lambda figure: _drawn(shell, figure))
    return shell


def result_of(shell: Any, value: object) -> Output | None:
    """Return the value of a cell as an output, or None if nothing represents it."""
    data, metadata = shell.display_formatter.format(value)
    if not data:
        return None
    return {
        "output_type": "execute_result",
        "execution_count": None,
        "data": mime_bundle(data),
        "metadata": jsonable(metadata),
    }


def _drawn(shell: Any, figure: Any) -> tuple[str, dict[str, str]]:
    shell.display_pub.recorder.drawn.append(figure)
    return figures.svg_of(figure), {"title": figures.title_of(figure)}


def _flat(metadata: Any) -> Any:
    """Return the metadata of a figure as that of the whole output, as it is for those that a cell left open."""
    inner = metadata.get("image/svg+xml") if isinstance(metadata, Mapping) else None
    return inner if isinstance(inner, Mapping) and "title" in inner else metadata


def mime_bundle(data: object) -> dict[str, Any]:
    """Return a rich output as nbformat has it: text as text, bytes in base 64, JSON as JSON; with plain text.

    Raises:
        TypeError: it is no mapping from types to contents, or a content is not of its type.
        ValueError: an SVG is not XML, or what should be JSON is endless.
    """
    if not isinstance(data, Mapping):
        raise TypeError(f"显示的内容应是字典（类型 → 内容），得到的是 {type(data).__name__}")
    bundle = {}
    for kind, value in data.items():
        if not isinstance(kind, str):
            raise TypeError(f"显示内容的类型应是文本（如 text/plain），得到的是 {kind!r}")
        if kind == "application/json" or kind.endswith("+json") or isinstance(value, str):
            bundle[str(kind)] = jsonable(value)
        elif isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
            bundle[str(kind)] = "".join(value)
        elif isinstance(value, bytes | bytearray) and not kind.startswith("text/") and not kind.endswith("xml"):
            bundle[str(kind)] = jsonable(value)
        else:
            raise TypeError(f"显示内容 {kind} 应是文本，得到的是 {type(value).__name__}")
    if svg := bundle.get("image/svg+xml"):
        try:
            ElementTree.fromstring(svg)
        except ElementTree.ParseError as error:
            raise ValueError(f"显示的 SVG 不是合法的 XML：{error}") from None
    if bundle and ("text/plain" not in bundle or _SAYS_NOTHING.fullmatch(bundle["text/plain"])):
        bundle["text/plain"] = _in_words(bundle)
    return bundle


def _in_words(bundle: Mapping[str, Any]) -> str:
    """Return the plain text of what has none that says anything."""
    for kind in ("text/markdown", "text/latex"):
        if kind in bundle:
            return str(bundle[kind])
    if text := text_of_html(bundle.get("text/html", "")):
        return text
    if "application/json" in bundle:
        return json.dumps(bundle["application/json"], ensure_ascii=False, indent=1)
    pictures = [kind for kind in bundle if kind.startswith("image/")]
    return f"（图像：{pictures[0]}）" if pictures else str(bundle.get("text/plain", ""))


def jsonable(value: Any) -> Any:
    """Return a value as JSON has it: numbers and arrays of libraries as Python's, bytes in base 64 as Jupyter does.

    Raises:
        TypeError: JSON has no such thing.
        ValueError: it contains itself.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # not a class of its own, which no other process could read
        return str.encode(value, "utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        str(value)  # raises ValueError where there are more digits than Python writes
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    try:
        if isinstance(value, Mapping):
            return {
                jsonable(key if isinstance(key, str) else str(key)): jsonable(part) for key, part in value.items()
            }
        if isinstance(value, list | tuple):
            return [jsonable(part) for part in value]
    except RecursionError:
        raise ValueError("显示的 JSON 包含它自己，或嵌套太深") from None
    if callable(convert := getattr(value, "tolist", None)):  # numpy, torch
        return jsonable(convert())
    raise TypeError(f"{type(value).__name__} 写不成 JSON")
