"""The command line: exit statuses, messages, what runs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tiny import PATIENCE, Tiny

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_a_check_tells_all_that_a_build_would(tiny: Tiny) -> None:
    tiny.build()
    tiny.page(("04-a/sum/sum.md", "04-a/sum/smu.md"))
    tiny.write("docs/glossary.yml", "- term: 商\n")
    done = tiny.command("run", "--check")
    assert done.returncode == 1
    assert "docs/04-a/sum.md:18: 04-a/sum.py 里没有单元“smu”" in done.stderr
    assert "docs/glossary.yml:1: 条目缺“en”" in done.stderr
    assert done.stderr.count("docs/04-a/sum.md") == sum(p.path == "docs/04-a/sum.md" for p in tiny.problems())


def test_all_some_check_force(tiny: Tiny) -> None:
    checked = tiny.command("run", "--check")
    assert checked.returncode == 1
    assert "需要执行：04-a/sum" in checked.stdout
    first = tiny.command("run")
    assert first.returncode == 0, first.stderr
    assert "执行了 1 个实验，0 个取自缓存" in first.stdout
    assert "[1/1] ✓ 04-a/sum" in first.stderr
    assert "\x1b" not in first.stderr  # plain lines where there is no terminal
    assert "执行了 0 个实验，1 个取自缓存" in tiny.command("run").stdout
    assert tiny.command("run", "--check").returncode == 0
    for path in ("examples/04-a/sum.py", "docs/04-a/sum.md", "examples/04-a"):
        assert "执行了 1 个" in tiny.command("run", "--force", path).stdout


def test_a_failure_says_where_what_and_how_to_see_it_again(tiny: Tiny) -> None:
    tiny.example("# %% sum\ntotal = 1 + 1\nassert total == 3\n\n# %% error\nassert total\n")
    done = tiny.command("run")
    assert done.returncode == 1
    assert "examples/04-a/sum.py:3: 单元 sum 抛出了 AssertionError" in done.stderr
    assert "assert total == 3" in done.stderr
    assert "重现：engine run examples/04-a/sum.py" in done.stderr
    assert 'Traceback (most recent call last):\n      File "examples/04-a/sum.py", line 3' in done.stderr


def test_terminal_escapes_of_an_experiment_do_not_reach_the_terminal(tiny: Tiny) -> None:
    tiny.example("# %% sum\nraise ValueError('\\x1b[31m红\\x1b]0;title\\x07\\x00')\n\n# %% error\nx = 1\n")
    done = tiny.command("run")
    assert "红" in done.stderr
    assert not {"\x1b", "\x07", "\x00"} & set(done.stderr)


@pytest.mark.parametrize("arguments", [(), ("run", "--jobs", "0"), ("run", "--nonsense"), ("walk",)])
def test_bad_usage(tiny: Tiny, arguments: tuple[str, ...]) -> None:
    assert tiny.command(*arguments).returncode == 2


def test_a_path_without_experiments(tiny: Tiny) -> None:
    done = tiny.command("run", "examples/nowhere.py")
    assert done.returncode == 1
    assert "这里没有实验" in done.stderr


def test_help_is_in_chinese(tiny: Tiny) -> None:
    done = tiny.command("run", "--help")
    assert done.returncode == 0
    assert "有缓存也重新执行" in done.stdout


def test_outside_a_project(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine", "run"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "这里不是项目文件夹" in done.stderr


def test_two_builds_at_once(tiny: Tiny) -> None:
    tiny.example("# %% sum\nimport time\ntime.sleep(1)\ntotal = 1 + 1\nassert total == 2\n\n# %% error\nx = total\n")
    command = [sys.executable, "-m", "engine", "run"]
    environment = {"PYTHONPATH": str(SCRIPTS), "PATH": "/usr/bin:/bin"}
    pair = [
        subprocess.Popen(command, cwd=tiny.root, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = sorted(process.communicate(timeout=PATIENCE)[0] for process in pair)
    assert [process.returncode for process in pair] == [0, 0]
    assert "执行了 0 个实验，1 个取自缓存" in outputs[0]  # the second waited, and found all done
    assert "执行了 1 个实验，0 个取自缓存" in outputs[1]


def test_libraries_have_nothing_to_say_when_a_build_ends(tiny: Tiny) -> None:
    tiny.example(
        "# %% sum\nimport torch\nassert torch.ones(2).sum() == 2\n\n# %% error raises='ValueError'\nint('a')\n"
    )
    done = tiny.command("run")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith(("执行 1", "[1/1] ✓"))] == []


def test_a_progress_bar_on_a_terminal(tiny: Tiny) -> None:
    import pty

    for number in range(3):
        tiny.example(f"# %% a\nimport time\ntime.sleep(0.3)\nx = {number}\n", f"n{number}")
    command = [sys.executable, "-m", "engine", "run", "examples/04-a"]
    environment = {
        "PYTHONPATH": str(SCRIPTS),
        "PATH": "/usr/bin:/bin",
        "TERM": "xterm-256color",
    }
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=tiny.root, env=environment, stderr=slave, stdout=subprocess.DEVNULL)

    os.close(slave)
    shown = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the terminal is closed
            break
        if not chunk:
            break
        shown += chunk
    process.wait(PATIENCE)
    assert "━".encode() in shown
    assert b"/4" in shown


def imported_by_a_run(tiny: Tiny, *suspects: str) -> list[str]:
    """Run the engine in a new process; return which of these modules its main process then has."""
    code = f"import sys; from engine.cli import main; main(['run']); print(sorted({set(suspects)!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", f"if __name__ == '__main__': {code}"],
        cwd=tiny.root,
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = ast.literal_eval(done.stdout.splitlines()[-1])
    return found


def test_no_heavy_library_is_imported_when_all_is_cached(tiny: Tiny) -> None:
    tiny.build()
    assert imported_by_a_run(tiny, "torch", "matplotlib", "IPython", "jupytext", "mkdocs") == []


def test_torch_is_not_imported_by_the_main_process_even_to_run_something(tiny: Tiny) -> None:
    tiny.example(
        "# %% sum\nimport torch\nassert torch.ones(2).sum() == 2\n\n# %% error raises='ValueError'\nint('a')\n"
    )
    assert imported_by_a_run(tiny, "torch", "matplotlib", "IPython") == []


ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "strict ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "no locale": {"LC_ALL": "C"},
    "gbk": {"PYTHONIOENCODING": "gbk"},
}


@pytest.mark.parametrize("kind", ENCODINGS)
@pytest.mark.parametrize("arguments", [("run",), ("run", "--check"), ("--help",), ("related",), ("clean",)])
def test_a_stream_without_the_letters(tiny: Tiny, kind: str, arguments: tuple[str, ...]) -> None:
    tiny.build()
    done = subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=tiny.root,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)} | ENCODINGS[kind],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


def test_what_is_wrong_is_said_on_a_stream_without_the_letters(tiny: Tiny) -> None:
    tiny.example("# %% sum\nprint('🙂')\nassert 1 == 2, '🙂'\n# %% error\nx = 1\n")
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "engine", "run"], cwd=tiny.root, env=environment, capture_output=True
    )
    assert done.returncode == 1
    assert b"examples/04-a/sum.py:3: \\u5355\\u5143 sum" in done.stderr
    assert b"\\U0001f642" in done.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", ["full", "unread", "closed"])
def test_a_stream_that_takes_nothing(tiny: Tiny, stream: str, kind: str) -> None:
    """The status says so, nothing else; and all is done."""
    number = {"stdout": 1, "stderr": 2}[stream]
    closing = f"{number}>&-" if kind == "closed" else ""
    reading, writing = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("wb") as full:
        target = {"full": full.fileno(), "unread": writing, "closed": subprocess.PIPE}[kind]
        done = subprocess.run(
            ["sh", "-c", f"exec {sys.executable} -m engine run {closing}"],
            cwd=tiny.root,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
            text=True,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: target}),  # type: ignore[call-overload]
        )
    os.close(writing)
    said = (done.stdout or "") + (done.stderr or "")
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert done.returncode == (0 if kind == "closed" else 1), said
    assert (tiny.root / "build/ledger.json").exists(), said
    assert tiny.build().executed == ()
