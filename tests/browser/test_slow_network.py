"""Pages whose parts come late."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.product import Product


@pytest.mark.parametrize("name", ["theme.js", "app.js", "app.css", "icons.svg"])
def test_a_late_script_costs_no_connection(page: Page, product: Product, name: str) -> None:
    product.create("echo", {})

    def late(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route(re.compile(rf"/{re.escape(name)}\?"), late)
    page.goto("/jobs")
    expect(page.locator(".connection").first).to_have_text("Live", timeout=10_000)
