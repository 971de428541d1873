"""Second room: running experiments, each in a fresh process, and collecting what they give."""

from engine.running.background import Background
from engine.running.figures import BACKGROUND, CYCLE, FOREGROUND, GRID
from engine.running.folders import where_temporary_files_go
from engine.running.isolation import IDLE
from engine.running.pools import LocalPool, Pool, run_all
from engine.running.remote import RemotePool
from engine.running.run import CellRun, Failure, Output, Run
from engine.running.server import libraries_imported, start_server

__all__ = [
    "BACKGROUND",
    "CYCLE",
    "FOREGROUND",
    "GRID",
    "IDLE",
    "Background",
    "CellRun",
    "Failure",
    "LocalPool",
    "Output",
    "Pool",
    "RemotePool",
    "Run",
    "libraries_imported",
    "run_all",
    "start_server",
    "where_temporary_files_go",
]
