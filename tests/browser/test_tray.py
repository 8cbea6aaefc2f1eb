"""Minimised jobs: several at once, from page to page and tab to tab."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.store.jobs import ClaimedJob
from tests.browser.conftest import Witness
from tests.browser.product import Product

DONE = Transition(Status.COMPLETED, "completed", result={})


def tray_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Minimised jobs")


def minimise(page: Page, job_id: UUID) -> None:
    page.goto(f"/jobs?open={job_id}")
    page.get_by_role("dialog").get_by_role("button", name="Minimise").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.fixture
def two(page: Page, product: Product) -> tuple[ClaimedJob, ClaimedJob]:
    """Two jobs that run, both minimised."""
    product.create("steps", {}, name="First")
    product.create("echo", {}, name="Second")
    jobs = product.claim("steps"), product.claim("echo")
    for job in jobs:
        minimise(page, job.id)
    expect(tray_of(page).get_by_role("listitem")).to_have_count(2)
    return jobs


def test_several_are_live_over_one_socket_on_every_page(
    page: Page, product: Product, two: tuple[ClaimedJob, ClaimedJob]
) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto("/queues")
    tray = tray_of(page)
    expect(tray.get_by_role("listitem")).to_have_count(2)
    first, second = tray.get_by_role("listitem").all()
    product.pulse(two[0], 1, 4, "One of four")
    expect(first).to_contain_text("25 %")
    expect(first.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    product.pulse(two[1], 3, 4, "Three of four")
    expect(second).to_contain_text("75 %")
    # The page before may have opened its own only now.
    (address,) = set(sockets)
    assert address.endswith(f"/live/tray?jobs={two[0].id},{two[1].id}")

    product.finish(two[0], DONE)
    expect(first).to_contain_text("Completed")
    expect(page.locator("#announcer")).to_have_text("First: Job completed")
    expect(tray.get_by_role("button", name="2 jobs, 1 ended")).to_be_visible()
    page.goto("/search")
    # Until somebody removes it.
    expect(tray_of(page).get_by_role("listitem").first).to_contain_text("Completed")


def test_a_click_restores_and_x_removes_without_stopping(
    page: Page, product: Product, two: tuple[ClaimedJob, ClaimedJob]
) -> None:
    page.goto("/queues")
    tray = tray_of(page)
    tray.get_by_role("link", name="First").click()
    dialog = page.get_by_role("dialog", name="First")
    expect(dialog.locator(".connection")).to_have_text("Live")
    product.pulse(two[0], 2, 4, "Half of it")
    expect(dialog).to_contain_text("Half of it")
    page.keyboard.press("Escape")
    expect(tray.get_by_role("listitem")).to_have_count(2)

    remove = tray.get_by_role("button", name="Remove First from here")
    remove.focus()
    page.keyboard.press("Enter")
    expect(tray.get_by_role("listitem")).to_have_count(1)
    expect(tray.get_by_role("link", name="Second")).to_be_focused()
    assert product.status(two[0].id) == "active"
    tray.get_by_role("button", name="Remove Second from here").click()
    expect(page.locator("#tray")).to_be_hidden()
    page.reload()
    expect(page.locator("#tray")).to_be_hidden()


def test_two_tabs_agree(page: Page, product: Product, two: tuple[ClaimedJob, ClaimedJob], witness: Witness) -> None:
    other = page.context.new_page()
    witness.attend(other)
    other.goto("/queues")
    expect(tray_of(other).get_by_role("listitem")).to_have_count(2)
    tray_of(other).get_by_role("button", name="Remove First from here").click()
    expect(tray_of(page).get_by_role("listitem")).to_have_count(1)
    product.create("fail", {}, name="Third")
    minimise(page, product.claim("fail").id)
    expect(tray_of(other).get_by_role("listitem")).to_have_count(2)
    expect(tray_of(other)).to_contain_text("Third")


def test_it_holds_eight_and_says_so(page: Page, product: Product) -> None:
    ids = [product.create("echo", {"text": str(n)}, name=f"Job {n}") for n in range(9)]
    for job_id in ids[:8]:
        minimise(page, job_id)
    page.goto(f"/jobs?open={ids[8]}")
    page.get_by_role("dialog").get_by_role("button", name="Minimise").click()
    expect(page.locator(".toast")).to_contain_text("The tray is full")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_of_others_and_of_what_is_gone_nothing_is_shown(
    page: Page, product: Product, two: tuple[ClaimedJob, ClaimedJob]
) -> None:
    key = page.evaluate("`jobsapp.tray.${document.getElementById('tray').dataset.viewer}`")
    page.evaluate(
        """key => localStorage.setItem(key, JSON.stringify(
        [...JSON.parse(localStorage.getItem(key)), "01a215af-5b64-71e7-a118-c4d946e6fd81", "<b>", 7]))""",
        key,
    )
    page.goto("/queues")
    expect(tray_of(page).get_by_role("listitem")).to_have_count(2)
    assert page.evaluate("key => JSON.parse(localStorage.getItem(key)).length", key) == 2
    page.evaluate("key => localStorage.setItem(key, 'no json')", key)
    page.goto("/search")
    expect(page.locator("#tray")).to_be_hidden()


def test_on_a_phone_it_is_a_pill_that_opens(page: Page, product: Product, two: tuple[ClaimedJob, ClaimedJob]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/queues")
    pill = tray_of(page).get_by_role("button", name="2 jobs")
    expect(pill).to_have_attribute("aria-expanded", "false")
    expect(tray_of(page).get_by_role("listitem")).to_have_count(0)
    box = tray_of(page).bounding_box()
    assert box is not None
    assert box["width"] < 180
    assert box["height"] < 60
    pill.press("Enter")
    expect(pill).to_have_attribute("aria-expanded", "true")
    expect(tray_of(page).get_by_role("listitem")).to_have_count(2)
    opened = tray_of(page).bounding_box()
    assert opened is not None
    assert 0 <= opened["x"] <= opened["x"] + opened["width"] <= 360
    # The last of the page can be scrolled out from under it.
    padding = page.locator("main").evaluate("element => parseFloat(getComputedStyle(element).paddingBottom)")
    assert padding > box["height"] + 20


def test_the_jobs_own_page_shows_it_once(page: Page, product: Product, two: tuple[ClaimedJob, ClaimedJob]) -> None:
    page.goto(f"/jobs/{two[0].id}")
    tray_of(page).get_by_role("link", name="First").click()
    expect(page.locator("#main")).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()
    tray_of(page).get_by_role("link", name="Second").click()
    expect(page.get_by_role("dialog", name="Second")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{two[0].id}.*open={two[1].id}"))
    # Every page opens what its address names.
    page.reload()
    expect(page.get_by_role("dialog", name="Second")).to_be_visible()


def test_a_failure_is_told_apart(page: Page, product: Product) -> None:
    job_id = product.create("fail", {}, name="Breaks")
    job = product.claim("fail")
    minimise(page, job_id)
    product.finish(job, Transition(Status.FAILED, "failed", failure=Failure("ValueError", "broke", None)))
    item = tray_of(page).get_by_role("listitem")
    expect(item).to_contain_text("Failed")
    expect(item).to_have_attribute("data-state", "failed")
