"""``make install``: once, again when it must, never otherwise."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "nothing"
version = "1"
[project.optional-dependencies]
dev = []
cluster = []
[tool.setuptools]
py-modules = []
"""


def install(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "install.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def project(root: Path) -> Path:
    """Make a project that depends on nothing."""
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "install.py", root / "scripts")
    (root / "pyproject.toml").write_text(SETTINGS, "utf-8")
    shutil.copy(ROOT / "constraints.txt", root)
    return root


def answers(root: Path) -> bool:
    """Whether the environment works where it is, and is of this folder."""
    asked = [root / ".venv/bin/python", "-c", "import sys; print(sys.prefix)"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == str(root / ".venv")


def test_installed_once_and_again_where_something_changed(tmp_path: Path) -> None:
    root = project(tmp_path / "有 空格")
    first = install(root)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "改用 pip" not in first.stdout
    assert answers(root)
    again = install(root)
    assert (again.returncode, again.stdout) == (0, "")

    (root / "constraints.txt").write_text((ROOT / "constraints.txt").read_text("utf-8") + "# 改了\n", "utf-8")
    changed = install(root)
    assert "把依赖装进" in changed.stdout
    assert changed.returncode == 0

    moved = root.rename(tmp_path / "moved")
    elsewhere = install(moved)
    assert "把依赖装进" in elsewhere.stdout
    assert elsewhere.returncode == 0, elsewhere.stdout + elsewhere.stderr
    scripts = [path for path in (moved / ".venv/bin").iterdir() if path.is_file() and not path.is_symlink()]
    assert not [path.name for path in scripts if str(root).encode() in path.read_bytes()]


def test_without_uv_pip_does_it_and_says_so(tmp_path: Path) -> None:
    root = project(tmp_path)
    script = root / "scripts" / "install.py"
    script.write_text(
        script.read_text("utf-8").replace('"-m", "uv", "pip"', '"-m", "no_such_module", "pip"'), "utf-8"
    )
    done = install(root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "改用 pip" in done.stdout
    assert answers(root)


def test_what_cannot_be_installed_is_said_without_a_traceback(tmp_path: Path) -> None:
    root = project(tmp_path)
    contradicts = SETTINGS.replace('version = "1"', 'version = "1"\ndependencies = ["uv==0.1"]')
    (root / "pyproject.toml").write_text(contradicts, "utf-8")
    done = install(root)
    assert done.returncode == 1
    assert "没有装成" in done.stderr
    assert "Traceback" not in done.stderr
    assert install(root).returncode == 1  # not taken for done
