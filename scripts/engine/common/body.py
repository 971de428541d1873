"""Convert Markdown as the site does, to see what is wrong with it before a site generator stumbles over it.

The very conversion is run, without what is included: what fragments hold is checked where it is written.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from engine.common.errors import Problem
from engine.common.markdown import without_code
from engine.common.markup import formulas

if TYPE_CHECKING:
    from markdown import Markdown

# Those of mkdocs.yml that decide what is code, what a block is, and what a formula.
_EXTENSIONS = (
    "admonition",
    "attr_list",
    "md_in_html",
    "tables",
    "toc",
    "pymdownx.details",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.arithmatex",
)
_SETTINGS = {"pymdownx.highlight": {"use_pygments": False}, "pymdownx.arithmatex": {"generic": True}}
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_RAW_ADDRESS = re.compile(r"<[a-z][^<>]*?\s(?:href|src|action|formaction)\s*=\s*[\"']?([^\"'<>]+)", re.IGNORECASE)
_SCRIPT = re.compile(r"javascript:|vbscript:|data:(?!image/)", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20]")  # by browsers, in the scheme of an address
_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7})(?: |$)")


class _Finds:
    """What one conversion came upon: formulas that cannot be converted, and addresses, in order."""

    def __init__(self) -> None:
        self.formulas: list[tuple[str, str]] = []
        self.addresses: list[str] = []


def check_body(body: Sequence[str], first_line: int, name: str) -> Iterator[Problem]:
    """Yield what is wrong in Markdown, whose first line has the number `first_line`.

    Formulas that cannot be converted, links that run a script, what git leaves of versions it could not merge.
    """
    plain = without_code(list(body))
    for number, text in enumerate(plain, first_line):
        if _CONFLICT.match(text):
            hint = "两个版本没有合并好：留下要的，删掉 <<<<<<<、=======、>>>>>>> 这几行"
            yield Problem(name, number, f"合并冲突的标记：{text[:40]}", hint)
    found = _convert("\n".join(body))
    if found.formulas or found.addresses:
        lines = _CODE_SPAN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), "\n".join(plain)).split("\n")
        at = 0
        for tex, why in found.formulas:
            at = _find(tex.strip().split("\n")[0].strip(), lines, at)
            # The delimiter of a formula on lines of its own stands on the line before.
            yield Problem(name, first_line + at - tex.startswith("\n"), f"公式转换不了：{why}", tex.strip())
        for address in found.addresses:
            at = _find(address, lines, 0)
            yield Problem(name, first_line + at, f"链接会执行脚本：{address[:60]}", "写 http 的地址，或者站内的路径")


def check_text(text: str, line: int, name: str) -> Iterator[Problem]:
    """Yield the formulas that cannot be converted in text that stands in front matter or data."""
    for tex in formulas(text):
        from markdown_extensions.mathml import MathError, convert

        try:
            convert(tex.strip(), False)
        except MathError as error:
            yield Problem(name, line, f"公式转换不了：{error}", tex.strip())


def _find(words: str, lines: list[str], start: int) -> int:
    """Return the index of the line with these words, at or after `start` if there is one."""
    places = [*range(start, len(lines)), *range(start)]
    return next((index for index in places if words in lines[index]), start)


def _convert(text: str) -> _Finds:
    md, found = _converter()
    found.formulas.clear()
    found.addresses.clear()
    md.reset()
    md.convert(text)
    for block in md.htmlStash.rawHtmlBlocks:
        if isinstance(block, str):
            found.addresses += filter(_runs, _RAW_ADDRESS.findall(block))
    return found


def _runs(address: str) -> bool:
    """Whether following an address runs a script, however it is spelt."""
    return _SCRIPT.match(_IGNORED.sub("", html.unescape(address))) is not None


@functools.cache
def _converter() -> tuple[Markdown, _Finds]:
    """Return what converts, and where it puts what it finds."""
    from markdown import Markdown
    from markdown.treeprocessors import Treeprocessor

    from markdown_extensions.mathml import MathError, convert_element
    from markdown_extensions.mathml import formulas as marked

    found = _Finds()

    class Formulas(Treeprocessor):
        def run(self, root: ElementTree.Element) -> None:
            for element, tex in marked(root):
                try:
                    convert_element(element, tex)
                except MathError as error:
                    found.formulas.append((tex, str(error)))

    class Addresses(Treeprocessor):
        def run(self, root: ElementTree.Element) -> None:
            addresses = (element.get(key, "") for element in root.iter() for key in ("href", "src"))
            found.addresses += (address for address in addresses if address and _runs(address))

    md = Markdown(extensions=_EXTENSIONS, extension_configs=_SETTINGS)
    md.treeprocessors.register(Formulas(md), "formulas", 15)
    md.treeprocessors.register(Addresses(md), "addresses", 1)  # attr_list gives addresses too
    return md, found
