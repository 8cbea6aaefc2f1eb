"""The list of jobs: rows that change in place and appear, with jobs moved by hand."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
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
