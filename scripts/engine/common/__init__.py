"""What all rooms share: the project's folders and settings, errors, files, pieces of Markdown, progress, memory."""

from engine.common.entries import read_entries
from engine.common.errors import EngineError, ExperimentError, PageError, Problem, RunError, UsageError
from engine.common.files import disk_errors, remove_unfinished, write_all, write_atomically, write_if_changed
from engine.common.inputs import LISTING, TREE, digest_of, namer
from engine.common.machine import cores, memory
from engine.common.markdown import YAML_LOADER, check_formulas, front_matter, prose, suggest, without_code
from engine.common.markup import table, text, wrapped
from engine.common.memo import Memo
from engine.common.progress import Reporter
from engine.common.project import LABS, Project, find_root, load_project
from engine.common.values import REFERENCE, NoSuchValueError, references, resolve

__all__ = [
    "LABS",
    "LISTING",
    "REFERENCE",
    "TREE",
    "YAML_LOADER",
    "EngineError",
    "ExperimentError",
    "Memo",
    "NoSuchValueError",
    "PageError",
    "Problem",
    "Project",
    "Reporter",
    "RunError",
    "UsageError",
    "check_formulas",
    "cores",
    "digest_of",
    "disk_errors",
    "find_root",
    "front_matter",
    "load_project",
    "memory",
    "namer",
    "prose",
    "read_entries",
    "references",
    "remove_unfinished",
    "resolve",
    "suggest",
    "table",
    "text",
    "without_code",
    "wrapped",
    "write_all",
    "write_atomically",
    "write_if_changed",
]
