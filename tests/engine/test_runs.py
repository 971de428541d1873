"""Running experiments: what comes out of each cell, and what is survived."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from concurrent.futures import Future
from pathlib import Path

import nbformat
import psutil
import pytest
from tests.tiny import EXAMPLE, PATIENCE, Tiny, until

from engine.experiments import parse_experiment
from engine.results.svg import clean_svg
from engine.running import Run, run_all


def notebook(tiny: Tiny) -> dict[str, object]:
    (entry,) = tiny.entries()
    return json.loads(entry.read_text("utf-8"))["notebook"]  # type: ignore[no-any-return]


def test_the_second_build_executes_nothing(tiny: Tiny) -> None:
    assert tiny.build().executed == ("04-a/sum",)
    assert tiny.build().executed == ()
    assert tiny.build(force=True).executed == ("04-a/sum",)


def test_outputs_stand_under_their_cell(tiny: Tiny) -> None:
    tiny.build()
    shown = (tiny.root / "build/fragments/04-a/sum/sum.md").read_text("utf-8")
    assert '``` { .python .qa-code data-search-exclude="1" }\ntotal = 1 + 1\n' in shown
    assert '``` { .text .qa-output title="输出" }\n和： 2\n```' in shown
    error = (tiny.root / "build/fragments/04-a/sum/error.md").read_text("utf-8")
    assert '.qa-error title="报错"' in error
    assert 'File "examples/04-a/sum.py", line 9, in <module>' in error
    assert "ZeroDivisionError: division by zero" in error


def test_the_downloads_are_the_file_and_a_valid_notebook(tiny: Tiny) -> None:
    tiny.build()
    downloads = tiny.root / "docs/downloads/04-a"
    assert (downloads / "sum.py").read_text("utf-8") == EXAMPLE
    content = nbformat.read(downloads / "sum.ipynb", as_version=4)
    nbformat.validate(content)
    assert [cell.cell_type for cell in content.cells] == ["markdown", "code", "code"]
    assert content.cells[1].outputs[0].text == "和： 2\n"
    assert content.cells[2].metadata.tags == ["raises-exception"]
    assert "engine" not in content.metadata  # seconds differ from run to run


def test_captured_as_jupyter_does(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import os
        import sys

        print("甲")
        print("乙", file=sys.stderr)
        sys.stdout.write("丙\\n")
        os.system("echo 丁")
        os.write(1, "戊\\n".encode())

        # %% b
        class Rich:
            def _repr_html_(self): return "<b>富</b>"
            def __repr__(self): return "朴素"

        display(Rich())

        # %% c
        [1, 2]

        # %% d
        None
        """)
    assert found is None
    a, b, c, d = (tiny.fragment(name) for name in "abcd")
    for text in "甲乙丙丁戊":
        assert text in a.split("qa-output", 1)[1]
    assert 'title="警告" }\n乙' in a
    assert "朴素" in b
    assert "<b>" not in b.split("```")[3]  # text only: nothing of an experiment is trusted as HTML
    assert "[1, 2]\n```" in c
    assert "qa-output" not in d


def test_a_fresh_process_each(tiny: Tiny) -> None:
    tiny.example(
        "# %% a\nimport builtins, json, os\nbuiltins.leak = 1\njson.leak = 1\nos.environ['LEAK'] = '1'\n", "x"
    )
    tiny.example(
        "# %% a\nimport builtins, json, os\n"
        "print(hasattr(builtins, 'leak'), hasattr(json, 'leak'), 'LEAK' in os.environ)\n",
        "y",
    )
    tiny.problems(jobs=1)
    assert "False False False" in tiny.fragment("a", "y")


def test_runs_in_a_folder_of_its_own_with_its_own_name(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import inspect
        from pathlib import Path

        def f(): return 1

        import tempfile

        Path("left-behind.txt").write_text("x")
        Path(tempfile.mkdtemp(), "left-behind.txt").write_text("x")
        print(__name__, Path(__file__).name, inspect.getsource(f).strip())
        """)
    assert found is None
    assert "__main__ lone.py def f(): return 1" in tiny.fragment("a")
    for folder in (tiny.root, Path(tempfile.gettempdir())):
        assert not list(folder.glob("*/left-behind.txt")) + list(
            folder.glob("executable-qa-engine-*/**/left-behind.txt")
        )


def test_an_experiment_may_start_processes_as_under_plain_python(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import multiprocessing

        def square(x):
            return x * x

        with multiprocessing.Pool(2) as pool:
            print(pool.map(square, range(4)))
        """)
    assert found is None
    assert "[0, 1, 4, 9]" in tiny.fragment("a")


@pytest.mark.parametrize(
    ("code", "line", "what"),
    [
        ('# %% a\nx = 1\n\n# %% b\n\nraise ValueError("坏了")\n', 6, "单元 b 抛出了 ValueError"),
        ("# %% a\nassert 1 + 1 == 3\n", 2, "单元 a 抛出了 AssertionError"),
        ("# %% a\nimport sys\nsys.exit(3)\n", 3, "单元 a 抛出了 SystemExit"),
        ('# %% a raises="ValueError"\n1 / 0\n', 2, "单元 a 抛出了 ZeroDivisionError，而声明的是 ValueError"),
        ('# %% a raises="ValueError"\n1 / 1\n', 2, "单元 a 声明了 raises=ValueError，却没有报错"),
        ("# %% a\nimport os\n\nos._exit(7)\n", None, "退出了进程（os._exit，状态 7）"),
        ("# %% a\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", None, "被信号 SIGKILL 杀死"),
        ("# %% a\nx = 1\n# %% b\nimport ctypes\nctypes.string_at(0)\n", 5, "被信号 SIGSEGV 杀死"),
        ("# %% a timeout=2\nx = 0\nwhile True: x += 1\n", 3, "超过了时限 2 秒"),
        ("# %% a\nx = bytearray(50 * 2**30)\n", 2, "超出了内存上限"),
        ("# %% a\nf = lambda: f()\nf()\n", 2, "单元 a 抛出了 RecursionError"),
    ],
)
def test_a_failure_names_file_line_and_cause(tiny: Tiny, code: str, line: int | None, what: str) -> None:
    problem = tiny.only(code)
    assert problem is not None
    assert problem.path == "examples/04-a/lone.py"
    assert what in problem.what
    if line is not None:
        assert problem.line == line
    assert "engine run examples/04-a/lone.py" in problem.hint
    assert tiny.entries() == []  # failures are never cached


def test_the_authors_own_traceback_is_shown(tiny: Tiny) -> None:
    problem = tiny.only("""
        # %% a
        import json

        def load(text):
            return json.loads(text)

        load("{")
        """)
    assert problem is not None
    assert problem.line == 5
    assert 'File "examples/04-a/lone.py", line 7, in <module>' in problem.hint
    assert "层调用" in problem.hint  # what the library called is counted, not shown
    assert "decoder.py" not in problem.hint
    assert str(tiny.root) not in problem.hint


def test_all_failures_are_reported_in_order_and_the_rest_is_kept(tiny: Tiny) -> None:
    for number in range(6):
        tiny.example(f"# %% a\nassert {number} % 2\n", f"n{number}")
    found = tiny.problems(only=[tiny.root / "examples"])
    assert [p.path for p in found if "抛出" in p.what] == [f"examples/04-a/n{i}.py" for i in (0, 2, 4)]
    assert len(tiny.entries()) == 4  # sum and the odd ones


def test_a_flood_of_output_is_cut_with_a_notice(tiny: Tiny) -> None:
    assert tiny.only('# %% a\nprint("x" * 10**7)\n\n# %% b\nfor i in range(10**5):\n    print(i)\n') is None
    a, b = tiny.fragment("a"), tiny.fragment("b")
    assert len(a) < 2000
    assert "个字符" in a
    assert len(b) < 2000
    assert "行见 .ipynb" in b
    assert (tiny.root / "docs/downloads/04-a/lone.ipynb").stat().st_size < 10**6


def test_a_data_file_that_was_read_counts(tiny: Tiny) -> None:
    tiny.write("examples/04-a/data.csv", "1,2\n")
    tiny.example("""
        # %% a
        from pathlib import Path

        print(Path(__file__).with_name("data.csv").read_text())
        """)
    only = [tiny.root / "examples/04-a/sum.py"]
    tiny.problems(only=only)
    (entry,) = tiny.entries()
    stored = entry.read_bytes()
    tiny.problems(only=only)
    assert entry.read_bytes() == stored
    tiny.write("examples/04-a/data.csv", "3,4\n")
    tiny.problems(only=only)
    assert "3,4" in tiny.fragment("a", "sum")


def test_memory_addresses_are_refused(tiny: Tiny) -> None:
    problem = tiny.only("# %% a\nprint(object())\n")
    assert problem is not None
    assert "内存地址" in problem.what
    assert problem.line == 2


def test_figures_become_svg_with_a_text_alternative(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a caption="一条直线。"
        import matplotlib.pyplot as plt

        fig, ax = plt.subplots()
        ax.plot([1, 2], label="甲 < 乙")
        ax.set(title="直线", ylabel="高")
        ax.legend()
        """)
    assert found is None
    figure = tiny.fragment("a")
    assert 'aria-label="直线。一条直线。"' in figure
    assert "<figcaption>一条直线。</figcaption>" in figure
    assert "甲 &lt; 乙" in figure
    assert "var(--qa-fig-c0)" in figure
    assert "#0b62c4" not in figure
    assert "<style" not in figure
    assert "matplotlib.legend" not in figure  # the legend is in the picture, not printed below it


@pytest.mark.parametrize(
    ("header", "title", "what"),
    [("# %% a", "直线", "没有说明"), ('# %% a caption="看。"', "", "没有标题")],
)
def test_a_figure_without_title_or_caption_is_refused(tiny: Tiny, header: str, title: str, what: str) -> None:
    problem = tiny.only(
        f"{header}\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1])\nax.set(title='{title}')\n"
    )
    assert problem is not None
    assert what in problem.what
    assert problem.line == 1


def test_a_figure_that_is_too_heavy_is_refused(tiny: Tiny) -> None:
    problem = tiny.only("""
        # %% a caption="一万个点。"
        import matplotlib.pyplot as plt

        fig, ax = plt.subplots()
        ax.scatter(range(10000), [i * 7919 % 10007 for i in range(10000)])
        ax.set(title="点")
        """)
    assert problem is not None
    assert "超过 60 kB" in problem.what


def test_interrupted_keeps_what_is_finished_and_leaves_no_process(tiny: Tiny) -> None:
    tiny.example("# %% a\nprint(1)\n", "a-quick")
    here = tiny.root / "here"
    tiny.example(f"# %% a\nimport time\nopen({str(here)!r}, 'w')\ntime.sleep(10**6)\n", "b-slow")
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "run", "--jobs", "1"],
        cwd=tiny.root,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "scripts")},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    until(lambda: tiny.entries() and here.exists())
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "已中断" in errors
    assert len(tiny.entries()) == 1
    assert children
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert not alive
    assert not list(tiny.root.rglob(".writing-*"))
    assert tiny.problems(only=[tiny.root / "examples/04-a/a-quick.py"]) == ()
    assert len(tiny.entries()) == 1  # it was not executed again


def test_what_experiments_share_is_frozen_and_their_own_garbage_is_collected(tiny: Tiny) -> None:
    tiny.example(
        "# %% sum\nimport gc\nimport weakref\n\n\nclass Ring:\n    def __init__(self):\n        self.me = self\n\n\n"
        "assert gc.isenabled()\nassert gc.get_freeze_count() > 100_000\nring = weakref.ref(Ring())\n"
        "gc.collect()\nassert ring() is None\n\n# %% error raises='ValueError'\nint('a')\n"
    )
    assert tiny.problems() == ()


@pytest.mark.parametrize(
    ("line", "needed"),
    [("torch.ones(1)", False), ("torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1)", True)],
)
def test_what_optimizers_import_is_imported_beforehand_for_them_alone(tiny: Tiny, line: str, needed: bool) -> None:
    tiny.example(
        f"# %% sum\nimport sys\nimport torch\n\nloaded = list(sys.modules)\nassert ('torch._dynamo' in loaded) == {needed}\n{line}\n"
        "\n# %% error raises='ValueError'\nint('a')\n"
    )
    done = tiny.command("run")  # a process of its own: in ours, the server may have been started by another test
    assert done.returncode == 0, done.stderr


def test_all_that_one_line_imports_is_imported_beforehand(tiny: Tiny) -> None:
    tiny.example(
        "# %% sum\nimport sys\n\nloaded = list(sys.modules)\nimport json, optuna as tuning, torch\n\n"
        "assert {'optuna', 'torch'} <= {*loaded}\nassert torch and tuning and json\n"
        "\n# %% error raises='ValueError'\nint('a')\n"
    )
    done = tiny.command("run")
    assert done.returncode == 0, done.stderr


def test_how_each_died_is_known_when_many_die_at_once(tiny: Tiny) -> None:
    for number in range(12):
        when = f"import time\ntime.sleep({number % 4 / 40})\n"
        tiny.example(f"# %% a\nimport os, signal\n{when}os.kill(os.getpid(), signal.SIGKILL)\n", f"n{number}")
    died = [problem.what for problem in tiny.problems(jobs=6) if "单元" in problem.what]
    assert len(died) == 12
    assert all("被信号 SIGKILL 杀死" in what for what in died), died


def test_a_run_is_dropped_once_it_is_shown(tiny: Tiny) -> None:
    class Done:
        def submit(self, _: object) -> Future[Run]:
            future = Future[Run]()
            future.set_result(Run((), 0.0, {}))
            return future

        def __enter__(self) -> Done:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    experiments = [parse_experiment(tiny.example(EXAMPLE, f"e{i}"), tiny.root / "examples") for i in range(5)]
    seen = []
    for _, run in run_all(experiments, Done()):
        seen.append(weakref.ref(run))
        alive = sum(run() is not None for run in seen)
        assert alive <= 2  # this one, and perhaps the one before
    assert len(seen) == 5


def test_a_figure_is_cleaned_once_and_what_it_was_made_of_is_not_kept() -> None:
    class Drawing(str):
        """A text that can be referred to weakly."""

    def clean(i: int) -> tuple[str, bool]:
        drawing = Drawing(f'<svg xmlns="http://www.w3.org/2000/svg"><path d="M {i} 0 L 1 1"/></svg>')
        kept = weakref.ref(drawing)
        figure = clean_svg(drawing, "plot", "直线")
        del drawing
        return figure, kept() is not None

    first, kept = clean(0)
    assert "M0 0L1 1" in first
    assert not kept
    assert clean(0)[0] is first
    for i in range(1, 300):
        clean(i)
    again, _ = clean(0)
    assert again == first
    assert again is not first  # not even figures are kept without end
