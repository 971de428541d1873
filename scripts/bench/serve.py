"""Write with ``mkdocs serve`` open: from saving a file to seeing the change in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure import run
from bench.tools import CHANGED, Tool
from engine.experiments import Experiment

PAGES = 66
ROUNDS = 5
_PATIENCE = 120_000  # milliseconds


def serve_report(root: Path, tool: Tool, experiments: Sequence[Experiment], folder: Path) -> str:
    """Serve the site, filled up to 66 questions, save a page and an experiment in turn; return the figures.

    Needs Playwright and Chromium (found on the path, or named by the environment variable CHROMIUM).
    """
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        return "**serve**：没有 Chromium，没有量\n"
    home = folder / "serve"
    home.mkdir()
    tool.lay_out(experiments, home)
    _copy_results(root, home)
    _fill_up(home, len(experiments))
    run(tool.command, home, tool.environment)
    plain = min(
        run([tool.command[0], "build", "--quiet", "--config-file", "plain.yml"], home, tool.environment).wall
        for _ in range(3)
    )
    with _served(tool, home) as address:
        prose, code = _reload_seconds(chromium, home, f"{address}/{CHANGED}.html")
    return "\n".join(
        [
            f"**serve**（{PAGES} 个问题的页面，浏览器里看到改动为止，{ROUNDS} 次的中位数）\n",
            f"- 保存一行文字：{statistics.median(prose):.2f} 秒（最慢 {max(prose):.2f}）",
            f"- 保存一个实验：{statistics.median(code):.2f} 秒（最慢 {max(code):.2f}）",
            f"- 其中 MkDocs 自己重新构建全部页面：{plain:.2f} 秒",
            "",
        ]
    )


def _copy_results(root: Path, home: Path) -> None:
    cache = root / ".cache"
    if cache.is_dir():
        shutil.copytree(cache, home / ".cache", dirs_exist_ok=True)


def _fill_up(home: Path, count: int) -> None:
    """Copy short questions under new names and numbers until there are as many pages as the site will have."""
    originals = ["04-tensor/reshape-vs-view", "07-autograd/why-scalar-loss", "07-autograd/why-backward-first"]
    settings = home / "pyproject.toml"
    text = settings.read_text("utf-8")
    settings.write_text(re.sub(r"^questions = \{", f"questions = {{ 99 = {PAGES},", text, flags=re.M), "utf-8")
    for i in range(count, PAGES):
        original = originals[i % len(originals)]
        chapter = original.split("/")[0]
        page = (home / "docs" / f"{original}.md").read_text("utf-8")
        page = re.sub(r"^qa: .*$", f"qa: 99-{i}", page, count=1, flags=re.M)
        page = page.replace(f"{original}/", f"{chapter}/copy{i}/")
        (home / "docs" / chapter / f"copy{i}.md").write_text(page, "utf-8")
        shutil.copy2(home / "examples" / f"{original}.py", home / "examples" / chapter / f"copy{i}.py")


@contextmanager
def _served(tool: Tool, home: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [tool.command[0], "serve", "--livereload", "--quiet", "--dev-addr", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=home, env=dict(tool.environment), start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _PATIENCE / 1000
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _reload_seconds(chromium: str, home: Path, url: str) -> tuple[list[float], list[float]]:
    from playwright.sync_api import sync_playwright

    page_file, code_file = home / "docs" / f"{CHANGED}.md", home / "examples" / f"{CHANGED}.py"
    prose: list[float] = []
    code: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(url)

        def until_seen(mark: str) -> float:
            start = time.perf_counter()
            page.wait_for_function("mark => document.body?.textContent.includes(mark)", arg=mark, timeout=_PATIENCE)
            return time.perf_counter() - start

        for i in range(ROUNDS):
            time.sleep(3)  # as after any save: the former rebuild is over
            page_file.write_text(page_file.read_text("utf-8") + f"\n第 {i} 次改动的文字。\n", "utf-8")
            prose.append(until_seen(f"第 {i} 次改动的文字"))
        for i in range(ROUNDS):
            time.sleep(3)
            text = code_file.read_text("utf-8")
            code_file.write_text(text.replace("\n# %%", f"\n# 改动{i}\n\n# %%", 2), "utf-8")
            code.append(until_seen(f"# 改动{i}"))
        browser.close()
    return prose, code
