"""Ten times the questions: is each as cheap as before, and does the main process stay as small?"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from bench.measure import Cost, run

_TIMES = 3

_EXPERIMENT = '''"""第 {i} 个。"""

# %% first
import torch

x = torch.arange({i} + 10.0)
print("和：", x.sum().item())
assert x.sum() == len(x) * (len(x) - 1) / 2

# %% second
y = x.reshape(1, -1)
print(y.shape)
assert y.data_ptr() == x.data_ptr()

# %% plot caption="直线"
import matplotlib.pyplot as plt

plt.plot(x, 2 * x)
plt.title("直线")
assert y.shape[1] == {i} + 10
'''
_PAGE = """---
title: 第 {i} 个
qa: 1-{i}
tags: [甲]
description: 第 {i} 个。
claims:
  - says: 和是对的
    verdict: 成立
    evidence: first
---

--8<-- "many/q{i}/stamp.md"
--8<-- "many/q{i}/claims.md"
--8<-- "many/q{i}/first.md"
--8<-- "many/q{i}/second.md"
--8<-- "many/q{i}/plot.md"
--8<-- "many/q{i}/foot.md"
"""


def scale_report(folder: Path, few: int = 6, small: int = 66, large: int = 660) -> str:
    """Run `few`, `small` and `large` numbers of generated experiments, cold and warm; return the figures.

    Importing the libraries takes the same time for any number. What one more experiment takes is therefore the
    difference between two numbers of them: between few and small, and between small and large.
    """
    lines = ["**规模**（生成的小实验：张量、断言、一张图；只有引擎，不含 MkDocs；三次中最快的一次）\n"]
    lines += [
        "| 实验个数 | 首次，秒 | 每多一个，秒 | 主进程内存峰值，MiB | 什么都没改，秒 | 这时的内存峰值 |",
        "|---" * 6 + "|",
    ]
    more: list[float] = []
    peaks: list[float] = []
    before: tuple[int, float] | None = None
    for count in (few, small, large):
        home = folder / f"scale-{count}"
        _generate(home, count)
        costs = [_cold(home) for _ in range(_TIMES)]
        cold, peak = min(cost.wall for cost in costs), min(cost.peak for cost in costs)
        again = [_run(home) for _ in range(_TIMES)]
        warm, warm_peak = min(cost.wall for cost in again), min(cost.peak for cost in again)
        if before:
            more.append((cold - before[1]) / (count - before[0]))
            peaks.append(peak)
        shown = f"{more[-1]:.3f}" if before else "—"
        lines.append(f"| {count} | {cold:.1f} | {shown} | {peak:.0f} | {warm:.1f} | {warm_peak:.0f} |")
        before = count, cold
    lines += [
        "",
        f"每多一个实验的时间，到 {large} 个时是到 {small} 个时的 {more[1] / more[0]:.2f} 倍；"
        f"主进程的内存是 {peaks[1] / peaks[0]:.2f} 倍",
        "",
    ]
    return "\n".join(lines)


def _cold(home: Path) -> Cost:
    for name in (".cache", "build", "docs/downloads", "docs/assets", "docs/tags"):
        shutil.rmtree(home / name, ignore_errors=True)
    return _run(home)


def _run(home: Path) -> Cost:
    return run([sys.executable, "-m", "engine", "run"], home, os.environ)


def _generate(home: Path, count: int) -> None:
    home.mkdir()
    settings = f'[tool.engine]\nquestions = {{ 1 = {count} }}\ntags = {{ "组" = {{ "甲" = "全部" }} }}\n'
    (home / "pyproject.toml").write_text(settings, "utf-8")
    for name, text, suffix in (("examples", _EXPERIMENT, ".py"), ("docs", _PAGE, ".md")):
        chapter = home / name / "many"
        chapter.mkdir(parents=True)
        for i in range(1, count + 1):
            (chapter / f"q{i}{suffix}").write_text(text.replace("{i}", str(i)), "utf-8")
    (home / "docs" / "index.md").write_text('--8<-- "ledger/errata.md"\n--8<-- "ledger/report.md"\n')
