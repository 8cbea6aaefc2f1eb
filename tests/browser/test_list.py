"""The list of jobs: rows that change in place and appear, with jobs moved by hand."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from jobsapp.services.jobs import NewJob
from tests.browser.conftest import Witness
from tests.browser.product import Product, sign_in


def test_rows_appear_and_change(page: Page, product: Product) -> None:
    page.goto("/jobs")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.locator(".connection").first).to_have_text("Live")
    product.create("steps", {"steps": 4}, name="First")
    expect(page.get_by_role("link", name="First")).to_be_visible()
    expect(page.get_by_text("No jobs yet")).to_be_hidden()
    product.create("echo", {}, name="Second")
    expect(page.locator(".cell-name a")).to_have_text(["Second", "First"])

    row = page.get_by_role("row", name="First")
    job = product.claim("steps")
    expect(row).to_contain_text("Active")
    product.pulse(job, 1, 4, "Step 1")
    expect(row).to_contain_text("25 %")
    product.finish(job, Transition(Status.COMPLETED, "completed", result={}))
    expect(row).to_contain_text("Completed")
    expect(page.locator(".job-row")).to_have_count(2)


def test_a_filtered_list_gets_no_strangers(page: Page, product: Product) -> None:
    product.create("echo", {}, name="Apples")
    page.goto("/jobs?q=apples")
    expect(page.locator(".connection").first).to_have_text("Live")
    product.create("echo", {}, name="Pears")
    job = product.claim("echo")
    expect(page.get_by_role("row", name="Apples")).to_contain_text("Active")
    expect(page.locator(".cell-name a")).to_have_text(["Apples"])
    product.finish(job, Transition(Status.COMPLETED, "completed", result={}))
    expect(page.get_by_role("row", name="Apples")).to_contain_text("Completed")


def test_searching_while_typing(page: Page, product: Product) -> None:
    product.create("echo", {}, name="Apples")
    product.create("steps", {}, name="Pears")
    page.goto("/jobs")
    page.get_by_role("searchbox").press_sequentially("pear")
    expect(page.locator(".cell-name a")).to_have_text(["Pears"])
    page.get_by_role("searchbox").fill("")
    expect(page.locator(".cell-name a")).to_have_count(2)
    page.get_by_label("Type").select_option("echo")
    expect(page.locator(".cell-name a")).to_have_text(["Apples"])
    page.reload()
    expect(page.locator(".cell-name a")).to_have_text(["Apples"])


def test_only_what_matches_comes_on_top(page: Page, product: Product) -> None:
    product.create("echo", {}, name="Apples")
    page.goto("/jobs?q=apples&type=echo&status=pending")
    expect(page.locator(".connection").first).to_have_text("Live")
    product.create("echo", {}, name="Pears")
    product.create("steps", {}, name="Apples of another type")
    product.create("echo", {}, name="More apples")
    expect(page.locator(".cell-name a")).to_have_text(["More apples", "Apples"])
    # A row that no longer matches stays where it is, and pale.
    row = page.get_by_role("row", name="Choose Apples")
    product.claim("echo")
    expect(row).to_contain_text("Active")
    expect(row.locator(".cell-name")).to_have_css("opacity", "0.5")
    expect(row.locator(".cell-status")).to_have_css("opacity", "1")
    page.reload()
    expect(page.locator(".cell-name a")).to_have_text(["More apples"])


def test_a_filter_that_changes_changes_what_comes(page: Page, product: Product) -> None:
    page.goto("/jobs")
    page.get_by_label("Type").select_option("steps")
    page.wait_for_url("**/jobs?type=steps")
    page.get_by_text("More filters").click()
    page.get_by_label("Owner").fill("me")
    page.get_by_label("Owner").press("Enter")
    page.wait_for_url("**/jobs?type=steps&user=me")
    expect(page.locator(".connection").first).to_have_text("Live")
    product.create("echo", {}, name="Not this")
    product.create("steps", {}, name="But this")
    expect(page.locator(".cell-name a")).to_have_text(["But this"])


def test_filters_survive_a_reload_and_times_are_the_viewers(
    browser: Browser, page: Page, product: Product, witness: Witness
) -> None:
    product.create("echo", {}, name="Apples")
    context = browser.new_context(base_url=product.url, timezone_id="Asia/Tokyo")
    mine = context.new_page()
    witness.attend(mine)
    sign_in(mine, product)
    mine.goto("/jobs")
    mine.get_by_text("More filters").click()
    mine.get_by_label("Queue").select_option("echo")
    mine.get_by_label("From GMT+9").fill("2026-01-01T09:00:00")
    mine.get_by_label("From GMT+9").press("Tab")
    mine.wait_for_url("**/jobs?queue=echo&createdAfter=2026-01-01T00%3A00%3A00Z")
    for _ in range(2):
        expect(mine.locator(".cell-name a")).to_have_text(["Apples"])
        expect(mine.get_by_label("From GMT+9")).to_have_value("2026-01-01T09:00")
        expect(mine.locator(".chips")).to_contain_text("9:00:00")
        mine.reload()
    mine.get_by_role("link", name="Remove the filter Queue echo").click()
    mine.wait_for_url("**/jobs?createdAfter=2026-01-01T00%3A00%3A00Z")
    mine.get_by_label("Before GMT+9").fill("2026-01-02T09:00:00")
    mine.get_by_label("Before GMT+9").press("Tab")
    expect(mine.get_by_text("No job matches")).to_be_visible()
    mine.get_by_role("link", name="Clear all").click()
    expect(mine.locator(".cell-name a")).to_have_text(["Apples"])
    assert mine.url.endswith("/jobs")
    context.close()


def test_a_list_that_was_cut_off_shows_what_it_missed(page: Page, product: Product, witness: Witness) -> None:
    """More than the newest jobs, which the socket sends on connecting."""
    product.create("echo", {}, name="Needle, seen")
    page.goto("/jobs?q=needle")
    expect(page.locator(".connection").first).to_have_text("Live")
    witness.expect("WebSocket|ERR_INTERNET|Failed to fetch|htmx:ws:error")
    page.context.set_offline(True)
    page.evaluate("() => document.querySelector('[data-live]')._htmx.ws.connection.socket.close()")
    product.create("echo", {}, name="Needle, missed")
    with product.app.app_context():
        jobs = [NewJob("echo", {}, name="Hay") for _ in range(60)]
        product.services.jobs.create_many(product.actor(), jobs)
        db.session.remove()
    page.context.set_offline(False)
    expect(page.locator(".cell-name a")).to_have_text(["Needle, missed", "Needle, seen"])


def test_the_page_does_not_grow_for_ever(page: Page, product: Product) -> None:
    with product.app.app_context():
        for part in range(2):
            jobs = [NewJob("echo", {}, name=f"Old {part}") for _ in range(60)]
            product.services.jobs.create_many(product.actor(), jobs)
        db.session.remove()
    page.goto("/jobs")
    expect(page.locator(".connection").first).to_have_text("Live")
    with product.app.app_context():
        jobs = [NewJob("echo", {}, name="New") for _ in range(80)]
        product.services.jobs.create_many(product.actor(), jobs)
        db.session.remove()
    expect(page.locator(".job-row").first).to_contain_text("New")
    expect(page.locator(".job-row")).to_have_count(100)
    last = page.locator(".job-row").last.get_attribute("data-job")
    assert page.get_by_role("link", name="Older").get_attribute("href").endswith(f"before={last}")  # type: ignore[union-attr]
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".job-row")).to_have_count(50)


def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/jobs")
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light


def test_without_javascript(browser: Browser, product: Product, witness: Witness) -> None:
    product.empty()
    context = browser.new_context(base_url=product.url, java_script_enabled=False)
    page = context.new_page()
    witness.attend(page)
    sign_in(page, product)
    page.goto("/jobs/new/echo")
    page.get_by_label("Text", exact=True).fill("plain")
    page.get_by_role("button", name="Start job").click()
    # The list with the modal leads on to the page of the job, where there is no modal.
    page.wait_for_url("**/jobs/*-*-*")
    expect(page.get_by_text("Job queued")).to_be_visible()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator(".panel").get_by_text("Job cancelled")).to_be_visible()
    assert witness.complaints == []
    context.close()


def test_no_page_scrolls_sideways_on_a_phone(page: Page, product: Product) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    job_id = product.create("steps", {"gate": "g" * 120}, name="N" * 200, description="D" * 300)
    addresses = ("/jobs", "/jobs/new", "/jobs/new/data-conversion", f"/jobs/{job_id}", f"/jobs?open={job_id}")
    for address in addresses:
        page.goto(address)
        expect(page.get_by_role("dialog") if "open=" in address else page.locator("main")).to_be_visible()
        width, window = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert width <= window == 390, address
