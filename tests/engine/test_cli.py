"""The command line: exit statuses, messages, what runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tiny import PATIENCE, Tiny


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
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "这里不是项目文件夹" in done.stderr


def test_two_builds_at_once(tiny: Tiny) -> None:
    tiny.example("# %% sum\nimport time\ntime.sleep(1)\ntotal = 1 + 1\nassert total == 2\n\n# %% error\nx = total\n")
    command = [sys.executable, "-m", "engine", "run"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "scripts"), "PATH": "/usr/bin:/bin"}
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
        "PYTHONPATH": str(Path(__file__).parents[2] / "scripts"),
        "PATH": "/usr/bin:/bin",
        "TERM": "xterm-256color",
    }
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=tiny.root, env=environment, stderr=slave, stdout=subprocess.DEVNULL)
    import os

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
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "scripts")},
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
