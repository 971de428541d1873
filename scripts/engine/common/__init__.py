"""What all rooms share: the project's folders and settings, errors, files, pieces of Markdown, progress, memory."""

from engine.common.errors import EngineError, ExperimentError, PageError, Problem, RunError, UsageError
from engine.common.files import disk_errors, remove_unfinished, write_atomically, write_if_changed
from engine.common.guard import guarded
from engine.common.inputs import LISTING, TREE, digest_of, namer
from engine.common.lock import one_at_a_time
from engine.common.machine import cores, memory
from engine.common.markdown import YAML_LOADER, check_formulas, front_matter, suggest, without_code
from engine.common.markup import table, text, wrapped
from engine.common.memo import Memo
from engine.common.progress import Reporter
from engine.common.project import LABS, Project, find_root, load_project
from engine.common.streams import Unfailing
from engine.common.values import REFERENCE, NoSuchValueError, references, resolve
from engine.common.written import Written

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
    "Unfailing",
    "UsageError",
    "Written",
    "check_formulas",
    "cores",
    "digest_of",
    "disk_errors",
    "find_root",
    "front_matter",
    "guarded",
    "load_project",
    "memory",
    "namer",
    "one_at_a_time",
    "references",
    "remove_unfinished",
    "resolve",
    "suggest",
    "table",
    "text",
    "without_code",
    "wrapped",
    "write_atomically",
    "write_if_changed",
]
