"""No figure is typed by hand: each number in the words of a page comes from its experiment.

A number may be quoted (``{{gain.mean:.1f}}``), printed by the experiment, recorded by its stress runs, given in its
code (sizes, settings), or declared in the page's front matter under ``given`` (years, definitions, facts of cited
work). What is none of these is a figure that nothing produces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e-?\d+)?%?(?![\w]*[A-Za-z_])")
# What holds digits and is no figure: links, ids of questions, versions behind a name, years of citations, list marks.
_NOT_FIGURES = re.compile(
    r"^.*-8<-.*$|\]\([^)]*\)|\{[#.][^}]*\}|<[^>]+>|https?://\S+|\{\{[^}]*\}\}"
    r"|(?<!\d)\d\d-\d\d?(?!\d)"
    r"|第\s*\d+(?:[-–.]\d+)*\s*[讲章节]|[（(，、；]\s*(?:19|20)\d\d[a-z]?(?=[）)，；、。])|(?<=[（(])(?:19|20)\d\d[a-z]?"
    r"|(?:PyTorch|torch|torchvision|Python|NumPy|scikit-learn|Optuna)\s+v?\d+(?:\.\d+)*"
    r"|^\s*\d+\.\s|(?<=\w)-\d+"
)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)|\$\$.+?\$\$|\$[^$\s][^$]*\$", re.DOTALL)


@dataclass(frozen=True)
class Known:
    """The numbers that an experiment produces or is given."""

    exact: frozenset[str]
    values: tuple[float, ...]

    def has(self, number: str) -> bool:
        """Whether a number of the prose is among them, rounded as the prose rounds it."""
        text = number.lstrip("+").replace(",", "").replace("−", "-")
        if text in self.exact or text.lstrip("-") in self.exact:
            return True
        percent = text.endswith("%")
        digits = text.rstrip("%")
        written = float(digits)
        unit = 10.0 ** -len(digits.partition(".")[2].partition("e")[0]) if "e" not in digits else abs(written) * 0.05
        scales = (1.0, 100.0) if percent else (1.0,)
        return any(
            abs(abs(value) * scale - abs(written)) <= unit * 0.500001 for value in self.values for scale in scales
        )


def numbers_in(texts: Iterable[str], given: Iterable[object] = ()) -> Known:
    """Return the numbers that stand in texts: outputs, code, records; and what a page declares as `given`."""
    exact: set[str] = {str(item) for item in given}
    values: set[float] = set()
    for text in texts:
        for match in re.finditer(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?", text.replace("_", "")):
            number = match.group().replace(",", "")
            exact.add(number)
            if len(number) < 300:
                values.add(float(number))
    return Known(frozenset(exact), tuple(sorted(values)))


def figures_in(text: str) -> Iterator[tuple[str, int]]:
    """Yield the numbers in prose that say something, each with the number of line breaks before it."""
    blank = _CODE.sub(_blanked, text)
    blank = "\n".join(_NOT_FIGURES.sub(_blanked, line) for line in blank.split("\n"))
    for match in _NUMBER.finditer(blank):
        yield match.group(), blank.count("\n", 0, match.start())


def _blanked(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())
