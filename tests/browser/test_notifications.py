"""Notifications, as somebody sets them up by keyboard and mouse and gets one in the browser."""

from __future__ import annotations

import re

import psycopg
from playwright.sync_api import Page, expect

from jobsapp.core.ids import new_id
from tests.browser.product import Product

# What the browser was asked to show.
SPY = """
window.shown = [];
window.Notification = class { constructor(title, options) { window.shown.push([title, options.tag]); } };
window.Notification.permission = "granted";
localStorage.setItem("jobsapp.notify", "on");
"""

# Whether the menu of the account can be touched over its whole height.
ABOVE = """() => {
  const menu = document.querySelector("details.menu .menu-body"), box = menu.getBoundingClientRect();
  const touched = (y) => menu.contains(document.elementFromPoint(box.left + box.width / 2, y));
  return [...Array(Math.floor(box.height / 8) - 1).keys()].every((at) => touched(box.top + 8 * (at + 1)));
}"""


def test_a_channel_and_a_rule_are_made_and_the_browser_tells(page: Page, product: Product) -> None:
    page.goto("/jobs")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("details.menu > summary").click()
    assert page.evaluate(ABOVE), "on a phone too nothing of the page lies above the menu"
    page.get_by_role("link", name="Notifications").click()
    expect(page.get_by_role("heading", name="You are told of nothing")).to_be_visible()
    page.get_by_role("link", name="Browser").click()
    expect(page.get_by_label("Browser", exact=True)).to_be_checked()
    expect(page.get_by_label("Address", exact=False).first).to_be_hidden()
    expect(page.get_by_label("E-mail addresses")).to_be_hidden()
    page.get_by_label("Name").fill("Here")
    page.get_by_role("button", name="Add channel").click()
    expect(page.get_by_role("status").filter(has_text="Here is there")).to_be_visible()
    page.get_by_role("link", name="add a rule", exact=True).click()
    page.get_by_label("completed").check()
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_role("heading", name="Completed, failed")).to_be_visible()
    page.get_by_role("button", name="Send a test by Here").click()
    expect(page.get_by_role("heading", name="A test of notifications")).to_be_visible()
    expect(page.locator("#tries")).to_contain_text("It was not tried yet.")
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute("UPDATE deliveries SET state = 'delivered', delivered_at = now()")
    expect(page.locator("#tries")).to_contain_text("Delivered")
    page.set_viewport_size({"width": 1280, "height": 900})

    page.add_init_script(SPY)
    first, second = new_id(), new_id()
    _deliver(product, first, "Old")
    page.goto("/notifications")
    # What was there before it began is not told.
    page.wait_for_function(f"() => Object.values({{...localStorage}}).includes('{first}')")
    assert page.evaluate("window.shown") == []
    _deliver(product, second, "Import failed")
    page.reload()
    page.wait_for_function("() => window.shown.length === 1")
    assert page.evaluate("window.shown") == [["Import failed", str(second)]]
    page.get_by_role("link", name="The whole log").click()
    expect(page.get_by_role("listitem").filter(has_text="Import failed")).to_contain_text(re.compile("Delivered"))


def _deliver(product: Product, delivery_id: object, subject: str) -> None:
    """As the deliverer does it."""
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute(
            """INSERT INTO deliveries (id, organization_id, channel_id, occasion, subject, body, state, delivered_at)
               SELECT %s, organization_id, id, 'failed', %s, 'x', 'delivered', now() FROM notification_channels""",
            [delivery_id, subject],
        )
