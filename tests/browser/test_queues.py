"""The page of the queues, live, as an operator uses it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.product import Product


def test_depths_move_and_a_queue_is_paused_and_resumed(page: Page, product: Product) -> None:
    page.goto("/jobs")
    page.get_by_role("link", name="Queues").click()
    echo = page.locator("#queue-echo")
    expect(echo).to_contain_text("Nothing waits")
    product.create("echo", {"text": "x"})
    expect(echo).to_contain_text("Nobody works on it", timeout=10_000)

    echo.get_by_role("link", name="Pause echo").click()
    reason = page.get_by_label("Reason")
    expect(reason).to_be_focused()
    reason.fill("the bank is closed")
    reason.press("Enter")
    expect(echo).to_contain_text("the bank is closed")
    page.wait_for_timeout(3500)
    expect(echo.get_by_role("button", name="Resume echo")).to_be_visible()
    echo.get_by_role("button", name="Resume echo").click()
    expect(echo).to_contain_text("Nobody works on it")
