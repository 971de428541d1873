"""Which SVG may stand inside a page: pictures as matplotlib writes them, and nothing that acts, loads or links.

Whatever a library gives as SVG is shown: it is judged by what is known to be harmless, not by what is known to harm.
"""

from __future__ import annotations

import functools
import re
from xml.etree import ElementTree

_SHAPES = {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "image", "use"}
_PARTS = {"svg", "g", "defs", "symbol", "clipPath", "mask", "pattern", "linearGradient", "radialGradient", "stop"}
_FILTERS = {"filter", "feComposite", "feColorMatrix"}
ELEMENTS = _SHAPES | _PARTS | _FILTERS
# Words about the picture, and rules for a whole document: the page says and styles it in its own way.
DROPPED = {"metadata", "style", "title", "desc"}

_PLACE = (
    "id d x y dx dy x1 y1 x2 y2 cx cy r rx ry fx fy width height points viewBox transform rotate textLength "
    "lengthAdjust preserveAspectRatio clipPathUnits patternUnits patternContentUnits patternTransform gradientUnits "
    "gradientTransform spreadMethod offset in in2 result operator type values k1 k2 k3 k4 filterUnits primitiveUnits "
    "maskUnits maskContentUnits href version style"
)
_LOOK = (
    "fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-dashoffset opacity color clip-path clip-rule mask filter font font-family font-size "
    "font-style font-weight font-variant font-stretch text-anchor text-decoration letter-spacing word-spacing "
    "dominant-baseline alignment-baseline baseline-shift writing-mode stop-color stop-opacity vector-effect "
    "shape-rendering image-rendering text-rendering color-interpolation-filters mix-blend-mode paint-order visibility"
)
_PROPERTIES = frozenset(_LOOK.split())
_ATTRIBUTES = _PROPERTIES | frozenset(_PLACE.split())

_NAMESPACE = re.compile(r"\{[^}]*\}")
_INSIDE = re.compile(r"url\(#[^()\s\"']+\)", re.IGNORECASE)
_PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]+")


def parse_svg(svg: str) -> ElementTree.Element:
    """Return an SVG's tree, without namespaces and without what is neither drawn nor harmful.

    Raises:
        ValueError: it is no SVG, or something in it does more than to be seen; the message says what.
    """
    if "<!ENTITY" in svg:
        raise ValueError("定义了实体（<!ENTITY>）")
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ValueError(f"不是合法的 SVG（{error}）") from error
    if _local(root.tag) != "svg":
        raise ValueError(f"不是 SVG，而是 <{_local(root.tag)}>")
    _strip(root)
    return root


def _strip(root: ElementTree.Element) -> None:
    for element in root.iter():
        element.tag = _local(element.tag)
        if element.tag not in ELEMENTS:
            raise ValueError(f"里有 <{element.tag}>")
        for child in [child for child in element if _local(child.tag) in DROPPED]:
            element.remove(child)
        element.attrib = _attributes(element)


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    kept = {}
    for key, value in element.attrib.items():
        name = _local(key)
        if name.lower().startswith("on"):
            raise ValueError(f"里有 {name}=…")
        if name == "href":
            inside = value.startswith("#") or (element.tag == "image" and _PNG.fullmatch(value))
            if not inside:
                raise ValueError(f"里的 <{element.tag}> 指向外面（{value[:40]}）")
        elif key != name or name not in _ATTRIBUTES:
            continue
        elif "\\" in value or ("url" in value.lower() and "url" in _INSIDE.sub("", value).lower()):
            raise ValueError(f"里的 {name} 指向外面（{value[:40]}）")
        kept[name] = _style(value) if name == "style" else value
    return kept


@functools.lru_cache(maxsize=1024)
def _style(style: str) -> str:
    """Return a style as it is if all it sets is how something is drawn, else only that."""
    declarations = style.split(";")
    harmless = [part for part in declarations if part.partition(":")[0].strip() in _PROPERTIES or not part.strip()]
    return style if len(harmless) == len(declarations) else ";".join(harmless)


def _local(name: object) -> str:
    return _NAMESPACE.sub("", str(name))
