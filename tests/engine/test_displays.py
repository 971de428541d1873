"""What experiments display: pictures and text on the page, no scripts, and a clear error for what cannot be shown."""

from __future__ import annotations

import base64
import importlib
import json
import struct
import zlib

import pytest
from tests.tiny import EXAMPLE, Tiny

FIGURE = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n_ = ax.plot([1, 2])\n_ = ax.set(title='图')\n"


def png(width: int, height: int, colours: bytes = b"\0\0\0") -> str:
    """Return a picture in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + colours * width) * height)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")).decode()


def published(data: str, metadata: str = "{'title': '图'}", options: str = ' caption="说明"') -> str:
    return f"# %% a{options}\nfrom IPython.display import publish_display_data\npublish_display_data({data}, {metadata})\n"


@pytest.mark.parametrize("docstring", ["b'bytes'", "5", "1j", "..."])
def test_a_docstring_that_is_no_text_is_a_problem_or_none(tiny: Tiny, docstring: str) -> None:
    tiny.example(f"{docstring}\n\n# %% a\nx = 1\n", "strange")
    tiny.example("# %% a\nprint('还在')\n", "well")
    assert {problem.path for problem in tiny.problems(only=[tiny.root / "examples"])} <= {"examples/04-a/strange.py"}
    assert "还在" in tiny.fragment("a", "well")


# What a library may give as rich output, and a word of what is said of it.
BROKEN = {
    "no SVG": (published("{'image/svg+xml': '<p/>'}"), "不是 SVG，而是 <p>"),
    "an empty SVG": (published("{'image/svg+xml': ''}"), ""),
    "no PNG": (published("{'image/png': 'eHh4'}"), "不是 PNG"),
    "no base64": (published("{'image/png': '!!'}"), "不是 base64"),
    "a deep SVG": (published("{'image/svg+xml': '<svg>' + '<g>' * 9000 + '</g>' * 9000 + '</svg>'}"), ""),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_cannot_be_shown_is_a_problem_of_its_experiment(tiny: Tiny, kind: str) -> None:
    code, said = BROKEN[kind]
    tiny.example(code, "broken")
    tiny.example("# %% a\nprint('还在')\n", "well")
    (problem,) = tiny.problems(only=[tiny.root / "examples"])
    assert problem.path == "examples/04-a/broken.py"
    assert problem.line in (1, 2, 3, 7)
    assert said in problem.what
    assert "还在" in tiny.fragment("a", "well")
    (again,) = tiny.problems(only=[tiny.root / "examples"])  # whether or not it went into the cache
    assert again.what == problem.what


def test_whatever_goes_wrong_with_one_experiment_the_others_are_built(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of the engine itself is told with the file that it was found in, and with its own place."""
    from engine.results import render, results

    tiny.example("# %% a\nprint('好')\n", "well")
    tiny.example("# %% a\nprint(1)\n# %% b\nprint('bad')\n", "broken")
    whole = render.cell_fragment

    def defective(cell: object, *arguments: object) -> str:
        if "bad" in cell.source:  # type: ignore[attr-defined]
            raise KeyError("a defect\x1b[31m")
        return whole(cell, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(results.render, "cell_fragment", defective)
    (problem,) = tiny.problems(only=[tiny.root / "examples"])
    assert (problem.path, problem.line) == ("examples/04-a/broken.py", 3)
    assert problem.what == "引擎处理不了：KeyError：'a defect\\x1b[31m'"
    assert "出在 engine/results/results.py:" in problem.hint
    assert "好" in tiny.fragment("a", "well")
    assert "1" in tiny.fragment("a", "broken")


@pytest.mark.parametrize(
    ("room", "function", "given", "path"),
    [
        ("engine.experiments.read", "parse_experiment", "04-a/more", "examples/04-a/more.py"),
        ("engine.experiments.read", "key_of", "04-a/more", "examples/04-a/more.py"),
        ("engine.experiments.read", "read_lab", "", "examples/labs/lab.py"),
        ("engine.results.results", "notebook_of", "04-a/more", "examples/04-a/more.py"),
        ("engine.results.results", "facts_of", "合", "examples/04-a/more.py"),
        ("engine.results.results", "thumbnail", "04-a/more", "examples/04-a/more.py"),
        ("engine.pages.write", "read_page", "04-a/more", "docs/04-a/more.md"),
        ("engine.pages.write", "read_glossary", "", "docs/glossary.yml"),
        ("engine.pages.ledger", "check_entry", "04-a/more", "docs/04-a/more.md"),
        ("engine.pages.ledger", "foot_fragment", "04-a/more", "docs/04-a/more.md"),
        ("engine.pages.write", "foot_fragment", "", "examples/labs/lab.py"),
        ("engine.pages.write", "check_pages", "", "docs/"),
        ("engine.pages.gallery", "gallery_fragment", "", "docs/"),
    ],
)
@pytest.mark.parametrize("error", [ValueError, RecursionError, OSError])
def test_no_part_takes_the_build_with_it(
    tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    room: str,
    function: str,
    given: str,
    path: str,
    error: type[Exception],
) -> None:
    tiny.page(("04-1", "04-2"), ("04-a/sum/", "04-a/more/"), name="more")
    tiny.example(EXAMPLE.replace("和", "合"), "more")
    header = "# ---\n# title: 加法\n# tags: [张量]\n# questions: [04-1]\n# description: 加。\n# ---\n\n"
    text = "# %% [markdown]\n# # 加法\n#\n# 见[和](../04-a/sum.md)。\n\n# %% a\nassert 1 + 1 == 2\n"
    tiny.write("examples/labs/lab.py", header + text)
    module = importlib.import_module(room)
    whole = getattr(module, function)

    def defective(*arguments: object, **options: object) -> object:
        if given in repr(arguments):
            raise error("a defect")
        return whole(*arguments, **options)

    monkeypatch.setattr(module, function, defective)
    assert [p.path for p in tiny.problems() if p.what == f"引擎处理不了：{error.__name__}：a defect"] == [path]
    assert "等于二。" in (tiny.root / "build/fragments/04-a/questions.md").read_text("utf-8")
    assert "和： 2" in tiny.fragment("sum", "sum")


def test_an_interruption_is_none_of_these(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.results.render.cell_fragment", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tiny.build()


SVG = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' {}>{}</svg>"
DRAWN = "<path id='p' d='M 0 0 L 1 1' style='fill: none; stroke: #24292f'/><text x='1'>字</text>"
ACTIVE = {
    "a handler": SVG.format("onload='alert(1)'", DRAWN),
    "a handler in capitals": SVG.format("", "<g OnClick='alert(1)'><path d='M 0 0'/></g>"),
    "a link": SVG.format("", "<a href='javascript:alert(2)'><text>q</text></a>"),
    "an old link": SVG.format("", "<a xlink:href='javascript:alert(2)'><text>q</text></a>"),
    "a link to elsewhere": SVG.format("", "<a xlink:href='https://example.org'><text>q</text></a>"),
    "a script": SVG.format("", "<script>alert(1)</script>" + DRAWN),
    "a script of HTML": SVG.format("xmlns:h='http://www.w3.org/1999/xhtml'", "<h:script>alert(1)</h:script>"),
    "HTML": SVG.format("", "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'>x</body></foreignObject>"),
    "an element to come": SVG.format("", "<set attributeName='href' to='javascript:alert(1)'/>"),
    "an animation": SVG.format("", "<animate attributeName='x' from='0' to='9'/>"),
    "a picture of elsewhere": SVG.format("", "<image href='https://example.org/a.png' width='9' height='9'/>"),
    "an old picture of elsewhere": SVG.format("", "<image xlink:href='//example.org/a.png' width='9' height='9'/>"),
    "a picture with a script": SVG.format("", "<image href='data:image/svg+xml;base64,PHN2Zy8+'/>"),
    "parts of elsewhere": SVG.format("", "<use href='https://example.org/a.svg#x'/>"),
    "parts as data": SVG.format("", "<use href='data:image/svg+xml,x#x'/>"),
    "a filling of elsewhere": SVG.format("", "<path d='M 0 0' fill='url(https://example.org/a.svg#x)'/>"),
    "a style of elsewhere": SVG.format("", "<path d='M 0 0' style='fill: url(\"https://example.org/a.svg#x\")'/>"),
    "a style that is hidden": SVG.format("", "<path d='M 0 0' style='fill: u\\72l(//example.org/a.svg#x)'/>"),
    "entities": "<!DOCTYPE svg [<!ENTITY a 'aaaa'>]>" + SVG.format("", "<text>&a;</text>"),
}


@pytest.mark.parametrize("kind", ACTIVE)
def test_a_picture_that_acts_or_loads_is_refused(tiny: Tiny, kind: str) -> None:
    problem = tiny.only(published(f"{{'image/svg+xml': {ACTIVE[kind]!r}, 'text/plain': 's'}}"))
    assert problem is not None
    assert problem.path == "examples/04-a/lone.py"
    assert "单元 a 的图放不进页面" in problem.what
    assert not (tiny.root / "build/fragments/04-a/lone/a.md").exists()
    assert not (tiny.root / "docs/assets/thumbnails/04-a/lone.svg").exists()


HARMLESS = {
    "words": SVG.format("", "<title>标题&lt;script></title><metadata><x/></metadata><!-- <script> -->" + DRAWN),
    "style sheet": SVG.format("", "<style>body { display: none }</style>" + DRAWN),
    "attributes": SVG.format("class='md-overlay' tabindex='0' data-x='1'", DRAWN),
    "what moves it": SVG.format("style='position: fixed; inset: 0; stroke-width: 2'", DRAWN),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_picture_is_shown_without_what_is_not_drawn(tiny: Tiny, kind: str) -> None:
    assert tiny.only(published(f"{{'image/svg+xml': {HARMLESS[kind]!r}}}")) is None
    figure = tiny.fragment("a").partition("<figure")[2]
    assert "M0 0L1 1" in figure
    assert "字</text>" in figure
    assert not [
        word for word in ("script", "body", "overlay", "tabindex", "data-x", "fixed", "标题") if word in figure
    ]


def test_what_matplotlib_draws_is_shown(tiny: Tiny) -> None:
    """All that its SVG writer knows: hatches, gradients, clips, pictures, markers, mathematics, transparency."""
    code = """
        # %% a caption="说明"
        import matplotlib.pyplot as plt
        import numpy as np

        fig, axs = plt.subplots(2, 3)
        axs[0, 0].bar([1, 2], [1, 2], hatch="//")
        axs[0, 1].tripcolor([0, 1, 0], [0, 0, 1], [0.0, 1.0, 2.0], shading="gouraud")
        axs[0, 2].imshow(np.eye(3), interpolation="none")
        axs[1, 0].plot([1, 3, 2], "o--", alpha=0.5, clip_on=True)
        axs[1, 1].text(0, 0, r"$\\frac{1}{2}\\sqrt{x}$", style="italic", weight="bold", rotation=30)
        axs[1, 2].scatter([1, 2], [1, 2], marker="*")
        axs[1, 2].annotate("甲", (1, 1), xytext=(1.5, 1.5), arrowprops={"arrowstyle": "->"})
        fig.suptitle("全部")
        """
    assert tiny.only(code) is None
    figure = tiny.fragment("a")
    kinds = ("<pattern", "<linearGradient", "<filter", "<clipPath", "<image", "<use", "<tspan", "<text", "font-style")
    assert [kind for kind in kinds if kind not in figure] == []


def test_pictures_are_shown_within_their_budget(tiny: Tiny) -> None:
    shown = png(4, 2)
    assert tiny.only(published(f"{{'image/png': {shown + chr(10)!r}, 'text/plain': 's'}}")) is None
    fragment = tiny.fragment("a")
    assert f'<img src="data:image/png;base64,{shown}" alt="图。说明" width="4" height="2"' in fragment
    assert "<figcaption>说明</figcaption>" in fragment
    bytes_of_it = f"__import__('base64').b64decode({shown!r})"
    assert tiny.only(published(f"{{'image/png': {bytes_of_it}}}", "{}")) is None
    assert f'<img src="data:image/png;base64,{shown}" alt="说明" width="4"' in tiny.fragment("a")
    notebook = json.loads((tiny.root / "docs/downloads/04-a/lone.ipynb").read_bytes())
    assert notebook["cells"][0]["outputs"][0]["data"] == {
        "image/png": shown,
        "text/plain": "（图像：image/png）",
    }
    problem = tiny.only(published(f"{{'image/png': {shown!r}}}", options=""))
    assert problem is not None
    assert "没有说明" in problem.what
    big = f"__import__('base64').b64encode({bytes_of_it} + bytes(60_000)).decode()"
    problem = tiny.only(published(f"{{'image/png': {big}}}"))
    assert problem is not None
    assert "超过 60 kB" in problem.what


@pytest.mark.parametrize("kind", ["Markdown", "Latex"])
def test_what_is_displayed_as_source_is_shown_as_text(tiny: Tiny, kind: str) -> None:
    assert tiny.only(f"# %% a\nfrom IPython.display import {kind}, display\ndisplay({kind}('<b>$x$</b>'))\n") is None
    output = tiny.fragment("a").partition(".qa-output")[2]
    assert "\n<b>$x$</b>\n```" in output
    assert "IPython" not in output


@pytest.mark.parametrize(
    "code",
    [
        "print(hex(1065353216))",
        "print('位模式', '0x3f800000', '0x7fffffff', 0x7f)",
        "print('stored at', hex(1065353216))",
        "print('a < b, at 0x3f800000')",
        "print(float(1).hex(), (-1.5).hex())",
        "print(f'{2**63:#x}')",
    ],
)
def test_hexadecimal_numbers_are_no_addresses(tiny: Tiny, code: str) -> None:
    assert tiny.only(f"# %% a\n{code}\n") is None


@pytest.mark.parametrize(
    "code",
    [
        "print(object())",
        "print([lambda x: x])",
        "print(iter(()), 'x')",
        "(x for x in ())",
        "print(print.__self__.__class__, (1).__add__)",
        "print('<a object at 0X00000221A>')",
        "import torch\nx = torch.ones(1, requires_grad=True) + 1\nprint(x.grad_fn)",
        "print('at 0x7f3a2b4c5d6e')",
    ],
)
def test_addresses_are_refused(tiny: Tiny, code: str) -> None:
    problem = tiny.only(f"# %% a\n{code}\n")
    assert problem is not None
    assert "内存地址" in problem.what
