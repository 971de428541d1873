"""Measure the engine against its peers, against the limit of the machine, and while serving; print a report."""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from bench.measure import CommandError, Cost, run
from bench.scale import scale_report
from bench.serve import serve_report
from bench.tools import CHANGED, Tool, all_tools, experiments_of
from engine.experiments import Experiment
from engine.results import Cache

ROOT = Path(__file__).parents[2]
CASES = ("首次", "什么都没改", "改了一个实验", "改了一行文字")
_PRELOAD = """
import sys
from engine.experiments import parse_experiment
from engine.running.isolation import run_isolated
from pathlib import Path
if __name__ == "__main__":
    path = Path("examples/tiny/tiny.py").resolve()
    run = run_isolated(parse_experiment(path, path.parents[1]), path.parents[2], 2**34)
    sys.exit(run.failure is not None)
"""


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description="量引擎和同类工具要多久，写成 Markdown 表格。")
    parser.add_argument("--chapters", nargs="*", default=[], metavar="章", help="只用这些章的实验，如 04-tensor")
    parser.add_argument(
        "--tools", nargs="*", default=["engine", "sphinx-gallery", "Jupyter Book", "mkdocs-jupyter"], metavar="工具"
    )
    parser.add_argument(
        "--parts", nargs="*", default=["tools", "scale", "serve"], choices=["tools", "scale", "serve"]
    )
    options = parser.parse_args()
    chosen = experiments_of(ROOT, options.chapters)
    print(f"日期 {date.today()}；{os.cpu_count()} 核，{_processor()}，{_memory():.0f} GiB；", end="")
    print(f"Python {platform.python_version()}；{len(chosen)} 个实验，每个进程 1 个线程\n", flush=True)
    tools = all_tools(ROOT, ROOT / ".bench" / "venv")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            if "tools" in options.parts:
                print(tools_report([tools[name] for name in options.tools], chosen, Path(folder)), flush=True)
            if "scale" in options.parts:
                print(scale_report(Path(folder)), flush=True)
            if "serve" in options.parts:
                print(serve_report(ROOT, tools["engine"], chosen, Path(folder)), flush=True)
        except CommandError as error:
            print(f"停下了：{error}", file=sys.stderr)
            return 1
    return 0


def tools_report(tools: Sequence[Tool], experiments: Sequence[Experiment], folder: Path) -> str:
    """Build the same experiments with each tool, in each case; return tables of seconds and of ratios."""
    costs: dict[str, dict[str, Cost]] = {}
    plain = limit = own = 0.0
    slowest: list[tuple[float, str]] = []
    for tool in tools:
        home = folder / tool.name.replace(" ", "-")
        home.mkdir()
        tool.lay_out(experiments, home)
        try:
            costs[tool.name] = _measured(tool, home)
        except CommandError as error:
            if tool.name == "engine":
                raise
            print(f"{tool.name} 停下了，略过它：{error}", file=sys.stderr, flush=True)
            continue
        if tool.name == "engine":
            seconds = _own_seconds(home, experiments)
            own, slowest = sum(seconds.values()), sorted(((s, id_) for id_, s in seconds.items()), reverse=True)[:10]
            command = [tool.command[0], "build", "--quiet", "--config-file", "plain.yml"]
            plain = min(run(command, home, tool.environment).wall for _ in range(3))
            warm = min(run(tool.command, home, tool.environment).wall for _ in range(3))
            costs[tool.name][CASES[1]] = dataclasses.replace(costs[tool.name][CASES[1]], wall=warm)
            limit = preload_seconds(tool, folder) + own / tool.workers + plain
        shutil.rmtree(home)
    measured = [tool for tool in tools if tool.name in costs]
    return _tables(measured, costs, len(experiments), own, plain, limit, slowest)


def preload_seconds(tool: Tool, folder: Path) -> float:
    """Return how long it takes until the first experiment, an empty one that imports torch, has run."""
    home = folder / "preload"
    path = home / "examples" / "tiny" / "tiny.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        '"""空。"""\n\n# %% a\nimport torch, torchvision, sklearn, matplotlib\nassert torch.ones(1) > 0\n'
    )
    (home / "preload.py").write_text(_PRELOAD)
    return min(run([sys.executable, "preload.py"], home, tool.environment).wall for _ in range(3))


def _measured(tool: Tool, home: Path) -> dict[str, Cost]:
    """Return what each case costs with a tool."""
    costs = {}
    for case, change in zip(CASES, (None, None, tool.change_code, tool.change_prose), strict=True):
        if change:
            change(home)
        print(f"{time.strftime('%H:%M:%S')} {tool.name}：{case}……", file=sys.stderr, flush=True)
        costs[case] = run(tool.command, home, tool.environment)
    return costs


def _own_seconds(home: Path, experiments: Sequence[Experiment]) -> dict[str, float]:
    """Return the CPU seconds of each experiment, as measured when it ran: questions and labs."""
    cache = Cache(home / ".cache" / "experiments", home, print)
    return {e.id: seconds for e in experiments if (seconds := cache.last_seconds(e.id)) is not None}


def _tables(
    tools: Sequence[Tool],
    costs: dict[str, dict[str, Cost]],
    count: int,
    own: float,
    plain: float,
    limit: float,
    slowest: Sequence[tuple[float, str]],
) -> str:
    def table(title: str, cell: Callable[[Tool, str], str]) -> list[str]:
        head = [f"**{title}**\n", "| 工具 | " + " | ".join(CASES) + " |", "|---" * (len(CASES) + 1) + "|"]
        return [*head, *(f"| {t.name} | " + " | ".join(cell(t, case) for case in CASES) + " |" for t in tools), ""]

    lines = table("经过的秒数 / 处理器秒数", lambda t, c: f"{costs[t.name][c].wall:.1f} / {costs[t.name][c].cpu:.1f}")
    if "engine" not in costs:
        return "\n".join(lines)
    ours = costs["engine"]
    lines += table("引擎用的时间是它的几分之几", lambda t, c: f"{ours[c].wall / costs[t.name][c].wall:.3f}")
    cores = max(tool.workers for tool in tools)
    least = (ours[CASES[0]].wall * cores - own) / count

    def extra(tool: Tool, workers: int) -> float:
        return (costs[tool.name][CASES[0]].wall * workers - own) / count

    def compared(tool: Tool, workers: int) -> str:
        return f"{extra(tool, workers):.2f} | {least / extra(tool, workers):.3f}"

    lines += [
        "**首次构建时，每个实验额外的秒数**（经过的时间 × 进程数 − 实验自己的处理器时间，再除以个数）\n",
        f"| 工具 | 进程数 | 额外 | 引擎是它的 | 额外，没用上的核也算（× {cores}） | 引擎是它的 |",
        "|---" * 6 + "|",
        *(f"| {t.name} | {t.workers} | {compared(t, t.workers)} | {compared(t, cores)} |" for t in tools),
        "",
        f"- 实验自己的处理器时间：共 {own:.1f} 秒",
        f"- 首次构建的极限（预先导入 + 实验的处理器时间 / 工作进程数 + 纯 MkDocs）：{limit:.1f} 秒；"
        f"引擎是它的 {ours[CASES[0]].wall / limit:.2f} 倍",
        f"- 纯 MkDocs 构建同样的成品页面：{plain:.1f} 秒；"
        f"什么都没改时引擎是它的 {ours[CASES[1]].wall / plain:.2f} 倍",
        f"- 改了一个实验（{CHANGED}）比什么都没改多：{ours[CASES[2]].wall - ours[CASES[1]].wall:.1f} 秒",
        "",
        "**最慢的十个实验**（处理器秒数）\n",
        *(f"- {id_}：{seconds:.1f}" for seconds, id_ in slowest),
        "",
    ]
    return "\n".join(lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    sys.exit(main())
