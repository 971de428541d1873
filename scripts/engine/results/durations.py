"""How long experiments took where somebody measured them: in which order a machine without a cache should start them.

Times differ from machine to machine, their order hardly; a wrong one costs a little time, never a result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.common import write_if_changed


def read_durations(path: Path, log: Callable[[str], None]) -> dict[str, float]:
    """Return seconds of CPU by experiment's id; `log` is told of a file that cannot be read."""
    try:
        return {str(id_): float(seconds) for id_, seconds in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log(f"{path.name} 读不出来，实验按名字的次序执行（{error}）；engine run --record 会重写它")
        return {}


def write_durations(path: Path, seconds: Mapping[str, float]) -> None:
    """Keep `seconds`, by id; whole ones, so that the file changes little from one time to the next."""
    content = json.dumps({id_: round(seconds[id_]) for id_ in sorted(seconds)}, indent=1)
    write_if_changed(path, f"{content}\n".encode())
