"""Collect what a cell prints, displays and writes past Python."""

from __future__ import annotations

import ctypes
import functools
import io
import os
import tempfile
import types
from dataclasses import dataclass, field
from typing import Any

from engine.running.run import Output

OUTPUT_LIMIT = 100_000
"""Characters of text kept of one cell."""


@dataclass
class Recorder:
    """Collects what the running cell gives."""

    outputs: list[Output] = field(default_factory=list)
    held: dict[str, set[int]] = field(default_factory=dict)
    failed: dict[str, set[int]] = field(default_factory=dict)
    room: int = OUTPUT_LIMIT
    dropped: int = 0

    def text(self, stream: str, text: str) -> None:
        """Append to the stream, joining neighbours as Jupyter does, up to the limit."""
        kept = text[: self.room]
        self.room -= len(kept)
        self.dropped += len(text) - len(kept)
        if not kept:
            return
        last = self.outputs[-1] if self.outputs else None
        if last and last["output_type"] == "stream" and last["name"] == stream:
            last["text"] += kept
        else:
            self.outputs.append({"output_type": "stream", "name": stream, "text": kept})

    def take(self) -> tuple[Output, ...]:
        """Return the outputs of the cell that ended, and start anew."""
        if self.dropped:
            notice = f"\n……输出过长，其余 {self.dropped} 个字符已略去\n"
            self.outputs.append({"output_type": "stream", "name": "stderr", "text": notice})
        outputs = tuple(self.outputs)
        self.outputs, self.room, self.dropped = [], OUTPUT_LIMIT, 0
        return outputs


class Stream(io.TextIOBase):
    """What stands for sys.stdout and sys.stderr."""

    def __init__(self, recorder: Recorder, name: str, descriptor: int) -> None:
        """Write to `recorder` as the stream `name`; C code writes to `descriptor`."""
        self._recorder, self._name, self._descriptor = recorder, name, descriptor

    encoding = "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return what C code writes to."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Hand a text to the recorder; return its length."""
        self._recorder.text(self._name, text)
        return len(text)


class Descriptors:
    """Text that goes past Python to file descriptors 1 and 2: from C code and child processes."""

    def __init__(self) -> None:
        """Put files in the place of both."""
        self._files = {}
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
            os.dup2(file.fileno(), descriptor)
            self._files[name] = file
        self._read = dict.fromkeys(self._files, 0)

    def drain(self, recorder: Recorder) -> None:
        """Hand what came since the last call to the recorder."""
        ctypes.CDLL(None).fflush(None)
        for name, file in self._files.items():
            size = os.fstat(file.fileno()).st_size
            new = os.pread(file.fileno(), min(size - self._read[name], 4 * OUTPUT_LIMIT), self._read[name])
            self._read[name] = size
            recorder.text(name, new.decode(errors="replace"))


@functools.cache
def shell_of_cells() -> Any:
    """Return the IPython shell whose displays go to a recorder: ``display(x)`` and rich representations work."""
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Publisher(DisplayPublisher):
        recorder: Recorder

        def publish(self, data: Any, metadata: Any = None, *_: Any, **__: Any) -> None:
            self.recorder.outputs.append({"output_type": "display_data", "data": data, "metadata": metadata or {}})

    class Shell(InteractiveShell):
        display_pub_class = Publisher

    config = Config({"HistoryManager": {"enabled": False}, "HistoryAccessor": {"enabled": False}})
    shell = Shell.instance(config=config, user_module=types.ModuleType("__engine__"))
    shell.display_pub = Publisher(parent=shell)  # type: ignore[no-untyped-call]
    return shell
