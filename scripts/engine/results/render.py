"""An executed notebook as Markdown fragments: one for each cell, one for the stamp.

Whatever an experiment prints comes out as text: nothing can leave its block.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.common import Problem, RunError, shown, table
from engine.common import text as markdown
from engine.experiments import Cell, Experiment
from engine.results.cache import Notebook
from engine.results.notebook import Facts, outputs_of
from engine.results.png import size_of_png
from engine.results.svg import BUDGET, clean_svg

_ROW, _DASHES = re.compile(r"\|.*\|\s*\Z"), re.compile(r"\|(?:\s*:?-{3,}:?\s*\|)+\s*\Z")
_BAR = re.compile(r"(?<!\\)\|")
LINE_LIMIT, LINE_WIDTH = 60, 400
"""What a page shows of one text output: so many lines of at most so many characters."""

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
# As Python writes them: in angle brackets, or more than the eight digits that a number of 32 bits has.
_ADDRESS = re.compile(r"<[^<\n]{0,200} at 0x[0-9a-f]+[^\n]{0,200}>|\bat 0x[0-9a-f]{9,16}\b", re.IGNORECASE)
# The page says only roughly how long a run took: exact seconds differ from build to build, and so would the site.
_BUCKETS = ((10, "10 秒以内"), (60, "1 分钟以内"))
STAMPED = {
    "torch": "torch",
    "torchvision": "torchvision",
    "sklearn": "scikit-learn",
    "optuna": "optuna",
    "numpy": "numpy",
}


def plain(text: str) -> str:
    """Return text that is safe to show on a page or a terminal: no escape sequences, no control characters.

    A carriage return acts as on a terminal: what follows it on the line replaces what stood there.
    """
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROL.sub("\ufffd", text)


def cell_fragment(cell: Cell, notebook: Notebook, path: str) -> str:
    """Return the Markdown of one cell: its code, and under it what it gave.

    Args:
        cell: a cell of the experiment.
        notebook: the executed notebook.
        path: how messages name the experiment's file.

    Raises:
        RunError: a figure without title or caption, too heavy or no picture; an output with an address that
            changes every time.
    """
    blocks = [_code(cell)]
    figures = 0
    for output in outputs_of(notebook, cell.name):
        kind, data = output["output_type"], output.get("data", {})
        if "image/svg+xml" in data or "image/png" in data:
            figures += 1
            prefix = cell.name if figures == 1 else f"{cell.name}-{figures}"
            blocks.append(_figure(cell, data, output["metadata"].get("title", ""), prefix, path))
            continue
        text, title, css = "", "输出", "qa-output"
        if kind == "stream":
            text = output["text"]
            if output["name"] == "stderr":
                title, css = "警告", "qa-output .qa-stderr"
        elif kind == "error":
            text, title, css = "\n".join(output["traceback"]), "报错", "qa-error"
        else:
            text = data.get("text/plain", "")
        if _ADDRESS.search(text):
            hint = "内存地址每次运行都不同；打印值，不要打印对象本身"
            raise RunError(Problem(path, cell.line, f"单元 {cell.name} 的输出里有内存地址", hint))
        for is_table, part in _parts(plain(text)) if kind == "stream" else [(False, plain(text))]:
            if is_table:
                blocks.append(_table(part))
            elif shown := _shorten(part):
                blocks.append(_fence(shown, f'.text .{css} title="{title}"'))
    if cell.labels:
        blocks.append(_labels(cell))
    body = "\n\n".join(blocks)
    return f'<div class="qa-cell" id="cell-{cell.name}" markdown="1">\n\n{body}\n\n</div>\n'


def _code(cell: Cell) -> str:
    """Return the code of a cell; machinery is folded under a line that says what it does and how long it is."""
    # Not for the search: it would show code where prose explains. The names in it reach the index another way.
    code = _fence(cell.source, '.python .qa-code data-search-exclude="1"')
    if cell.fold is None:
        return code
    lines = sum(bool(line.strip()) for line in cell.source.split("\n"))
    summary = f"{html.escape(cell.fold, quote=False)}<span>{lines} 行代码</span>"
    return f'<details class="qa-fold" markdown="1"><summary>{summary}</summary>\n\n{code}\n\n</details>'


def _labels(cell: Cell) -> str:
    """Return the line that says which evidence a cell holds, each with a place to link to."""
    names = " ".join(
        f'<span id="{label_id(label)}">{html.escape(label, quote=False)}</span>' for label in cell.labels
    )
    return f'<p class="qa-labels" data-search-exclude="1">断言成立：{names}</p>'


def label_id(label: str) -> str:
    """Return the anchor of a named assertion."""
    return "evidence-" + re.sub(r"[^\w]+", "-", label).strip("-")


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Take what was printed apart: tables as Markdown writes them (a head, a line of dashes, rows), and the rest."""
    lines, start = text.split("\n"), 0
    number = 0
    while number < len(lines):
        if _ROW.match(lines[number]) and number + 1 < len(lines) and _DASHES.match(lines[number + 1]):
            end = number + 2
            while end < len(lines) and _ROW.match(lines[end]):
                end += 1
            yield False, "\n".join(lines[start:number])
            yield True, "\n".join(lines[number:end])
            number = start = end
        else:
            number += 1
    yield False, "\n".join(lines[start:])


def _table(text: str) -> str:
    head, _, *rows = (
        [markdown(part.replace("\\|", "|").strip()) for part in _BAR.split(line.strip().strip("|"))]
        for line in text.split("\n")
    )
    rows = [(row + [""] * len(head))[: len(head)] for row in rows]
    return f'<div class="qa-results" markdown="1">\n\n{table(head, rows)}\n\n</div>'


def stamp_fragment(experiment: Experiment, facts: Facts) -> str:
    """Return the line under the title: what ran, with which versions, about how long, and the downloads."""
    parts = [f"{name} {version}" for name, version in versions(experiment, facts)]
    parts += [f"Python {facts.python}", "CPU", duration(facts)]
    line = f'<span class="qa-badge">已执行</span> {" · ".join(parts)} · {" ".join(download_links(experiment))}'
    return f'<p class="qa-stamp" markdown="1" data-search-exclude>{line}</p>\n'


def versions(experiment: Experiment, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the libraries an experiment imports itself, of those that readers know, with their versions."""
    for module, distribution in STAMPED.items():
        version = facts.libraries.get(distribution)
        if version and re.search(rf"^\s*(import|from) {module}\b", experiment.text, re.MULTILINE):
            yield distribution, version


def duration(facts: Facts) -> str:
    """Say about how much CPU time the run took."""
    if not facts.passed:
        return "—"
    return next((text for limit, text in _BUCKETS if facts.seconds < limit), "几分钟")


def download_links(experiment: Experiment) -> list[str]:
    """Return Markdown links from the experiment's page to its downloads."""
    up = posixpath.relpath("downloads", posixpath.dirname(experiment.id) or ".")
    return [f"[{suffix}]({up}/{experiment.id}{suffix})" for suffix in (".py", ".ipynb")]


def _fence(text: str, attributes: str) -> str:
    text = shown(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence} {{ {attributes} }}\n{text}\n{fence}"


def _shorten(text: str) -> str:
    lines = text.rstrip().split("\n")
    cut = [
        line if len(line) <= LINE_WIDTH else f"{line[:LINE_WIDTH]}……（此行共 {len(line)} 个字符）" for line in lines
    ]
    if len(cut) > LINE_LIMIT:
        cut = [*cut[:LINE_LIMIT], f"……（其余 {len(cut) - LINE_LIMIT} 行见 .ipynb）"]
    return "\n".join(cut)


def first_figure(experiment: Experiment, notebook: Notebook) -> str | None:
    """Return the first figure of an experiment as it stands on the page, or None if it draws nothing."""
    for cell in experiment.cells:
        for output in outputs_of(notebook, cell.name):
            if svg := output.get("data", {}).get("image/svg+xml"):
                return clean_svg(svg, cell.name, _label(cell, output["metadata"].get("title", "")))
    return None


def _label(cell: Cell, title: str) -> str:
    return f"{title}。{cell.caption}" if title else str(cell.caption)


def _figure(cell: Cell, data: Mapping[str, str], title: str, prefix: str, path: str) -> str:
    def problem(what: str, hint: str) -> RunError:
        return RunError(Problem(path, cell.line - 1, f"单元 {cell.name} 的图{what}", hint))

    svg = data.get("image/svg+xml")
    if svg and not title:
        raise problem("没有标题", '写 ax.set(title="…")：它是图的替代文字的一部分')
    if not cell.caption:
        raise problem("没有说明", f'写在单元头上：# %% {cell.name} caption="读图的人应该看到什么"')
    try:
        label = _label(cell, title)
        figure = clean_svg(svg, prefix, label) if svg else _picture(data["image/png"], label)
    except ValueError as error:
        raise problem(f"放不进页面：{error}", "图用 matplotlib 画，或者显示一张 PNG 图片") from error
    if len(figure.encode()) > BUDGET:
        weight = len(figure.encode()) // 1000
        raise problem(
            f"有 {weight} kB，超过 {BUDGET // 1000} kB",
            "点多的用 rasterized=True，热图用 imshow，曲线少取些点",
        )
    caption = html.escape(cell.caption, quote=False)
    return f'<figure class="qa-figure">{figure}<figcaption>{caption}</figcaption></figure>'


def _picture(png: str, label: str) -> str:
    content = "".join(png.split())
    width, height = size_of_png(content)
    size = f'width="{width}" height="{height}"'
    return f'<img src="data:image/png;base64,{content}" alt="{html.escape(label)}" {size} data-search-exclude>'


def cell_outputs_text(notebook: Notebook, name: str) -> str:
    """Return what a cell printed to stdout, as it was."""
    outputs: list[dict[str, Any]] = outputs_of(notebook, name)
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stdout")
