"""What a first visit costs, as the web server sends it to a browser that has nothing yet."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.product import Product
from tests.browser.scenes import PAGES, SCENES, Jobs, Scene, Visitor

MOST_BYTES = 100_000


def transferred(visitor: Visitor, scene: Scene) -> dict[str, int]:
    """Bytes on the wire, heads of the answers included, for each address that the page asks for."""
    visitor.page.goto("about:blank")
    debugger = visitor.page.context.new_cdp_session(visitor.page)
    debugger.send("Network.enable")
    debugger.send("Network.clearBrowserCache")
    names: dict[str, str] = {}
    found: dict[str, int] = {}

    def asked(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["request"]["url"].removeprefix(visitor.product.url)

    def came(event: dict[str, Any]) -> None:
        name = names.get(event["requestId"], event["requestId"])
        found[name] = found.get(name, 0) + event["encodedDataLength"]

    debugger.on("Network.requestWillBeSent", asked)
    debugger.on("Network.loadingFinished", came)
    visitor.enter(scene)
    visitor.page.wait_for_load_state("networkidle")
    debugger.detach()
    return found


@pytest.fixture(scope="module")
def crowded(product: Product, stage: Jobs) -> None:
    """So many jobs that the list is full."""
    for number in range(60):
        product.create("echo", {}, name=f"Letter number {number} to the customers of the northern region")


@pytest.mark.parametrize("scene", PAGES, ids=lambda scene: scene.name)
def test_a_first_visit_is_light(visitor: Visitor, crowded: None, scene: Scene) -> None:
    found = transferred(visitor, scene)
    assert any(name.startswith("/static/app.js") for name in found), "nothing was kept from before"
    assert sum(found.values()) < MOST_BYTES, found


def test_a_second_visit_costs_the_page_alone(browser: Browser, visitor: Visitor, crowded: None) -> None:
    visitor.enter(SCENES[0])
    visitor.page.goto(f"{visitor.product.url}/queues")
    loaded = (
        "() => performance.getEntriesByType('resource').filter((one) => one.transferSize > 0).map((one) => one.name)"
    )
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.evaluate(loaded) == []
