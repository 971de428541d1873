"""Formulas: converted at build time, or refused loudly."""

from __future__ import annotations

from xml.etree import ElementTree

import markdown
import pytest

from markdown_extensions.cjklines import CJKLinesExtension
from markdown_extensions.mathml import MathError, MathMLExtension, convert
from mkdocs_site.mathfont import cut_font


def render(text: str) -> str:
    extensions = ["pymdownx.arithmatex", MathMLExtension(), CJKLinesExtension()]
    return markdown.markdown(
        text, extensions=extensions, extension_configs={"pymdownx.arithmatex": {"generic": True}}
    )


def test_a_formula_is_mathml() -> None:
    tree = ElementTree.fromstring(convert(r"\frac{a}{b} < \sqrt{x}", True))
    assert tree.tag == "math"
    assert tree.get("display") == "block"
    assert {"mfrac", "msqrt"} <= {element.tag for element in tree.iter()}


@pytest.mark.parametrize("tex", [r"-\log p(x)", r"a\, b\; c\quad d", r"x~y", r"\text{常 数}", r"\lVert w \rVert"])
def test_what_comes_out_is_well_formed_xml(tex: str) -> None:
    assert ElementTree.fromstring(convert(tex, True)).tag == "math"


def test_inline_and_display_in_a_page() -> None:
    html = render("若 $x < y$，则\n\n$$\na \\le b\n$$\n")
    assert html.count("<math") == 2
    assert "<mo>&lt;</mo>" in html
    assert '<div class="arithmatex" tabindex="0">' in html
    assert "，</span>" in html  # the mark that follows stays on the formula's line
    assert "\\(" not in html


@pytest.mark.parametrize("tex", [r"\nonsense", r"\frac{1", r"a \\[6pt] b", r"\begin{split} a \end{split}", "{"])
def test_what_is_not_understood_is_refused(tex: str) -> None:
    with pytest.raises(MathError):
        convert(tex, True)
    with pytest.raises(MathError):
        render(f"$$\n{tex}\n$$\n")


def test_the_font_is_small_and_always_the_same() -> None:
    font = cut_font()
    assert font[:4] == b"wOF2"
    assert len(font) < 60_000
    assert cut_font() == font


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("甲\n乙", "甲乙"),
        ("甲，\nabc", "甲，abc"),
        ("甲：\n**乙**\n丙", "甲：<strong>乙</strong>丙"),
        ("甲\nabc", "甲\nabc"),
        ("one\ntwo", "one\ntwo"),
        ("`甲`\n乙", "<code>甲</code>\n乙"),
        ("`a\nb`，\n丙", "<code>a\nb</code>，丙"),
    ],
)
def test_a_line_break_between_chinese_characters_is_no_space(source: str, shown: str) -> None:
    assert render(source) == f"<p>{shown}</p>"
