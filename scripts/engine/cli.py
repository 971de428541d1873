"""The ``engine`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.build import build, missing_results
from engine.errors import EngineError
from engine.progress import Reporter
from engine.project import find_root, load_project


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 all well, 1 something to mend, 2 usage, 130 interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    reporter = Reporter()
    try:
        project = load_project(find_root(Path.cwd()))
        if options.check:
            missing = missing_results(project, options.paths)
            for name in missing:
                print(f"需要执行：{name}")
            print("缓存完整，没有要执行的实验" if not missing else f"共 {len(missing)} 个实验需要执行：engine run")
            return 1 if missing else 0
        result = build(
            project,
            options.paths,
            force=options.force,
            jobs=options.jobs,
            timeout=options.timeout,
            reporter=reporter,
        )
    except EngineError as error:
        print(describe(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("已中断；执行完的实验都保存在缓存里，再运行一次会接着做", file=sys.stderr)
        return 130
    print(f"完成：执行了 {len(result.executed)} 个实验，{len(result.cached)} 个取自缓存")
    return 0


def describe(error: EngineError) -> str:
    """Return everything that is wrong, for a terminal."""
    count = len(error.problems)
    return "\n".join([*map(str, error.problems), "", f"共 {count} 处要修改；其余已完成的结果都保存在缓存里"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="engine", description="执行实验，生成页面要嵌入的片段。")
    commands = parser.add_subparsers(title="命令", required=True, metavar="命令")
    run = commands.add_parser(
        "run", help="执行没有缓存的实验", description="执行没有缓存的实验，更新片段、下载文件与账本。"
    )
    run.add_argument(
        "paths", nargs="*", type=Path, metavar="路径", help="examples/ 或 docs/ 下的文件或文件夹；默认全部"
    )
    run.add_argument("--force", action="store_true", help="有缓存也重新执行")
    run.add_argument("--check", action="store_true", help="只检查：缓存是否完整、页面与说法是否有错；什么都不执行")
    run.add_argument("--jobs", type=_positive, metavar="N", help="同时执行几个实验；默认等于处理器核数")
    run.add_argument("--timeout", type=float, metavar="秒", help="每个实验的时限，覆盖实验自己写的")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("至少是 1")
    return number
