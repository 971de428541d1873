"""What is said to the maintainer must not stop what is done: on any stream, with any letters."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import TextIO


class Unfailing(io.TextIOBase):
    """A stream that loses what another one does not take, and writes as escapes what that has no letters for.

    Attributes:
        lost: whether something was lost.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Write to `stream`, or nowhere."""
        self._stream: TextIO = stream or io.StringIO()
        self.lost = False
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):  # closed
                stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The other one's."""
        return self._stream.encoding or "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Whether the other one is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the other one's."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write, if that is possible; return the text's length."""
        with self._losing():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with self._losing():
            self._stream.flush()

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except ValueError:  # closed
            self.lost = True
        except OSError:  # a full disk, a pipe that nobody reads any more: Python would complain again when it ends
            self.lost = True
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nothing:  # noqa: PTH123
                os.dup2(nothing.fileno(), self._stream.fileno())
