"""axe-core finds nothing, on any page, in either theme, on a desk and on a phone."""

from __future__ import annotations

import pytest

from tests.browser.axe import CONTRAST, violations
from tests.browser.product import Product
from tests.browser.scenes import PAGES, PARTS, SCENES, Scene, Visitor, page_endpoints, settle


def test_no_page_is_forgotten(product: Product) -> None:
    seen = {scene.endpoint for scene in SCENES if scene.endpoint}
    assert page_endpoints(product.app) - set(PARTS) == seen, "each page needs a scene in tests/browser/scenes.py"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_nothing_is_found(visitor: Visitor, scene: Scene) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1280, "height": 900})
    visitor.enter(scene)
    found = {}
    # On a phone the page itself: what opens in it is the same.
    for width in (1280, 390) if scene in PAGES else (1280,):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            settle(page)
            # A theme changes colours and nothing else.
            if lines := violations(page, *([CONTRAST] if theme == "dark" else [])):
                found[f"{width} {theme}"] = lines
    assert found == {}


def test_it_would_be_found(visitor: Visitor) -> None:
    visitor.enter(SCENES[0])
    visitor.page.evaluate("() => document.querySelector('main').append(document.createElement('button'))")
    assert any(line.startswith("button-name: ") for line in violations(visitor.page))
