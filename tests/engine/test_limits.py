"""What experiments may take of the machine, what of the machine reaches them, and that nothing of them is left."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.tiny import PATIENCE, Tiny, until

from engine.common import cores, memory
from engine.running import processes
from engine.running.folders import PREFIX, remove_leftovers, temporary_folder

SCRIPTS = Path(__file__).parents[2] / "scripts"


@contextlib.contextmanager
def busy(number: int) -> Iterator[None]:
    """Have the processor computed on by `number` others."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


COMPUTE = "import time\nwhile time.process_time() < {}:\n    pass\n"


def test_a_busy_machine_fails_nothing(tiny: Tiny) -> None:
    for number in range(4):
        tiny.example(f"# %% a timeout=6\n{COMPUTE.format(3)}", f"n{number}")
    with busy(10):
        assert tiny.problems(only=[tiny.root / "examples"], jobs=4) == ()


CHILD = "import subprocess, sys\nloop = [sys.executable, '-c', 'while True: pass']\n"
FOR_EVER = {
    "itself": ("x = 0\nwhile True: x += 1\n", 3),
    "in a thread": (
        "import threading\ndef loop():\n    while True:\n        pass\n"
        "thread = threading.Thread(target=loop)\nthread.start()\nthread.join()\n",
        None,
    ),
    "in a child": (f"{CHILD}subprocess.run(loop)\n", 4),
    "in a fork": ("import os\nif os.fork() == 0:\n    while True:\n        pass\nos.wait()\n", 6),
    "in child after child": (f"{CHILD}while True: subprocess.run([*loop[:-1], 'sum(range(10**6))'])\n", 4),
    "in child after child that nobody waits for": (
        "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n"
        "    if os.fork() == 0:\n        sum(range(3 * 10**7))\n        os._exit(0)\n    time.sleep(1)\n",
        None,
    ),
    "in a pool": (
        "import multiprocessing\ndef loop(_):\n    while True:\n        pass\n"
        "with multiprocessing.Pool(2) as pool:\n    pool.map(loop, range(2))\n",
        7,
    ),
    "in a child that is detached": (
        f"import time\n{CHILD}subprocess.Popen(loop, start_new_session=True)\ntime.sleep(10**6)\n",
        6,
    ),
}


@pytest.mark.parametrize("where", FOR_EVER)
def test_computing_for_ever(tiny: Tiny, where: str) -> None:
    code, line = FOR_EVER[where]
    tiny.example(f"# %% a timeout=1.5\n{code}", "lone")
    (problem,) = tiny.problems(only=[tiny.root / "examples/04-a/lone.py"], idle=PATIENCE)
    found = re.fullmatch(r"单元 a 用了 ([\d.]+) 秒处理器时间，超过了时限 1.5 秒", problem.what)
    assert found, problem.what
    assert float(found[1]) >= 1.5
    assert line in (None, problem.line)
    assert tiny.entries() == []


WAIT_FOR_EVER = {
    "asleep": ("import time\nx = 1\ntime.sleep(10**6)\n", 4),
    "for a lock": ("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n", 5),
    "for a pipe": ("import os\nreader, writer = os.pipe()\nos.read(reader, 1)\n", 4),
    "for a child": ("import subprocess\nsubprocess.run(['sleep', '1000000'])\n", 3),
    "stopped": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n", None),
}


@pytest.mark.parametrize("what", WAIT_FOR_EVER)
def test_neither_computing_nor_ending(tiny: Tiny, what: str) -> None:
    code, line = WAIT_FOR_EVER[what]
    tiny.example(f"# %% a\nx = 0\n# %% b timeout=1.5\n{code}", "lone")
    (problem,) = tiny.problems(only=[tiny.root / "examples/04-a/lone.py"], idle=1.5)
    assert re.fullmatch(r"单元 b \d+ 秒里没有计算也没有结束", problem.what)
    assert line is None or problem.line == line + 2
    assert tiny.entries() == []


def test_waiting_for_somebody_who_computes_is_not_idle(tiny: Tiny) -> None:
    tiny.example(
        f"# %% a\nimport subprocess, sys\nsubprocess.run([sys.executable, '-c', {COMPUTE.format(2)!r}])\n", "x"
    )
    assert tiny.problems(only=[tiny.root / "examples/04-a/x.py"], idle=0.5) == ()


def test_waiting_for_a_busy_processor_is_not_idle(tiny: Tiny) -> None:
    tiny.example(f"# %% a\nimport os\nos.nice(10)\n{COMPUTE.format(0.3)}", "x")
    with busy(10):
        assert tiny.problems(only=[tiny.root / "examples/04-a/x.py"], idle=0.5) == ()


def test_waiting_for_a_while_is_nothing_to_complain_of(tiny: Tiny) -> None:
    tiny.example("# %% a timeout=1.5\nimport time\ntime.sleep(3)\n", "x")
    assert tiny.problems(only=[tiny.root / "examples/04-a/x.py"]) == ()


@pytest.mark.parametrize("option", ["--timeout", "--idle"])
@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "x"])
def test_a_limit_that_is_none(tiny: Tiny, option: str, value: str) -> None:
    assert tiny.command("run", f"{option}={value}").returncode == 2


DETACHED = {
    "session": "os.setsid()",
    "double fork": "os.setsid()\n    if os.fork():\n        os._exit(0)",
    "group": "os.setpgid(0, 0)",
}


@pytest.mark.parametrize("how", DETACHED)
@pytest.mark.parametrize("end", ["pass", "os._exit(7)", "os.kill(os.getpid(), signal.SIGKILL)", "assert 1 == 2"])
def test_a_detached_child_ends_with_its_experiment(tiny: Tiny, tmp_path: Path, how: str, end: str) -> None:
    written = tmp_path / "pid"
    tiny.example(
        "# %% a\nimport os, signal, time\nif os.fork() == 0:\n"
        f"    {DETACHED[how]}\n    os.write(os.open({str(written)!r}, os.O_CREAT | os.O_WRONLY), b'%d.' % os.getpid())\n"
        f"    time.sleep(10**6)\nwhile not os.path.exists({str(written)!r}) or not os.path.getsize({str(written)!r}):\n"
        f"    time.sleep(0.01)\n{end}\n",
        "lone",
    )
    tiny.problems(only=[tiny.root / "examples/04-a/lone.py"])
    assert not psutil.pid_exists(int(written.read_text().rstrip(".")))


def start(tiny: Tiny, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "run", "examples"],
        cwd=tiny.root,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS), **environment},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
@pytest.mark.parametrize("whom", ["alone", "group"])
def test_a_build_that_is_killed_leaves_nothing(tiny: Tiny, tmp_path: Path, number: signal.Signals, whom: str) -> None:
    temporary, here = tmp_path / "temporary", tmp_path / "here"
    temporary.mkdir()
    (tiny.root / "examples/04-a/sum.py").unlink()
    tiny.example(
        "# %% a\nimport subprocess, tempfile\ntempfile.mkdtemp()\n"
        "sleeper = subprocess.Popen(['sleep', '1000000'], start_new_session=True)\n"
        f"_ = open({str(here)!r}, 'w').write('here')\nsleeper.wait()\n",
        "slow",
    )
    process = start(tiny, TMPDIR=str(temporary))
    until(lambda: here.exists() and here.read_text() == "here")
    children = psutil.Process(process.pid).children(recursive=True)
    assert "sleep" in [child.name() for child in children]
    (os.killpg if whom == "group" else os.kill)(process.pid, number)
    assert process.wait(PATIENCE) == -number
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert alive == []
    until(lambda: list(temporary.iterdir()) == [])


def test_interrupted_while_libraries_load(tiny: Tiny, tmp_path: Path) -> None:
    """A library that takes its time, so that the moment can be met."""
    loading = tmp_path / "loading"
    tiny.write(
        "lib/lengthy.py", f"import time\nopen({str(loading)!r}, 'w')\nfor _ in range(10**5):\n    time.sleep(0.01)\n"
    )
    tiny.example("# %% a\nimport lengthy\n", "slow")
    process = start(tiny, PYTHONPATH=f"{SCRIPTS}{os.pathsep}{tiny.root / 'lib'}")
    until(loading.exists)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("已中断")
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert alive == []


def test_only_what_is_left_of_a_build_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    for name in ("engine-2026-results", f"{PREFIX}2026", elsewhere.name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("precious")
    for number, kind in enumerate(("file", "link", "fifo")):  # what is no mark
        folder = tmp_path / f"{PREFIX}no{number}"
        folder.mkdir()
        mark = folder / ".executable-qa-engine"
        {"file": lambda m: m.write_text("mine"), "link": lambda m: m.symlink_to("/dev/null"), "fifo": os.mkfifo}[
            kind
        ](mark)
    (tmp_path / f"{PREFIX}broken").symlink_to("/nowhere")
    (tmp_path / f"{PREFIX}file").write_text("precious")
    with temporary_folder() as one, temporary_folder() as other:
        (other / "kept.txt").write_text("x")
        mark = (one / ".executable-qa-engine").read_bytes()
        left = tmp_path / f"{PREFIX}left"
        (left / "scratch").mkdir(parents=True)
        (left / ".executable-qa-engine").write_bytes(mark)
        (elsewhere / ".executable-qa-engine").write_bytes(mark)
        (tmp_path / f"{PREFIX}linked").symlink_to(elsewhere)
        before = {path.name for path in tmp_path.iterdir()}
        remove_leftovers()
        assert before - {path.name for path in tmp_path.iterdir()} == {left.name}
        assert (other / "kept.txt").read_text() == "x"
    assert (elsewhere / "a.txt").read_text() == "precious"
    assert not one.exists()


def test_a_process_that_is_forked_from_a_build_takes_nothing_from_it(tiny: Tiny) -> None:
    """As MkDocs's helpers are, between two builds of a server."""
    code = (
        "import os\nfrom engine.build import build\nfrom engine.common import load_project\n"
        f"if __name__ == '__main__':\n    project = load_project(__import__('pathlib').Path({str(tiny.root)!r}))\n"
        "    build(project)\n    pid = os.fork()\n    pid or __import__('sys').exit()\n    os.waitpid(pid, 0)\n"
        "    print(build(project, force=True).executed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True
    )
    assert done.stdout == "('04-a/sum',)\n", done.stderr


def test_a_build_does_not_trust_what_lies_in_the_temporary_folder(tiny: Tiny, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (temporary / f"engine-cjk-widths-{os.getuid()}.ttf").write_text("no font")
    (temporary / "engine-2026-results").mkdir()
    done = tiny.command("run", "examples", environment={"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    assert (temporary / "engine-2026-results").exists()


def test_two_builds_that_remove_the_same_harm_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_folder() as one:
        mark = (one / ".executable-qa-engine").read_bytes()
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / ".executable-qa-engine").write_bytes(mark)
    with (left / ".executable-qa-engine").open("rb+") as file:  # another is at it
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_leftovers()
        assert left.exists()
    remove_leftovers()
    assert not left.exists()


def test_it_is_said_where_temporary_files_go_instead(tiny: Tiny) -> None:
    done = tiny.command("run", "examples", environment={"TMPDIR": "/nowhere/at/all"})
    assert done.returncode == 0, done.stderr
    assert "TMPDIR=/nowhere/at/all 不存在或不能写，临时文件夹放在 /" in done.stderr


def test_no_temporary_folder_at_all(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    (problem,) = tiny.problems()
    assert problem.path == "TMPDIR"
    assert "没有能写的临时文件夹" in problem.what


def test_no_home(tiny: Tiny) -> None:
    tiny.example("# %% a\nimport matplotlib.pyplot as plt\n", "lone")
    done = tiny.command("run", "examples", environment={"HOME": "/proc/nowhere"})
    assert done.returncode == 0, done.stderr


def library(tiny: Tiny, name: str, code: str) -> dict[str, str]:
    """Install a library; return the environment in which it is found."""
    tiny.write(f"lib/{name}.py", code)
    return {"PYTHONPATH": f"{tiny.root / 'lib'}{os.pathsep}{SCRIPTS}"}


DEADLY = "import os, sys\nprint('the last words', file=sys.stderr, flush=True)\nos.abort()\n"


def test_a_server_that_dies_says_why(tiny: Tiny) -> None:
    done = tiny.command("run", "examples", environment=library(tiny, "IPython", DEADLY))
    assert done.returncode == 1
    assert "没能执行：执行实验的服务进程结束了（被信号 SIGABRT 杀死）" in done.stderr
    assert "the last words" in done.stderr


def test_an_experiment_that_kills_the_server_by_an_import_is_found(tiny: Tiny) -> None:
    tiny.example("# %% a\nx = 1\n\nimport deadly\n", "bad")
    done = tiny.command("run", "examples", environment=library(tiny, "deadly", DEADLY))
    assert done.returncode == 1
    assert "examples/04-a/bad.py:4: 单元 a 被信号 SIGABRT 杀死" in done.stderr
    assert len(tiny.entries()) == 1  # the other one ran all the same


def test_a_library_that_cannot_be_imported_is_said_by_its_experiment(tiny: Tiny) -> None:
    tiny.example("# %% a\nimport broken\n", "bad")
    done = tiny.command("run", "examples", environment=library(tiny, "broken", "raise RuntimeError('never')\n"))
    assert "examples/04-a/bad.py:2: 单元 a 抛出了 RuntimeError" in done.stderr
    assert len(tiny.entries()) == 1


def test_a_script_without_a_guard_may_build(tiny: Tiny) -> None:
    script = tiny.write(
        "script.py",
        "from pathlib import Path\nfrom engine.build import build\nfrom engine.common import load_project\n"
        "print(build(load_project(Path.cwd())).executed)\n",
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tiny.root,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout == "('04-a/sum',)\n", done.stderr


SHAPED = """
    # %% a
    import datetime, locale, os, sys, time, warnings

    print({"甲", "乙", "丙", "丁", "戊", "己"})
    print(sorted(os.environ.keys() & {"OMP_NUM_THREADS", "FOO", "PYTHONWARNINGS", "LANGUAGE"}), __debug__)
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "LC_ALL", "COLUMNS", "MPLBACKEND"):
        print(name, os.environ.get(name))
    print(os.get_terminal_size.__name__, time.tzname, sys.flags.optimize, sys.warnoptions, sys.flags.utf8_mode)
    assert time.timezone == 0
    warnings.warn("a warning")
    """


def test_the_environment_of_experiments_is_set_not_inherited(tiny: Tiny) -> None:
    tiny.example(SHAPED, "lone")
    shown = set()
    for environment in (
        {"PYTHONHASHSEED": "random"},
        {"PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "1", "PYTHONWARNINGS": "ignore", "PYTHONUTF8": "0"},
        {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "8", "MPLBACKEND": "svg", "FOO": "bar"},
        {"LC_ALL": "C", "LANG": "zh_CN.UTF-8", "LANGUAGE": "zh", "TZ": "Asia/Shanghai", "COLUMNS": "33"},
    ):
        done = tiny.command("run", "--force", "examples/04-a/lone.py", environment=environment)
        assert done.returncode == 0, done.stderr
        shown.add(tiny.fragment("a"))
    assert len(shown) == 1, shown


def test_the_environment_can_be_changed_for_a_trial_that_counts(tiny: Tiny) -> None:
    tiny.example("# %% a\nimport os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['TZ'])\n", "lone")
    trial = {"ENGINE_ENVIRONMENT": "OMP_NUM_THREADS=3 TZ=Asia/Shanghai"}
    for environment, printed, executed in (({}, "1 UTC", 1), (trial, "3 Asia/Shanghai", 1), ({}, "1 UTC", 0)):
        done = tiny.command("run", "examples/04-a/lone.py", environment=environment)
        assert f"执行了 {executed} 个" in done.stdout, done.stderr
        assert f"\n{printed}\n" in tiny.fragment("a")


def limited(kind: int, value: int) -> Callable[[], None]:
    """Return what limits the process it is called in, as ``ulimit`` does for who is not root."""

    def limit() -> None:
        resource.setrlimit(kind, (value, value))
        ctypes.CDLL(None).prctl(24, 24, 0, 0, 0)  # drop CAP_SYS_RESOURCE for what is executed: it cannot raise it

    return limit


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (resource.RLIMIT_FSIZE, 100_000 * 1024),
        (resource.RLIMIT_AS, 5_500_000 * 1024),
        (resource.RLIMIT_CPU, 600),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ],
)
def test_lower_limits_of_the_user_are_no_obstacle(tiny: Tiny, kind: int, value: int) -> None:
    done = tiny.command("run", "examples", preexec_fn=limited(kind, value))
    assert done.returncode == 0, done.stderr


def test_lower_limits_of_the_user_hold(tiny: Tiny) -> None:
    tiny.example("# %% a\nwith open('x', 'wb') as f:\n    f.write(bytes(10**7))\n", "lone")
    done = tiny.command("run", "examples/04-a/lone.py", preexec_fn=limited(resource.RLIMIT_FSIZE, 5 * 10**6))
    assert "File too large" in done.stderr


def test_the_users_own_limit_of_processor_time(tiny: Tiny) -> None:
    tiny.example("# %% a\nx = 0\nwhile True:\n    x += 1\n", "lone")
    done = tiny.command("run", "examples/04-a/lone.py", preexec_fn=limited(resource.RLIMIT_CPU, 10))
    assert "单元 a 用完了 ulimit -t 允许的 10 秒处理器时间" in done.stderr


def machine(folder: Path, groups: str, mounts: str, **files: str) -> Path:
    """Write what /proc and /sys say of a machine's control groups."""
    for name, text in {"proc/self/cgroup": groups, "proc/self/mounts": mounts, **files}.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


ONE, TWO = (
    "cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup /c/memory cgroup rw,memory 0 0",
    "cgroup2 /c cgroup2 rw 0 0",
)
GROUPS = {
    "version 2": ("0::/a/b", TWO, {"c__a__b__cpu_DOT_max": "100000 100000", "c__a__b__memory_DOT_max": "1000"}),
    "version 2, above": ("0::/a/b", TWO, {"c__a__cpu_DOT_max": "50000 100000", "c__a__memory_DOT_max": "1000"}),
    "version 2, in a container": ("0::/host/x", TWO, {"c__cpu_DOT_max": "20000 100000", "c__memory_DOT_max": "1000"}),
    "version 1": (
        "2:memory:/a\n1:cpu,cpuacct:/a",
        ONE,
        {
            "c__cpu__a__cpu_DOT_cfs_quota_us": "100000",
            "c__cpu__a__cpu_DOT_cfs_period_us": "100000",
            "c__memory__a__memory_DOT_limit_in_bytes": "1000",
        },
    ),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_control_groups_count(tmp_path: Path, kind: str) -> None:
    groups, mounts, files = GROUPS[kind]
    root = machine(tmp_path, groups, mounts, **files)
    assert cores(root) == 1
    assert memory(root) == 1000


def test_control_groups_without_limits(tmp_path: Path) -> None:
    two = machine(tmp_path / "2", "0::/", TWO, c__cpu_DOT_max="max 100000", c__memory_DOT_max="max")
    one = machine(
        tmp_path / "1",
        "1:cpu:/\n2:memory:/",
        ONE,
        c__cpu__cpu_DOT_cfs_quota_us="-1",
        c__memory__memory_DOT_limit_in_bytes="9223372036854771712",
    )
    for root in (one, two, tmp_path / "none"):
        assert cores(root) == len(os.sched_getaffinity(0))
        assert memory(root) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no affinity")
def test_affinity_counts(tiny: Tiny) -> None:
    one = min(os.sched_getaffinity(0))
    for number in range(3):
        tiny.example("# %% a\nx = 1\n", f"n{number}")
    code = (
        f"import os; os.sched_setaffinity(0, [{one}])\nfrom engine.running import LocalPool\n"
        "from pathlib import Path\nprint(LocalPool([1, 2, 3], Path())._jobs)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize("proc", [Path("/proc"), Path("/nowhere")])  # the second: as on macOS
def test_what_descendants_use_is_seen(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PROC", proc)
    if not (proc / "self").exists() and subprocess.run(["which", "ps"], capture_output=True).returncode:
        pytest.skip("there is neither /proc nor ps")
    usage = processes.Usage()
    usage.sample()
    before = usage.seconds
    with busy(1):
        until(lambda: usage.sample() and usage.seconds > before + 1)
    usage.sample()
    assert usage.seconds > before + 1
