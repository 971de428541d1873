"""A tiny project with the site's own settings, and a server that shows it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.build.sites import ROOT, Server
from tests.tiny import EXAMPLE, Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """A tiny project with the settings of the site's own mkdocs.yml, its navigation apart."""
    tiny = Tiny(tmp_path / "project")
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    settings = re.sub(r"^nav:\n(?:[ ]+.*\n|\n)*", "", settings, flags=re.MULTILINE)
    settings = settings.replace("scripts/", f"{ROOT}/scripts/")
    tiny.write("mkdocs.yml", settings)
    included = "--8<--\n04-a/sum/sum.md\n--8<--\n"
    tiny.write("docs/index.md", f"# 首页\n\n[一个问题](04-a/sum.md)，公式 $x^2$。\n\n{included}")
    tiny.write("docs/tags.md", "# 标签\n\n<!-- material/tags -->\n")
    tiny.example(
        EXAMPLE.replace(
            "# %% error",
            '# %% plot caption="一条线。"\nimport matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\n'
            "ax.plot([1, 2])\nax.set(title='线')\n\n# %% error",
        )
    )
    tiny.page(('--8<-- "04-a/sum/error.md"', '--8<-- "04-a/sum/plot.md"\n\n--8<-- "04-a/sum/error.md"'))
    shutil.copytree(ROOT / "docs/assets", tiny.root / "docs/assets")
    return tiny


@pytest.fixture
def server(tiny: Tiny, tmp_path: Path) -> Iterator[Server]:
    tiny.example("# %% a\nprint('另一个')\nx = 1 + 1\nassert x == 2\n", "other")
    tiny.page(
        ("qa: 04-1", "qa: 04-2"),
        ("evidence: sum", "evidence: a"),
        ("04-a/sum/", "04-a/other/"),
        ("/sum.md", "/a.md"),
        ('--8<-- "04-a/other/error.md"', ""),
        name="other",
    )
    plot = tiny.root / "docs/04-a/sum.md"
    tiny.page()
    text = plot.read_text("utf-8").replace(
        '--8<-- "04-a/sum/error.md"', '--8<-- "04-a/sum/plot.md"\n\n--8<-- "04-a/sum/error.md"'
    )
    plot.write_text(text, "utf-8")
    server = Server(tiny, tmp_path / "log")
    yield server
    server.stop()
