"""The tab's title and notifications, for somebody who looks elsewhere.

A headless browser has no place to show a notification: the page's `Notification` is replaced by one that writes down
what it is asked for. A tab that is hidden is played by the page's own `document.hidden`.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from tests.browser.product import Product

STUB = """
window.asked = 0;
window.told = JSON.parse(sessionStorage.getItem("told") ?? "[]");
window.Notification = class {
  static get permission() { return sessionStorage.getItem("permission") ?? "default"; }
  static async requestPermission() {
    window.asked += 1;
    sessionStorage.setItem("permission", window.answer ?? "granted");
    return this.permission;
  }
  constructor(title, options) { window.told.push([title, options.body, options.tag]); }
};
let away = false;
Object.defineProperty(document, "hidden", { get: () => away });
window.look = (elsewhere) => { away = elsewhere; document.dispatchEvent(new Event("visibilitychange")); };
"""
DONE = Transition(Status.COMPLETED, "completed", result={})
BROKE = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "broke", None))


@pytest.fixture
def watched(page: Page) -> Page:
    page.add_init_script(STUB)
    return page


def told(page: Page) -> Any:
    return page.evaluate("window.told")


def test_the_title_says_how_far_and_how_it_ended(watched: Page, product: Product) -> None:
    page = watched
    job_id = product.create("steps", {}, name="Import")
    job = product.claim("steps")
    page.goto(f"/jobs?open={job_id}")
    expect(page).to_have_title("… Import")
    product.pulse(job, 42, 100, "Working")
    expect(page).to_have_title("42 % · Import")
    page.evaluate("look(true)")
    product.finish(job, DONE)
    # A hidden tab hears of it.
    expect(page).to_have_title("✓ Import")
    page.evaluate("look(false)")
    expect(page).to_have_title("Jobs · jobsapp")


def test_a_failure_and_a_job_in_the_tray(watched: Page, product: Product) -> None:
    page = watched
    job_id = product.create("fail", {}, name="Fragile")
    job = product.claim("fail")
    page.goto(f"/jobs?open={job_id}")
    page.get_by_role("button", name="Minimise").click()
    page.goto("/queues")
    product.pulse(job, 1, 4, "Working")
    expect(page).to_have_title("25 % · Fragile")
    page.evaluate("look(true)")
    product.finish(job, BROKE)
    expect(page).to_have_title("✗ Fragile")
    page.evaluate("look(false)")
    expect(page).to_have_title("Queues · jobsapp")


def test_nobody_is_asked_until_the_switch_is_pressed(watched: Page, product: Product) -> None:
    page = watched
    job_id = product.create("steps", {}, name="Quiet")
    job = product.claim("steps")
    page.goto(f"/jobs/{job_id}")
    switch = page.locator("main").get_by_role("switch", name="Browser notification when jobs end")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert page.evaluate("window.asked") == 0
    page.evaluate("look(true)")
    product.finish(job, DONE)
    expect(page).to_have_title("✓ Quiet")
    assert told(page) == [], "who did not switch it on gets none"

    switch.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "true")
    assert page.evaluate("window.asked") == 1
    product.create("echo", {}, name="Loud")
    job = product.claim("echo")
    page.goto(f"/jobs/{job.id}")
    # It is remembered.
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(page.locator("main .connection")).to_have_text("Live")
    page.evaluate("look(true)")
    product.finish(job, BROKE)
    expect(page).to_have_title("✗ Loud")
    assert told(page) == [["Job failed", "Loud", f"job-{job.id}"]]
    switch.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert page.evaluate("window.asked") == 0, "off needs no leave"
    page.reload()
    expect(switch).to_have_attribute("aria-checked", "false")


def test_who_looks_needs_none(watched: Page, product: Product) -> None:
    page = watched
    job_id = product.create("steps", {}, name="Seen")
    job = product.claim("steps")
    page.goto(f"/jobs/{job_id}")
    page.locator("main").get_by_role("switch").click()
    page.evaluate("document.hasFocus = () => true")
    product.finish(job, DONE)
    expect(page.locator(".panel")).to_contain_text("Job completed")
    assert told(page) == []


def test_a_refusal_is_said(watched: Page, product: Product) -> None:
    page = watched
    page.goto(f"/jobs/{product.create('steps', {})}")
    page.evaluate("window.answer = 'denied'")
    switch = page.locator("main").get_by_role("switch")
    switch.click()
    expect(page.locator(".toast")).to_contain_text("Notifications are blocked")
    expect(switch).to_have_attribute("aria-checked", "false")
