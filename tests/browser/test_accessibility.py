"""axe-core on every page, in light, in dark and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

# One finding of the theme: it has <nav> elements without a name, around copy buttons.
ALLOWED = "landmark-unique"
NAMELESS = ".md-code__nav"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, served: str, site: Path, axe: str, scheme: str, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    found = []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        page.goto(f"{served}/{name}", wait_until="load")
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            (name, violation["id"], node["target"], node.get("failureSummary", "")[:200])
            for violation in result["violations"]
            for node in violation["nodes"]
            if violation["id"] != ALLOWED or not node["target"][0].endswith(NAMELESS)
        ]
    context.close()
    assert not found
