"""Say in words why an experiment must run: what differs between its ingredients now and those of its last run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.common import LISTING, TREE

Ingredients = Mapping[str, Any]
"""What a key was made of (see `key.ingredients`), as it is now or as a cached notebook holds it."""


def reasons(now: Ingredients, then: Ingredients, changed_reads: Sequence[str] = ()) -> list[str]:
    """Return every difference, in the order in which a maintainer would look.

    Args:
        now: the ingredients of the experiment as it is.
        then: those of its last run.
        changed_reads: files and folders that the last run read and that have changed since.
    """
    found = [*_cells(now["cells"], then["cells"])]
    found += _named("本地模块", now["modules"], then["modules"])
    found += _named("声明的数据", now["reads"], then.get("reads", {}))
    found += map(_changed, changed_reads)
    found += [
        f"{label}：{then[name]} → {now[name]}"
        for name, label in (("python", "Python"), ("machine", "机器"))
        if now[name] != then[name]
    ]
    found += _named("库", now["libraries"], then["libraries"], values=True)
    if now["engine"] != then["engine"]:
        found.append("引擎里决定结果的代码改了")
    return found


def _changed(name: str) -> str:
    if name.endswith(LISTING):
        return f"文件夹 {name} 里的名字变了"
    if name.endswith(TREE):
        return f"文件夹 {name.removesuffix(TREE)} 里的内容改了"
    return f"{'本地模块' if name.endswith('.py') else '数据文件'} {name} 改了"


def _cells(now: Sequence[Sequence[Any]], then: Sequence[Sequence[Any]]) -> Iterator[str]:
    before = {cell[0]: cell[1:] for cell in then}
    after = {cell[0]: cell[1:] for cell in now}
    for name, (source, raises, line) in after.items():
        if name not in before:
            yield f"单元 {name} 是新的"
            continue
        old_source, old_raises, old_line = before[name]
        if source != old_source:
            yield f"单元 {name} 的代码改了"
        elif raises != old_raises:
            yield f"单元 {name} 的 raises 改了"
        elif line != old_line:
            yield f"单元 {name} 从第 {old_line} 行移到了第 {line} 行（错误信息里有行号）"
    yield from (f"单元 {name} 没有了" for name in before.keys() - after.keys())
    if list(before) != list(after) and before.keys() == after.keys():
        yield "单元的顺序改了"


def _named(kind: str, now: Mapping[str, str], then: Mapping[str, str], values: bool = False) -> Iterator[str]:
    for name in sorted(now.keys() | then.keys()):
        if name not in then:
            yield f"{kind} {name} 是新的"
        elif name not in now:
            yield f"{kind} {name} 没有了"
        elif now[name] != then[name]:
            yield f"{kind} {name}" + (f"：{then[name]} → {now[name]}" if values else " 改了")
