"""Pictures of pixels, as experiments may display them."""

from __future__ import annotations

import base64
import binascii
import struct

_HEADER = b"\x89PNG\r\n\x1a\n"


def size_of_png(content: str) -> tuple[int, int]:
    """Return the width and height of a PNG in base64.

    Raises:
        ValueError: it is none.
    """
    try:
        start = base64.b64decode(content, validate=True)[:24]
    except binascii.Error as error:
        raise ValueError(f"不是 base64（{error}）") from error
    if not start.startswith(_HEADER) or len(start) < 24:
        raise ValueError("不是 PNG")
    width, height = struct.unpack(">II", start[16:])
    return width, height
