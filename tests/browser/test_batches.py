"""The page of a batch, live, as its owner uses it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import NewJob
from tests.browser.product import Product


def test_the_bar_moves_by_weight_and_all_is_cancelled(page: Page, product: Product) -> None:
    jobs = [NewJob("steps", {}, weight=weight, max_attempts=1) for weight in (2.0, 1.0, 1.0)]
    with product.app.app_context():
        product.services.batches.create(product.actor(), NewBatch("Three letters"), jobs)
    page.goto("/batches")
    page.get_by_role("link", name="Three letters").click()
    bar = page.get_by_role("progressbar", name="Progress of Three letters")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    first = product.claim("steps")
    product.pulse(first, 1, 2, "Step 1")
    expect(bar).to_have_attribute("aria-valuenow", "25")
    product.finish(first, Transition(Status.COMPLETED, "completed", result={}))
    product.finish(product.claim("steps"), Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Line 3", "")))
    expect(bar).to_have_attribute("aria-valuenow", "75")
    expect(page.get_by_role("region", name="Why jobs failed")).to_contain_text("Line 3")

    page.get_by_role("link", name="Cancel all…").click()
    expect(page.get_by_label("Reason")).to_be_focused()
    page.get_by_label("Reason").fill("wrong file")
    page.keyboard.press("Enter")
    live = page.locator("#batch-live")
    expect(bar).to_have_attribute("aria-valuenow", "100")
    expect(live).to_contain_text("wrong file")
    expect(live.get_by_role("button", name="Retry 1 failed")).to_be_visible()

    page.get_by_role("button", name="Collect results").click()
    expect(page.get_by_role("link", name="Three letters results.jsonl")).to_have_attribute("download", "")
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Failed").click()
    rows = page.get_by_role("table", name="Jobs of the batch").locator(".job-row")
    expect(rows).to_have_count(1)
    live.get_by_role("button", name="Retry 1 failed").click()
    expect(bar).to_have_attribute("aria-valuenow", "75")
