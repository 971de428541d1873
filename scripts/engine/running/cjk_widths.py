"""A font in which each Chinese character, kana and full-width mark is an empty square of one em.

Layout needs widths only: without them matplotlib takes DejaVu Sans's narrower box for a missing glyph, and legend
frames end in the middle of their text. The font lies beside this file; ``python -m engine.running.cjk_widths`` makes
it anew.
"""

from __future__ import annotations

import io

from engine.running.figures import FAMILY, FONT

_TIME = 3_534_796_800  # a moment in 2016, as fonts count seconds: the same bytes whenever it is made


def made() -> bytes:
    """Make the font."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
    from fontTools.ttLib.tables._g_l_y_f import Glyph

    wide = [*range(0x2E80, 0xA4D0), *range(0xAC00, 0xD7A4), *range(0xF900, 0xFB00), *range(0xFE30, 0xFE50)]
    wide += [*range(0xFF00, 0xFF61), *range(0x2018, 0x201E), 0x2014, 0x2026]
    builder = FontBuilder(1000, isTTF=True)
    builder.font.recalcTimestamp = False
    builder.updateHead(created=_TIME, modified=_TIME)
    builder.setupGlyphOrder([".notdef", "wide"])
    builder.setupCharacterMap({})
    table = CmapSubtable.newSubtable(13)  # "many to one": all these characters are one glyph
    table.platformID, table.platEncID, table.language, table.format = 3, 10, 0, 13
    table.cmap = dict.fromkeys(wide, "wide")
    builder.font["cmap"].tables = [table]
    builder.setupGlyf({".notdef": Glyph(), "wide": Glyph()})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "wide": (1000, 0)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": FAMILY, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    content = io.BytesIO()
    builder.save(content)
    return content.getvalue()


if __name__ == "__main__":
    FONT.write_bytes(made())
