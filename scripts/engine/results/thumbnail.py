"""The first figure of an experiment as a picture that stands for itself."""

from __future__ import annotations

import re

from engine.experiments import Experiment
from engine.results.cache import Notebook
from engine.results.render import first_figure
from engine.results.svg import CLASSES
from engine.running import BACKGROUND, CYCLE, FOREGROUND, GRID

_SIZE = re.compile(r' width="[^"]*"| height="[^"]*"')
# A picture of its own does not see the page's stylesheet: it brings the light theme's values, and the stylesheet
# inverts it in the dark.
_COLOURS = {"fg": FOREGROUND, "bg": BACKGROUND, "grid": GRID, **{f"c{i}": colour for i, colour in enumerate(CYCLE)}}
_STYLE = "".join(f"--qa-fig-{name}:{colour};" for name, colour in _COLOURS.items())
_RULES = "*{stroke-linejoin:round;stroke-linecap:butt}text{font:9px sans-serif;fill:var(--qa-fig-fg)}" + "".join(
    f".{css}{{{style}}}" for style, css in CLASSES.items()
)


def thumbnail(experiment: Experiment, notebook: Notebook) -> str | None:
    """Return the first figure of an experiment as a picture that stands for itself, or None if it draws nothing."""
    figure = first_figure(experiment, notebook)
    if figure is None:
        return None
    opening, _, rest = figure.partition(">")
    opening = _SIZE.sub("", opening).replace("<svg", f'<svg xmlns="http://www.w3.org/2000/svg" style="{_STYLE}"', 1)
    return f"{opening}><style>{_RULES}</style>{rest}\n"
