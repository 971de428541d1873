"""The executed notebook: nbformat 4 JSON, what the cache keeps and what readers download."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.experiments import Experiment
from engine.results.cache import Notebook
from engine.running import Run

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?%?")
PASSED = "通过"


def notebook_of(
    experiment: Experiment,
    run: Run,
    key: str,
    ingredients: Mapping[str, object],
    reads: Mapping[str, str | None],
) -> Notebook:
    """Return the executed notebook of a run without failure.

    Args:
        experiment: what ran.
        run: what each cell gave.
        key: the cache key.
        ingredients: what the key was made of; kept, so that a later difference can be explained.
        reads: the digest of what was read of the project and is not in the key, by its name there.
    """
    gave = {cell.name: cell for cell in run.cells}
    cells: list[dict[str, Any]] = []
    for number, cell in enumerate(experiment.cells, 1):
        outputs = [dict(output) for output in gave[cell.name].outputs]
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        metadata: dict[str, Any] = {"name": cell.name}
        if cell.raises:
            metadata["tags"] = ["raises-exception"]  # Jupyter goes on after it
        cells.append(
            {
                "cell_type": "code",
                "id": cell.name,
                "execution_count": number,
                "metadata": metadata,
                "source": cell.source,
                "outputs": outputs,
            }
        )
    if experiment.docstring:
        docstring = {
            "cell_type": "markdown",
            "id": "docstring",
            "metadata": {},
            "source": experiment.docstring.strip(),
        }
        cells.insert(0, docstring)
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": ingredients["python"], "file_extension": ".py"},
            "engine": {
                "key": key,
                "seconds": round(run.seconds, 3),
                "reads": dict(reads),
                "held": {cell.name: list(cell.held) for cell in run.cells},
                "values": dict(run.values),
                "ingredients": dict(ingredients),
            },
        },
        "cells": cells,
    }


def downloadable(notebook: Notebook, experiment: Experiment, page: Mapping[str, object] | None = None) -> str:
    """Return the notebook as readers get it: without what differs from run to run, the words as they are now.

    Args:
        notebook: the executed notebook.
        experiment: what ran.
        page: of a notebook that is shown as a page, what the page needs to know besides.
    """
    notebook = copy.deepcopy(notebook)
    del notebook["metadata"]["engine"]
    if page:
        notebook["metadata"]["page"] = dict(page)
    for cell in notebook["cells"]:
        if cell["id"] == "docstring":
            cell["source"] = experiment.docstring.strip()
        elif caption := next(c.caption for c in experiment.cells if c.name == cell["id"]):
            cell["metadata"]["caption"] = caption
    for number, text in reversed([*enumerate(experiment.texts, 1)]):
        markdown = {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}, "source": text.source}
        notebook["cells"].insert(text.before, markdown)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True)
class Facts:
    """What is to be known of a run when its outputs are on the page already.

    Attributes:
        seconds: CPU time.
        held: the lines (from 1, in the cell) of the assertions that held, by cell.
        libraries: the versions of what it used.
        python: major and minor version.
        picture: whether it drew, and what the first figure is: "" for none, "drawing", "photo".
        values: the numbers that it ended with, by name, for pages to quote.
        printed: the numbers that it printed, as they stand in its outputs.
        status: `PASSED`, or why nothing is known: it has not run yet, say, which only a preview shows.
    """

    seconds: float
    held: Mapping[str, Sequence[int]]
    libraries: Mapping[str, str]
    python: str
    picture: str
    values: Mapping[str, Any] = field(default_factory=dict)
    printed: tuple[str, ...] = ()
    status: str = PASSED

    @property
    def passed(self) -> bool:
        """Whether it ran and all held."""
        return self.status == PASSED


@functools.lru_cache(maxsize=64)
def _shared(libraries: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Return the same mapping for all experiments that use the same libraries: there are few, and they are long."""
    return dict(libraries)


def facts_of(notebook: Notebook) -> Facts:
    """Return what an executed notebook says of its run."""
    engine = notebook["metadata"]["engine"]
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", ()))
    first = next((svg for output in outputs if (svg := output.get("data", {}).get("image/svg+xml"))), "")
    return Facts(
        engine["seconds"],
        engine["held"],
        _shared(tuple(engine["ingredients"]["libraries"].items())),
        ".".join(notebook["metadata"]["language_info"]["version"].split(".")[:2]),
        "" if not first else "photo" if "<image" in first else "drawing",
        engine.get("values", {}),
        _numbers(notebook),
    )


def _numbers(notebook: Notebook) -> tuple[str, ...]:
    """Return the numbers in what an experiment printed or showed as text, each once."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    texts = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    return tuple(dict.fromkeys(number for text in texts for number in _NUMBER.findall(text)))


def outputs_of(notebook: Notebook, name: str) -> list[dict[str, Any]]:
    """Return the outputs of the cell of this name."""
    cell = next(cell for cell in notebook["cells"] if cell["id"] == name)
    outputs: list[dict[str, Any]] = cell["outputs"]
    return outputs
