"""The room that there is, on a wide screen and on the smallest phone. That all pages fit: test_scenes.py."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.fit import too_wide
from tests.browser.scenes import SCENES, Visitor


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
    assert too_wide(page) == []
    for area in areas.all():
        area.focus()
        expect(area).to_be_in_viewport(ratio=1)
    for other in (page.get_by_role("link", name="New job").first, page.locator("details.menu > summary")):
        expect(other).to_be_in_viewport(ratio=1)
    height = page.locator(".topbar").bounding_box()
    assert height is not None
    assert height["height"] < 120
