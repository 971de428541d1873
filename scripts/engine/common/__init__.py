"""What all rooms share: folders and settings, errors, files and the list of them, Markdown, progress, memory."""

from engine.common.body import check_body, check_text
from engine.common.entries import read_entries
from engine.common.errors import EngineError, ExperimentError, PageError, Problem, RunError, UsageError
from engine.common.files import disk_errors, remove_unfinished, write_atomically, write_if_changed
from engine.common.guard import guarded
from engine.common.inputs import LISTING, TREE, digest_of, namer
from engine.common.lock import one_at_a_time
from engine.common.machine import cores, memory
from engine.common.markdown import failed_includes, front_matter, includes, prose, shown, suggest, without_code
from engine.common.markup import attribute, code, table, text, wrapped
from engine.common.memo import Memo
from engine.common.progress import Reporter
from engine.common.project import LABS, Project, find_root, load_project
from engine.common.settings import line_of_tag
from engine.common.streams import Unfailing
from engine.common.values import REFERENCE, NoSuchValueError, references, resolve
from engine.common.written import Writer, Written
from engine.common.yamltext import BadYaml, load_yaml

__all__ = [
    "LABS",
    "LISTING",
    "REFERENCE",
    "TREE",
    "BadYaml",
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
    "Writer",
    "Written",
    "attribute",
    "check_body",
    "check_text",
    "code",
    "cores",
    "digest_of",
    "disk_errors",
    "failed_includes",
    "find_root",
    "front_matter",
    "guarded",
    "includes",
    "line_of_tag",
    "load_project",
    "load_yaml",
    "memory",
    "namer",
    "one_at_a_time",
    "prose",
    "read_entries",
    "references",
    "remove_unfinished",
    "resolve",
    "shown",
    "suggest",
    "table",
    "text",
    "without_code",
    "wrapped",
    "write_atomically",
    "write_if_changed",
]
