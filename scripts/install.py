"""Set up .venv with what constraints.txt pins; nothing happens where that has been done. ``make`` calls it first.

Plain Python without libraries: it runs before any is installed. With uv, which a virtual environment gets first of
all, this takes half a minute; pip alone takes several.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / ".installed"
PYTHON = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
OLDEST = (3, 11)
EXTRAS = ".[dev,cluster]"


def main() -> int:
    """Install; return the exit status. With ``--this-python``, .venv must be of the version that runs this."""
    if sys.version_info < OLDEST:
        print(f"需要 Python 3.11 或更新的版本，这个是 {sys.version.split()[0]}：make PYTHON=python3.12 …")
        return 1
    wanted = _fingerprint()
    installed = STAMP.read_text("utf-8").split("\n") if STAMP.is_file() and PYTHON.exists() else []
    this_python = ".".join(map(str, sys.version_info[:2]))
    if installed[:1] == [wanted] and ("--this-python" not in sys.argv or installed[1] == this_python):
        return 0
    # An environment that we made for another place or Python is made anew: its scripts name where it was.
    moved = STAMP.is_file() and (installed[2:3] != [str(ROOT)] or installed[1] != this_python)
    print(f"把依赖装进 {VENV.name}/（第一次约 5 GB，其中大部分是 PyTorch）……", flush=True)
    try:
        venv.create(VENV, clear=moved, with_pip=True)
        _install()
    except subprocess.CalledProcessError as error:
        print(f"没有装成：{' '.join(map(str, error.cmd))} 以状态 {error.returncode} 结束", file=sys.stderr)
        print("再运行一次会接着装；Debian、Ubuntu 上先 apt install python3-venv", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"没有装成：{error}", file=sys.stderr)
        return 1
    STAMP.write_text(f"{wanted}\n{this_python}\n{ROOT}\n", "utf-8")
    return 0


def _fingerprint() -> str:
    """Return a digest of all that an installation depends on but the Python."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt", "scripts/install.py")]
    return hashlib.sha256(b"\0".join([*parts, str(ROOT).encode()])).hexdigest()


def _install() -> None:
    """Install everything into the virtual environment: by uv, or by pip where uv cannot be had or fails."""
    pip: list[str | Path] = [PYTHON, "-m", "pip"]
    options = ["--constraint", "constraints.txt"]
    try:
        _run(*pip, "install", "--quiet", "--disable-pip-version-check", *options, "uv")
        _run(PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *_mirror(), *options, "--editable", EXTRAS)
    except subprocess.CalledProcessError:
        print("用 uv 没有装成，改用 pip，要几分钟……", flush=True)
        _run(*pip, "install", "--disable-pip-version-check", *options, "--editable", EXTRAS)


def _mirror() -> list[str]:
    """Return the mirror that pip is set to use, for uv, which does not read pip's settings."""
    address = os.environ.get("PIP_INDEX_URL", "")
    if not address:
        asked = [str(PYTHON), "-m", "pip", "config", "get", "global.index-url"]
        address = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return ["--default-index", address] if address else []


def _run(*command: str | Path) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
