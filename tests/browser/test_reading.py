"""What a reader does: search, follow links, switch to dark, read on a phone, use the keyboard."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser
from tests.browser.conftest import Visit

RESHAPE = "04-tensor/reshape-vs-view.html"


def test_a_result_leads_to_its_page(visit: Visit) -> None:
    page = visit.open("index.html")
    visit.search("reshape")
    page.locator(".md-search-result__link").first.click()
    page.wait_for_url("**/reshape-vs-view.html*")
    assert "reshape" in page.locator("h1").inner_text()


def test_dark_changes_page_and_figures(visit: Visit) -> None:
    page = visit.open("08-linear-regression/does-batch-size-matter.html")  # its figure has curves
    colours = """() => [
        getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector('.qa-figure svg text')).fill,
        getComputedStyle(document.querySelector('.qa-figure svg [style*="c0"]')).stroke,
    ]"""
    light = page.evaluate(colours)
    page.locator("label[title='切换到深色']").click()
    page.wait_for_function("document.body.dataset.mdColorScheme === 'slate'")
    # Colours fade.
    page.wait_for_function(f"light => ({colours})().every((colour, i) => colour !== light[i])", arg=light)
    visit.open("index.html")
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"  # it is remembered


def test_the_system_preference_is_honoured(browser: Browser, served: str) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{served}/{RESHAPE}")
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    context.close()


def test_evidence_is_one_click_away(visit: Visit) -> None:
    page = visit.open(RESHAPE)
    page.locator(".qa-evidence", has_text="步长接得上才能 view").first.click()
    page.wait_for_function(
        "() => { const place = document.getElementById('evidence-步长接得上才能-view').getBoundingClientRect();"
        " return decodeURIComponent(location.hash) === '#evidence-步长接得上才能-view'"
        " && 0 <= place.top && place.top < innerHeight }"
    )


def test_downloads_and_navigation(visit: Visit) -> None:
    page = visit.open("index.html")
    page.get_by_role("link", name="04 数据操作与预处理").first.click()
    page.wait_for_url("**/04-tensor/index.html")
    page.locator(".md-content").get_by_role("link", name="reshape() 和 view() 有什么区别").first.click()
    page.wait_for_url(f"**/{RESHAPE}")
    if visit.base.startswith("http"):
        with page.expect_download() as download:
            page.locator(".qa-stamp").get_by_role("link", name=".ipynb").click()
        assert download.value.suggested_filename == "reshape-vs-view.ipynb"


def test_only_code_has_a_copy_button(visit: Visit) -> None:
    page = visit.open(RESHAPE)
    page.wait_for_selector(".qa-code .md-code__button")
    assert page.locator(".qa-output .md-code__button:visible, .qa-error .md-code__button:visible").count() == 0


def test_by_keyboard(visit: Visit) -> None:
    page = visit.open(RESHAPE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("md-skip")
    page.keyboard.press("s")
    assert page.evaluate("document.activeElement.matches('.md-search__input')")


def test_formulas_are_drawn_with_the_sites_font(visit: Visit) -> None:
    page = visit.open(RESHAPE)
    page.evaluate("document.fonts.ready")
    assert page.evaluate("[...document.fonts].some(f => f.family.includes('STIX') && f.status === 'loaded')")


def test_nothing_moves_while_loading(browser: Browser, served: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) window.shift += e.value })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(f"{served}/{RESHAPE}", wait_until="load")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shift") == 0
    context.close()


def test_no_page_scrolls_sideways_on_a_phone(browser: Browser, served: str, site: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    wide = []
    for path in sorted(site.rglob("*.html")):
        page.goto(f"{served}/{path.relative_to(site).as_posix()}", wait_until="load")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide.append((path.name, width))
    context.close()
    assert not wide
