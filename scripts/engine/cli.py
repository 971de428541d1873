"""The ``engine`` command."""

from __future__ import annotations

import argparse
import functools
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.build import build, clean
from engine.common import (
    EngineError,
    Problem,
    Project,
    Reporter,
    Unfailing,
    UsageError,
    find_root,
    load_project,
)
from engine.experiments import is_time_limit
from engine.inspect import likely_related, missing_results, record_durations
from engine.running import IDLE, Pool, RemotePool
from engine.stress import SHARE, bite, share, stress, to_run


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
        if options.command == "stress":
            return _stress(project, options, reporter)
        if options.command == "bite":
            return _bite(project, options, reporter)
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
            pool=_cluster(options.dask, options.idle) if options.dask else None,
            jobs=options.jobs,
            timeout=options.timeout,
            idle=options.idle,
            reporter=reporter,
        )
        if options.record:
            record_durations(project)
    except EngineError as error:
        complain(describe(error))
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # we are ending: a second one could only cut that short
        complain("已中断；执行完的实验都保存在缓存里，再运行一次会接着做")
        return 130
    say(f"完成：执行了 {len(result.executed)} 个实验，{len(result.cached)} 个取自缓存")
    return 0


def _stress(project: Project, options: argparse.Namespace, reporter: Reporter) -> int:
    """Run or list what is declared and not recorded; return the exit status."""
    if options.check or options.explain:
        wanted = {
            name: changes for name, changes in to_run(project, options.paths, force=options.force).items() if changes
        }
        for name, changes in wanted.items():
            print(f"需要运行：{name}：{'、'.join(changes) if options.explain else f'{len(changes)} 种设置'}")
        print("记录完整" if not wanted else "engine stress")
        return 1 if wanted and options.check else 0
    count = stress(project, options.paths, force=options.force, jobs=options.jobs, reporter=reporter)
    print(f"完成：运行了 {count} 种设置，记录在 examples/ 里")
    return 0


def _bite(project: Project, options: argparse.Namespace, reporter: Reporter) -> int:
    """Try whether named assertions bite; return the exit status."""
    bites, total = share(bite(project, options.paths, force=options.force, jobs=options.jobs, reporter=reporter))
    print(f"{total} 条有名字的断言，{bites} 条咬得住" + (f"（{bites / total:.0%}）" if total else ""))
    return 0 if bites >= SHARE * total else 1


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
    _add_paths(run)
    run.add_argument("--force", action="store_true", help="有缓存也重新执行")
    run.add_argument("--check", action="store_true", help="只检查：缓存是否完整、页面与说法是否有错；什么都不执行")
    run.add_argument("--explain", action="store_true", help="只说明：每个要执行的实验为什么要执行；什么都不执行")
    run.add_argument(
        "--record", action="store_true", help="把各实验的用时写进 examples/seconds.json：没有缓存时由它定先后"
    )
    run.add_argument("--jobs", type=_positive, metavar="N", help="同时执行几个实验；默认等于处理器核数")
    run.add_argument(
        "--timeout",
        type=_seconds,
        metavar="秒",
        help="每个实验连同它的子进程可用的处理器时间，覆盖实验自己写的；机器忙、等待、睡眠都不算在内",
    )
    run.add_argument(
        "--idle",
        type=_seconds,
        default=IDLE,
        metavar="秒",
        help=f"一个实验这么久既不计算也不结束（睡眠、死锁）就终止它；默认 {IDLE:g}。等处理器不算",
    )
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
    stressed = commands.add_parser(
        "stress",
        help="换设置重做实验，记录说法经得起什么",
        description="运行 examples/…/*.stress.toml 里声明、而还没有记录的改变；结果写进旁边的 .stress.json，要提交。",
    )
    _add_paths(stressed)
    stressed.add_argument("--force", action="store_true", help="有记录也重新运行")
    stressed.add_argument("--check", action="store_true", help="只检查：记录是否完整；什么都不运行")
    stressed.add_argument("--explain", action="store_true", help="只列出要运行的改变；什么都不运行")
    stressed.add_argument("--jobs", type=_positive, metavar="N", help="同时运行几个；默认等于处理器核数")
    biting = commands.add_parser(
        "bite",
        help="把实验改错，看有名字的断言会不会失败",
        description="对每条有名字的断言，改喂给它的代码里的一个运算、符号、数或参数，直到它失败；记进 .bites.json。",
    )
    _add_paths(biting)
    biting.add_argument("--force", action="store_true", help="有记录也重新试")
    biting.add_argument("--jobs", type=_positive, metavar="N", help="同时运行几个；默认等于处理器核数")
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


def _add_paths(command: argparse.ArgumentParser) -> None:
    """Have a command take files and folders to restrict it to."""
    command.add_argument(
        "paths", nargs="*", type=Path, metavar="路径", help="examples/ 或 docs/ 下的文件或文件夹；默认全部"
    )


def _cluster(address: str, idle: float) -> Callable[[Path], Pool]:
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
    return lambda root: RemotePool(client.get_executor(pure=False), root, idle)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("至少是 1")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not is_time_limit(seconds):
        raise argparse.ArgumentTypeError("写成大于 0 的秒数，至多一个星期")
    return seconds


def _slice(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError("写成 K/N，例如 2/5 是五份中的第二份")
    return int(number), int(of)
