"""What all rooms share: the project's folders and settings, errors, files, pieces of Markdown, progress, memory."""

from engine.common.errors import EngineError, ExperimentError, PageError, Problem, RunError, UsageError
from engine.common.files import disk_errors, remove_unfinished, write_all, write_atomically, write_if_changed
from engine.common.lock import one_at_a_time
from engine.common.markdown import YAML_LOADER, check_formulas, front_matter, suggest, without_code
from engine.common.markup import table, text, wrapped
from engine.common.memo import Memo
from engine.common.progress import Reporter
from engine.common.project import LABS, Project, find_root, load_project

__all__ = [
    "LABS",
    "YAML_LOADER",
    "EngineError",
    "ExperimentError",
    "Memo",
    "PageError",
    "Problem",
    "Project",
    "Reporter",
    "RunError",
    "UsageError",
    "check_formulas",
    "disk_errors",
    "find_root",
    "front_matter",
    "load_project",
    "one_at_a_time",
    "remove_unfinished",
    "suggest",
    "table",
    "text",
    "without_code",
    "wrapped",
    "write_all",
    "write_atomically",
    "write_if_changed",
]
