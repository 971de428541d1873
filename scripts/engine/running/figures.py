"""How experiments draw: one matplotlib style, and the figures a cell left open.

Text stays text and is set by the reader's browser, so the build machine needs no Chinese font: it only has to know
how wide Chinese text is, which a font without outlines tells it (`cjk_widths`). The colours are those of the light
theme; `svg` exchanges them for CSS variables, so that one picture serves light and dark.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from engine.running.run import Output

FAMILY, FONT = "CJK Widths", Path(__file__).with_name("cjk_widths.ttf")
FOREGROUND, BACKGROUND, GRID = "#24292f", "#fefefe", "#d5d9df"
CYCLE = ("#0b62c4", "#c4420c", "#1a7f4e", "#8a3fa8")

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "executable-qa",
    "font.family": ["DejaVu Sans", FAMILY],
    "font.size": 9.0,
    "figure.figsize": (5.2, 2.8),
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.bbox": "tight",
    "axes.facecolor": "none",
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
    "legend.facecolor": BACKGROUND,
    "legend.edgecolor": GRID,
    "legend.framealpha": 0.85,
    "image.cmap": "viridis",
    "lines.markersize": 4.5,
    "text.color": FOREGROUND,
    "axes.labelcolor": FOREGROUND,
    "axes.edgecolor": FOREGROUND,
    "axes.titlecolor": FOREGROUND,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
    "grid.color": GRID,
    "axes.unicode_minus": False,
}


def import_matplotlib() -> None:
    """Import matplotlib so that it starts from its own defaults; child processes will, too.

    A matplotlibrc of the user's would change the figures, or fail; even an unreadable one would end the import.
    """
    spec = importlib.util.find_spec("matplotlib")
    if "matplotlib" in sys.modules or not spec or not spec.origin:
        return
    defaults = Path(spec.origin).with_name("mpl-data")
    os.environ["MATPLOTLIBRC"] = str(defaults / "matplotlibrc")
    here = os.open(".", os.O_RDONLY)
    os.chdir(defaults)  # one in the current folder comes before that of the environment
    try:
        importlib.import_module("matplotlib")
    finally:
        os.fchdir(here)
        os.close(here)


def set_style() -> None:
    """Make the style matplotlib's default in this process."""
    import_matplotlib()
    import logging
    import warnings

    import matplotlib as mpl
    from cycler import cycler
    from matplotlib import font_manager

    if not any(font.name == FAMILY for font in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(FONT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings that are on their way out
        mpl.rcParams.update(mpl.rcParamsDefault)
    mpl.use("agg")
    mpl.rcParams.update(STYLE | {"axes.prop_cycle": cycler(color=CYCLE)})
    # The browser sets the text: a glyph that is missing here is of no consequence.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def figure_of(value: object) -> Any:
    """Return the figure that a value of matplotlib's belongs to, or None: an Axes, a list of lines, an animation."""
    first: Any = value[0] if isinstance(value, list | tuple) and value else value
    if type(first).__name__ == "ndarray" and first.dtype.hasobject and first.size:
        first = first.flat[0]  # what plt.subplots(2) gives
    if not type(first).__module__.startswith("matplotlib."):
        return None
    found = first
    for name in ("_fig", "ax", "figure", "figure"):  # of an animation, a colour bar, anything drawn, part of a figure
        if callable(getattr(found, "savefig", None)):
            return found
        found = getattr(found, name, None) or found
    return found if callable(getattr(found, "savefig", None)) else None


def is_open(figure: object) -> bool:
    """Whether pyplot holds a figure, so that it is shown at the end of the cell."""
    from matplotlib import pyplot as plt

    return any(plt.figure(number) is figure for number in plt.get_fignums())


def take_figures(without: Collection[object] = ()) -> Iterator[Output]:
    """Close all open figures, and yield them as outputs but for those that have been shown."""
    if "matplotlib.pyplot" not in sys.modules:
        return
    from matplotlib import pyplot as plt

    for figure in [plt.figure(number) for number in plt.get_fignums()]:
        if not any(figure is other for other in without):
            yield drawn(figure)
    plt.close("all")


def drawn(figure: Any) -> Output:
    """Return a figure as a Jupyter output: an SVG, its title in the metadata."""
    return {
        "output_type": "display_data",
        "data": {"image/svg+xml": svg_of(figure)},
        "metadata": {"title": title_of(figure)},
    }


def svg_of(figure: Any) -> str:
    """Return what matplotlib writes of a figure."""
    import warnings

    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def title_of(figure: Any) -> str:
    """Return the titles in a figure: its text alternative begins with them."""
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    return "；".join(dict.fromkeys(title for title in titles if title))
