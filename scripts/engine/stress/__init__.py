"""Between results and pages: what claims survive. Changes that are declared, run on demand, and recorded."""

from engine.stress.biting import SHARE, Bites, bite, read_bites, share
from engine.stress.curve import stress_fragment
from engine.stress.declaration import KINDS, Change, Declaration, declaration_path, read_declaration
from engine.stress.record import Outcome, code_digest, is_of, read_record, record_path
from engine.stress.run import check, stress, to_run
from engine.stress.settings import CELL, settings_of, with_settings

__all__ = [
    "CELL",
    "KINDS",
    "SHARE",
    "Bites",
    "Change",
    "Declaration",
    "Outcome",
    "bite",
    "check",
    "code_digest",
    "declaration_path",
    "is_of",
    "read_bites",
    "read_declaration",
    "read_record",
    "record_path",
    "settings_of",
    "share",
    "stress",
    "stress_fragment",
    "to_run",
    "with_settings",
]
