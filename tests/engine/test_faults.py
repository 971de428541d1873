"""What an experiment, a machine or a maintainer can do to a build, done to it for real."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import psutil
import pytest
from tests.tiny import PATIENCE, Tiny, until

SCRIPTS = Path(__file__).parents[2] / "scripts"


def start(
    tiny: Tiny, *arguments: str, stderr: int | IO[bytes] = subprocess.DEVNULL, **environment: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "run", *arguments],
        cwd=tiny.root,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS), **environment},
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def cells(tiny: Tiny) -> dict[str, object]:
    """Return what is cached of each experiment, without the time it took."""
    return {path.parent.name: json.loads(path.read_bytes())["notebook"]["cells"] for path in tiny.entries()}


def half_written(tiny: Tiny) -> list[str]:
    """Return the names of files that are not whole yet; folders come and go meanwhile."""
    return [name for _, _, names in os.walk(tiny.root) for name in names if name.startswith(".writing-")]


def test_killed_fifty_times_at_random(tiny: Tiny) -> None:
    """Each time at another moment of its work, as far as that can be seen from outside."""
    tiny.write("docs/04-a/sum.md", "---\ntitle: 无\n---\n")
    (tiny.root / "examples/04-a/sum.py").unlink()
    temporary = tiny.root / "temporary"
    temporary.mkdir()
    log = tiny.root / "log"
    chance = random.Random(0)
    finished: dict[str, bytes] = {}
    number = 0
    for _ in range(50):
        while number < len(finished) + 10:  # there is always something left to do
            tiny.example(f"# %% a\nimport time\ntime.sleep({number % 5} / 20)\nprint({number} ** 2)\n", f"n{number}")
            number += 1
        with log.open("wb") as file:
            process = start(tiny, "examples", "--jobs", "3", stderr=file, TMPDIR=str(temporary))
        before, count = len(finished), chance.randint(1, 4)
        moments = {
            "lines": lambda count=count: log.read_bytes().count(b"\n") >= count,
            "folders": lambda count=count: len(list(temporary.iterdir())) >= count,
            "entries": lambda before=before, count=count: len(tiny.entries()) >= before + count,
            "half a file": lambda before=before: half_written(tiny) or len(tiny.entries()) > before + 3,
        }
        until(moments[chance.choice([*moments])], interval=0.001)
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.poll() is None
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, PATIENCE)
        assert not alive
        now = {path.name: path.read_bytes() for path in tiny.entries()}
        assert finished.items() <= now.items()  # nothing that was finished is lost, changed or made again
        finished = now
    assert len(finished) > 5  # the test would show nothing if nothing had been finished on the way
    done = tiny.command("run", "examples", environment={"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    assert len(tiny.entries()) == number
    for name, got in cells(tiny).items():
        (cell,) = got  # type: ignore[misc]
        assert cell["outputs"][0]["text"] == f"{int(name[1:]) ** 2}\n"
    assert "已损坏" not in done.stderr
    assert not list(tiny.root.rglob(".writing-*"))
    # The last server may still be at it. (What is a file is Python's, which tries whether the place can be written to.)
    until(lambda: not [path for path in temporary.iterdir() if path.is_dir()])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_or_read_only(tiny: Tiny, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.build()
    (entry,) = tiny.entries()
    before = entry.read_bytes()
    tiny.page(("等于二。", "还是二。"))
    tiny.example("# %% sum\ntwo = 1 + 1\nprint(two)\nassert two == 2\n# %% error raises='ValueError'\nint('a')\n")

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        (problem,) = tiny.problems()
    assert "写不进去" in problem.what
    assert os.strerror(number) in problem.what
    assert "写不进缓存" in tiny.log.getvalue()
    assert entry.read_bytes() == before
    assert not list(tiny.root.rglob(".writing-*"))
    assert tiny.problems() == ()  # once there is room


def test_a_temporary_folder_that_is_full(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    problem = tiny.only("# %% a\nprint(1)\n")
    assert problem is not None
    assert "没能执行" in problem.what


# What an experiment may do to the process it runs in, to the next one, or to the machine.
MISCHIEF = {
    "leaves a child": "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(10**6)'])",
    "leaves a fork": "import os, time\nif os.fork() == 0:\n    time.sleep(10**6)",
    "leaves a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(10**6,)).start()",
    "closes stdout": "import os\nos.close(1)",
    "closes everything": "import os\nfor fd in (0, 1, 2):\n    os.close(fd)",
    "fills stdout": "import os\nfor _ in range(300):\n    os.write(1, b'x' * 10**6)",
    "changes the folder": "import os\nos.chdir('/')",
    "changes the environment": "import os\nos.environ['PATH'] = ''\nos.environ['LEAKED'] = '1'",
    "changes generators": "import random\nimport numpy as np\nrandom.seed(1); np.random.seed(1)",
    "changes matplotlib": "import matplotlib\nmatplotlib.rcParams['lines.linewidth'] = 99",
    "changes torch": "import torch\ntorch.set_default_dtype(torch.float64)\n_ = torch.manual_seed(1)",
    "changes signals": "import signal\n_ = signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "changes print": "import builtins\nbuiltins.print = None",
}


def test_the_next_experiment_notices_nothing(tiny: Tiny) -> None:
    witness = """
        # %% a
        import os, random, signal, threading
        import matplotlib, numpy, torch

        print(os.listdir(), os.environ.get("LEAKED"), os.environ["PATH"] != "", threading.active_count())
        print(random.random() == random.Random(1).random(), numpy.random.rand() == numpy.random.RandomState(1).rand())
        print(matplotlib.rcParams["lines.linewidth"] == 99, torch.get_default_dtype(), torch.initial_seed() == 1)
        print(signal.getsignal(signal.SIGTERM) == signal.SIG_IGN, os.fstat(1).st_size)
        """
    for number, code in enumerate(MISCHIEF.values()):
        tiny.example(f"# %% a\n{code}\n", f"m{2 * number:02}")
        tiny.example(witness, f"m{2 * number + 1:02}")
    assert tiny.problems(only=[tiny.root / "examples"], jobs=1) == ()
    seen = {tiny.fragment("a", f"m{2 * number + 1:02}").partition("{ .text ")[2] for number in range(len(MISCHIEF))}
    assert len(seen) == 1, seen
    assert "[] None True 1\nFalse False\nFalse torch.float32 False\nFalse" in seen.pop()
    ours = [process for process in psutil.process_iter() if _is_left_behind(process)]
    assert ours == []


def _is_left_behind(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "time.sleep(10**6)" in " ".join(process.cmdline())
    return False


def test_a_death_that_leaves_a_child_holding_the_pipe_is_seen_at_once(tiny: Tiny) -> None:
    problem = tiny.only("# %% a\nimport os, time\nif os.fork() == 0:\n    time.sleep(10**6)\nos._exit(7)\n")
    assert problem is not None
    assert "状态 7" in problem.what  # and we are here: nobody waited for the child


def test_allocating_without_end_ends_with_a_clear_error(tiny: Tiny) -> None:
    for name, code in {
        "bytes": "kept = []\nwhile True:\n    kept.append(bytes(10**7))",
        "torch": "import torch\nkept = []\nwhile True:\n    kept.append(torch.ones(10**7))",
        "numpy": "import numpy\nkept = []\nwhile True:\n    kept.append(numpy.ones(10**7))",
    }.items():
        problem = tiny.only(f"# %% a\n{code}\n", f"too-many-{name}")
        assert problem is not None
        assert "超出了内存上限" in problem.what
        assert problem.line == code.count("\n") + 2


def test_a_file_without_end(tiny: Tiny) -> None:
    problem = tiny.only("# %% a\nwith open('x', 'wb') as f:\n    while True:\n        f.write(bytes(10**8))\n")
    assert problem is not None
    assert "File too large" in problem.hint


def test_fifty_failures_are_all_told_in_order(tiny: Tiny) -> None:
    for number in range(50):
        tiny.example(f"# %% a\nassert {number} < 0\n", f"f{number:02}")
    done = tiny.command("run", "examples")
    assert done.returncode == 1
    told = [line.partition(":")[0] for line in done.stderr.splitlines() if "单元 a 抛出了 AssertionError" in line]
    assert told == [f"examples/04-a/f{number:02}.py" for number in range(50)]
    assert "共 50 处要修改" in done.stderr
    assert len(tiny.entries()) == 1  # the one that is well


HOSTILE = {
    "html": ('print("</code></pre><script>alert(1)</script>")', "}\n</code></pre><script>alert(1)</script>\n```"),
    "fence": ('print("```\\n````\\n~~~~\\n\\n# 标题\\n--8<-- \\"x\\"")', "# 标题"),
    "ansi": (r'print("\x1b[31m红\x1b[0m \x1b]0;标题\x07完")', "红 完"),
    "controls": (r'print("a\x00b\x08c\x7fd\x9be")', "a\ufffdb\ufffdc\ufffdd\ufffde"),
    "surrogate": (r'print("x\ud800y")', r"x\ud800y"),
    "direction": (r'print("a\u202eb")', "a"),
    "descriptor": (r'import os; _ = os.write(1, b"\xff\xfe\x00z")', "z"),
    "flood": ("for i in range(10**6): print(i)", "行见 .ipynb"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_output_in_the_page(tiny: Tiny, kind: str) -> None:
    code, shown = HOSTILE[kind]
    assert tiny.only(f"# %% a\n{code}\n") is None
    output = tiny.fragment("a").partition("{ .text ")[2]
    assert shown in output
    assert not {*map(chr, range(32)), "\x7f", "\x9b", "\u202e"} & {*output} - {"\n"}
    assert len(output) < 20_000
    notebook = json.loads((tiny.root / "docs/downloads/04-a/lone.ipynb").read_bytes())
    assert notebook["cells"]


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_output_on_the_terminal(tiny: Tiny, kind: str) -> None:
    code, _ = HOSTILE[kind]
    tiny.example(f"# %% a\n{code.replace('print(', 'raise ValueError(', 1)}\n", "lone")
    done = tiny.command("run", "examples/04-a/lone.py")
    assert not {*map(chr, range(32)), "\x7f", "\x9b", "\u202e"} & {*done.stderr} - {"\n"}
    assert "Traceback (most recent call last):\n  File" not in done.stderr  # the engine's own
    assert len(done.stderr) < 20_000


def test_interrupted_twice(tiny: Tiny) -> None:
    here = tiny.root / "here"
    tiny.example(f"# %% a\nimport time\nopen({str(here)!r}, 'w')\ntime.sleep(10**6)\n", "slow")
    process = start(tiny, "examples")
    until(here.exists)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) in (130, -signal.SIGINT)
