"""The dashboard, live, as an operator looks at it."""

from __future__ import annotations

import re
import time

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from tests.browser.conftest import SERVER_GONE, Witness
from tests.browser.product import Product, sign_in

DONE = Transition(Status.COMPLETED, "completed", result={})
BROKEN = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "No."))
UNLABELLED = """() => {
  const named = (one) => one.ariaLabel || one.getAttribute("aria-labelledby") || one.labels?.length
    || one.textContent.trim();
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  const levels = [...document.querySelectorAll("main :is(h1, h2, h3)")].map((one) => Number(one.tagName[1]));
  return [
    ...[...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, [role=img], [role=region]")]
      .filter((one) => !named(one)).map((one) => one.outerHTML),
    ...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `twice: ${id}`),
    ...[...document.querySelectorAll("main [aria-labelledby]")]
      .flatMap((one) => one.getAttribute("aria-labelledby").split(" "))
      .filter((id) => !document.getElementById(id)).map((id) => `names nothing: ${id}`),
    ...levels.filter((level, place) => place && level > levels[place - 1] + 1).map((level) => `skips to h${level}`),
    ...[...document.querySelectorAll("main svg:not([role=img], [aria-hidden=true], .icon)")]
      .map((one) => one.outerHTML),
    ...[...document.querySelectorAll("main th:not([scope])")].map((one) => one.outerHTML),
  ];
}"""


def some_jobs(product: Product) -> None:
    """2 completed, 1 failed, 1 waits."""
    for _ in range(4):
        product.create("echo", {})
    for transition in (DONE, DONE, BROKEN):
        product.finish(product.claim("echo"), transition)


def test_numbers_change_while_one_looks(page: Page, product: Product) -> None:
    page.goto("/jobs")
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    product.create("echo", {"text": "x"})
    expect(page.locator("#tile-pending")).to_contain_text("1")
    job = product.claim("echo")
    expect(page.locator("#tile-active .tile-number")).to_have_text("1")
    expect(page.locator("#tile-pending .tile-number")).to_have_text("0")
    page.locator("#tile-completed").focus()
    summary = page.locator("#chart-throughput summary")
    summary.click()
    product.finish(job, DONE)
    expect(page.locator("#tile-completed .tile-number")).to_have_text("1")
    expect(page.locator("#tile-active .tile-number")).to_have_text("0")
    expect(page.locator("#chart-throughput rect")).to_have_count(1)
    # What one has opened and where one is stay as they are.
    expect(page.locator("#chart-throughput tbody tr")).to_be_visible()
    expect(summary).to_be_focused()
    expect(page.locator("#announcer")).to_be_empty()


def test_what_failed_opens_in_the_modal(page: Page, product: Product) -> None:
    some_jobs(product)
    page.goto("/dashboard")
    page.locator("#attention-echo-BadRow").get_by_role("link").last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Job failed")
    expect(dialog.locator(".connection")).to_have_text("Live")
    expect(page).to_have_url(re.compile(r"/dashboard\?open="))


def test_a_job_that_says_much_is_no_storm_of_questions(page: Page, product: Product) -> None:
    job_id = product.create("echo", {}, name="Talkative")
    job = product.claim("echo")
    page.goto(f"/dashboard?open={job_id}")
    dialog = page.get_by_role("dialog", name="Talkative")
    expect(dialog.locator(".connection")).to_have_text("Live")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/dashboard/board" in request.url else None)
    began = time.monotonic()
    for step in range(1, 21):
        product.pulse(job, step, 20, f"Step {step}")
        expect(dialog).to_contain_text(f"Step {step}")
    seconds = time.monotonic() - began
    assert 0 < len(asked) <= seconds / 1.5 + 2


def test_it_asks_nothing_while_nobody_looks(page: Page, product: Product) -> None:
    page.clock.install()
    page.goto("/dashboard")
    page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(60_000)
    assert asked == []
    page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    assert [url for url in asked if "/dashboard" in url]


def test_old_numbers_are_called_old(page: Page, product: Product, witness: Witness) -> None:
    witness.expect(SERVER_GONE)
    some_jobs(product)
    page.goto("/dashboard")
    stale = page.get_by_text("These numbers may be old")
    expect(stale).to_be_hidden()
    product.kill_web()
    expect(stale).to_be_visible()
    expect(page.locator("#tile-completed .tile-number")).to_have_text("2")
    product.finish(product.claim("echo"), DONE)
    product.start_web()
    expect(stale).to_be_hidden()
    expect(page.locator("#tile-completed .tile-number")).to_have_text("3")


def test_charts_show_what_was_counted(page: Page, product: Product) -> None:
    some_jobs(product)
    page.goto("/dashboard")
    chart = page.get_by_role("img", name=re.compile("^Throughput. .* 2 completed, 1 failed, 0 cancelled"))
    expect(chart).to_be_visible()
    heights = page.locator("#chart-throughput rect").evaluate_all(
        "(bars) => bars.map((bar) => [bar.parentNode.getAttribute('class'), bar.getBBox().height])"
    )
    done = sum(height for look, height in heights if look == "look-completed")
    failed = sum(height for look, height in heights if look == "look-failed")
    assert done == pytest.approx(2 * failed, rel=0.02)
    page.locator("#chart-throughput summary").click()
    cells = page.locator("#chart-throughput tbody td").all_inner_texts()
    assert [sum(map(int, cells[n::3])) for n in range(3)] == [2, 1, 0]
    expect(page.locator("#chart-failure-rate .board-key")).to_have_text("Failed 33.3 %")
    expect(page.locator("#type-echo .spark path")).to_be_visible()

    page.get_by_role("link", name="Failed 1").click()
    page.wait_for_url("**/jobs?status=failed")
    expect(page.locator(".job-row")).to_have_count(1)
    page.go_back()
    page.get_by_role("link", name="Echo: 1 failed").click()
    page.wait_for_url("**/jobs?type=echo&status=failed")


def test_type_and_period_are_chosen(page: Page, product: Product) -> None:
    some_jobs(product)
    product.create("steps", {"steps": 2})
    page.goto("/dashboard")
    chosen = page.get_by_label("Type", exact=True)
    chosen.select_option("steps")
    expect(page.locator("#tile-completed .tile-number")).to_have_text("0")
    expect(page.locator("#tile-pending .tile-number")).to_have_text("1")
    page.wait_for_url("**/dashboard?period=24h&type=steps")
    page.get_by_role("link", name="7 days").click()
    page.wait_for_url("**/dashboard?period=7d&type=steps")
    expect(page.locator("#tile-completed")).to_contain_text("in the last 7 days")
    expect(chosen).to_have_value("steps")
    chosen.select_option("echo")
    page.wait_for_url("**/dashboard?period=7d&type=echo")
    expect(page.locator("#tile-completed .tile-number")).to_have_text("2")
    # Its own look goes on with what was chosen.
    product.finish(product.claim("echo"), DONE)
    expect(page.locator("#tile-completed .tile-number")).to_have_text("3")


def test_two_organisations_never_see_each_others_numbers(
    page: Page, browser: Browser, product: Product, witness: Witness
) -> None:
    some_jobs(product)
    with product.app.app_context():
        product.services.identity.create_user("eve@elsewhere", role="admin", organization="elsewhere")
    context = browser.new_context(base_url=product.url)
    other = context.new_page()
    witness.attend(other)
    other.goto(product.login_link("eve@elsewhere"))
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url("**/jobs**")
    other.goto("/dashboard")
    page.goto("/dashboard")
    expect(page.locator("#tile-completed .tile-number")).to_have_text("2")
    expect(other.get_by_text("No jobs yet")).to_be_visible()
    expect(other.locator("#dashboard")).not_to_contain_text("BadRow")
    with psycopg.connect(product.settings.database_url) as connection:
        # Theirs, as if made by one of them.
        connection.execute(
            """UPDATE jobs SET organization_id = (SELECT id FROM organizations WHERE name = 'elsewhere')
               WHERE status = 'pending'"""
        )
    expect(other.locator("#tile-pending .tile-number")).to_have_text("1")
    expect(other.locator("#tile-completed .tile-number")).to_have_text("0")
    expect(page.locator("#tile-pending .tile-number")).to_have_text("0")
    context.close()


def test_everything_has_a_name_and_fits(page: Page, product: Product) -> None:
    page.goto("/dashboard")
    assert page.evaluate(UNLABELLED) == []
    some_jobs(product)
    product.create("steps", {"steps": 1}, name="N" * 200)
    page.goto("/dashboard")
    expect(page.locator("#type-steps")).to_be_visible()
    assert page.evaluate(UNLABELLED) == []
    for width in (360, 390, 1024, 1920, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_without_javascript(browser: Browser, product: Product, witness: Witness) -> None:
    product.empty()
    some_jobs(product)
    context = browser.new_context(base_url=product.url, java_script_enabled=False)
    page = context.new_page()
    witness.attend(page)
    sign_in(page, product)
    page.goto("/dashboard")
    expect(page.locator("#tile-completed .tile-number")).to_have_text("2")
    page.get_by_label("Type", exact=True).select_option("steps")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/dashboard?period=24h&type=steps")
    expect(page.locator("#tile-completed .tile-number")).to_have_text("0")
    page.get_by_role("link", name="1 hour").click()
    page.wait_for_url("**/dashboard?period=1h&type=steps")
    assert witness.complaints == []
    context.close()
