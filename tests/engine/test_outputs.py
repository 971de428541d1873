"""What comes out of a cell is what Python, its children and its libraries gave: all of it, in order, as text."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.tiny import Tiny

from engine.running.cjk_widths import made
from engine.running.figures import FONT


def outputs(tiny: Tiny, cell: str, name: str = "lone") -> list[dict[str, Any]]:
    """Return the outputs of a cell of the last build, from the notebook that readers download."""
    content = nbformat.read(tiny.root / f"docs/downloads/04-a/{name}.ipynb", as_version=4)
    nbformat.validate(content)
    (found,) = (one for one in content.cells if one.id == cell)
    return json.loads(json.dumps(found.outputs))  # type: ignore[no-any-return]


def printed(tiny: Tiny, cell: str, stream: str = "stdout") -> str:
    return "".join(o["text"] for o in outputs(tiny, cell) if o["output_type"] == "stream" and o["name"] == stream)


def shown(tiny: Tiny, cell: str) -> list[str]:
    return [o["data"]["text/plain"] for o in outputs(tiny, cell) if "data" in o]


AS_A_PROGRAM = '''"""说明。"""

# %% a
import builtins, dataclasses, doctest, inspect, io, multiprocessing, pickle, sys, typing, warnings

print(sorted(globals()))
print(__name__, __spec__, __package__, __doc__, __cached__, __builtins__ is builtins, type(__loader__).__name__)
print(len(sys.argv), len(sys.orig_argv), sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__)
print([getattr(sys, name) is getattr(sys, f"__{name}__") for name in ("stdin", "stdout", "stderr")])
print([(s.name, s.mode, s.encoding, s.isatty(), type(s).__name__) for s in (sys.stdout, sys.stderr)])
print(warnings.filters[-5:], any("IPython" in str(f) for f in warnings.filters))
process = multiprocessing.current_process()
print(process.name, multiprocessing.parent_process(), multiprocessing.Process().name)

# %% b
"""不是模块的说明。"""


def f(x: int) -> str: ...


@dataclasses.dataclass
class P:
    """
    >>> P().x + 1
    1
    """

    x: int = 0


y: int = 3
print(f.__annotations__, [field.type for field in dataclasses.fields(P)], __annotations__, __doc__)
print(typing.get_type_hints(f), pickle.loads(pickle.dumps(P())), inspect.getsource(f).strip(), doctest.testmod())
if __name__ == "__main__":
    print("main")

# %% c
sys.stdout.reconfigure(encoding="utf-8")
_ = sys.stdout.buffer.write("字节\\n".encode())
sys.stdout.writelines(["甲\\n", "乙\\n"])
print("丙", flush=True)
print("丁", file=sys.__stdout__)
print("戊", file=io.TextIOWrapper(sys.stdout.buffer, "utf-8", write_through=True))
sys.stdout = sys.__stdout__

# %% d raises="NameError"
def g(x: Undefined): ...
'''


def test_a_file_finds_what_it_finds_under_plain_python(tiny: Tiny, tmp_path: Path) -> None:
    assert tiny.only(AS_A_PROGRAM) is None
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = tiny.root / "examples/04-a/lone.py"
    utf8 = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, str(path)], env=environment | utf8, capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert "NameError: name 'Undefined' is not defined" in done.stderr
    assert "".join(printed(tiny, cell) for cell in "abc") == done.stdout


def test_what_is_imported_from_the_future_holds_in_every_cell(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        from __future__ import annotations

        # %% b
        def f(x: Undefined): ...

        print(f.__annotations__)
        """)
    assert found is None
    assert printed(tiny, "b") == "{'x': 'Undefined'}\n"


def test_modules_are_found_where_python_finds_them_not_where_the_engine_was_started(tiny: Tiny) -> None:
    tiny.write("beside_the_project.py", "")
    tiny.example('# %% a raises="ModuleNotFoundError"\nimport beside_the_project\n', "lone")
    done = tiny.command("run", "examples/04-a/lone.py")  # python -m puts the current folder first
    assert done.returncode == 0, done.stderr


def test_the_order_is_that_of_writing_whoever_writes(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import ctypes, os, subprocess, sys

        print("一")
        _ = subprocess.run(["echo", "二"])
        print("三", end="")
        _ = os.system("echo 四")
        _ = os.write(1, "五".encode())
        _ = ctypes.CDLL(None).printf("六".encode())
        print("七")
        _ = os.write(1, "八".encode()[:1])
        _ = os.write(1, "八".encode()[1:])

        # %% b
        print("一")
        print("甲", file=sys.stderr)
        _ = os.system("echo 二")
        _ = os.system("echo 乙 >&2")
        print("三")
        display("丙")
        _ = os.system("echo 四")
        """)
    assert found is None
    assert printed(tiny, "a") == "一\n二\n三四\n五六七\n八"
    order = [o.get("text") or o["data"]["text/plain"] for o in outputs(tiny, "b")]
    assert order == ["一\n", "甲\n", "二\n", "乙\n", "三\n", "'丙'", "四\n"]


def test_what_children_print_appears(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import os, sys
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import Process

        print("前")
        child = Process(target=print, args=("子进程",))
        child.start()
        child.join()
        print("后")

        # %% b
        with ProcessPoolExecutor(1) as pool:
            pool.submit(print, "池").result()

        # %% c
        if (pid := os.fork()) == 0:
            print("叉", flush=True)
            print("叉的错", file=sys.stderr)
            os._exit(0)
        _ = os.waitpid(pid, 0)

        # %% d
        from torch.utils.data import DataLoader, Dataset

        class Data(Dataset):
            def __len__(self):
                return 1

            def __getitem__(self, i):
                print("取", i)
                return i

        for _ in DataLoader(Data(), num_workers=1):
            pass
        """)
    assert found is None
    assert printed(tiny, "a") == "前\n子进程\n后\n"
    assert printed(tiny, "b") == "池\n"
    assert printed(tiny, "c") == "叉\n"
    assert printed(tiny, "c", "stderr") == "叉的错\n"
    assert printed(tiny, "d") == "取 0\n"


def test_a_fork_that_comes_to_the_end_of_its_cell_ends_there(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import os

        if (pid := os.fork()) == 0:
            print("叉")
        else:
            print(os.waitpid(pid, 0)[1])

        # %% b
        print("一次")
        """)
    assert found is None
    assert printed(tiny, "a") == "叉\n0\n"
    assert printed(tiny, "b") == "一次\n"


def test_nobody_waits_for_an_answer_from_whoever_builds(tiny: Tiny) -> None:
    tiny.example("# %% a\nimport os, subprocess\nprint(os.read(0, 9), subprocess.run(['cat']).returncode)\n", "lone")
    done = tiny.command("run", "examples/04-a/lone.py", input="不是给实验的\n")
    assert done.returncode == 0, done.stderr
    assert printed(tiny, "a") == "b'' 0\n"


def test_a_flood_from_anywhere_is_cut_and_the_rest_goes_on(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% a
        import os

        for _ in range(100):
            _ = os.write(1, b"x" * 10**6)
            print("y" * 10**5)
        _ = os.write(1, b"z")

        # %% b
        print("好")
        """)
    assert found is None
    assert len(printed(tiny, "a")) == 100_000
    assert printed(tiny, "a", "stderr") == "\n……输出过长，其余 109900101 字节已略去\n"
    assert printed(tiny, "b") == "好\n"


FIGURES = """
# %% a caption="说明"
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

fig, ax = plt.subplots()
ax.plot([0, 1])
ax.set(title="一")

# %% b caption="说明"
ax.plot([1, 0])
fig

# %% c caption="说明"
other = Figure()
other.add_subplot().set(title="不用 pyplot")
other

# %% d caption="说明"
fig, ax = plt.subplots()
ax.set(title="四")
fig

# %% e caption="说明"
fig, ax = plt.subplots()
ax.set(title="五")
display(fig)
print("后")

# %% f caption="说明"
ax

# %% g caption="说明"
fig, axes = plt.subplots(2)
axes[0].set(title="上")
axes

# %% h
plt.close("all")
plt.rcParams["lines.linewidth"]
"""


def test_a_figure_is_shown_once_however_it_is_asked_for(tiny: Tiny) -> None:
    assert tiny.only(FIGURES) is None
    titles = {
        cell: [o["metadata"]["title"] if "image/svg+xml" in o.get("data", {}) else "字" for o in outputs(tiny, cell)]
        for cell in "abcdefgh"
    }
    assert titles == {
        **{"a": ["一"], "b": ["一"], "c": ["不用 pyplot"], "d": ["四"]},
        **{"e": ["五", "字"], "f": ["五"], "g": ["上"], "h": ["字"]},
    }
    assert outputs(tiny, "a")[0]["data"] != outputs(tiny, "b")[0]["data"]  # with the second line
    assert "<figcaption>说明</figcaption>" in tiny.fragment("e")


def test_own_settings_of_matplotlib_change_no_figure(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.example(FIGURES, "lone")
    drawing = tiny.root / "build/fragments/04-a/lone/a.md"
    done = tiny.command("run", "examples/04-a/lone.py")
    assert done.returncode == 0, done.stderr
    expected = drawing.read_text("utf-8")
    settings = "lines.linewidth: 9\ntext.usetex: True\nbackend: pdf\nfigure.max_open_warning: 1\n"
    for number, folder in enumerate(["home/.config/matplotlib", "elsewhere", "."]):
        own = tiny.write(f"{folder}/matplotlibrc", settings + "figure.dpi: 300\n" * number)
        with monkeypatch.context() as patch:
            patch.setenv("HOME", str(tiny.root / "home"))
            patch.delenv("XDG_CONFIG_HOME", raising=False)
            patch.delenv("MPLCONFIGDIR", raising=False)
            if folder == "elsewhere":
                patch.setenv("MATPLOTLIBRC", str(own))
            done = tiny.command("run", "--force", "examples/04-a/lone.py")
        own.unlink()
        assert done.returncode == 0, done.stderr
        assert drawing.read_text("utf-8") == expected, folder
    own = tiny.write("matplotlibrc", b"\xff\xfe broken")  # which matplotlib refuses to be imported with
    done = tiny.command("run", "--force", "examples/04-a/lone.py")
    assert done.returncode == 0, done.stderr


def test_a_font_in_the_temporary_folder_is_not_taken(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FONT.read_bytes() == made()
    planted = tmp_path / "temporary"
    planted.mkdir()
    (planted / f"engine-cjk-widths-{os.getuid()}.ttf").write_bytes(b"not a font")
    monkeypatch.setenv("TMPDIR", str(planted))
    tiny.example(FIGURES, "lone")
    done = tiny.command("run", "examples/04-a/lone.py")
    assert done.returncode == 0, done.stderr


RICH = """
# %% html
from IPython.display import HTML, JSON, SVG, Image, Latex, Markdown, clear_output, display, update_display

HTML("<h3>表</h3><p>一 &lt; 二<br>三</p><script>alert(1)</script><table><tr><th>名</th><th>n</th></tr>"
     "<tr><td>alpha</td><td>1</td></tr></table><ul><li>甲</li><li>乙</li></ul>")

# %% markdown
Markdown("**粗**")

# %% latex
display(Latex("$x^2$"))

# %% json
import numpy as np

display(JSON({"a": np.float32(0.5), "b": np.arange(2), "c": float("nan"), 1: None}))

# %% picture
from PIL import Image as Pictures

Pictures.new("RGB", (4, 4))

# %% file
import base64

Image(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="))

# %% own
class Own:
    def _repr_html_(self):
        return "<b>富</b>"

class Text(str):
    pass

class Named:
    def __repr__(self):
        return Text("子类")

display(Own(), Named())

# %% clear
print("没有了")
display("没有了")
clear_output()
print("留下")
clear_output(wait=True)
print("只有它")

# %% kept
print("还在")
clear_output(wait=True)

# %% update
handle = display("旧", display_id="它")
display("旁", display_id=True)
print("中")

# %% updated
update_display("新", display_id="它")
update_display("谁也不是", display_id="无此")

# %% silent
1 + 1;

# %% silent-too
(1 +
 1) ;  # 说明

# %% loud
"a;"  # ;
"""


def test_rich_outputs_stay_in_the_notebook_and_say_something_as_text(tiny: Tiny) -> None:
    assert tiny.only(RICH) is None
    assert shown(tiny, "html") == ["表\n\n一 < 二\n三\n\n名     n\nalpha  1\n\n- 甲\n- 乙"]
    assert "<script>" in outputs(tiny, "html")[0]["data"]["text/html"]
    assert shown(tiny, "markdown") == ["**粗**"]
    assert outputs(tiny, "markdown")[0]["data"]["text/markdown"] == "**粗**"
    assert shown(tiny, "latex") == ["$x^2$"]
    assert outputs(tiny, "json")[0]["data"]["application/json"] == {"a": 0.5, "b": [0, 1], "c": "nan", "1": None}
    assert '"a": 0.5' in shown(tiny, "json")[0]
    picture = base64.b64decode(outputs(tiny, "picture")[0]["data"]["image/png"])
    assert picture.startswith(b"\x89PNG")
    assert shown(tiny, "picture") == ["<PIL.Image.Image image mode=RGB size=4x4>"]
    assert shown(tiny, "file") == ["（图像：image/png）"]
    assert shown(tiny, "own") == ["富", "子类"]
    assert "IPython" not in "".join(tiny.fragment(cell).split("qa-output")[-1] for cell in ("html", "latex", "file"))


def test_displays_are_cleared_updated_and_silenced_as_in_jupyter(tiny: Tiny) -> None:
    assert tiny.only(RICH) is None
    assert [o.get("text") for o in outputs(tiny, "clear")] == ["只有它\n"]
    assert printed(tiny, "kept") == "还在\n"
    assert shown(tiny, "update") == ["'新'", "'旁'"]
    assert shown(tiny, "updated") == shown(tiny, "silent") == shown(tiny, "silent-too") == []
    assert shown(tiny, "loud") == ["'a;'"]


@pytest.mark.parametrize(
    ("code", "line", "what"),
    [
        ("display({'text/plain': 5}, raw=True)", 3, "text/plain 应是文本"),
        ("display({5: '五'}, raw=True)", 3, "类型应是文本"),
        ("publish_display_data('文')", 3, "应是字典"),
        ("publish_display_data({'image/svg+xml': '<svg'})", 3, "不是合法的 XML"),
        ("publish_display_data({'application/json': {1, 2}})", 3, "set 写不成 JSON"),
        ("publish_display_data({'application/json': 10**5000})", 3, "integer string conversion"),
        ("a = []\na.append(a)\npublish_display_data({'application/json': a})", 5, "包含它自己"),
        ("class A:\n    def _repr_json_(self):\n        return {'a': {1, 2}}\nA()", 6, "set 写不成 JSON"),
        ("class A:\n    def __repr__(self):\n        raise ValueError('坏')\nA()", 5, "坏"),
        ("class A:\n    def _repr_html_(self):\n        1 / 0\ndisplay(A())", 5, "ZeroDivisionError"),
    ],
)
def test_a_display_that_is_none_fails_its_cell(tiny: Tiny, code: str, line: int, what: str) -> None:
    tiny.example("# %% a\nprint(1)\n", "well")
    tiny.example(f"# %% a\nfrom IPython.display import display, publish_display_data\n{code}\n", "lone")
    (problem,) = (p for p in tiny.problems(only=[tiny.root / "examples"]) if p.path.endswith("lone.py"))
    assert "单元 a 抛出了" in problem.what
    assert what in problem.hint
    assert problem.line == line
    assert "1" in tiny.fragment("a", "well")


def test_too_many_or_too_large_displays_are_cut_with_a_notice(tiny: Tiny) -> None:
    found = tiny.only("""
        # %% many
        for i in range(3000):
            display(i)

        # %% drawn caption="说明"
        import matplotlib.pyplot as plt

        for i in range(25):
            fig, ax = plt.subplots()
            ax.set(title=str(i))

        # %% cleared
        from IPython.display import clear_output

        for i in range(3000):
            clear_output(wait=True)
            display(i)

        # %% large
        "x" * 10**7

        # %% page
        class Page:
            def _repr_html_(self):
                return "x" * 10**7

        Page()

        # %% after
        print("好")
        """)
    assert found is None
    assert shown(tiny, "many") == [str(i) for i in range(20)]
    assert "其余 2980 项已略去" in printed(tiny, "many", "stderr")
    assert tiny.fragment("drawn").count("<figure") == 20
    assert "其余 5 项已略去" in tiny.fragment("drawn")
    assert shown(tiny, "cleared") == ["2999"]
    assert printed(tiny, "cleared", "stderr") == ""
    assert len(shown(tiny, "large")[0]) == 100_000
    assert "字节已略去" in printed(tiny, "large", "stderr")
    assert printed(tiny, "after") == "好\n"
    assert (tiny.root / "docs/downloads/04-a/lone.ipynb").stat().st_size < 10**6
