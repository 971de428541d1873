"""Make matplotlib's SVG fit to stand inside a page: small, themed by CSS variables, with a text alternative.

The reader's theme gives ``--qa-fig-fg``, ``--qa-fig-bg``, ``--qa-fig-grid`` and ``--qa-fig-c0`` to ``--qa-fig-c3``.
"""

from __future__ import annotations

import hashlib
import re
from xml.etree import ElementTree

from engine.results.allowed import parse_svg
from engine.running import BACKGROUND, CYCLE, FOREGROUND, GRID

BUDGET = 60_000
"""Bytes one figure may weigh."""

_COLOUR = {FOREGROUND: "fg", BACKGROUND: "bg", GRID: "grid"} | {colour: f"c{i}" for i, colour in enumerate(CYCLE)}
_COLOURS = re.compile("|".join(_COLOUR))
_ROUNDED = ("d", "x", "y", "width", "height", "points", "transform")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_NO_ROTATION = re.compile(r"rotate\(-?0 [^)]*\)\s*")
_FONT_FAMILY = re.compile(r"font-family:[^;]*(;|$)\s*")
_BLACK_STROKE = re.compile(r"stroke: #000000\b")
_PATH_SPACE = re.compile(r"\s*([A-Za-z])\s*|\s+")
# The theme's stylesheet says it once for all text of all figures.
_TEXT_DEFAULTS = ("font-size:9px", "fill:var(--qa-fig-fg)")
# What every second element of a figure is styled with; the stylesheet has rules for these classes.
CLASSES = {
    "fill:none;stroke:var(--qa-fig-grid);stroke-width:0.6;stroke-linecap:square": "qg",
    "fill:none;stroke:var(--qa-fig-fg);stroke-width:0.8;stroke-linejoin:miter;stroke-linecap:square": "qs",
    "fill:var(--qa-fig-fg)": "qt",
    "text-anchor:middle": "qm",
}
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


_KEPT = 256
# The latest figures, by a digest of what each was made of, which is longer: a page and the gallery show the same, and
# while serving most are as before.
_kept: dict[bytes, str] = {}


def clean_svg(svg: str, prefix: str, label: str) -> str:
    """Return a figure as one line of HTML.

    Args:
        svg: what matplotlib wrote, with text kept as text and the colours of `engine.running`.
        prefix: put before every id, so that two figures of one page do not clash.
        label: the text alternative.

    Raises:
        ValueError: it is no SVG, or does more than to be seen.
    """
    digest = hashlib.sha256("\0".join((svg, prefix, label)).encode()).digest()
    if digest not in _kept:
        if len(_kept) == _KEPT:
            del _kept[next(iter(_kept))]
        _kept[digest] = _cleaned(svg, prefix, label)
    return _kept[digest]


def _cleaned(svg: str, prefix: str, label: str) -> str:
    root = parse_svg(svg)
    referenced = set(_REFERENCE.findall(svg)) | {e.attrib["href"][1:] for e in root.iter() if "href" in e.attrib}
    _clean(root, prefix, referenced)
    _drop_repeated_styles(root)
    for element in root.iter():
        if css := CLASSES.get(element.get("style", "")):
            del element.attrib["style"]
            element.attrib["class"] = css
    for name in ("version", "id"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": label, "data-search-exclude": ""}
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _clean(element: ElementTree.Element, prefix: str, referenced: set[str]) -> None:
    attributes = element.attrib
    if target := attributes.pop("href", ""):
        attributes["href"] = f"#{prefix}-{target[1:]}" if target.startswith("#") else target
    name = attributes.pop("id", None)
    if name in referenced:
        attributes["id"] = f"{prefix}-{name}"
    for key, value in attributes.items():
        if key == "href":
            continue
        if key in _ROUNDED:
            value = _LONG_NUMBER.sub(_rounded, _NO_ROTATION.sub("", value))
        if key == "d":
            value = _PATH_SPACE.sub(lambda match: match[1] or " ", value)
        if key == "style":
            value = _FONT_FAMILY.sub("", _BLACK_STROKE.sub(f"stroke: {FOREGROUND}", value))
            value = _COLOURS.sub(lambda match: f"var(--qa-fig-{_COLOUR[match.group()]})", value)
            declarations = value.replace(": ", ":").replace("; ", ";").rstrip(";").split(";")
            if element.tag == "text":
                declarations = [declaration for declaration in declarations if declaration not in _TEXT_DEFAULTS]
            value = ";".join(declarations)
        attributes[key] = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
    for key in ("transform", "style"):
        if not attributes.get(key, " ").strip():
            attributes.pop(key, None)
    for child in list(element):
        if child.get("style") == "fill: none" and child.get("clip-path") is None:  # invisible
            element.remove(child)
            continue
        _clean(child, prefix, referenced)
        child.tail = None
    if element.tag not in ("text", "tspan"):
        element.text = None
    for child in [child for child in element if child.tag == "defs" and not len(child)]:
        element.remove(child)
    _merge_plain_groups(element)


def _drop_repeated_styles(root: ElementTree.Element) -> None:
    """Take from each use of a marker what the marker itself declares."""
    declared = {f"#{e.get('id')}": set(e.get("style", "").split(";")) for e in root.iter() if e.get("id")}
    for use in root.iter("use"):
        own = [d for d in use.get("style", "").split(";") if d not in declared.get(use.get("href", ""), ())]
        use.attrib["style"] = ";".join(own)


def _merge_plain_groups(element: ElementTree.Element) -> None:
    """Put the children of groups without attributes in their place: matplotlib nests five deep for nothing."""
    flat: list[ElementTree.Element] = []
    for child in element:
        flat += list(child) if child.tag == "g" and not child.attrib else [child]
    element[:] = flat


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")
