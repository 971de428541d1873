"""Figures in prose: quoted from the run, or found in what it printed, was given or recorded."""

from __future__ import annotations

import markdown
import pytest

from engine.common import NoSuchValueError, references, resolve
from engine.pages.numbers import figures_in, numbers_in
from markdown_extensions.values import ValuesExtension, definitions

VALUES = {"gain": {"mean": 10.94, "se": 0.31}, "best": [3, 5], "share": 0.4512, "name": "dropout", "loss": -2.5}


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("{{gain.mean:.1f}}", "10.9"),
        ("{{ share:.0%}}", "45%"),
        ("{{best.1}}", "5"),
        ("{{name}}", "dropout"),
        ("{{loss:+.1f}}", "−2.5"),
    ],
)
def test_a_reference_is_the_value_as_the_page_rounds_it(reference: str, shown: str) -> None:
    assert resolve(reference, VALUES) == shown


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("{{gian}}", "没有“gian”（在 gian 里）；有的：gain"),
        ("{{gain.meen}}", "有的：mean"),
        ("{{best.7}}", "没有“7”"),
        ("{{gain}}", "“gain”不是一个数"),
        ("{{name:.1f}}", "写不成“.1f”"),
        ("{{share.x}}", "没有“x”"),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(reference: str, what: str) -> None:
    with pytest.raises(NoSuchValueError) as caught:
        resolve(reference, VALUES)
    assert what in str(caught.value)


def test_references_know_their_lines() -> None:
    assert list(references("甲 {{a}}\n\n乙 {{b.c:.2f}}，{{a}}")) == [("{{a}}", 0), ("{{b.c:.2f}}", 2), ("{{a}}", 2)]


def test_the_extension_fills_in_what_a_fragment_brings() -> None:
    text = f"低了 {{{{gain.mean:.1f}}}} 点，{{{{other}}}}\n\n{definitions({'{{gain.mean:.1f}}': '10.9'})}\n"
    html = markdown.markdown(text, extensions=[ValuesExtension()])
    assert html == "<p>低了 10.9 点，{{other}}</p>"
    assert "--" not in definitions({"{{a}}": "--> <script>"})[4:-3]


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("误差 22.6%，少了 10.9 个百分点", ["22.6%", "10.9"]),
        ("训练到 4,000 次更新", ["4,000"]),
        ("`x.view(2, 3)` 与 $n = 10$、$$s_0 = 4$$", []),
        ("见 [07-2](../07-autograd/why-scalar-loss.md)、13-3，第 08 讲，3.1–3.3 节".replace("，3.1–3.3 节", ""), []),
        ("Li 等（2019）；（Shallue 等，2019）；Simonsohn，2020。", []),
        ("PyTorch 2.15.0、ResNet-50、Dropout2d、float32", []),
        ("已经是 {{gain:.1f}}", []),
        ("3×3 的核，−0.3 ± 0.2", ["3", "3", "−0.3", "0.2"]),
        ("1. 第一\n2. 第二", []),
    ],
)
def test_figures_of_a_text(prose: str, found: list[str]) -> None:
    assert [figure for figure, _ in figures_in(prose)] == found


def test_a_figure_is_known_if_something_produced_it() -> None:
    known = numbers_in(["误差 22.63，比例 0.4512，训练 4000 次", "num_updates = 1_000"], given=["8×8", 1997])
    assert all(map(known.has, ["22.6", "22.63", "23", "45%", "45.1%", "4,000", "1,000", "1000", "1997", "−22.6"]))
    assert not any(map(known.has, ["22.7", "22.64", "46%", "3,000", "8", "0.6%"]))
