"""A job that waits for another, in the browser: live, with its links, and ended with it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from tests.browser.product import Product

FAILED = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Line 7 is broken", None))
COMPLETED = Transition(Status.COMPLETED, "completed", result={})


def advance(product: Product) -> None:
    with product.app.app_context():
        while Advancer(db.session, *followers_of(product.services)).advance():
            pass


def test_a_job_shows_live_what_it_waits_for_and_with_what_it_ended(page: Page, product: Product) -> None:
    first = product.create("echo", {"text": "x"}, name="First")
    second = product.create("steps", {}, name="Second")
    child = product.create("echo", {"text": "x"}, name="Third", depends_on=(first, second))
    page.goto(f"/jobs/{child}")
    panel, kin = page.locator(".panel"), page.locator("#job-kin")
    expect(panel).to_contain_text("Waits for 2 of 2 jobs it depends on")
    expect(kin.get_by_role("listitem")).to_have_text(["Pending First", "Pending Second"], use_inner_text=True)
    product.finish(product.claim("echo"), COMPLETED)
    advance(product)
    expect(panel).to_contain_text("Waits for 1 of 2 jobs it depends on")
    expect(kin.get_by_role("listitem").first).to_contain_text("Completed")

    job = product.claim("steps")
    product.finish(job, FAILED)
    advance(product)
    expect(panel).to_contain_text("Job cancelled")
    expect(page.get_by_role("list", name="Timeline")).to_contain_text("Because of Second")
    panel.get_by_role("link", name="Second").click()
    expect(page.locator("#job-kin")).to_contain_text("Third")
    page.get_by_role("button", name="Retry with what depends on it").click()
    expect(page.locator(".panel")).to_contain_text("Job queued")
    expect(page.locator("#job-kin")).to_contain_text("Pending")
    page.get_by_role("link", name="Third").click()
    expect(page.locator(".panel")).to_contain_text("Waits for 1 of 2 jobs it depends on")
