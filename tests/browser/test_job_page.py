"""The page of one job: its timeline, its rate and its log."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import psycopg
from playwright.sync_api import Browser, Page, Response, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.store.jobs import LogLine
from tests.browser.product import Product, sign_in

FAILED = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Line 7 is broken", None))


def lines(first: int, last: int, level: str = "info") -> list[LogLine]:
    return [LogLine(datetime.now(UTC), level, f"line {n}") for n in range(first, last + 1)]


def brings_lines(answer: Response) -> bool:
    return "/log/new" in answer.url and answer.status == 200


def test_the_timeline_goes_on_while_somebody_looks(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4}, name="Import")
    page.goto(f"/jobs/{job_id}")
    timeline = page.get_by_role("list", name="Timeline")
    steps = timeline.get_by_role("listitem")
    expect(steps).to_have_count(2)
    expect(timeline.locator("[aria-current=step]")).to_contain_text("No worker listens on the queue steps")

    job = product.claim("steps")
    now = timeline.locator("[aria-current=step]")
    expect(now).to_contain_text("Attempt 1 runs")
    seconds = now.locator("[data-elapsed]")
    expect(seconds).to_have_text(re.compile(r"^[1-9]"))
    product.finish(job, FAILED)
    expect(steps.locator(".step-title")).to_have_text(["Created", "Waited", "Attempt 1 failed", "Job failed"])
    expect(steps.nth(2)).to_contain_text("Line 7 is broken")
    expect(steps.nth(2).locator("time").first).to_have_attribute("title", re.compile(r"20\d\d"))

    page.get_by_role("button", name="Retry").click()
    expect(steps.locator(".step-title")).to_have_text(
        ["Created", "Waited", "Attempt 1 failed", "Asked to run again", "Waits"]
    )
    job = product.claim("steps")
    page.get_by_role("button", name="Cancel job").click()
    expect(now).to_contain_text("Stopping")
    product.finish(job, Transition(Status.CANCELLED, "cancelled"))
    expect(steps.locator(".step-title").last).to_have_text("Job cancelled")


def test_the_rate_stands_beside_the_time_left(page: Page, product: Product) -> None:
    job_id = product.create("steps", {})
    job = product.claim("steps")
    page.goto(f"/jobs/{job_id}")
    product.pulse(job, 1, 10_000, "Begun")
    expect(page.locator(".panel")).to_contain_text("Item 1 of 10,000")
    # Ten seconds pass.
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute("UPDATE jobs SET progress_base_at = progress_base_at - interval '10 seconds'")
    product.pulse(job, 5000, 10_000, "Half")
    expect(page.locator("[data-rate]")).to_have_text(re.compile(r"^\d+(\.\d)? items/s$"))
    expect(page.locator("[data-left]")).to_have_text(re.compile("about .* left"))


def test_lines_arrive_alone_and_following_is_a_switch(page: Page, product: Product) -> None:
    job_id = product.create("echo", {})
    job = product.claim("echo")
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#log")).to_contain_text("What the job writes appears here")
    product.pulse(job, 1, 100, "Working", *lines(1, 80))
    log = page.get_by_role("log")
    log.scroll_into_view_if_needed()
    expect(log.get_by_text("line 80", exact=True)).to_be_in_viewport()

    log.locator("p").first.evaluate("line => { line.dataset.mark = 'same' }")
    with page.expect_response(brings_lines) as news:
        product.pulse(job, 2, 100, "Working", *lines(81, 82))
    expect(log.get_by_text("line 82", exact=True)).to_be_in_viewport()
    assert "line 81" in news.value.text()
    assert len(news.value.text()) < 2_000, "two lines, not eighty"
    expect(log.locator("[data-mark=same]")).to_have_count(1)

    follow = page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    follow.press("Enter")
    expect(follow).to_have_attribute("aria-pressed", "false")
    product.pulse(job, 3, 100, "Working", *lines(83, 120))
    expect(log.get_by_text("line 120", exact=True)).to_be_attached()
    expect(log.get_by_text("line 82", exact=True)).to_be_in_viewport()
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.press("Enter")
    expect(log.get_by_text("line 120", exact=True)).to_be_in_viewport()
    log.get_by_text("line 20", exact=True).scroll_into_view_if_needed()
    expect(follow).to_have_attribute("aria-pressed", "false")
    product.finish(job, Transition(Status.COMPLETED, "completed", result={}))
    expect(page.locator(".panel")).to_contain_text("Job completed")


def test_the_whole_log_is_searched_and_stays_live(page: Page, product: Product) -> None:
    job_id = product.create("echo", {})
    job = product.claim("echo")
    product.pulse(job, 1, 100, "Working", LogLine(datetime.now(UTC), "warning", "needle one"), *lines(1, 700))
    page.goto(f"/jobs/{job_id}")
    log = page.get_by_role("log")
    expect(log).to_contain_text("line 700")
    expect(log).not_to_contain_text("needle")
    page.get_by_label("Search the log").fill("NEEDLE")
    expect(log.locator("p")).to_have_count(1)
    expect(page.locator("#log-found")).to_contain_text("1 line found")
    expect(page).to_have_url(re.compile(r"\?q=NEEDLE$"))
    expect(page.get_by_label("Search the log")).to_be_focused()
    product.pulse(job, 2, 100, "Working", *lines(701, 702), LogLine(datetime.now(UTC), "error", "needle two"))
    expect(log.locator("p")).to_have_count(2)
    expect(page.locator("#log-found")).to_contain_text("2 lines found")
    page.get_by_label("Level").select_option("error")
    expect(log.locator("p")).to_have_text([re.compile("needle two")])
    page.reload()
    expect(log.locator("p")).to_have_text([re.compile("needle two")])
    page.get_by_role("link", name="Show all lines").click()
    expect(log).to_contain_text("line 702")


def test_a_log_is_searched_without_a_script(browser: Browser, product: Product) -> None:
    product.start_web()
    product.empty()
    job_id = product.create("echo", {})
    job = product.claim("echo")
    product.pulse(job, 1, 100, "Working", *lines(1, 600))
    product.finish(job, Transition(Status.COMPLETED, "completed", result={}))
    context = browser.new_context(base_url=product.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, product)
    page.goto(f"/jobs/{job_id}")
    page.get_by_label("Search the log").fill("line 7")
    page.get_by_label("Search the log").press("Enter")
    expect(page.get_by_role("log").locator("p")).to_have_count(11)
    page.get_by_role("link", name="Show all lines").click()
    page.get_by_role("link", name="Older lines").click()
    expect(page.get_by_role("log").locator("p")).to_have_count(100)
    context.close()
