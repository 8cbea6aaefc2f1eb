"""The log of a running job, as somebody reads it."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import Page

from jobsapp.store.jobs import LogLine
from tests.browser.product import Product

FROM_END = """log => Math.round(
  log.getBoundingClientRect().bottom - log.querySelector("p:last-of-type").getBoundingClientRect().bottom
)"""


def lines(first: int, last: int) -> list[LogLine]:
    return [LogLine(datetime.now(UTC), "info", f"line {n}") for n in range(first, last + 1)]


def test_it_follows_its_end_until_somebody_scrolls_away(page: Page, product: Product) -> None:
    job_id = product.create("echo", {})
    job = product.claim("echo")
    product.pulse(job, 1, 10, "Working", *lines(1, 80))
    page.goto(f"/jobs/{job_id}")
    log = page.get_by_role("log")
    log.get_by_text("line 80", exact=True).wait_for()
    assert 0 <= log.evaluate(FROM_END) < 40, "it begins at its end"
    product.pulse(job, 2, 10, "Working", *lines(81, 100))
    log.get_by_text("line 100", exact=True).wait_for()
    assert 0 <= log.evaluate(FROM_END) < 40, "and stays there"
    log.get_by_text("line 50", exact=True).scroll_into_view_if_needed()
    place = log.get_by_text("line 50", exact=True).bounding_box()
    product.pulse(job, 3, 10, "Working", *lines(101, 120))
    log.get_by_text("line 120", exact=True).wait_for(state="attached")
    moved = log.get_by_text("line 50", exact=True).bounding_box()
    assert place is not None
    assert moved is not None
    assert abs(moved["y"] - place["y"]) < 5, "what somebody reads does not move"
