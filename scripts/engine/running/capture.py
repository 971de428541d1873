"""What is written to descriptors 1 and 2, by Python, C code and child processes, in the order in which it came."""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import io
import os
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

NAMES = ("stdout", "stderr")
_BEGIN = "begin"
TAIL_LINES, TAIL_WIDTH, _TAIL_BYTES = 15, 200, 16_000
"""What a message tells of a stream: its last lines, each cut to a width."""
_MOST_KEPT = 64 * 2**20
"""Bytes a file may grow to before what has been taken from it goes: a flood does not fill the disk."""


_UNSEEN = 2**20
"""Bytes that Python may write past the limit before it is looked how large the files are."""


class Receiver(Protocol):
    """Who gets what was written."""

    room: int

    def text(self, stream: str, text: str, skipped: int = 0) -> None:
        """Take a piece of text of a stream; so many bytes after it were not even read."""


class Streams:
    """Files in the place of descriptors 1 and 2, and text streams that write to these as those of ``python -u`` do.

    There is no other way for a text but through the descriptors. So the files hold what C code and children wrote
    between what Python wrote, another process can read the last words of one that died, and which file grew between
    two writes of Python says what came first.
    """

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        """Capture into files in `folder`; `receiver` is given what comes, whenever it is drained."""
        self._folder, self._receiver = folder, receiver
        self._owner = os.getpid()
        self._lock = threading.RLock()  # a signal handler may print too
        self._files: dict[str, int] = {}
        self._read = dict.fromkeys(NAMES, 0)
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in NAMES}
        self._unseen = 0
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # an experiment that asks gets no answer, whoever it is that asks
        os.close(nothing)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as the process
        setattr(sys, "__stdin__", sys.stdin)  # noqa: B010
        for descriptor, name in enumerate(NAMES, 1):
            self._files[name] = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(self._files[name], descriptor)
            stream = _text_stream(self, name, descriptor)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        _unbuffer_c()

    @property
    def in_child(self) -> bool:
        """Whether this process is a fork of the one that captures."""
        return os.getpid() != self._owner

    def begin(self) -> None:
        """Remember where a cell begins, for `last_words`."""
        self.drain()
        self._mark()

    def write(self, name: str, descriptor: int, data: Any) -> int:
        """Write what Python writes to the stream of that name."""
        if self.in_child:
            return _write(descriptor, data)
        if self._receiver.room <= 0 and self._unseen < _UNSEEN:  # nothing is kept: no need to look in what order
            written = _write(descriptor, data)
            self._unseen += written
            return written
        with self._lock:
            self.drain()  # what others wrote before
            written = _write(descriptor, data)
            self._drain(name)
            return written

    def drain(self) -> None:
        """Hand over what came since the last call."""
        with self._lock:
            self._unseen = 0
            for name in NAMES:
                self._drain(name)

    def end(self) -> None:
        """Hand over what a cell has written, with what is still in a buffer, and half a character."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the experiment's own stream, or closed
                stream.flush()
        ctypes.CDLL(None).fflush(None)
        self.drain()
        for name, decoder in self._decoders.items():
            self._receiver.text(name, decoder.decode(b"", final=True))

    def _drain(self, name: str) -> None:
        file, start = self._files[name], self._read[name]
        size = os.fstat(file).st_size
        if size == start:
            return
        if size < start:  # somebody has opened /dev/stdout anew, which empties it
            start = 0
        self._read[name] = size
        data = os.pread(file, min(size - start, 4 * self._receiver.room), start)
        self._receiver.text(name, self._decoders[name].decode(data), size - start - len(data))
        if size > _MOST_KEPT:
            os.ftruncate(file, 0)
            self._read[name] = 0
            self._mark()

    def _mark(self) -> None:
        (self._folder / _BEGIN).write_text(" ".join(str(self._read[name]) for name in NAMES))


class _Unbuffered(io.BufferedWriter):
    """What stands for ``sys.stdout.buffer``: it keeps nothing back."""

    def __init__(self, streams: Streams, name: str, descriptor: int) -> None:
        raw = io.FileIO(descriptor, "w", closefd=False)
        raw.name = f"<{name}>"
        super().__init__(raw)
        self._streams, self._stream, self._descriptor = streams, name, descriptor

    def write(self, data: Any) -> int:
        if self.closed:
            return super().write(data)  # which raises
        return self._streams.write(self._stream, self._descriptor, data)


def _write(descriptor: int, data: Any) -> int:
    written = os.write(descriptor, data)
    size = memoryview(data).nbytes
    while written < size:  # at the size limit, say: the next raises
        written += os.write(descriptor, memoryview(data).cast("B")[written:])
    return written


def _text_stream(streams: Streams, name: str, descriptor: int) -> io.TextIOWrapper:
    buffer = _Unbuffered(streams, name, descriptor)
    stream: Any = io.TextIOWrapper(buffer, "utf-8", errors="backslashreplace", newline="\n", write_through=True)
    stream.mode = "w"
    return stream  # type: ignore[no-any-return]


def _unbuffer_c() -> None:
    """Have C's own stdout write at once, too."""
    libc = ctypes.CDLL(None)
    with contextlib.suppress(ValueError):  # another C library, another name
        stdout = ctypes.c_void_p.in_dll(libc, "stdout" if sys.platform == "linux" else "__stdoutp")
        libc.setvbuf(stdout, None, 2, 0)  # 2 is _IONBF


def last_words(folder: Path) -> str:
    """Return, for a message, the end of what the cell that ran last has written; "" if that is nothing.

    Args:
        folder: where a `Streams`, of this process or of one that died, captured.
    """
    try:
        begins = [int(number) for number in (folder / _BEGIN).read_text().split()]
    except (OSError, ValueError):  # it died before its first cell
        return ""
    told = ""
    for name, begin in zip(NAMES, begins, strict=False):
        if lines := _tail(folder / name, begin):
            told += f"最后的输出（{name}）：\n" + "".join(f"  {line}\n" for line in lines)
    return told


def _tail(path: Path, begin: int) -> list[str]:
    with contextlib.suppress(OSError), path.open("rb") as file:
        first = max(begin, os.fstat(file.fileno()).st_size - _TAIL_BYTES)
        file.seek(first)
        text = file.read(_TAIL_BYTES).decode(errors="replace").rstrip()
        # As on a terminal: what follows a carriage return replaces what stood there.
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")] if text else []
        cut = first > begin or len(lines) > TAIL_LINES
        lines = [line if len(line) <= TAIL_WIDTH else line[:TAIL_WIDTH] + "……" for line in lines[-TAIL_LINES:]]
        return ["……", *lines] if cut else lines
    return []
