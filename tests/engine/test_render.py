"""Nothing an experiment prints can leave its block, on the page or on the terminal."""

from __future__ import annotations

import functools
from html.parser import HTMLParser
from pathlib import Path

import markdown
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.experiments import Cell
from engine.results import cell_fragment, plain

PIECES = st.sampled_from(
    [
        "```", "````", "~~~", "</div>", "<script>alert(1)</script>", "</code></pre>", "<!--", "-->", "]]>", "&lt;", "&",
        '--8<-- "secret.md"', "--8<--", ";--8<--", ";;--8<-- 'secret.md'", "-8<- \"secret.md\"", "--8<-- [start:a]",
        "x --8<-- [END : a] y", "<!-- ;--8<-- [start:a] -->", "secret.md", "\x1b[31m", "\x1b]0;t\x07", "\x00", "\r", "\t",
        "\u2028", "\u0085", "\ud800", "\x02", "\x03", "{ .x }", "$x$", "$$", "\n", "\n\n", " ", "    ", "# %% a", "---",
        "*[HTML]: x", "[^1]: x", "| a | b |", "文", "!!! note", "=== \"x\"", "markdown=\"1\"", "\\",
    ]
)  # fmt: skip
TEXT = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=12).map("".join)


class Page(HTMLParser):
    """Collects the text of the output blocks, and the tags outside."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.depth = 0
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "code":
            self.depth += 1
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "code"

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.texts[-1] += data


@functools.cache
def secret(folder: str) -> None:
    (Path(folder) / "secret.md").write_text("SECRET")


def page_of(folder: Path, printed: str) -> Page:
    """Render a cell that printed this, by the extensions of the site, included as a fragment as on the site."""
    cell = Cell("a", "print(x)", 2)
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}]
    notebook = {"cells": [{"id": "a", "outputs": outputs}]}
    secret(str(folder))
    (folder / "a.md").write_text(cell_fragment(cell, notebook, "x.py"), "utf-8")
    html = markdown.markdown(
        'before\n\n--8<-- "a.md"\n\nafter',
        extensions=[
            "md_in_html",
            "attr_list",
            "tables",
            "abbr",
            "footnotes",
            "pymdownx.superfences",
            "pymdownx.snippets",
        ],
        extension_configs={
            "pymdownx.snippets": {"base_path": [str(folder)], "check_paths": True},
        },
        tab_length=4,
    )
    return Page(html)


def expected(printed: str) -> str:
    """Say what must be readable: all of the text, without what no page can show."""
    return plain(printed).rstrip().expandtabs(4)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(printed=TEXT)
def test_no_text_breaks_out_of_its_block(tmp_path: Path, printed: str) -> None:
    page = page_of(tmp_path, printed)
    allowed = {"p", "div", "span", "pre", "code", "table", "tbody", "tr", "td", "th", "a"}
    assert set(page.tags) <= allowed
    if expected(printed).strip():
        assert len(page.texts) == 2
        squeeze = "".join(page.texts[1].split())
        assert squeeze == "".join(expected(printed).split())
    else:
        assert len(page.texts) <= 2


@settings(max_examples=300, deadline=None)
@given(printed=TEXT)
def test_plain_text_is_safe_for_a_terminal(printed: str) -> None:
    shown = plain(printed)
    assert all(character in "\n\t" or character.isprintable() or ord(character) > 0x9F for character in shown)
    shown.encode()  # no lone surrogates


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[31m红\x1b[0m", "红"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("\x1b]0;title\x07文", "文"),
        ("\x00", "\ufffd"),
        ("\ud800", "\ufffd"),
        ("\t制表", "\t制表"),
    ],
)
def test_plain(printed: str, shown: str) -> None:
    assert plain(printed) == shown


@pytest.mark.parametrize(
    "printed",
    [
        "<script>alert(1)</script>",
        "</div></div>",
        "```\n</div>\n```",
        '--8<-- "secret.md"',
        "--8<--\nsecret.md\n--8<--",
    ],
)
def test_shown_as_text(tmp_path: Path, printed: str) -> None:
    page = page_of(tmp_path, printed)
    assert page.texts[1].strip() == printed
    assert "script" not in page.tags
