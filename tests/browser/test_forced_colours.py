"""Where the system chooses the colours, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.product import Product, sign_in
from tests.browser.scenes import Jobs


@pytest.fixture(scope="module")
def forced(browser: Browser, product: Product, stage: Jobs) -> Iterator[Page]:
    context = browser.new_context(base_url=product.url, forced_colors="active", reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, product)
    yield page
    context.close()


@pytest.mark.parametrize(
    ("where", "what", "says"),
    [
        ("/jobs", ".bar-track", "borderTopStyle solid"),
        ("/jobs", ".badge", "borderTopStyle solid"),
        ("/jobs", ".button.primary", "borderTopStyle solid"),
        ("/jobs", ".topnav a[aria-current]", "borderBottomStyle solid"),
        ("/jobs", ".tabs a[aria-current]", "borderBottomStyle solid"),
        ("/jobs?open={failed}", "dialog .error-box", "borderTopStyle solid"),
        ("/jobs?open={failed}", "dialog", "borderTopStyle solid"),
        ("/queues", ".card", "borderTopStyle solid"),
    ],
)
def test_what_was_a_background_is_a_line(forced: Page, stage: Jobs, where: str, what: str, says: str) -> None:
    forced.goto(where.format(**vars(stage)))
    name, value = says.split()
    assert forced.locator(what).first.evaluate(f"(one) => getComputedStyle(one).{name}") == value


@pytest.mark.parametrize("what", [".badge-dot", ".bar-fill", ".topbar .icon", ".state-icon .icon"])
def test_what_is_drawn_can_be_told_from_what_is_behind_it(forced: Page, stage: Jobs, what: str) -> None:
    forced.goto(f"/jobs/{stage.active}")
    colours = """(one) => {
        const style = getComputedStyle(one), behind = getComputedStyle(document.body).backgroundColor;
        if (one.matches(".bar-fill")) return [style.fill, behind];
        return [one.matches(".icon") ? style.color : style.backgroundColor, behind];
    }"""
    drawn, behind = forced.locator(what).first.evaluate(colours)
    assert drawn != behind


def test_the_focus_is_a_line(forced: Page) -> None:
    forced.goto("/jobs")
    for _ in range(12):
        forced.keyboard.press("Tab")
        line = forced.evaluate("""() => {
            const here = document.activeElement.closest("tr") ?? document.activeElement;
            const style = getComputedStyle(here);
            return `${style.outlineStyle} ${parseFloat(style.outlineWidth) >= 2}`;
        }""")
        assert line == "solid true", forced.evaluate("() => document.activeElement.outerHTML")
