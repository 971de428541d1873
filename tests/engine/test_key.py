"""The key: each ingredient flips it, nothing else does."""

from __future__ import annotations

import getpass
import platform
import shutil
import time
from pathlib import Path

import pytest
from tests.tiny import EXAMPLE, Tiny

import engine.running as running_room
from engine.experiments import key


def test_equal_for_equal_input(tiny: Tiny) -> None:
    assert tiny.key() == tiny.key()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1 + 1", "1 + 2"),  # code
        ("total == 2\n", "total == 2  # 因为\n"),  # a comment: the page shows it
        ("# %% sum", "# %% total"),  # a cell's name
        ("ZeroDivisionError", "ArithmeticError"),  # what it must raise
        ('几？"""', '几？\n"""'),  # a line more: tracebacks show line numbers
    ],
)
def test_flips_with_the_cells(tiny: Tiny, old: str, new: str) -> None:
    before = tiny.key()
    assert old in EXAMPLE
    tiny.example(EXAMPLE.replace(old, new))
    assert tiny.key() != before


@pytest.mark.parametrize(
    ("old", "new"),
    [("一加一等于几？", "1 + 1 = ？"), ("# %% sum", '# %% sum caption="看图"'), ("# %% sum", "# %% sum timeout=9")],
)
def test_stays_with_the_prose(tiny: Tiny, old: str, new: str) -> None:
    before = tiny.key()
    tiny.example(EXAMPLE.replace(old, new))
    assert tiny.key() == before


def test_flips_with_a_local_module_and_with_one_that_it_imports(tiny: Tiny) -> None:
    tiny.example("# %% a\nfrom helper import f\n")
    tiny.write("examples/04-a/helper.py", "import deeper.inner\n\ndef f(): return 1\n")
    tiny.write("examples/04-a/deeper/__init__.py", "")
    tiny.write("examples/04-a/deeper/inner.py", "x = 1\n")
    tiny.write("examples/04-a/unrelated.py", "x = 1\n")
    keys = {tiny.key()}
    tiny.write("examples/04-a/helper.py", "import deeper.inner\n\ndef f(): return 2\n")
    keys.add(tiny.key())
    tiny.write("examples/04-a/deeper/inner.py", "x = 2\n")
    keys.add(tiny.key())
    tiny.write("examples/04-a/deeper/__init__.py", "y = 1\n")
    keys.add(tiny.key())
    assert len(keys) == 4
    tiny.write("examples/04-a/unrelated.py", "x = 2\n")
    assert tiny.key() in keys


def test_flips_with_the_version_of_a_library_it_imports_or_that_one_requires(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.example("# %% a\nimport sklearn\n")
    before = tiny.key()
    real = key._version_and_requirements
    for changed in ("scikit-learn", "scipy", "numpy"):  # scikit-learn requires scipy and numpy
        monkeypatch.setattr(
            key,
            "_version_and_requirements",
            lambda name, changed=changed: ("0.0", real(name)[1]) if name == changed else real(name),
        )
        assert tiny.key() != before, changed
    monkeypatch.setattr(
        key, "_version_and_requirements", lambda name: ("0.0", ()) if name == "optuna" else real(name)
    )
    assert tiny.key() == before  # not imported here


def test_flips_with_python_the_machine_and_the_engine(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [tiny.key()]
    for module, name, value in (
        (platform, "python_version", "3.99.0"),
        (platform, "machine", "riscv"),
        (key, "engine_version", "other"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda value=value: value)
            keys.append(tiny.key())
    assert len(set(keys)) == 4


def test_flips_with_what_a_module_of_the_project_requires(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """One beside the experiment, which imports relatively, and one that the project installs."""
    monkeypatch.syspath_prepend(tiny.root / "scripts")
    tiny.write("scripts/shared/__init__.py", "from .core import run\n")
    tiny.write("scripts/shared/core.py", "from . import deep\nimport sklearn\n\ndef run(): ...\n")
    tiny.write("scripts/shared/deep/__init__.py", "from ..other import x\n")
    tiny.write("scripts/shared/other.py", "x = 1\n")
    tiny.write("scripts/shared/unused.py", "x = 1\n")
    tiny.example("# %% a\nfrom shared import run\n")
    before = tiny.key()
    real = key._version_and_requirements
    with monkeypatch.context() as patch:
        patch.setattr(key, "_version_and_requirements", lambda n: ("0.0", ()) if n == "scikit-learn" else real(n))
        assert tiny.key() != before
    tiny.write("scripts/shared/unused.py", "x = 2\n")
    assert tiny.key() == before
    tiny.write("scripts/shared/other.py", "x = 2\n")
    assert tiny.key() != before


def test_all_that_runs_an_experiment_is_in_the_engines_version() -> None:
    names = {path.name for path in key.modules_that_shape_results()}
    running = {path.name for path in Path(running_room.__file__).parent.iterdir() if path.is_file()}
    assert names == running - {"pools.py", "remote.py", "background.py"} | {"assertions.py"}


def test_stays_with_clock_folder_user_and_other_experiments(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = tiny.key()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(getpass, "getuser", lambda: "someone")
    monkeypatch.setenv("USER", "someone")
    tiny.example("# %% a\nx = 1\n", "other")
    assert tiny.key() == before
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "project"
    shutil.copytree(tiny.root, elsewhere)
    moved = Tiny.__new__(Tiny)
    moved.root = Path(elsewhere)
    assert moved.key() == before
