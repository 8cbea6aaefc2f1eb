"""The progress modal in a real browser, with jobs moved by hand."""

from __future__ import annotations

import re

import psycopg
import pytest
from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.store.durations import add_durations
from tests.browser.conftest import SERVER_GONE, Witness
from tests.browser.product import Product


def test_the_life_of_a_job(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4}, name="Import", description="All of it")
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog", name="Import")
    expect(dialog).to_contain_text("Job queued")
    expect(dialog).to_contain_text("All of it")
    expect(dialog).to_contain_text("No worker listens on the queue steps")
    expect(dialog.locator(".connection")).to_have_text("Live")

    job = product.claim("steps")
    expect(dialog).to_contain_text("Processing…")
    bar = dialog.get_by_role("progressbar")
    for done in (1, 2, 3):
        product.pulse(job, done, 4, f"Step {done}")
        expect(bar).to_have_attribute("aria-valuenow", str(done * 25))
        expect(dialog).to_contain_text(f"Item {done} of 4")
        expect(dialog).to_contain_text(f"{4 - done} remaining")
        expect(dialog).to_contain_text(f"Step {done}")
    expect(page.locator("#announcer")).to_have_text("Import: 75 per cent")

    product.finish(job, Transition(Status.COMPLETED, "completed", result={"rowsDone": 1234567}))
    expect(dialog).to_contain_text("Job completed")
    expect(dialog).to_contain_text("1,234,567")
    expect(dialog.get_by_role("button", name="Cancel job")).to_have_count(0)
    expect(page.locator("#announcer")).to_have_text("Import: Job completed")


def test_the_time_left_passes_though_the_job_says_nothing(page: Page, product: Product) -> None:
    with psycopg.connect(product.settings.database_url) as connection:
        add_durations(connection, "w", {"steps": [14.0] * 20})
    job_id = product.create("steps", {})
    job = product.claim("steps")
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    left = dialog.locator("[data-left]")
    expect(left).to_have_text(re.compile(r"about ([5-9]|1\d).* s left"))
    expect(left).to_have_text(re.compile(r"about [1-4](\.\d+)? s left"))
    expect(dialog).not_to_contain_text(" left")
    product.pulse(job, 50, 100, "Half")
    expect(left).to_have_text(re.compile("about .* s left"))


def test_an_unknown_total_is_said(page: Page, product: Product) -> None:
    job_id = product.create("steps", {})
    job = product.claim("steps")
    product.pulse(job, 17, None, "Reading")
    page.goto(f"/jobs?open={job_id}")
    bar = page.get_by_role("dialog").get_by_role("progressbar")
    expect(bar).to_have_class(re.compile("indeterminate"))
    expect(bar).not_to_have_attribute("aria-valuenow", re.compile(".*"))
    expect(bar).to_have_attribute("aria-valuetext", "Reading")


def test_opens_on_a_finished_job(page: Page, product: Product) -> None:
    product.create("fail", {}, name="Broken")
    job = product.claim("fail")
    failure = Failure("BadRow", "Line 7 is broken", "Traceback: secret insides")
    product.finish(job, Transition(Status.FAILED, "failed", failure=failure))
    page.goto("/jobs")
    page.get_by_role("link", name="Broken").click()
    dialog = page.get_by_role("dialog", name="Broken")
    expect(dialog).to_contain_text("Job failed")
    expect(dialog).to_contain_text("Line 7 is broken")
    expect(dialog.locator(".connection")).to_have_text("Live")
    expect(dialog).not_to_contain_text("secret insides")

    dialog.get_by_role("button", name="Retry").click()
    expect(dialog).to_contain_text("Job queued")
    assert product.status(job.id) == "pending"


def test_cancel_in_its_steps(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    job = product.claim("steps")
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel job").click()
    expect(dialog.locator("[aria-current=step]")).to_have_text("Stopping")
    expect(dialog.get_by_role("button", name="Cancelling…")).to_be_disabled()
    product.finish(job, Transition(Status.CANCELLED, "cancelled"))
    expect(dialog).to_contain_text("Job cancelled")
    expect(dialog.get_by_role("button", name="Retry")).to_be_visible()


def test_keyboard_only(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4}, name="By hand")
    page.goto("/jobs")
    link = page.get_by_role("link", name="By hand")
    for _ in range(30):
        if link.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="By hand")
    expect(dialog).to_be_visible()
    expect(page.locator("#job-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    assert product.status(job_id) == "pending"

    page.keyboard.press("Enter")
    cancel = page.get_by_role("button", name="Cancel job")
    expect(cancel).to_be_visible()
    for _ in range(10):
        if cancel.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Job cancelled")
    # Its button is gone, the focus is not.
    expect(page.locator("#job-title")).to_be_focused()


@pytest.mark.parametrize("told", ["with the next frame", "while it opens"])
def test_opened_again_before_the_browser_tells_of_closing(page: Page, product: Product, told: str) -> None:
    job_id = product.create("steps", {"steps": 4})
    page.goto(f"/jobs?open={job_id}")
    expect(page.get_by_role("dialog").locator(".connection")).to_have_text("Live")
    # Within one frame, as happens to a quick hand on a busy machine. The event of closing comes with the next.
    page.evaluate(
        """async ([address, early]) => {
        const text = await (await fetch(address)).text();
        const dialog = document.getElementById("job-modal");
        const target = document.getElementById("job-modal-content");
        const told = new Promise((done) => dialog.addEventListener("close", done));
        dialog.close();
        const swapped = htmx.swap({sourceElement: document.body, target, swap: "innerHTML", text});
        if (early) dialog.dispatchEvent(new Event("close"));
        await Promise.all([swapped, told]);
    }""",
        [f"/jobs/{job_id}/modal", told == "while it opens"],
    )
    expect(page.get_by_role("button", name="Cancel job")).to_be_visible()
    expect(page.get_by_role("dialog").locator(".connection")).to_have_text("Live")
    expect(page).to_have_url(re.compile(f"open={job_id}"))


def test_closing_by_backdrop_and_button_cleans_the_address(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/jobs$"))
    page.locator(".cell-name a").click()
    expect(dialog).to_be_visible()
    expect(page).to_have_url(re.compile(f"open={job_id}"))
    page.mouse.click(5, 400)
    expect(dialog).to_be_hidden()
    assert product.status(job_id) == "pending"


def test_offline_and_back(page: Page, product: Product, witness: Witness) -> None:
    witness.expect(f"ERR_INTERNET_DISCONNECTED|{SERVER_GONE}")
    job_id = product.create("steps", {"steps": 4})
    job = product.claim("steps")
    page.goto(f"/jobs?open={job_id}")
    mark = page.get_by_role("dialog").locator(".connection")
    expect(mark).to_have_text("Live")
    page.context.set_offline(True)
    expect(mark).to_have_text("Offline")
    product.pulse(job, 3, 4, "Step 3")
    page.context.set_offline(False)
    expect(mark).to_have_text("Live")
    expect(page.get_by_role("dialog").get_by_role("progressbar")).to_have_attribute("aria-valuenow", "75")


def test_the_server_dies_and_comes_back(page: Page, product: Product, witness: Witness) -> None:
    witness.expect(SERVER_GONE)
    job_id = product.create("steps", {"steps": 4})
    job = product.claim("steps")
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".connection")).to_have_text("Live")
    product.kill_web()
    expect(dialog.locator(".connection")).to_have_text("Reconnecting…")
    product.pulse(job, 2, 4, "Half of it, unseen")
    product.start_web()
    expect(dialog.locator(".connection")).to_have_text("Live")
    expect(dialog).to_contain_text("Half of it, unseen")
    product.finish(job, Transition(Status.COMPLETED, "completed", result={"steps": 4}))
    expect(dialog).to_contain_text("Job completed")


def test_late_news_is_dropped(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    job = product.claim("steps")
    product.pulse(job, 3, 4, "Step 3")
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("75 %")
    news = """async ([id, revision, percentage]) => {
        const news = document.getElementById(id).outerHTML
            .replace(/data-revision="\\d+"/, `data-revision="${revision}" hx-swap-oob="outerMorph"`)
            .replaceAll(/\\d+ %/g, percentage);
        await htmx.swap({text: news, target: document.body, swap: 'none', sourceElement: document.body});
    }"""
    page.evaluate(news, [f"job-{job_id}", 1, "25 %"])
    expect(dialog).to_contain_text("75 %")
    # The same with a newer revision is shown: it was the revision that kept the first one out.
    page.evaluate(news, [f"job-{job_id}", 100, "85 %"])
    expect(dialog).to_contain_text("85 %")


def test_a_refusal_is_told_above_the_modal(page: Page, product: Product, witness: Witness) -> None:
    witness.expect("409")
    job_id = product.create("steps", {"steps": 4})
    page.goto(f"/jobs?open={job_id}")
    # Something else was faster, and the news of it is lost.
    page.route("**/cancel", lambda route: (product.cancel_unseen(job_id), route.continue_()))
    page.get_by_role("button", name="Cancel job").click()
    toast = page.locator("dialog .toast")
    expect(toast).to_contain_text("only a pending or active job can be cancelled")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("body > #toasts .toast")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toast")).to_have_count(0)


def test_one_job_after_the_other(page: Page, product: Product) -> None:
    product.create("steps", {}, name="One")
    product.create("echo", {}, name="Two")
    page.goto("/jobs")
    for name in ("One", "Two", "One"):
        page.get_by_role("link", name=name).click()
        dialog = page.get_by_role("dialog", name=name)
        expect(dialog.locator(".connection")).to_have_text("Live")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.locator("#job-modal-content > *")).to_have_count(0)
