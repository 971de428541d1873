"""A project of a few lines in a temporary folder, and the engine's public doors to it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.build import Result, build
from engine.common import EngineError, Problem, Project, Reporter, load_project
from engine.experiments import key_of, parse_experiment

PATIENCE = 900.0
"""Seconds that a test waits for what comes in one or two: on a busy machine it takes longer."""

SETTINGS = """
[tool.engine]
questions = { 04 = 3 }
tags = { "主题" = { "张量" = "形状", "优化" = "下降" } }
old_form = ["04-1", "04-2", "04-3"]
"""

EXAMPLE = '''"""一加一等于几？"""

# %% sum
total = 1 + 1
print("和：", total)
assert total == 2

# %% error raises="ZeroDivisionError"
total / 0
'''

PAGE = """---
title: 一加一等于几？
qa: 04-1
tags: [张量]
description: 等于二。
claims:
  - says: 一加一等于二
    verdict: 成立
    evidence: sum
---

# 一加一等于几？

--8<-- "04-a/sum/stamp.md"

--8<-- "04-a/sum/claims.md"

--8<-- "04-a/sum/sum.md"

--8<-- "04-a/sum/error.md"

--8<-- "04-a/sum/foot.md"
"""


def until(condition: Callable[[], object], interval: float = 0.02) -> None:
    """Wait for something that comes by itself, however busy the machine is."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(interval)


class Tiny:
    """A project with one question, 04-a/sum, unless the test writes more."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = io.StringIO()
        if (root / "pyproject.toml").exists():  # a copy of another
            return
        self.write("pyproject.toml", SETTINGS)
        self.write("examples/04-a/sum.py", EXAMPLE)
        self.write("docs/04-a/sum.md", PAGE)

    @property
    def project(self) -> Project:
        return load_project(self.root)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def example(self, text: str, name: str = "sum") -> Path:
        return self.write(f"examples/04-a/{name}.py", textwrap.dedent(text).lstrip("\n"))

    def page(self, *changes: tuple[str, str], name: str = "sum") -> Path:
        text = PAGE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return self.write(f"docs/04-a/{name}.md", text)

    def only(self, text: str, name: str = "lone") -> Problem | None:
        """Build one experiment of its own, without a page; return its problem, or None."""
        self.example(text, name)
        found = self.problems(only=[self.root / f"examples/04-a/{name}.py"])
        assert len(found) <= 1, found
        return found[0] if found else None

    def fragment(self, cell: str, name: str = "lone") -> str:
        return (self.root / f"build/fragments/04-a/{name}/{cell}.md").read_text("utf-8")

    def build(self, **options: object) -> Result:
        return build(self.project, reporter=Reporter(self.log), **options)  # type: ignore[arg-type]

    def problems(self, **options: object) -> tuple[Problem, ...]:
        """Build and return what was wrong."""
        try:
            self.build(**options)
        except EngineError as error:
            return error.problems
        return ()

    def key(self, name: str = "sum") -> str:
        path = self.root / f"examples/04-a/{name}.py"
        return key_of(parse_experiment(path, self.root / "examples"))

    def entries(self) -> list[Path]:
        return sorted((self.root / ".cache/experiments").rglob("*.json"))

    def command(
        self, *arguments: str, environment: Mapping[str, str] = {}, **options: object
    ) -> subprocess.CompletedProcess[str]:
        """Run the ``engine`` command in a process of its own, with these variables besides our own."""
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [sys.executable, "-m", "engine", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "scripts"), **environment},
            timeout=PATIENCE,
            **options,
        )
