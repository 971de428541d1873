"""Cut the site's math font: the glyphs of STIX Two Math that formulas can use, as WOFF2.

Browsers draw MathML well only with a font that has a MATH table: without one, brackets and roots do not stretch. The
font (SIL Open Font License) comes with the package ziamath; what is cut from it is not kept in the repository.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from engine.common import write_atomically

# Characters that math-core writes: Latin, Greek, arrows, operators, brackets, and the mathematical alphabets in use.
_UNICODES = [
    *range(0x20, 0x7F),
    *(0xA0, 0xA8, 0xAC, 0xAF, 0xB0, 0xB1, 0xB4, 0xB7, 0xD7, 0xF7, 0x131, 0x237, 0x2C6, 0x2C7, 0x2D8, 0x2D9, 0x2DC),
    *range(0x300, 0x30D),
    *range(0x391, 0x3CA),
    *(0x3D1, 0x3D5, 0x3D6, 0x3F0, 0x3F1, 0x3F5),
    *(0x2013, 0x2014, 0x2016, 0x2020, 0x2021, 0x2022, 0x2026, 0x2032, 0x2033, 0x203E, 0x20D7),
    *(0x210E, 0x210F, 0x2110, 0x2111, 0x2112, 0x2113, 0x2115, 0x211A, 0x211C, 0x211D, 0x2124, 0x2130, 0x2131, 0x2133),
    *range(0x2190, 0x2196),
    *(0x21A6, 0x21D0, 0x21D2, 0x21D4, 0x27F5, 0x27F6, 0x27F7, 0x27F8, 0x27F9, 0x27FA),
    *range(0x2200, 0x2270),
    *(0x2282, 0x2283, 0x2286, 0x2287, 0x2295, 0x2297, 0x2299, 0x22A4, 0x22A5, 0x22C5, 0x22EE, 0x22EF, 0x22F1),
    *(0x2308, 0x2309, 0x230A, 0x230B, 0x23DE, 0x23DF, 0x27E8, 0x27E9),
    *range(0x1D434, 0x1D468),  # italic
    *range(0x1D400, 0x1D434),  # bold
    *range(0x1D49C, 0x1D4D0),  # script
    *range(0x1D538, 0x1D56C),  # double-struck
    *range(0x1D6FC, 0x1D716),  # Greek italic
]


def write_font(target: Path) -> None:
    """Write the font to `target` unless it is there already, cut by this very code from this very version."""
    recipe = hashlib.sha256(Path(__file__).read_bytes() + version("ziamath").encode()).hexdigest()
    stamp = target.with_suffix(".recipe")
    if target.is_file() and stamp.is_file() and stamp.read_text("utf-8") == recipe:
        return
    write_atomically(target, cut_font())
    write_atomically(stamp, recipe.encode())


def cut_font() -> bytes:
    """Return the font as WOFF2; the same bytes each time."""
    from io import BytesIO

    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    # No "ssty", own shapes for sub- and superscripts: it doubles the file. No hinting: formulas are not small.
    options = Options(layout_features=[], hinting=False, name_IDs=[1, 2], notdef_outline=True)
    package = find_spec("ziamath")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("ziamath")
    with (Path(package.origin).parent / "fonts" / "STIXTwoMath-Regular.ttf").open("rb") as file:
        font = TTFont(file, recalcTimestamp=False)
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=_UNICODES)
        subsetter.subset(font)
        font.flavor = "woff2"
        content = BytesIO()
        font.save(content)
    return content.getvalue()
