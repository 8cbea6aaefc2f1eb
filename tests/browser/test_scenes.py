"""Each page, in each state it can be in, is entered once: axe finds nothing in either theme, on a desk and on a phone,
it fits from 360 to 2560 px, and stands still for those who want it so.
"""

from __future__ import annotations

import pytest

from tests.browser.axe import CONTRAST, violations
from tests.browser.fit import too_wide
from tests.browser.product import Product
from tests.browser.scenes import PARTS, SCENES, Scene, Visitor, page_endpoints, settle

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


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(visitor: Visitor, scene: Scene, width: int) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        settle(page)
        # A theme changes colours and nothing else.
        if lines := violations(page, *([CONTRAST] if theme == "dark" else [])):
            found[theme] = lines
    assert found == {}


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
