"""The built site, and each experiment run by plain Python: once for all tests that need them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.examples.plain import ENVIRONMENT, Done

ROOT = Path(__file__).parents[1]
# A shell that starts us in the background has us ignore Ctrl-C, and with us every build that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plain_runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Done]]:
    """Run each experiment that is tested without the engine, as a reader would who downloaded it, elsewhere.

    They run in what other tests leave of the processor: most of those use one core. What is given waits for one.
    """
    paths = sorted((ROOT / "examples").glob("*/*.py"))
    names, tests = [path.relative_to(ROOT / "examples").with_suffix("").as_posix() for path in paths], _tests(request)
    chosen = [name for name in names if f"[{name}]" in tests]
    folder = tmp_path_factory.mktemp("elsewhere")
    scripts = [str(ROOT / "examples" / f"{name}.py") for name in chosen]
    command = [sys.executable, "-m", "tests.examples.plain", str(folder), *scripts]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | ENVIRONMENT, start_new_session=True)

    def wait_for(name: str) -> Done:
        result = folder / f"{chosen.index(name)}.json"
        while not result.exists():
            ended = process.poll() is not None
            assert not ended or result.exists(), "the runs ended without this one"
            time.sleep(0.1)
        return Done(**json.loads(result.read_text("utf-8")))

    yield wait_for
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tests(request: pytest.FixtureRequest) -> str:
    return " ".join(item.name for item in request.session.items)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site strictly into a folder of its own, as ``make site`` does; QA_SITE names one built already."""
    if ready := os.environ.get("QA_SITE"):
        return Path(ready).resolve()
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "test_plain_python" in _tests(request):
        request.getfixturevalue("plain_runs")  # to be done by the time that they are asked for
    return folder
