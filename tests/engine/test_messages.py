"""A failure says where, what and why, and what was said before it; and nothing says whose machine it was."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest
from tests.tiny import Tiny


@pytest.mark.parametrize(
    ("end", "options", "what"),
    [
        ("os.abort()", "", "被信号 SIGABRT 杀死"),
        ("os._exit(3)", "", "状态 3"),
        ("while True:\n            pass", " timeout=5", "超过了时限"),
        ("assert False, '断言'", "", "AssertionError"),
    ],
)
def test_the_last_words_of_both_streams_are_told(tiny: Tiny, end: str, options: str, what: str) -> None:
    problem = tiny.only(f"""
        # %% a{options}
        import os, subprocess, sys

        print("上一个单元说的")

        # %% b
        for i in range(30):
            print("第", i, "轮，准确率", i / 30)
        print("没换行", end="")
        os.write(2, "致命：显卡着火\\n".encode())
        _ = subprocess.run([sys.executable, "-c", "raise RuntimeError('子进程的错')"])
        {end}
        """)
    assert problem is not None
    assert what in problem.what
    said = problem.hint
    assert "最后的输出（stdout）：\n" in said
    assert "第 29 轮" in said
    assert "没换行" in said
    assert "第 3 轮" not in said
    assert "上一个单元" not in said
    assert said.index("没换行") < said.index("最后的输出（stderr）：") < said.index("致命：显卡着火")
    assert "RuntimeError: 子进程的错" in said


def test_a_flood_of_last_words_is_short(tiny: Tiny) -> None:
    problem = tiny.only("""
        # %% a
        import os

        print("进度 0%\\r进度 50%\\r进度 100%\\x1b[0m")
        for i in range(10**5):
            print(i, "x" * 1000)
        print("最后")
        os.abort()
        """)
    assert problem is not None
    assert "  最后\n" in problem.hint
    assert len(problem.hint) < 5000


def test_frames_of_the_projects_own_modules_are_shown(tiny: Tiny) -> None:
    tiny.write(
        "examples/04-a/_b.py", "import json\n\n\ndef load(text):\n    return json.loads(text)\n\n\nload('{')\n"
    )
    problem = tiny.only("# %% a\n\nimport _b\n")
    assert problem is not None
    assert problem.line == 3
    assert 'File "examples/04-a/lone.py", line 3, in <module>\n    import _b\n' in problem.hint
    assert "File \"examples/04-a/_b.py\", line 8, in <module>\n    load('{')" in problem.hint
    assert 'File "examples/04-a/_b.py", line 5, in load' in problem.hint
    assert "decoder.py" not in problem.hint
    assert "engine" not in problem.hint.partition("重现")[0]


CHAIN = """
# %% a
def read(table):
    try:
        return table["k"]
    except KeyError as error:
        raise ValueError("外层") from error

# %% b raises="ValueError"
try:
    read({})
except ValueError:
    int("x")
"""
GROUP = """
# %% a raises="ExceptionGroup"
def part(i):
    return 1 / i

errors = []
for i in (0, "a"):
    try:
        part(i)
    except Exception as error:
        errors.append(error)
raise ExceptionGroup("两个错", errors)
"""


def test_causes_and_members_of_groups_are_shown(tiny: Tiny) -> None:
    assert tiny.only(CHAIN) is None
    page = tiny.fragment("b")
    told = (
        "KeyError: 'k'",
        "direct cause of the following",
        "ValueError: 外层",
        "another exception occurred",
        "int()",
    )
    assert [page.index(part) for part in told] == sorted(page.index(part) for part in told)
    assert 'line 4, in read\n    return table["k"]' in page
    problem = tiny.only(CHAIN.replace(' raises="ValueError"', ""))
    assert problem is not None
    assert all(part in problem.hint for part in told)
    assert problem.line == 12

    assert tiny.only(GROUP) is None
    page = tiny.fragment("a")
    assert "ExceptionGroup: 两个错 (2 sub-exceptions)" in page
    assert "ZeroDivisionError: division by zero" in page
    assert "TypeError: unsupported operand" in page
    assert page.count("in part") == 2


@pytest.mark.parametrize(
    ("code", "line", "what"),
    [
        ("x = 1\n\nimport asyncio\nawait asyncio.sleep(0)\n", 5, "'await' outside function"),
        ("x = 1\n\n# %% b\nx = 2\nreturn x\n", 6, "'return' outside function"),
        ("x = 1\n\n# %% b\nfrom __future__ import annotations\n", 5, "must occur at the beginning"),
        ("def f(x):\n    global x\n", 3, "is parameter and global"),
        ("x = 1\nexec('y = (')\n", 3, "was never closed"),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\n\nraise E()\n", 6, "抛出了 E"),
    ],
)
def test_an_error_that_hides_its_place_is_found(tiny: Tiny, code: str, line: int, what: str) -> None:
    problem = tiny.only(f"# %% a\n{code}")
    assert problem is not None
    assert what in problem.what + problem.hint
    assert problem.line == line
    assert "没能执行" not in problem.what


def test_what_could_not_be_compiled_is_no_reason_to_stop_for_others(tiny: Tiny) -> None:
    assert tiny.only('# %% a\nprint("\\d")\nprint(1 is 1)\n') is None  # warnings only, and each once
    assert tiny.fragment("a").count("SyntaxWarning") == 1


def test_the_lines_of_a_traceback_are_those_that_ran(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a raises="ZeroDivisionError"
        from pathlib import Path

        me = Path(__file__)
        text = me.read_text("utf-8")
        me.write_text("# 正在编辑\\n" + text, "utf-8")
        1 / 0
        """)
    assert found is None
    assert "line 7, in <module>\n    1 / 0" in tiny.fragment("a")


def test_no_path_of_the_machine_is_published(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% streams
        import json, os, subprocess, sys, sysconfig, tempfile, threading, traceback
        from pathlib import Path

        try:
            json.loads("{")
        except ValueError:
            traceback.print_exc()
        thread = threading.Thread(target=json.loads, args=("[",))
        thread.start()
        thread.join()
        _ = subprocess.run([sys.executable, "-c", "import json; json.loads('{')"])
        print(sys.executable, sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
        print(Path.home(), Path.home() / "data", os.getcwd(), tempfile.gettempdir(), Path("x").absolute())
        print(__file__, Path(__file__).parents[2], f"file://{__file__}", sys.path[1:])

        # %% value
        [sys.executable, Path.cwd(), __file__]

        # %% shown
        class Own:
            def _repr_html_(self):
                return f"<b>{sys.prefix}</b>"

        display(Own())

        # %% error raises="FileNotFoundError"
        open(os.path.join(os.getcwd(), "无此"))
        """)
    assert found is None
    notebook = (tiny.root / "docs/downloads/04-a/lone.ipynb").read_text("utf-8")
    own = {sys.prefix, sys.base_prefix, sys.executable, str(tiny.root), str(Path.home()), "engine-"}
    own |= {sysconfig.get_path("stdlib"), str(Path(sys.base_prefix).resolve())} - {"/usr"}
    assert [path for path in own if path in notebook] == []
    page = tiny.fragment("streams")
    assert 'File "json/decoder.py"' in page
    assert 'File "examples/04-a/lone.py", line 6, in <module>' in page
    assert "python .venv python python3.11" if sys.version_info[:2] == (3, 11) else True
    assert "~ ~/data /tmp /tmp /tmp/x\n" in page
    assert "examples/04-a/lone.py . file://examples/04-a/lone.py" in page
    assert "python" in tiny.fragment("value")
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/无此'" in tiny.fragment("error")
    problem = tiny.only("# %% a\nimport os, sys\nprint(sys.executable)\nos.abort()\n")
    assert problem is not None
    assert "  python\n" in problem.hint


def test_names_that_only_begin_or_end_alike_are_left_alone(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        from pathlib import Path

        home = str(Path.home())
        print(f"/mnt{home}/x", f"{home}-2/x", f"{home}x", "/usr/bin/env", "/tmp/other")
        """)
    assert found is None
    home = str(Path.home())
    assert f"/mnt{home}/x {home}-2/x {home}x /usr/bin/env /tmp/other" in tiny.fragment("a")
