"""What all rooms share: folders and settings, errors, files and the list of them, Markdown, progress, memory."""

from engine.common.errors import EngineError, ExperimentError, PageError, Problem, RunError, UsageError
from engine.common.files import remove_unfinished, write_atomically, write_if_changed
from engine.common.guard import guarded
from engine.common.lock import one_at_a_time
from engine.common.markdown import YAML_LOADER, check_formulas, front_matter, suggest, without_code
from engine.common.markup import table, text, wrapped
from engine.common.memo import Memo
from engine.common.progress import Reporter
from engine.common.project import LABS, Project, find_root, load_project
from engine.common.streams import Unfailing
from engine.common.written import Written

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
    "Unfailing",
    "UsageError",
    "Written",
    "check_formulas",
    "find_root",
    "front_matter",
    "guarded",
    "load_project",
    "one_at_a_time",
    "remove_unfinished",
    "suggest",
    "table",
    "text",
    "without_code",
    "wrapped",
    "write_atomically",
    "write_if_changed",
]
