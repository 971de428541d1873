"""Where something that is patched is gone, MkDocs builds the site without the patch and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.sites import QUIET, ROOT, Server, files, mkdocs
from tests.build.test_notebooks import LAB
from tests.tiny import Tiny

from mkdocs_site.patches import PATCHES

GONE = """import dataclasses, sys
sys.path.insert(0, {scripts!r})
from mkdocs_site import patches
for name in {names!r}:
    patch = patches.PATCHES[name]
    patches.PATCHES[name] = dataclasses.replace(patch, target=patch.target + "_gone")
"""
ONLY_SERVING = {"watch", "template class"}


def without(tiny: Tiny, names: list[str]) -> None:
    """Have patches look for what is not there, as if it had another name now."""
    settings = (tiny.root / "mkdocs.yml").read_text("utf-8")
    if "gone.py" not in settings:
        tiny.write("mkdocs.yml", settings.replace("hooks:\n", "hooks:\n  - gone.py\n"))
    tiny.write("gone.py", GONE.format(scripts=str(ROOT / "scripts"), names=names))


def test_each_patch_is_for_something_that_is_there(tiny: Tiny) -> None:
    tiny.write("examples/labs/adding.py", LAB)
    built = mkdocs(tiny, "build", "--strict")
    assert built.returncode == 0, built.stderr
    assert "补丁" not in built.stderr
    assert "主题" not in built.stderr


def test_without_each_patch_the_site_is_the_same_unless_it_says_otherwise(tiny: Tiny) -> None:
    tiny.write("examples/labs/adding.py", LAB)
    assert mkdocs(tiny, "build", "--site-dir", "whole").returncode == 0
    whole = files(tiny.root / "whole")
    for name, patch in PATCHES.items():
        if name in ONLY_SERVING:
            continue
        without(tiny, [name])
        built = mkdocs(tiny, "build", *([] if patch.shows else ["--strict"]), "--site-dir", "site")
        assert built.returncode == 0, built.stderr
        assert f"补丁 {patch.target}_gone" in built.stderr, name
        assert patch.without in built.stderr, name
        assert "Traceback" not in built.stderr, name
        if patch.shows:
            assert (tiny.root / "site/labs/adding.html").is_file()
            assert mkdocs(tiny, "build", "--strict", "--site-dir", "site").returncode == 1, name
        else:
            assert files(tiny.root / "site") == whole, name


def test_without_any_patch_a_server_serves(tiny: Tiny, tmp_path: Path) -> None:
    without(tiny, list(PATCHES))
    server = Server(tiny, tmp_path / "log")
    try:
        server.wait(lambda: "和： 2" in server.page())
        page = tiny.root / "docs/04-a/sum.md"
        page.write_text(page.read_text("utf-8") + "\n新的一句话。\n", "utf-8")
        server.wait(lambda: "新的一句话" in server.page())
        for name in ONLY_SERVING:
            assert f"补丁 {PATCHES[name].target}_gone" in server.said()
    finally:
        server.stop()


@pytest.mark.parametrize("package", ["engine", "markdown_extensions", "mkdocs_site"])
def test_code_of_another_checkout_is_refused(tiny: Tiny, tmp_path: Path, package: str) -> None:
    """This checkout's hook, and an environment in which a package is another checkout's."""
    shutil.copytree(ROOT / "scripts" / package, tmp_path / "other" / package)
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'other')!r}); from mkdocs.__main__ import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", code, "build"],
        cwd=tiny.root,
        env=os.environ | QUIET | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert str(tmp_path / "other" / package) in done.stderr
    assert f"cd {ROOT} && rm -rf .venv && make site" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tiny.root / "site").exists()
