"""The house: which room may use which, and through which door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
# In the order of the data: each may use those before it.
ROOMS = ("common", "experiments", "running", "results", "stress", "pages")
GENERATORS = {"mkdocs", "material", "mkdocs_jupyter", "mkdocs_site", "zensical"}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a module imports, with the line; ``from engine.pages import ledger`` imports a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports here are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = (SCRIPTS / f"{whole.replace('.', '/')}.py").is_file()
                yield node.lineno, whole if is_module else node.module or ""


def modules(package: str) -> list[Path]:
    return sorted((SCRIPTS / package).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_only_those_before_it_and_by_their_doors(room: str) -> None:
    for path in modules(f"engine/{room}"):
        for line, name in imported(path):
            if not name.startswith("engine"):
                continue
            _, other, *inside = name.split(".")
            assert other in ROOMS, f"{path}:{line}: a room does not use {name}"
            if other == room:
                assert inside or path.name == "__init__.py", f"{path}:{line}: inside a room, name the module"
            else:
                assert ROOMS.index(other) < ROOMS.index(room), f"{path}:{line}: {room} comes before {other}"
                assert not inside, f"{path}:{line}: use the door, engine.{other}"


def test_the_hall_and_the_neighbours_use_doors() -> None:
    hall = list((SCRIPTS / "engine").glob("*.py"))
    for path in [*hall, *modules("markdown_extensions"), *modules("mkdocs_site")]:
        for line, name in imported(path):
            if name.startswith("engine."):
                assert name.count(".") == 1, f"{path}:{line}: use the door of the room"


def test_no_site_generator_in_the_engine_nor_in_the_markdown_extensions() -> None:
    for path in [*modules("engine"), *modules("markdown_extensions")]:
        for line, name in imported(path):
            assert name.split(".")[0] not in GENERATORS, f"{path}:{line}: {name}"


def test_each_room_is_there() -> None:
    found = {path.parent.name for path in (SCRIPTS / "engine").glob("*/__init__.py")}
    assert found == set(ROOMS)
