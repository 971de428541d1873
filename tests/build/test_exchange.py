"""A site is exchanged whole for the next one, or stays as it was: whatever fails, whatever its folder is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.sites import QUIET, files, mkdocs
from tests.tiny import Tiny

LATE = """import os, signal, time
def on_post_build(config, **_):
    {}
"""


@pytest.fixture
def built(tiny: Tiny) -> Tiny:
    """A project whose site is built, and holds what a hand put there: a hidden file, which MkDocs keeps, and others."""
    assert mkdocs(tiny, "build", "--strict").returncode == 0
    tiny.write("site/.nojekyll", "")
    return tiny


def late(tiny: Tiny, code: str) -> None:
    """Have something happen when all pages are written."""
    settings = (tiny.root / "mkdocs.yml").read_text("utf-8")
    tiny.write("mkdocs.yml", settings.replace("hooks:\n", "hooks:\n  - late.py\n"))
    tiny.write("late.py", LATE.format(code))


def say_more(tiny: Tiny) -> None:
    page = tiny.root / "docs/index.md"
    page.write_text(page.read_text("utf-8") + "\n新的一句话。\n", "utf-8")


FAILURES = {
    "a plugin": lambda tiny: late(tiny, "raise RuntimeError('插件')"),
    "a page": lambda tiny: tiny.write("docs/broken.md", '# 坏\n\n--8<-- "gone/gone.md"\n'),
    "a template": lambda tiny: tiny.write("docs/broken.md", "---\ntemplate: gone.html\n---\n\n# 坏\n"),
    "a warning at the end": lambda tiny: late(
        tiny, "import logging; logging.getLogger('mkdocs.plugins.x').warning('x')"
    ),
    "a warning amid": lambda tiny: tiny.write("docs/broken.md", "# 坏\n\n[没有](gone.md)\n"),
    "Ctrl-C": lambda tiny: late(tiny, "os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_build_that_fails_leaves_the_site_as_it_was(built: Tiny, name: str) -> None:
    before = files(built.root / "site")
    say_more(built)
    FAILURES[name](built)
    failed = mkdocs(built, "build", "--strict")
    assert failed.returncode != 0, failed.stderr
    assert len(before) > 20
    assert files(built.root / "site") == before


def test_without_strict_a_warning_is_only_that(built: Tiny) -> None:
    say_more(built)
    FAILURES["a warning amid"](built)
    assert mkdocs(built, "build").returncode == 0
    assert "新的一句话" in (built.root / "site/index.html").read_text("utf-8")


def test_a_build_that_fails_first_leaves_nothing(tiny: Tiny) -> None:
    FAILURES["a plugin"](tiny)
    assert mkdocs(tiny, "build", "--site-dir", "public/site").returncode != 0
    assert not (tiny.root / "public").exists()


def test_what_a_killed_build_leaves_the_next_removes(built: Tiny) -> None:
    before = files(built.root / "site")
    late(built, "os.kill(os.getpid(), signal.SIGKILL)")
    assert mkdocs(built, "build").returncode == -signal.SIGKILL
    visible = {name: text for name, text in files(built.root / "site").items() if not name.startswith(".mkdocs")}
    assert visible == before
    built.write("late.py", "")
    assert mkdocs(built, "build").returncode == 0
    assert files(built.root / "site").keys() == before.keys()


def test_a_build_that_is_killed_amid_the_exchange_is_undone(built: Tiny) -> None:
    before = files(built.root / "site")
    say_more(built)
    late(
        built,
        "from pathlib import Path; rename = Path.rename\n"
        "    Path.rename = lambda path, to: os.kill(os.getpid(), 9) if path.name == 'index.html' and "
        "'building' in str(path.parent) else rename(path, to)",
    )
    assert mkdocs(built, "build").returncode == -signal.SIGKILL
    assert not (built.root / "site/index.html").exists()  # it was put away, and the new one is not there yet
    built.write("late.py", "def on_pre_build(config): raise RuntimeError")
    assert mkdocs(built, "build").returncode != 0
    assert files(built.root / "site") == before


def test_what_mkdocs_would_delete_is_deleted_and_links_are_not_followed(built: Tiny, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text("x")
    (built.root / "site/link").symlink_to(elsewhere)
    built.write("site/old/page.html", "x")
    assert mkdocs(built, "build").returncode == 0
    assert not (built.root / "site/link").is_symlink()
    assert not (built.root / "site/old").exists()
    assert (built.root / "site/.nojekyll").is_file()
    assert [path.name for path in elsewhere.iterdir()] == ["precious.txt"]


def test_a_site_that_is_a_link_stays_one(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tiny.root / "site").symlink_to(tmp_path / "web")
    assert mkdocs(tiny, "build").returncode == 0
    assert (tiny.root / "site").is_symlink()
    assert (tmp_path / "web/index.html").is_file()


def test_the_folder_itself_stays_for_who_serves_it(built: Tiny) -> None:
    before = (built.root / "site").stat().st_ino
    assert mkdocs(built, "build").returncode == 0
    assert (built.root / "site").stat().st_ino == before


def test_a_folder_that_cannot_be_had_is_said(tiny: Tiny) -> None:
    tiny.write("public", "a file")
    failed = mkdocs(tiny, "build", "--site-dir", "public/site")
    assert failed.returncode == 1
    assert "站点写不进" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_messages_name_the_folder_that_was_asked_for(built: Tiny) -> None:
    said = mkdocs(built, "build").stderr
    assert f"Building documentation to directory: {built.root}/site\n" in said


def test_two_builds_side_by_side_do_not_disturb_one_another(built: Tiny) -> None:
    """The second begins while the first waits at its end, and ends first."""
    late(built, "os.environ.get('WAIT') and [time.sleep(0.1) for _ in iter(lambda: os.path.exists('go'), True)]")
    first = subprocess.Popen(
        [sys.executable, "-m", "mkdocs", "build"],
        cwd=built.root,
        env=os.environ | QUIET | {"WAIT": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    second = mkdocs(built, "build")
    built.write("go", "")
    _, said = first.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 0), said + second.stderr
    assert not list((built.root / "site").glob(".mkdocs*"))
