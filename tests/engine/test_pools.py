"""Other pools than this machine's cores: a real Dask cluster, slices for a CI matrix. The results are the same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from tests.tiny import Tiny, until


def some(tiny: Tiny) -> None:
    """Write experiments with what could depend on the place where they run."""
    tiny.example("# %% a\nimport _helper\nprint(_helper.word(), __file__)\n", "uses-module")
    tiny.write("examples/04-a/_helper.py", "def word():\n    return '帮手'\n")
    tiny.write("examples/04-a/data.csv", "1,2\n")
    tiny.example(
        "# %% a\nfrom pathlib import Path\nprint(Path(__file__).with_name('data.csv').read_text())\n", "reads"
    )
    tiny.example('# %% a raises="ValueError"\nimport json\njson.loads("{")\n', "fails-as-told")
    figure = "fig, ax = plt.subplots()\nax.plot([1, 2])\nax.set(title='线')\n"
    tiny.example(f'# %% a caption="一条线。"\nimport matplotlib.pyplot as plt\n{figure}', "draws")


def from_elsewhere(tiny: Tiny) -> None:
    """Write an experiment that needs what lies in other folders of the project."""
    tiny.write("scripts/shared/__init__.py", "from .part import value\n")
    tiny.write("scripts/shared/part.py", "value = '共有'\n")
    tiny.write("more/x.txt", "别处\n")
    tiny.example(
        '# %% a reads="../../more"\nfrom shared import value\nfrom pathlib import Path\n'
        'print(value, Path(__file__).parents[2].joinpath("more/x.txt").read_text())\n',
        "uses-package",
    )


def everything(tiny: Tiny) -> dict[str, bytes]:
    """Return what the build wrote, and the cached notebooks without the time they took."""
    found = {}
    for folder in ("build/fragments", "docs/downloads", ".cache/experiments"):
        for path in sorted((tiny.root / folder).rglob("*.*")):
            # The one thing that differs from run to run, in the notebook and in the stamp; its digest with it.
            content = re.sub(rb'"seconds": [\d.]+|"sha256": "\w+"|[\d.]+ \xe7\xa7\x92', b"", path.read_bytes())
            found[path.relative_to(tiny.root).as_posix()] = content
    return found


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and two workers as anyone would start them; yields the address."""
    scripts = Path(sys.executable).parent
    folder = tmp_path_factory.mktemp("dask")
    address_file = folder / "scheduler.json"
    found = ["--scheduler-file", address_file]
    scheduler = ["scheduler", *found, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0"]
    worker = ["worker", *found, "--nthreads", "1", "--no-dashboard"]
    with ExitStack() as stack:
        for arguments in (scheduler, worker, worker):
            command = [scripts / "dask", *arguments]
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(_end, process)
        until(lambda: address_file.exists() and "address" in address_file.read_text())
        yield re.findall(r"tcp://[\d.:]+", address_file.read_text())[0]


def _end(process: subprocess.Popen[bytes]) -> None:
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        for member in family:
            member.kill()


def test_a_cluster_gives_the_bytes_of_a_local_run(tiny: Tiny, cluster: str) -> None:
    some(tiny)
    from_elsewhere(tiny)
    tiny.example("# %% a\nassert 1 + 1 == 3\n", "wrong")
    here = tiny.command("run", "examples")
    local = everything(tiny)
    shutil.rmtree(tiny.root / ".cache")
    shutil.rmtree(tiny.root / "build")
    there = tiny.command("run", "examples", "--dask", cluster)
    assert there.returncode == here.returncode == 1
    assert "04-a/wrong.py:2: 单元 a 抛出了 AssertionError" in there.stderr
    assert _sorted(here.stderr) == _sorted(there.stderr)
    assert everything(tiny) == local
    assert "examples/04-a/data.csv" in str(local)  # what was read elsewhere is still known by its name here
    (tiny.root / "examples/04-a/wrong.py").unlink()
    assert tiny.command("run", "examples").stdout == "完成：执行了 0 个实验，6 个取自缓存\n"


def _sorted(text: str) -> list[str]:
    """Return lines without the progress, whose order and times are chance."""
    return sorted(line for line in text.splitlines() if not re.match(r"\[\d+/\d+\]", line))


def test_no_cluster_at_the_address(tiny: Tiny) -> None:
    done = tiny.command("run", "--dask", "tcp://127.0.0.1:1")
    assert done.returncode == 1
    assert "连不上 tcp://127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_five_shards_merged_are_the_whole(tiny: Tiny, tmp_path: Path) -> None:
    some(tiny)
    tiny.command("run", "examples")
    whole = everything(tiny)
    shutil.rmtree(tiny.root / ".cache")
    ran = []
    for number in range(1, 6):
        machine = tmp_path / f"machine-{number}"
        shutil.copytree(tiny.root, machine, ignore=shutil.ignore_patterns("build", "downloads"))
        done = Tiny(machine).command("run", "--shard", f"{number}/5")
        assert done.returncode == 0, done.stderr
        ran += re.findall(r"✓ (\S+)", done.stderr)
        shutil.copytree(machine / ".cache/experiments", tmp_path / "merged", dirs_exist_ok=True)
    assert sorted(ran) == sorted({*ran})  # none twice
    assert len(ran) == 5
    shutil.copytree(tmp_path / "merged", tiny.root / ".cache/experiments")
    shutil.rmtree(tiny.root / "build")
    assert tiny.command("run", "examples").stdout == "完成：执行了 0 个实验，5 个取自缓存\n"
    assert everything(tiny) == whole


@pytest.mark.parametrize("shard", ["0/5", "6/5", "1", "a/b", "1/0"])
def test_a_shard_that_is_none(tiny: Tiny, shard: str) -> None:
    done = tiny.command("run", "--shard", shard)
    assert done.returncode == 2
    assert "写成 K/N" in done.stderr
