"""First room: what an experiment is. Its file is read, its assertions are found, its key is computed."""

from engine.experiments.assertions import FAILURES, RECORDER, Assertion, instrument
from engine.experiments.experiment import (
    DEFAULT_TIMEOUT,
    RESERVED,
    Cell,
    Experiment,
    Text,
    is_time_limit,
    words_in_code,
)
from engine.experiments.explain import reasons
from engine.experiments.key import declared_files, ingredients, key_of, local_modules, module_folders
from engine.experiments.lab import Lab, page_metadata, read_lab
from engine.experiments.parse import CELL_NAME, parse_experiment
from engine.experiments.read import current_key, read_experiments, read_labs, select

__all__ = [
    "CELL_NAME",
    "DEFAULT_TIMEOUT",
    "FAILURES",
    "RECORDER",
    "RESERVED",
    "Assertion",
    "Cell",
    "Experiment",
    "Lab",
    "Text",
    "current_key",
    "declared_files",
    "ingredients",
    "instrument",
    "is_time_limit",
    "key_of",
    "local_modules",
    "module_folders",
    "page_metadata",
    "parse_experiment",
    "read_experiments",
    "read_lab",
    "read_labs",
    "reasons",
    "select",
    "words_in_code",
]
