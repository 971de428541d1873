"""Text that says what a piece of HTML shows: paragraphs as lines, tables as columns."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

_SILENT = {"script", "style", "template", "title"}
_BLOCKS = {
    *("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "form"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "ul"),
}


def text_of_html(html: str) -> str:
    """Return what a reader would see of some HTML, as plain text."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_table()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in "".join(reader.told).split("\n"))).strip(
        "\n"
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # the parser gives them
        if tag in _SILENT or tag in ("pre", "table"):
            self.open.append(tag)
        if tag == "table":
            self.say("\n")
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")
        elif tag in _BLOCKS:
            self.say("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]
        if tag == "table" and "table" not in self.open:
            self.end_table()
        elif tag in _BLOCKS and tag not in ("br", "li"):
            self.say("\n")

    def handle_data(self, data: str) -> None:
        if not _SILENT & {*self.open}:
            self.say(data if "pre" in self.open else re.sub(r"\s+", " ", data))

    def say(self, text: str) -> None:
        if self.rows:
            if self.rows[-1]:  # what stands between cells is white space
                self.rows[-1][-1] += text.replace("\n", " ")
        elif text != " " or (self.told and not self.told[-1].endswith("\n")):
            self.told.append("" if text == "\n" and "".join(self.told[-2:]).endswith("\n\n") else text)

    def end_table(self) -> None:
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows if row]
        self.rows = []
        widths = [max(_width(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
        for row in rows:
            columns = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False))
            self.told.append("  ".join(columns) + "\n")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
