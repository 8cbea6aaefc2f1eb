"""Times as the viewer's own clock shows them, with the exact value for whoever points at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.product import Product, sign_in
from tests.browser.scenes import Jobs

# What is not so. Lines of a log show the time alone; their own tests look after them.
WRONG = """() => {
    const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
    return [...document.querySelectorAll("main time:not(.log time, #stale time)")]
        .filter((one) => one.title !== exact.format(new Date(one.dateTime))).map((one) => one.outerHTML);
}"""


@pytest.fixture
def tokyo(browser: Browser, product: Product, stage: Jobs) -> Iterator[Page]:
    context = browser.new_context(base_url=product.url, timezone_id="Asia/Tokyo", locale="en-GB")
    page = context.new_page()
    sign_in(page, product)
    yield page
    context.close()


@pytest.mark.parametrize("address", ["/jobs", "/jobs/{completed}", "/jobs/{failed}", "/jobs/{stopping}", "/queues"])
def test_times_are_of_the_viewers_zone(tokyo: Page, stage: Jobs, address: str) -> None:
    tokyo.goto(address.format(**vars(stage)))
    expect(tokyo.locator("main time[title]").first).to_be_visible()
    assert tokyo.evaluate(WRONG) == []
    first = tokyo.locator("main time[title]").first
    hour = first.evaluate("(one) => (new Date(one.dateTime).getUTCHours() + 9) % 24")
    assert f"{hour:02d}:" in (first.get_attribute("title") or "")
