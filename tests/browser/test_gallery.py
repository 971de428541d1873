"""The gallery: filtering by tag."""

from __future__ import annotations

from tests.browser.conftest import Visit


def test_a_tag_shows_its_experiments_and_no_others(visit: Visit) -> None:
    page = visit.open("labs/index.html")
    cards = page.locator(".qa-gallery > li:visible")
    every = cards.count()
    page.get_by_role("button", name="卷积 ", exact=False).first.click()
    chosen = page.locator(".qa-filter [aria-pressed=true]").inner_text()
    tag, number = chosen.rsplit(" ", 1)
    assert cards.count() == int(number) < every
    assert all(tag in card.get_attribute("data-tags").split("|") for card in cards.all())  # type: ignore[union-attr]
    assert page.get_by_role("status").filter(has_text="个实验").inner_text() == f"{tag}：{number} 个实验"
    page.reload()  # the address remembers
    assert cards.count() == int(number)
    page.get_by_role("button", name="全部").click()
    assert cards.count() == every


def test_an_address_that_ends_in_half_a_character_shows_all(visit: Visit) -> None:
    page = visit.open("labs/index.html#%")
    every = page.locator(".qa-gallery > li:visible").count()
    assert page.get_by_role("status").filter(has_text="个实验").inner_text() == f"共 {every} 个实验"


def test_photographs_are_not_inverted_in_the_dark(visit: Visit) -> None:
    page = visit.open("labs/index.html")
    page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    filters = "images => images.map(image => [getComputedStyle(image).filter, image.src])"
    shown = page.locator(".qa-gallery img").evaluate_all(filters)
    photo = [kind for kind, source in shown if source.endswith("labs/anchors-to-ssd.svg")]
    drawing = [kind for kind, source in shown if source.endswith("labs/char-gru.svg")]
    assert photo == ["none"]
    assert drawing[0].startswith("invert")


def test_pictures_are_there(visit: Visit) -> None:
    page = visit.open("labs/index.html")
    picture = page.locator(".qa-gallery img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.qa-gallery img').complete")
    assert picture.evaluate("image => image.naturalWidth") > 0
