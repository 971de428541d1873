"""The ``engine`` command."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.build import build, clean
from engine.common import (
    EngineError,
    Problem,
    Reporter,
    Unfailing,
    UsageError,
    find_root,
    load_project,
)
from engine.inspect import likely_related, missing_results, record_durations
from engine.running import Pool, RemotePool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 all well, 1 something to mend, 2 usage, 130 interrupted.

    1 as well if what there is to say could not be said: a full disk, a pipe that nobody reads.
    """
    out, err = Unfailing(sys.stdout), Unfailing(sys.stderr)
    try:
        status = _run(_parser().parse_args(arguments), out, err)
    except SystemExit as end:  # usage, help
        status = int(end.code or 0)
    out.flush()
    err.flush()
    return status or int(out.lost or err.lost)


def _run(options: argparse.Namespace, out: Unfailing, err: Unfailing) -> int:
    say, complain = functools.partial(print, file=out), functools.partial(print, file=err)
    reporter = Reporter(err)
    try:
        project = load_project(find_root(Path.cwd()))
        if options.command == "related":
            for score, a, b in likely_related(project)[: options.count]:
                say(f"{score:5.1f}　{a.qa} {a.title}　↔　{b.qa} {b.title}")
            return 0
        if options.command == "clean":
            clean(project, reporter)
            return 0
        if options.check or options.explain:
            missing = missing_results(project, options.paths, shard=options.shard, reporter=reporter)
            for name, why in missing.items():
                say(f"需要执行：{name}" + (f"：{'；'.join(why)}" if options.explain else ""))
            say("缓存完整，没有要执行的实验" if not missing else f"共 {len(missing)} 个实验需要执行：engine run")
            return 1 if missing and options.check else 0
        result = build(
            project,
            options.paths,
            force=options.force,
            shard=options.shard,
            pool=_cluster(options.dask) if options.dask else None,
            jobs=options.jobs,
            timeout=options.timeout,
            reporter=reporter,
        )
        if options.record:
            record_durations(project)
    except EngineError as error:
        complain(describe(error))
        return 1
    except KeyboardInterrupt:
        complain("已中断；执行完的实验都保存在缓存里，再运行一次会接着做")
        return 130
    say(f"完成：执行了 {len(result.executed)} 个实验，{len(result.cached)} 个取自缓存")
    return 0


def describe(error: EngineError) -> str:
    """Return everything that is wrong, for a terminal."""
    count = len(error.problems)
    return "\n".join([*map(str, error.problems), "", f"共 {count} 处要修改；其余已完成的结果都保存在缓存里"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="engine", description="执行实验，生成页面要嵌入的片段。")
    commands = parser.add_subparsers(title="命令", required=True, metavar="命令", dest="command")
    run = commands.add_parser(
        "run", help="执行没有缓存的实验", description="执行没有缓存的实验，更新片段、下载文件与账本。"
    )
    run.add_argument(
        "paths", nargs="*", type=Path, metavar="路径", help="examples/ 或 docs/ 下的文件或文件夹；默认全部"
    )
    run.add_argument("--force", action="store_true", help="有缓存也重新执行")
    run.add_argument("--check", action="store_true", help="只检查：缓存是否完整、页面与说法是否有错；什么都不执行")
    run.add_argument("--explain", action="store_true", help="只说明：每个要执行的实验为什么要执行；什么都不执行")
    run.add_argument(
        "--record", action="store_true", help="把各实验的用时写进 examples/seconds.json：没有缓存时由它定先后"
    )
    run.add_argument("--jobs", type=_positive, metavar="N", help="同时执行几个实验；默认等于处理器核数")
    run.add_argument("--timeout", type=float, metavar="秒", help="每个实验的时限，覆盖实验自己写的")
    run.add_argument(
        "--shard",
        type=_slice,
        metavar="K/N",
        help="只管 N 份中的第 K 份，给多台机器分工；合并时把各自的 .cache 复制到一起",
    )
    run.add_argument(
        "--dask",
        metavar="地址",
        help="在现成的 Dask 集群上执行，例如 tcp://10.0.0.1:8786；先装 pip install -e '.[cluster]'",
    )
    commands.add_parser(
        "clean",
        help="删除生成的文件，保留缓存",
        description="删除以前的构建写下的文件；手工放进去的、后来改过的和缓存都留着。",
    )
    related = commands.add_parser(
        "related",
        help="列出也许该互相链接的问题",
        description="列出共同点多（标签、术语、接口）、却没有互相链接的问题，由人判断要不要写进 related。",
    )
    related.add_argument("--count", type=_positive, default=40, metavar="N", help="列出几对；默认 40")
    return parser


def _cluster(address: str) -> Callable[[Path], Pool]:
    """Return what makes a pool of the Dask cluster at `address`."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(Problem("--dask", None, "没有安装 Dask", "pip install -e '.[cluster]'")) from error
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(
            Problem("--dask", None, f"连不上 {address}：{error}", "调度器在运行吗？地址对吗？")
        ) from error
    return lambda root: RemotePool(client.get_executor(pure=False), root)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("至少是 1")
    return number


def _slice(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError("写成 K/N，例如 2/5 是五份中的第二份")
    return int(number), int(of)
