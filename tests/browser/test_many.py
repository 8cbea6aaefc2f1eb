"""Choosing many jobs of the list and changing them, with jobs moved by hand."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.extensions import db
from tests.browser.conftest import Witness
from tests.browser.product import Product, sign_in

DONE = Transition(Status.COMPLETED, "completed", result={})
FAILED = Transition(Status.FAILED, "failed", failure=Failure("ValueError", "broke", None))


def create(product: Product, number: int, **more: object) -> None:
    for one in range(number):
        product.create("echo", {}, name=f"Job {one}", **more)


def box(page: Page, name: str) -> object:
    return page.get_by_role("checkbox", name=f"Choose {name}")


def states(page: Page) -> list[str]:
    return [row.inner_text() for row in page.locator(".cell-status").all()]


def test_three_are_chosen_and_cancelled(page: Page, product: Product) -> None:
    create(product, 5)
    page.goto("/jobs?type=echo")
    bar = page.get_by_role("form", name="Change the chosen jobs")
    expect(bar).to_be_hidden()
    for name in ("Job 0", "Job 2", "Job 4"):
        box(page, name).check()  # type: ignore[attr-defined]
    expect(bar).to_contain_text("3 chosen")
    bar.get_by_role("button", name="Cancel").click()
    expect(page.locator(".flash")).to_contain_text("3 jobs cancelled.")
    assert page.url.endswith("/jobs?type=echo")
    expect(page.locator('.job-row[data-state="cancelled"] .cell-name a')).to_have_text(["Job 4", "Job 2", "Job 0"])


def test_everything_that_matches_is_retried(page: Page, product: Product) -> None:
    create(product, 3)
    for _ in range(2):
        product.finish(product.claim("echo"), FAILED)
    product.create("steps", {"steps": 4}, name="Another")
    product.finish(product.claim("steps"), FAILED)
    page.goto("/jobs?type=echo")
    page.get_by_role("checkbox", name="Choose all jobs of this page").check()
    expect(page.locator("[data-chosen]")).to_have_text("3 chosen")
    page.get_by_role("checkbox", name=re.compile("Everything that matches")).check()
    expect(page.locator("#many-matching")).to_have_text("(3 jobs)")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", name="Retry 2 jobs?")).to_be_visible()
    expect(page.locator("main")).to_contain_text("2 of 3 jobs can be retried. 1 is waiting.", use_inner_text=True)
    page.get_by_role("button", name="Retry 2 jobs").click()
    expect(page.locator(".flash")).to_contain_text("2 jobs put back to the queue.")
    assert page.url.endswith("/jobs?type=echo")
    expect(page.locator('.job-row[data-state="pending"]')).to_have_count(3)


def test_an_administrator_deletes_and_open_pages_say_so(page: Page, product: Product) -> None:
    create(product, 2)
    for _ in range(2):
        product.finish(product.claim("echo"), DONE)
    other, third = page.context.new_page(), page.context.new_page()
    other.goto("/jobs")
    third.goto("/jobs")
    third.get_by_role("link", name="Job 1").click()
    expect(third.get_by_role("dialog")).to_contain_text("Job completed")
    for one in (other, third):
        expect(one.locator(".connection").first).to_have_text("Live")
    page.goto("/jobs")
    box(page, "Job 1").check()  # type: ignore[attr-defined]
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete 1 job?")).to_be_visible()
    page.get_by_role("button", name="Delete 1 job").click()
    expect(page.locator(".flash")).to_contain_text("1 job deleted.")
    expect(page.locator(".cell-name a")).to_have_text(["Job 0"])
    expect(other.locator(".cell-name a")).to_have_text(["Job 0"])
    expect(third.get_by_role("dialog")).to_contain_text("This job was deleted.")
    third.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(third.get_by_role("dialog")).to_be_hidden()
    expect(third.locator(".cell-name a")).to_have_text(["Job 0"])


def test_a_member_has_no_delete(browser: Browser, page: Page, product: Product) -> None:
    create(product, 1)
    with product.app.app_context():
        product.services.identity.create_user("member@localhost")
        db.session.remove()
    context = browser.new_context(base_url=product.url)
    theirs = context.new_page()
    theirs.goto(product.login_link("member@localhost"))
    theirs.get_by_role("button", name="Sign in").click()
    theirs.wait_for_url("**/jobs**")
    box(theirs, "Job 0").check()  # type: ignore[attr-defined]
    expect(theirs.get_by_role("button", name="Cancel")).to_be_visible()
    expect(theirs.get_by_role("button", name="Delete…")).to_have_count(0)
    context.close()


def test_what_is_chosen_stays_so_while_rows_move(page: Page, product: Product) -> None:
    create(product, 3)
    page.goto("/jobs")
    expect(page.locator(".connection").first).to_have_text("Live")
    box(page, "Job 0").check()  # type: ignore[attr-defined]
    box(page, "Job 2").check()  # type: ignore[attr-defined]
    job = product.claim("echo")
    product.create("echo", {}, name="New on top")
    product.pulse(job, 1, 2, "half")
    expect(page.get_by_role("row", name="Job 0")).to_contain_text("50 %")
    product.finish(job, DONE)
    expect(page.get_by_role("row", name="Job 0")).to_contain_text("Completed")
    expect(page.locator(".cell-name a").first).to_have_text("New on top")
    expect(page.locator("#job-rows input:checked")).to_have_count(2)
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".flash")).to_contain_text("1 job cancelled. Left as they are: 1 is completed.")


def test_a_range_by_shift_and_all_by_keyboard(page: Page, product: Product) -> None:
    create(product, 6)
    page.goto("/jobs")
    box(page, "Job 4").click()  # type: ignore[attr-defined]
    box(page, "Job 1").click(modifiers=["Shift"])  # type: ignore[attr-defined]
    expect(page.locator("[data-chosen]")).to_have_text("4 chosen")
    expect(page.locator("#choose-page")).to_have_js_property("indeterminate", True)
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator("#job-rows input:checked")).to_have_count(0)
    box(page, "Job 3").focus()  # type: ignore[attr-defined]
    page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    page.keyboard.press("Enter")
    expect(page.locator("#job-rows input:checked")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    shadow = page.evaluate("() => getComputedStyle(document.activeElement).boxShadow")
    assert shadow != "none"
    page.locator("#choose-page").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_have_text("6 chosen")


def test_many_are_cancelled_without_javascript(browser: Browser, product: Product, witness: Witness) -> None:
    product.start_web()
    product.empty()
    create(product, 3)
    context = browser.new_context(base_url=product.url, java_script_enabled=False)
    page = context.new_page()
    witness.attend(page)
    sign_in(page, product)
    page.goto("/jobs?type=echo")
    page.get_by_text("More filters").click()
    page.get_by_label("Created").select_option("last-hour")
    page.get_by_role("button", name="Filter").click()
    assert "created=last-hour" in page.url
    box(page, "Job 0").check()  # type: ignore[attr-defined]
    # Enter in a box changes nothing: it asks.
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cancel 1 job?")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    box(page, "Job 0").check()  # type: ignore[attr-defined]
    box(page, "Job 1").check()  # type: ignore[attr-defined]
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("2 jobs cancelled.")).to_be_visible()
    expect(page.locator('.job-row[data-state="cancelled"]')).to_have_count(2)
    box(page, "Job 0").check()  # type: ignore[attr-defined]
    page.get_by_role("checkbox", name=re.compile("Everything that matches")).check()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete 2 jobs").click()
    expect(page.locator(".cell-name a")).to_have_text(["Job 2"])
    assert witness.complaints == []
    context.close()
