"""Third room: what a run leaves. Executed notebooks, kept in a cache and rendered as fragments and downloads."""

from engine.results.cache import Cache, Notebook, changed_reads
from engine.results.durations import read_durations, write_durations
from engine.results.notebook import Facts, downloadable, facts_of, notebook_of
from engine.results.pending import pending_facts, pending_files
from engine.results.render import (
    STAMPED,
    cell_fragment,
    cell_outputs_text,
    download_links,
    duration,
    label_id,
    plain,
    versions,
)
from engine.results.results import Results
from engine.results.thumbnail import thumbnail

__all__ = [
    "STAMPED",
    "Cache",
    "Facts",
    "Notebook",
    "Results",
    "cell_fragment",
    "cell_outputs_text",
    "changed_reads",
    "download_links",
    "downloadable",
    "duration",
    "facts_of",
    "label_id",
    "notebook_of",
    "pending_facts",
    "pending_files",
    "plain",
    "read_durations",
    "thumbnail",
    "versions",
    "write_durations",
]
