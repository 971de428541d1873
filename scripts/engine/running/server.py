"""The server that experiments are forked from: it has the heavy libraries imported already."""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.running.program import callers_places

# One thread each: the workers fill the cores. A fixed hash seed and backend: the same bytes on every run.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "agg",
    "CUDA_VISIBLE_DEVICES": "",
}
_PRELOAD = (
    "matplotlib.pyplot",
    "matplotlib.backends.backend_svg",
    "IPython.core.interactiveshell",
    "engine.running.kernel",
)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?([\w, \t]*)|import[ \t]+([\w., \t]+))", re.MULTILINE
)


def start_server(paths: Iterable[Path]) -> Any:
    """Start the server in the background, with what the experiments in these files import; return its context.

    A server that runs already stays as it is: what it lacks, an experiment imports itself.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    imported = set[str]().union(*map(libraries_imported, paths))
    # "__main__" first: otherwise every process would import the caller's main module (mkdocs, say) again.
    modules = ["__main__", "engine.running.preload_begin", *_PRELOAD, *sorted(imported), "engine.running.preload_end"]
    context.set_forkserver_preload(modules)
    importlib.import_module("multiprocessing.forkserver").ensure_running()
    return context


def libraries_imported(path: Path) -> set[str]:
    """Return the modules of installed libraries that a file imports, by a look at its lines, not a full parse.

    ``from torch import fx`` gives ``torch`` and ``torch.fx``; a name that turns out to be no module does no harm.
    What the libraries import when they are used is there too, where it takes long.
    """
    text = path.read_text("utf-8", errors="replace")
    imported: set[str] = set()
    for base, names, modules in _IMPORT.findall(text):
        listed = [name.split()[0] for name in (names or modules).split(",") if name.strip()]
        imported.update([base, *(f"{base}.{name}" for name in listed)] if base else listed)
    tops = {module.split(".")[0] for module in imported}
    own = {top for top in tops if (path.parent / f"{top}.py").exists() or (path.parent / top).exists()}
    libraries = set(filter(_is_installed, tops - own))
    found = {module for module in imported if module.split(".")[0] in libraries}
    if "torch" in found and "optim" in text:
        found.add("torch._dynamo")  # which the first optimizer of a process imports: a second
    return found


@functools.cache
def _is_installed(top: str) -> bool:
    if not top or top in sys.stdlib_module_names or not (spec := importlib.util.find_spec(top)):
        return False
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return not any(str(Path(place).parent) in callers_places() for place in places)  # there experiments do not look
