"""Show executed notebooks with mkdocs-jupyter, looking and behaving like the site's other pages.

What mkdocs-jupyter 0.26 makes of a notebook is JupyterLab's own HTML: 600 kB with its stylesheets, headings without
ids in Chinese, white pictures, code indexed as prose. Here its template writes Markdown instead, and MkDocs converts
that with the site's own extensions: one look, one table of contents, checked links, formulas as
MathML, pictures that follow the dark mode, one entry in the search. The plugin finds the notebooks and reads them.
"""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.pages import Page

from engine.experiments import Cell
from engine.results import cell_fragment
from mkdocs_site import patches

_END = "<!-- end of notebook -->"  # the plugin goes on with stylesheets


@functools.cache
def install() -> None:
    """Have the plugin use our templates."""
    filters = patches.find("notebook filters")
    if filters is not None:
        patches.put("notebook templates", lambda _: str(Path(__file__).parent / "notebook_templates"))
        # nbconvert passes what a template gives through an HTML parser: only text comes out as it went in.
        filters["as_markdown"] = lambda notebook: html.escape(as_markdown(notebook), quote=False) + _END


def is_notebook(page: Page) -> bool:
    """Whether a page is a notebook."""
    return page.file.src_uri.endswith(".ipynb")


def metadata_of(source: str) -> dict[str, Any]:
    """Return what a notebook, as JSON text, says of its page: the front matter it cannot have."""
    metadata: dict[str, Any] = json.loads(source)["metadata"].get("page", {})
    return metadata


def as_markdown(notebook: dict[str, Any]) -> str:
    """Return an executed notebook as Markdown: its text, and each code cell with what it gave."""
    id_ = notebook["metadata"]["page"]["id"]
    parts = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            parts.append(cell["source"])
            if len(parts) == 1:  # under the title
                title, _, rest = cell["source"].partition("\n")
                parts = [title, f'--8<-- "{id_}/stamp.md"', rest]
        elif cell["cell_type"] == "code":
            shown = Cell(cell["id"], cell["source"], 1, caption=cell["metadata"].get("caption"))
            parts.append(cell_fragment(shown, notebook, f"{id_}.ipynb"))
    parts.append(f'--8<-- "{id_}/foot.md"')
    return "\n\n".join(parts)


def render(content: str, page: Page, config: Any, files: Any, add: Callable[[str, Page], str] | None = None) -> str:
    """Return the HTML of a notebook's page and give the page its table of contents.

    Args:
        content: what the plugin made: our Markdown as HTML text, and after it its stylesheets.
        page: the page, which the plugin has given a `render` of its own.
        config: MkDocs' configuration.
        files: all files of the site, for the links.
        add: returns the Markdown with what is to be added to the page.
    """
    ours, found, _ = content.partition(_END)
    if not found:  # made with the plugin's own template
        return content
    page.markdown = html.unescape(ours)
    if add:
        page.markdown = add(page.markdown, page)
    Page.render(page, config, files)
    return page.content or ""
