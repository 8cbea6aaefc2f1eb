"""Each page, in each state it can be in, is entered once: axe finds nothing in either theme, on a desk and on a phone,
it fits from 360 to 2560 px, and stands still for those who want it so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from playwright.sync_api import Page

from tests.browser.axe import CONTRAST, SIZES, violations
from tests.browser.fit import too_wide
from tests.browser.product import Product
from tests.browser.scenes import PAGES, PARTS, SCENES, Scene, Visitor, page_endpoints, settle

# Each page once, and all modals: they lie over a list, and are pages of their own to who looks.
ON_A_PHONE = {*PAGES, *(scene for scene in SCENES if scene.name.startswith("modal-"))}
# Rules of axe for each theme. A theme changes colours and nothing else.
EVERYTHING: dict[str, list[str]] = {"light": [], "dark": [CONTRAST]}
WIDTHS = (360, 390, 768, 1024, 1920, 2560)
MOVING = "() => document.getAnimations().map((one) => one.animationName ?? one.transitionProperty)"


@pytest.fixture(scope="module", params=SCENES, ids=lambda scene: scene.name)
def scene(visitor: Visitor, request: pytest.FixtureRequest) -> Scene:
    """On a desk. The tests of one scene come one after the other."""
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    visitor.page.emulate_media(color_scheme="light")
    found: Scene = request.param
    visitor.enter(found)
    return found


def test_nothing_moves_by_itself(visitor: Visitor, scene: Scene) -> None:
    assert visitor.page.evaluate(MOVING) == []


def test_axe_finds_nothing(visitor: Visitor, scene: Scene) -> None:
    assert faults(visitor.page, 1280, EVERYTHING) == {}


def test_axe_finds_nothing_on_a_phone(visitor: Visitor, scene: Scene) -> None:
    # In its other states a page has the same colours and names as on a desk: only what is touched may lie closer.
    assert faults(visitor.page, 390, EVERYTHING if scene in ON_A_PHONE else {"light": [SIZES]}) == {}


def faults(page: Page, width: int, themes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    for theme, rules in themes.items():
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        settle(page)
        if lines := violations(page, *rules):
            found[theme] = lines
    return found


def test_it_does_not_scroll_sideways(visitor: Visitor, scene: Scene) -> None:
    found = {}
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 900})
        if parts := too_wide(visitor.page):
            found[width] = parts
    assert found == {}


def test_no_page_is_forgotten(product: Product) -> None:
    seen = {scene.endpoint for scene in SCENES if scene.endpoint}
    assert page_endpoints(product.app) - set(PARTS) == seen, "each page needs a scene in tests/browser/scenes"


def test_it_would_be_found(visitor: Visitor) -> None:
    visitor.enter(SCENES[0])
    visitor.page.evaluate("() => document.querySelector('main').append(document.createElement('button'))")
    assert any(line.startswith("button-name: ") for line in violations(visitor.page))
