"""How experiments draw: one matplotlib style, and the figures a cell left open.

Text stays text and is set by the reader's browser, so the build machine needs no Chinese font. The colours are those
of the light theme; `svg` exchanges them for CSS variables, so that one picture serves light and dark.
"""

from __future__ import annotations

import io
import sys
from typing import Any

FOREGROUND, BACKGROUND, GRID = "#24292f", "#fefefe", "#d5d9df"
CYCLE = ("#0b62c4", "#c4420c", "#1a7f4e", "#8a3fa8")

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "executable-qa",
    "font.family": "DejaVu Sans",
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


def set_style() -> None:
    """Make the style matplotlib's default in this process."""
    import logging

    import matplotlib as mpl
    from cycler import cycler

    mpl.use("agg")
    mpl.rcParams.update(STYLE, **{"axes.prop_cycle": cycler(color=CYCLE)})
    # The browser sets the text: that DejaVu Sans lacks Chinese glyphs is of no consequence.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def take_figures() -> list[dict[str, Any]]:
    """Close all open figures and return them as Jupyter outputs: an SVG each, its title in the metadata."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    import warnings

    from matplotlib import pyplot as plt

    outputs = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        file = io.StringIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        outputs.append(
            {
                "output_type": "display_data",
                "data": {"image/svg+xml": file.getvalue()},
                "metadata": {"title": _title(figure)},
            }
        )
    plt.close("all")
    return outputs


def _title(figure: Any) -> str:
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    return "；".join(dict.fromkeys(title for title in titles if title))
