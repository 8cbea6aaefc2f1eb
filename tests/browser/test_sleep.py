"""A browser that slept: the machine was closed, the server came and went meanwhile, and nobody touches anything."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from tests.browser.conftest import SERVER_GONE, Witness
from tests.browser.product import Product

DONE = Transition(Status.COMPLETED, "completed", result={})


@pytest.mark.parametrize("address", ["/jobs", "/jobs?open={job}", "/jobs/{job}"], ids=["list", "modal", "job"])
def test_a_page_that_wakes_up_shows_the_present(page: Page, product: Product, witness: Witness, address: str) -> None:
    witness.expect(SERVER_GONE)
    job_id = product.create("steps", {"steps": 4}, name="Import")
    job = product.claim("steps")
    page.goto(address.format(job=job_id))
    live = page.locator("[data-live]").last
    expect(live.locator(".connection").first).to_have_text("Live")
    page.evaluate("() => { window.same = true; }")

    debugger = page.context.new_cdp_session(page)
    debugger.send("Page.setWebLifecycleState", {"state": "frozen"})
    product.kill_web()
    product.pulse(job, 3, 4, "Unseen")
    product.finish(job, DONE)
    product.start_web()
    debugger.send("Page.setWebLifecycleState", {"state": "active"})

    expect(live).to_contain_text("Completed")
    expect(live.locator(".connection").first).to_have_text("Live")
    assert page.evaluate("() => window.same")


def test_a_list_in_the_background_is_up_to_date_when_somebody_comes_back(page: Page, product: Product) -> None:
    product.create("steps", {"steps": 4}, name="Import")
    page.goto("/jobs")
    mark = page.locator(".connection").first
    expect(mark).to_have_text("Live")
    with page.expect_event("websocket") as reconnected:
        page.evaluate(
            """() => {
              Object.defineProperty(document, "hidden", { value: true, configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        page.wait_for_function(
            "() => document.querySelector('[data-live]')._htmx.ws?.connection?.socket?.readyState !== 1"
        )
        product.finish(product.claim("steps"), DONE)
        product.create("echo", {}, name="New meanwhile")
        page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")
    assert "/live/jobs" in reconnected.value.url
    expect(page.locator(".cell-name a")).to_have_text(["New meanwhile", "Import"])
    expect(page.get_by_role("row", name="Choose Import")).to_contain_text("Completed")
    expect(mark).to_have_text("Live")
