"""The outputs of the running cell, in order, within limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.running.run import Output

OUTPUT_LIMIT = 100_000
"""Characters of text kept of one cell."""
DISPLAY_LIMIT = 20
"""Figures and other displays kept of one cell."""
DATA_LIMIT = 2_000_000
"""Characters of one form of a display (HTML, PNG in base 64) other than plain text."""


@dataclass
class Recorder:
    """Collects what the running cell gives.

    Attributes:
        outputs: so far.
        held: the lines of the assertions that held, by cell.
        failed: those of the assertions that did not, where the experiment keeps going.
        room: characters of text that may still come.
        drawn: the figures that have been displayed.
    """

    outputs: list[Output] = field(default_factory=list)
    held: dict[str, set[int]] = field(default_factory=dict)
    failed: dict[str, set[int]] = field(default_factory=dict)
    room: int = OUTPUT_LIMIT
    drawn: list[object] = field(default_factory=list)
    _skipped: int = 0
    _displays: int = 0
    _clear_first: bool = False
    _by_id: dict[str, list[Output]] = field(default_factory=dict)

    def text(self, stream: str, text: str, skipped: int = 0) -> None:
        """Append to the stream, joining neighbours as Jupyter does, up to the limit.

        Args:
            stream: stdout or stderr.
            text: what came.
            skipped: bytes that came after it and were not even read.
        """
        if text:
            self._clear_if_asked()
        kept = self._within_limit(text)
        self._skipped += skipped
        if not kept:
            return
        last = self.outputs[-1] if self.outputs else None
        if last and last["output_type"] == "stream" and last["name"] == stream:
            last["text"] += kept
        else:
            self.outputs.append({"output_type": "stream", "name": stream, "text": kept})

    def show(self, output: Output, display_id: str | None = None) -> None:
        """Append a display, a result or an error; `display_id` names it for later `update`."""
        self._clear_if_asked()
        if "data" in output:
            self._displays += 1
            if self._displays > DISPLAY_LIMIT:
                return
            output["data"] = self._limited(output["data"])
        self.outputs.append(output)
        if display_id is not None:
            self._by_id.setdefault(display_id, []).append(output)

    def update(self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Put something else in the place of the displays of this id, in whatever cell they are."""
        for output in self._by_id.get(display_id, ()):
            output["data"], output["metadata"] = self._limited(data), metadata

    def clear(self, wait: bool) -> None:
        """Drop the cell's outputs; with `wait`, when the next one comes."""
        self._clear_first = True
        if not wait:
            self._clear_if_asked()

    def take(self) -> tuple[Output, ...]:
        """Return the outputs of the cell that ended, and start anew."""
        notices = []
        if self._skipped:
            notices.append(f"\n……输出过长，其余 {self._skipped} 字节已略去\n")
        if self._displays > DISPLAY_LIMIT:
            more = self._displays - DISPLAY_LIMIT
            notices.append(f"\n……一个单元最多显示 {DISPLAY_LIMIT} 项（图、表、值），其余 {more} 项已略去\n")
        for notice in notices:
            self.outputs.append({"output_type": "stream", "name": "stderr", "text": notice})
        outputs = tuple(self.outputs)
        self._clear_first = True
        self._clear_if_asked()
        return outputs

    def _clear_if_asked(self) -> None:
        if self._clear_first:
            self.outputs, self.drawn, self.room = [], [], OUTPUT_LIMIT
            self._skipped, self._displays, self._clear_first = 0, 0, False

    def _limited(self, data: dict[str, Any]) -> dict[str, Any]:
        """Cut the plain text; of the other forms drop what is too large."""
        limited = {}
        for kind, value in data.items():
            if kind == "text/plain":
                limited[kind] = self._within_limit(value)
            elif kind == "image/svg+xml" or len(value if isinstance(value, str) else str(value)) <= DATA_LIMIT:
                limited[kind] = value  # a figure that is too heavy is refused, with what to do about it
        return limited

    def _within_limit(self, text: str) -> str:
        kept = text[: self.room]
        self.room -= len(kept)
        self._skipped += len(text[len(kept) :].encode(errors="replace"))
        return kept
