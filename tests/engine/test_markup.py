"""Text from data, put into Markdown: on the page it reads as it was written, wherever it lands, and nothing in it acts."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown import Markdown

from engine.common import attribute, code, table, text, wrapped

EXTENSIONS = ["admonition", "attr_list", "md_in_html", "tables", "toc", "pymdownx.details", "pymdownx.highlight"]
EXTENSIONS += ["pymdownx.superfences", "pymdownx.arithmatex", "pymdownx.snippets"]
MD = Markdown(
    extensions=EXTENSIONS,
    extension_configs={
        "pymdownx.arithmatex": {"generic": True},
        "pymdownx.highlight": {"use_pygments": False},
        "pymdownx.snippets": {"base_path": ["/nowhere"], "check_paths": True},
    },
)
PLACES = {
    "cell": lambda line: table(("甲", "乙"), [(line, "末")]),
    "item": lambda line: f"- 头<br>\n  {line}",
    "heading": lambda line: f"## 头 {line}",
    "paragraph": lambda line: f"头\n{line}",
    "box": lambda line: wrapped("qa-foot", f"**头**：{line}"),
}
KNOWN = {"code", "span", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "br", "p", "h2", "div", "strong"}
PIECES = [
    "<img src=x onerror=a()>",
    "<!--",
    "</td>",
    "x<y",
    "<unk>",
    "&",
    "&lt;",
    '"',
    "'",
    "|",
    "\\",
    "`",
    "``",
    "$",
]
PIECES += [
    "*a*",
    "_b_",
    "[c](d)",
    "[e]",
    "{#f}",
    "#",
    "!",
    "-8<- ",
    "--8<-- [start:a]",
    "1. ",
    "- ",
    "===",
    "~~~",
    "???",
]
PIECES += ["\n", " ", "词", "a", "0", ": ", "(", ")", "\\|", "https://x.y", "a@b.c", "\t", "???+ note", ":::"]


class Shown(HTMLParser):
    """The elements of a page, and the words that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(not name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def plain(words: str) -> str:
    """Return words without what marks code and formulas, and without spaces."""
    return re.sub(r"[`$\s]|\\vert|\\Vert|\\lt|[|<]|\\", "", html.unescape(words))


@settings(max_examples=200, deadline=None)
@example(["$5 <img src=x onerror=a()> $"])
@example(["`<img src=x onerror=a()>``"])
@example(["$<img src=x onerror=a()>\\$"])
@example(["1. ", "a"])
@example(["`", "--8<-- [start:a]", "`"])
@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_words_stay_words(pieces: list[str]) -> None:
    words = "".join(pieces)
    for place, put in PLACES.items():
        MD.reset()
        page = Shown(
            re.sub(r'(<span class="arithmatex">)\\\((.*?)\\\)</span>', r"\1\2</span>", MD.convert(put(text(words))))
        )
        assert page.tags <= KNOWN, place
        seen = page.words.replace("头", "", 1)
        for other in ("甲", "乙", "末", "："):
            seen = seen.replace(other, "", 1)
        assert plain(seen) == plain(words), place


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([piece for piece in PIECES if piece not in ("[e]", "[c](d)")]), max_size=8))
def test_the_title_of_a_link_is_what_it_was(pieces: list[str]) -> None:
    words = " ".join("".join(pieces).split())
    MD.reset()
    page = MD.convert(table(("甲",), [(f'[04-1](a.md "{attribute(words)}")',)]))
    (found,) = re.findall(r'<a href="a.md" title="([^"]*)">04-1</a>', page) if words else [""]
    assert html.unescape(found) == words


@given(st.text("`a|", min_size=1, max_size=8))
def test_code_is_shown_as_it_is(words: str) -> None:
    MD.reset()
    page = ElementTree.fromstring(MD.convert(code(words)))
    assert "".join(page.itertext()) == words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("`a|b`", "`a|b`"),
        ("$|x|$ 与 $x$", r"$\vert x\vert$ 与 $x$"),
        (r"$\|x\|$", r"$\Vert x\Vert$"),
        ("$a<b$", r"$a\lt b$"),
        ("$5 和 $6", r"\$5 和 \$6"),
        ("两行\n标题", "两行 标题"),
    ],
)
def test_code_and_formulas_stay_what_they_are(words: str, shown: str) -> None:
    assert text(words) == shown
