"""Pages fit from 360 to 2560 px, and stand still for those who want it so."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.scenes import SCENES, Scene, Visitor

WIDTHS = (360, 390, 768, 1024, 1920, 2560)
MOVING = "() => document.getAnimations().map((one) => one.animationName ?? one.transitionProperty)"
TOO_WIDE = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > room + 0.5)
        .map((one) => `${one.tagName}.${one.className} ends at ${one.getBoundingClientRect().right}`);
}"""


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_no_page_scrolls_sideways_or_moves(visitor: Visitor, scene: Scene) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    visitor.enter(scene)
    assert visitor.page.evaluate(MOVING) == []
    found = {}
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 900})
        if parts := visitor.page.evaluate(TOO_WIDE):
            found[width] = parts
    assert found == {}


def test_a_wide_screen_is_used(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1920, "height": 1000})
    visitor.enter(SCENES[0])
    box = visitor.page.locator("table").bounding_box()
    assert box is not None
    assert box["width"] >= 1400


def test_all_areas_are_reached_on_the_smallest_phone(visitor: Visitor) -> None:
    """Also when there are more of them than fit: the line scrolls, and focus brings them into sight."""
    page = visitor.page
    page.set_viewport_size({"width": 360, "height": 740})
    visitor.enter(SCENES[0])
    areas = page.get_by_role("navigation", name="Main").get_by_role("link")
    areas.last.evaluate("(link) => { for (let n = 0; n < 6; n++) link.after(link.cloneNode(true)); }")
    assert page.evaluate(TOO_WIDE) == []
    for area in areas.all():
        area.focus()
        expect(area).to_be_in_viewport(ratio=1)
    for other in (page.get_by_role("link", name="New job").first, page.locator("details.menu > summary")):
        expect(other).to_be_in_viewport(ratio=1)
    height = page.locator(".topbar").bounding_box()
    assert height is not None
    assert height["height"] < 120
