"""Tiny sites, built and served by MkDocs in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tiny import PATIENCE, Tiny

ROOT = Path(__file__).parents[2]
QUIET = {"NO_MKDOCS_2_WARNING": "1"}


def mkdocs(
    tiny: Tiny, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *arguments],
        cwd=cwd or tiny.root,
        env=os.environ | QUIET | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Server:
    """``mkdocs serve`` of a tiny project, and what it said."""

    def __init__(self, tiny: Tiny, log: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log = log
        command = [sys.executable, "-m", "mkdocs", "serve", "--livereload", "--dev-addr", self.address, *options]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, cwd=tiny.root, env=os.environ | QUIET, stderr=file, stdout=file)
        self.wait(lambda: "Serving on" in self.said())

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=PATIENCE)

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def page(self) -> str:
        return self.get("04-a/sum.html")

    def get(self, name: str) -> str:
        with urllib.request.urlopen(f"http://{self.address}/{name}", timeout=60) as answer:
            text: str = answer.read().decode()
            return text

    def poll(self, page: str, epoch: str) -> str:
        """Ask, as the page's script does, until there is something newer than `epoch`; return what."""
        while True:
            request = urllib.request.Request(f"http://{self.address}/livereload/{epoch}/1")
            request.add_header("Referer", f"http://{self.address}/{page}")
            with urllib.request.urlopen(request, timeout=300) as answer:
                text: str = answer.read().decode()
            if int(text) > int(epoch):
                return text

    def wait(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        deadline = time.time() + seconds
        while time.time() < deadline:
            assert self.process.poll() is None, self.said()
            if condition():
                return
            time.sleep(0.1)
        pytest.fail(self.said())
