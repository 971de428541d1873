"""How experiments draw: one matplotlib style, and the figures a cell left open.

Text stays text and is set by the reader's browser, so the build machine needs no Chinese font: it only has to know
how wide Chinese text is, which a font without outlines tells it (`_cjk_widths`). The colours are those of the light
theme; `svg` exchanges them for CSS variables, so that one picture serves light and dark.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine.common import write_atomically

FOREGROUND, BACKGROUND, GRID = "#24292f", "#fefefe", "#d5d9df"
CYCLE = ("#0b62c4", "#c4420c", "#1a7f4e", "#8a3fa8")

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "executable-qa",
    "font.family": ["DejaVu Sans", "CJK Widths"],
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
    from matplotlib import font_manager

    if not any(font.name == "CJK Widths" for font in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(_cjk_widths())
    mpl.use("agg")
    mpl.rcParams.update(STYLE | {"axes.prop_cycle": cycler(color=CYCLE)})
    # The browser sets the text: a glyph that is missing here is of no consequence.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def _cjk_widths() -> Path:
    """Return a font in which each Chinese character, kana and full-width mark is an empty square of one em.

    Layout needs widths only: without them matplotlib takes DejaVu Sans's narrower box for a missing glyph, and legend
    frames end in the middle of their text.
    """
    path = Path(tempfile.gettempdir()) / f"engine-cjk-widths-{os.getuid()}.ttf"
    if path.is_file():
        return path
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
    from fontTools.ttLib.tables._g_l_y_f import Glyph

    wide = [*range(0x2E80, 0xA4D0), *range(0xAC00, 0xD7A4), *range(0xF900, 0xFB00), *range(0xFE30, 0xFE50)]
    wide += [*range(0xFF00, 0xFF61), *range(0x2018, 0x201E), 0x2014, 0x2026]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "wide"])
    builder.setupCharacterMap({})
    table = CmapSubtable.newSubtable(13)  # "many to one": all these characters are one glyph
    table.platformID, table.platEncID, table.language, table.format = 3, 10, 0, 13
    table.cmap = dict.fromkeys(wide, "wide")
    builder.font["cmap"].tables = [table]
    builder.setupGlyf({".notdef": Glyph(), "wide": Glyph()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "wide": (1000, 0)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "CJK Widths", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    content = io.BytesIO()
    builder.save(content)
    write_atomically(path, content.getvalue())
    return path


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
