"""The page of the API works under the same strict policy as all others."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.product import Product


def test_the_description_of_the_api_is_read_and_opened(page: Page, product: Product) -> None:
    """`page` notices what the policy blocks and what a script complains of."""
    page.goto(f"{product.url}/api/docs/swagger")
    call = page.locator("#operations-jobs-createJob")
    expect(call).to_be_visible()
    call.get_by_role("button").first.click()
    expect(call.get_by_text("Idempotency-Key").first).to_be_visible()
