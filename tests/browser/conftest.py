"""Chromium, and the site both ways a reader opens it: from a server and straight from disk."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.tiny import PATIENCE

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# Chromium's own calls home are not the site's.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what: str, cure: str) -> None:
    """Skip for want of a tool, with the cure; where nothing may be skipped, fail."""
    message = f"缺少{what}，浏览器测试没有运行；{cure}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        missing(
            " Chromium", "安装后重试（Debian：apt-get install chromium fonts-noto-cjk），或用环境变量 CHROMIUM 指明"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        missing(" axe-core", "在 tests/browser 里运行 npm ci 后重试")
    return AXE.read_text("utf-8")


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """Serve the site; return its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@dataclass
class Visit:
    """An open page, and all that happened on it that should not."""

    context: BrowserContext
    page: Page
    base: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    milliseconds: float = 0.0
    """What the last search took, from the key to the results on the page."""

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE * 1000)
        self.page.on("request", self._request)
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("requestfailed", self._failed)

    def _request(self, request: object) -> None:
        url: str = request.url  # type: ignore[attr-defined]
        if not url.startswith((self.base, "data:", "blob:", "about:")):
            self.outside.append(url)

    def _failed(self, request: object) -> None:
        # ERR_ABORTED: the reader went on before all was there, or the answer is a download.
        if request.failure != "net::ERR_ABORTED":  # type: ignore[attr-defined]
            self.errors.append(f"{request.url}: {request.failure}")  # type: ignore[attr-defined]

    def open(self, name: str) -> Page:
        self.page.goto(f"{self.base}/{name}", wait_until="load")
        return self.page

    def search(self, text: str) -> list[str]:
        """Type into the search box; return the addresses of the results, best first."""
        self.page.click(".md-search__input")
        self.page.fill(".md-search__input", text)
        # The theme listens to keys. The list of results is made anew with each answer of the search's worker.
        self.milliseconds = self.page.evaluate(
            """() => new Promise((resolve) => {
                const start = performance.now();
                const list = document.querySelector(".md-search-result__list");
                const observer = new MutationObserver(() => {
                    if (!list.children.length) return;
                    observer.disconnect();
                    resolve(performance.now() - start);
                });
                observer.observe(list, { childList: true });
                const input = document.querySelector(".md-search__input");
                input.dispatchEvent(new KeyboardEvent("keyup", { key: "End", bubbles: true }));
                setTimeout(() => resolve(15000), 15000);
            })"""
        )
        links = self.page.locator(".md-search-result__link").evaluate_all("links => links.map(a => a.href)")
        return [link.split("#")[0].split("?")[0].removeprefix(self.base + "/") for link in links]


@pytest.fixture(params=["http", "file"])
def visit(request: pytest.FixtureRequest, browser: Browser, served: str, site: Path) -> Iterator[Visit]:
    """A fresh visitor, over http and from disk; afterwards nothing may have gone wrong or been loaded from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    base = served if request.param == "http" else f"file://{site}"
    visit = Visit(context, context.new_page(), base)
    yield visit
    context.close()
    assert visit.outside == []
    assert visit.errors == []
