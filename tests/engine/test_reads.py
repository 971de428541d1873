"""What a result depends on is what the run really read, when it read it; each case is changed and must run again."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import subprocess
import sys
import textwrap
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tiny import Tiny

from engine.common import digest_of, namer
from engine.experiments import ingredients, parse_experiment
from engine.inspect import missing_results

HERE = "examples/04-a"
LONE = f"{HERE}/lone.py"
START = "from pathlib import Path\nimport os, subprocess, sys\n\nhere = Path(__file__).parent\n"


def png(value: int) -> bytes:
    """Return a picture of one grey pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes([0, value])))


def database(value: int) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x)")
    connection.execute("insert into t values (?)", [value])
    connection.commit()
    return connection.serialize()


def data(tiny: Tiny, value: int) -> None:
    """Write all that the cases read, with `value` in it."""
    tiny.write(f"{HERE}/data.csv", f"value {value}\n")
    tiny.write(f"{HERE}/x.db", database(value))
    tiny.write(f"{HERE}/i.png", png(value) + b"")
    tiny.write(f"{HERE}/_helper.py", f"value = {value}\n")
    tiny.write(f"{HERE}/pk/__init__.py", "from .inner import value\nfrom . import other\n")
    tiny.write(f"{HERE}/pk/inner.py", f"value = {value}\n")
    tiny.write(f"{HERE}/pk/other.py", f"value = {value}\n")
    tiny.write(f"{HERE}/modules/far.py", f"value = {value}\n")
    tiny.write("scripts/shared/__init__.py", "from shared.part import value\n")
    tiny.write("scripts/shared/part.py", f"value = {value}\n")


# How it is read, and what of it an explanation names.
CASES = {
    "a relative path after chdir": ("os.chdir(here)\nprint(open('data.csv').read())", "data.csv"),
    "a relative path": ("print(open(os.path.relpath(here / 'data.csv')).read())", "data.csv"),
    "bytes": ("print(open(os.fsencode(here / 'data.csv')).read())", "data.csv"),
    "a worker": (
        """
        from torch.utils.data import DataLoader, Dataset

        class Lines(Dataset):
            def __len__(self):
                return 1

            def __getitem__(self, i):
                return (here / "data.csv").read_text()

        print(next(iter(DataLoader(Lines(), num_workers=1))))
        """,
        "data.csv",
    ),
    "a fork": (
        """
        if pid := os.fork():
            os.waitpid(pid, 0)
        else:
            (here / "data.csv").read_text()
            os._exit(0)
        print("done")
        """,
        "data.csv",
    ),
    "a spawned process": (
        """
        import multiprocessing
        from _reader import read

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(read, [str(here / "data.csv")]))
        """,
        "data.csv",
    ),
    "another Python": (
        'code = \'print(open("data" + ".csv").read())\'\n'
        "print(subprocess.run([sys.executable, '-c', code], cwd=here, capture_output=True).stdout)",
        "data.csv",
    ),
    "a module of another Python": (
        "code = 'import _helper; print(_helper.value)'\n"
        "done = subprocess.run([sys.executable, '-c', code], cwd=here, capture_output=True, text=True)\n"
        "print(done.stdout)",
        "_helper.py",
    ),
    "another program": (
        "print(subprocess.run(['cat', here / 'data.csv'], capture_output=True, text=True).stdout)",
        "data.csv",
    ),
    "another program, elsewhere": (
        "print(subprocess.run(['cat', 'data.csv'], cwd=here, capture_output=True, text=True).stdout)",
        "data.csv",
    ),
    "a command line": ("os.system(f'cat <{here}/data.csv >/dev/null')\nprint(1)", "data.csv"),
    "a program's folder": (
        "print(subprocess.run(['grep', '-r', 'value', here / 'modules'], capture_output=True).stdout)",
        "modules",
    ),
    "sqlite3": (
        "import sqlite3\nprint(sqlite3.connect(here / 'x.db').execute('select x from t').fetchall())",
        "x.db",
    ),
    "sqlite3 by address": (
        "import sqlite3\naddress = f'file:{here}/x.db?mode=ro'\n"
        "print(sqlite3.connect(address, uri=True).execute('select x from t').fetchall())",
        "x.db",
    ),
    "PIL": ("from PIL import Image\nprint(Image.open(here / 'i.png').getpixel((0, 0)))", "i.png"),
    "numpy": ("import numpy\nprint(numpy.fromfile(here / 'data.csv', dtype='u1'))", "data.csv"),
    "a mapped file": (
        "import numpy\nprint(numpy.memmap(here / 'data.csv', dtype='u1', mode='r')[:].tolist())",
        "data.csv",
    ),
    "import_module": ("import importlib\nprint(importlib.import_module('_helper').value)", "_helper"),
    "a path of modules": ("sys.path.insert(0, str(here / 'modules'))\nimport far\nprint(far.value)", "far.py"),
    "a module by its file": ("import runpy\nprint(runpy.run_path(str(here / '_helper.py'))['value'])", "_helper.py"),
    "a module's text": ("print((here / '_helper.py').read_text())", "_helper.py"),
    "a package's own imports": ("import pk\nprint(pk.value)", "pk.inner"),
    "a package's own module": ("import pk\nprint(pk.other.value)", "pk.other"),
    "a module of the project": ("from shared import value\nprint(value)", "shared.part"),
    "a module of the project, found late": ("print(__import__('shared').value)", "scripts/shared/part.py"),
}


@pytest.fixture
def shared(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A project that installs a package of its own."""
    monkeypatch.syspath_prepend(tiny.root / "scripts")
    tiny.write(f"{HERE}/_reader.py", "def read(path):\n    return open(path).read()\n")
    return tiny


def lone(tiny: Tiny, code: str, options: str = "") -> None:
    tiny.example(f"# %% a{options}\n{START}{textwrap.dedent(code)}\n", "lone")


def run(tiny: Tiny) -> tuple[str, ...]:
    """Build it; return what was executed."""
    return tiny.build(only=[tiny.root / LONE]).executed


def explained(tiny: Tiny) -> str:
    return "；".join(missing_results(tiny.project, [tiny.root / LONE])["04-a/lone"])


@pytest.mark.parametrize("case", CASES)
def test_what_was_read_runs_again_when_it_changes(shared: Tiny, case: str) -> None:
    code, named = CASES[case]
    data(shared, 1)
    lone(shared, code)
    assert run(shared) == ("04-a/lone",)
    assert run(shared) == ()
    before = shared.fragment("a")
    data(shared, 2)
    why = explained(shared)
    assert named in why
    assert why.endswith("改了")
    assert run(shared) == ("04-a/lone",)
    assert shared.fragment("a") != before or case in ("a fork", "a command line")
    assert run(shared) == ()


LISTINGS = {
    "listdir": "os.listdir(here / 'd')",
    "scandir": "[entry.name for entry in os.scandir(here / 'd')]",
    "glob": "[path.name for path in here.glob('d/*')]",
    "iterdir": "[path.name for path in (here / 'd').iterdir()]",
    "walk": "[files for _, _, files in os.walk(here / 'd')]",
    "the glob module": "__import__('glob').glob(f'{here}/d/*.txt')[0][-5:]",
    "the current folder": "os.chdir(here / 'd') or os.listdir()",
}


@pytest.mark.parametrize("case", LISTINGS)
def test_a_folder_that_was_listed_counts_by_its_names(tiny: Tiny, case: str) -> None:
    tiny.write(f"{HERE}/d/b.txt", "1")
    lone(tiny, f"import _helper\nprint(sorted({LISTINGS[case]}))")
    tiny.write(f"{HERE}/_helper.py", "")
    assert run(tiny) == ("04-a/lone",)
    for unseen in (f"{HERE}/d/.#b.txt", f"{HERE}/new.txt", f"{HERE}/d/__pycache__/x.pyc"):
        tiny.write(unseen, "2")
        assert run(tiny) == ()
    tiny.write(f"{HERE}/d/a.txt", "1")
    assert f"文件夹 {HERE}/d/ 里的名字变了" in explained(tiny)
    assert run(tiny) == ("04-a/lone",)
    (tiny.root / f"{HERE}/d/a.txt").unlink()
    assert run(tiny) == ("04-a/lone",)


READ_IMAGE = "from torchvision.io import read_image\nprint(read_image(str(here / 'i.png')).tolist())"


@pytest.mark.parametrize(
    ("reads", "changed"), [("i.png", "i.png"), (". ../04-a/d", "i.png"), ("'d e' i.png", "d e/x")]
)
def test_what_nobody_reports_is_declared(tiny: Tiny, reads: str, changed: str) -> None:
    data(tiny, 1)
    tiny.write(f"{HERE}/d/x", "1")
    tiny.write(f"{HERE}/d e/x", "1")
    lone(tiny, READ_IMAGE, f' reads="{reads}"')
    assert run(tiny) == ("04-a/lone",)
    assert run(tiny) == ()
    tiny.write(f"{HERE}/{changed}", png(2))
    assert "声明的数据" in explained(tiny)
    assert run(tiny) == ("04-a/lone",)
    data(tiny, 1)
    tiny.write(f"{HERE}/d e/x", "1")
    assert run(tiny) == ()  # on another branch, say


def test_what_does_not_count(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "data.csv"
    outside.write_text("1")
    data(tiny, 1)
    lone(
        tiny,
        f"""
        import _helper, pk
        import importlib.metadata, inspect, pkgutil, warnings

        list(importlib.metadata.distributions())
        list(pkgutil.iter_modules())
        def f():
            return 1
        inspect.getsource(f)
        warnings.warn("x")
        Path("mine.txt").write_text("x")
        (open("mine.txt").read(), os.listdir())
        made = here / "made.txt"
        made.write_text("x")
        made.read_text()
        made.unlink()
        print(open({str(outside)!r}).read())
        """,
    )
    assert run(tiny) == ("04-a/lone",)
    (entry,) = tiny.entries()
    assert json.loads(entry.read_bytes())["notebook"]["metadata"]["engine"]["reads"] == {}
    outside.write_text("2")
    tiny.write(f"{HERE}/new.py", "")
    assert run(tiny) == ()


def test_a_folder_that_is_not_there_counts_where_the_experiment_looks_for_it(tiny: Tiny) -> None:
    lone(tiny, "import glob\nprint(glob.glob(f'{here}/d/*.txt'))")
    run(tiny)
    tiny.write(f"{HERE}/d/x.txt", "")
    assert run(tiny) == ("04-a/lone",)


def test_where_libraries_look_for_their_parts_does_not_count(tiny: Tiny) -> None:
    """A process that imports torch anew looks for its parts in each folder of modules."""
    tiny.write(
        "site-packages/prober.py", "import glob, sys\n\nfor p in sys.path:\n    glob.glob(f'{p}/parts/*.so')\n"
    )
    lone(tiny, "sys.path.insert(1, str(here.parent.parent / 'site-packages'))\nimport prober\nprint(1)")
    run(tiny)
    tiny.write(f"{HERE}/parts/x.so", "")
    assert run(tiny) == ()


def test_own_words_do_not_count_even_where_a_process_is_spawned(tiny: Tiny) -> None:
    text = """
    # %% a
    import multiprocessing

    def square(x):
        return x * x

    if __name__ == "__main__":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.map(square, [2]))
    """
    tiny.example(f'"""一"""\n{textwrap.dedent(text)}', "lone")
    assert run(tiny) == ("04-a/lone",)
    assert "[4]" in tiny.fragment("a")
    tiny.example(f'"""二"""\n{textwrap.dedent(text)}', "lone")
    assert run(tiny) == ()


def test_nothing_is_left_in_the_folder_of_experiments(tiny: Tiny) -> None:
    data(tiny, 1)
    lone(tiny, "import _helper\nprint(_helper.value)")
    run(tiny)
    assert not list((tiny.root / HERE).rglob("*.pyc"))


def test_a_helper_saved_twice_within_a_second_is_the_last(tiny: Tiny) -> None:
    """Bytecode, which plain Python leaves, holds whole seconds and the length: it would be taken for the source's."""
    helper = tiny.write(f"{HERE}/_helper.py", "value = 1\n")
    os.utime(helper, (1_700_000_000, 1_700_000_000))
    lone(tiny, "import _helper\nprint('value', _helper.value)")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, tiny.root / LONE], check=True, capture_output=True, env=environment)
    assert list((tiny.root / HERE).rglob("*.pyc"))
    tiny.write(f"{HERE}/_helper.py", "value = 2\n")
    os.utime(helper, (1_700_000_000, 1_700_000_000))
    run(tiny)
    assert "value 2" in tiny.fragment("a")


WAIT = """
import time

def wait(name):
    # Until the test has done its part; it waits for us in the same way.
    (here.parent.parent / f"{name}.reached").write_text("")
    end = time.monotonic() + 60
    while not (here.parent.parent / f"{name}.done").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
"""


def during(tiny: Tiny, changes: dict[str, Callable[[], object]]) -> threading.Thread:
    """Do each change when the experiment has come to the point of that name."""

    def work() -> None:
        for name, change in changes.items():
            while not (tiny.root / f"{name}.reached").exists():
                if stop.wait(0.01):
                    return
            change()
            (tiny.root / f"{name}.done").write_text("")

    stop = threading.Event()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def changed_while_it_ran(tiny: Tiny, changes: dict[str, Callable[[], object]]) -> str:
    """Build, with changes meanwhile; return what is said. Nothing may be stored."""
    thread = during(tiny, changes)
    (problem,) = tiny.problems(only=[tiny.root / LONE])
    thread.join(60)
    assert not thread.is_alive()
    assert problem.path == LONE
    assert not tiny.entries()
    assert not (tiny.root / "build/fragments/04-a/lone").exists()
    for mark in [*tiny.root.glob("*.reached"), *tiny.root.glob("*.done")]:
        mark.unlink()
    return problem.what


def test_data_saved_after_it_was_read(tiny: Tiny) -> None:
    data(tiny, 1)
    lone(tiny, f"{WAIT}\nprint((here / 'data.csv').read_text())\nwait('read')")
    what = changed_while_it_ran(tiny, {"read": lambda: data(tiny, 2)})
    assert f"执行期间改了：{HERE}/data.csv" in what


def test_data_put_back_before_the_end(tiny: Tiny) -> None:
    data(tiny, 1)
    lone(tiny, f"{WAIT}\nwait('start')\nprint((here / 'data.csv').read_text())\nwait('read')")
    what = changed_while_it_ran(tiny, {"start": lambda: data(tiny, 2), "read": lambda: data(tiny, 1)})
    assert f"{HERE}/data.csv" in what


def test_data_read_twice_and_different(tiny: Tiny) -> None:
    data(tiny, 1)
    read = "print((here / 'data.csv').read_text())"
    lone(tiny, f"{WAIT}\n{read}\nwait('one')\n{read}\nwait('two')")
    what = changed_while_it_ran(tiny, {"one": lambda: data(tiny, 2), "two": lambda: data(tiny, 1)})
    assert f"{HERE}/data.csv" in what


def test_a_helper_put_back_before_the_end(tiny: Tiny) -> None:
    data(tiny, 1)
    lone(tiny, f"{WAIT}\nwait('start')\nimport _helper\nprint(_helper.value)\nwait('imported')")
    what = changed_while_it_ran(tiny, {"start": lambda: data(tiny, 2), "imported": lambda: data(tiny, 1)})
    assert f"{HERE}/_helper.py" in what


def test_the_experiment_itself_edited(tiny: Tiny) -> None:
    lone(tiny, f"{WAIT}\nwait('start')\nprint(1)")
    path = tiny.root / LONE
    what = changed_while_it_ran(
        tiny, {"start": lambda: path.write_text(path.read_text("utf-8") + "print(2)\n", "utf-8")}
    )
    assert LONE in what
    assert run_after(tiny) == ("04-a/lone",)
    assert "2" in tiny.fragment("a")


def run_after(tiny: Tiny) -> tuple[str, ...]:
    tiny.write("start.done", "")
    return run(tiny)


def test_a_traceback_shows_the_text_that_ran(tiny: Tiny) -> None:
    """Edited and put back while it runs: the key is the same, and so must be the lines that the page shows."""
    lone(
        tiny,
        f"""{WAIT}
import inspect, traceback

def f():
    return 1  # as it ran

wait("start")
print(inspect.getsource(f))
try:
    1 / 0  # as it ran
except ZeroDivisionError:
    traceback.print_exc()
wait("shown")
raise ValueError  # as it ran
""",
        ' raises="ValueError"',
    )
    path = tiny.root / LONE
    text = path.read_text("utf-8")
    saved = text.replace("as it ran", "as it was saved")
    changes = {"start": lambda: path.write_text(saved, "utf-8"), "shown": lambda: path.write_text(text, "utf-8")}
    thread = during(tiny, changes)
    assert run(tiny) == ("04-a/lone",)
    thread.join(60)
    outputs = json.dumps([c["outputs"] for c in json.loads(tiny.entries()[0].read_bytes())["notebook"]["cells"]])
    assert outputs.count("as it ran") == 3
    assert "as it was saved" not in outputs


def test_what_an_experiment_writes_and_reads_later_is_said(tiny: Tiny) -> None:
    data(tiny, 1)
    lone(tiny, "path = here / 'data.csv'\nprint(path.read_text())\npath.write_text('new')")
    (problem,) = tiny.problems(only=[tiny.root / LONE])
    assert f"{HERE}/data.csv" in problem.what
    assert "那里是临时的" in problem.hint


def test_words_edited_while_it_runs_do_no_harm(tiny: Tiny) -> None:
    tiny.example(f'"""一"""\n# %% a\n{START}{WAIT}\nwait("start")\nprint(1)\n', "lone")
    path = tiny.root / LONE
    thread = during(tiny, {"start": lambda: path.write_text(path.read_text("utf-8").replace("一", "二"), "utf-8")})
    assert run(tiny) == ("04-a/lone",)
    thread.join(60)
    assert run(tiny) == ()


def test_entries_of_another_form_are_misses(tiny: Tiny) -> None:
    from engine.results.cache import _digest

    tiny.build()
    (entry,) = tiny.entries()
    notebook = json.loads(entry.read_bytes())["notebook"]
    for reads in (["data.csv"], None, 3, {"x\0": "y"}, {"data.csv": 3}):
        notebook["metadata"]["engine"]["reads"] = reads
        entry.write_text(json.dumps({"sha256": _digest(notebook), "notebook": notebook}))
        assert tiny.build().executed == ("04-a/sum",)


def test_an_explanation_of_an_older_form_does_not_fail(tiny: Tiny) -> None:
    from engine.results.cache import _digest

    tiny.build()
    (entry,) = tiny.entries()
    notebook = json.loads(entry.read_bytes())["notebook"]
    del notebook["metadata"]["engine"]["ingredients"]["reads"]
    notebook["metadata"]["engine"]["ingredients"]["engine"] = "older"
    notebook["metadata"]["engine"]["key"] = "0" * 64
    entry.unlink()
    entry.with_name(f"{'0' * 64}.json").write_text(json.dumps({"sha256": _digest(notebook), "notebook": notebook}))
    done = tiny.command("run", "--explain")
    assert "引擎里决定结果的代码改了" in done.stdout, done.stderr


def test_modules_of_the_project_count_as_such_and_the_engine_does_not(shared: Tiny) -> None:
    data(shared, 1)
    lone(shared, "from shared import value\nprint(value)")
    experiment = parse_experiment(shared.root / LONE, shared.root / "examples")
    made_of = ingredients(experiment)
    assert list(made_of["modules"]) == ["shared", "shared.part"]  # type: ignore[call-overload]
    assert "executable-deep-learning-qa" not in made_of["libraries"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("examples/04-a/x.csv", "examples/04-a/x.csv"),
        ("examples/04-a/.hidden", "examples/04-a/.hidden"),
        ("scripts/comparison/core.py", "scripts/comparison/core.py"),
        (".venv/lib/python3.11/site-packages/torch/__init__.py", None),
        ("venv/lib/python3.11/site-packages/torch/__init__.py", None),
        ("examples/04-a/__pycache__/x.pyc", None),
        ("build/fragments/x.md", None),
        ("site/index.html", None),
        ("site.csv", "site.csv"),
        ("../elsewhere", None),
        (".", "."),
    ],
)
def test_which_files_are_the_projects(tmp_path: Path, path: str, name: str | None) -> None:
    assert namer(str(tmp_path))(os.path.normpath(tmp_path / path)) == name


def test_the_engine_is_in_every_key_and_no_read() -> None:
    root = Path(__file__).parents[2]
    assert namer(str(root))(str(root / "scripts/engine/build.py")) is None


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert digest_of(str(tmp_path / "pipe")) is None
