"""The page of the queues, live, as an operator uses it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Witness
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
    # What was asked for anew by the page itself says the same.
    for _ in range(2):
        with page.expect_response(lambda answer: answer.url.endswith("/queues") and answer.request.method == "GET"):
            pass
    expect(echo.get_by_role("button", name="Resume echo")).to_be_visible()
    echo.get_by_role("button", name="Resume echo").click()
    expect(echo).to_contain_text("Nobody works on it")


def test_a_limit_is_set_with_its_fault_beside_the_field_and_removed(
    page: Page, product: Product, witness: Witness
) -> None:
    witness.expect("422")
    product.create("echo", {"text": "x"})
    product.claim("echo")
    page.goto("/queues")
    echo = page.locator("#queue-echo")
    echo.get_by_role("link", name="Limits of echo").click()
    form = page.get_by_role("form", name="The queue")
    form.get_by_label("Starts").fill("90")
    form.get_by_label("Starts").press("Enter")
    period = form.get_by_role("spinbutton", name="Period")
    expect(period).to_have_attribute("aria-invalid", "true")
    expect(form).to_contain_text("Says within which time")
    expect(form.get_by_label("Starts")).to_have_value("90")
    period.fill("2")
    form.get_by_label("Unit of the period").select_option("minutes")
    form.get_by_label("At once").fill("3")
    form.get_by_role("button", name="Set limit").click()
    expect(echo).to_contain_text("1 of 3")
    expect(echo).to_contain_text("Starts in 2 min")

    echo.get_by_role("link", name="Limits of echo").click()
    for width in (360, 390, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    page.get_by_role("button", name="Remove limit").click()
    expect(echo).not_to_contain_text("of 3")
    expect(echo.get_by_role("link", name="echo", exact=True)).to_have_attribute("href", "/jobs?queue=echo")
