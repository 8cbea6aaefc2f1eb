"""A job in a page of another site: the example of the documents, in a real browser, under its strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.services.job_tokens import EMBED
from tests.browser.conftest import SERVER_GONE
from tests.browser.product import Product
from tests.browser.shop import Shop, shop, shop_port

__all__ = ["shop", "shop_port"]

TRACE = "Traceback (most recent call last): secret"
DONE = Transition(Status.COMPLETED, "completed", result={"rowsDone": 1234567, "bytesOut": 2500000})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_life_of_a_job_on_another_site(shop: Shop, product: Product, host: str) -> None:
    job_id = product.create("steps", {"steps": 4}, name="Import", description="All of it")
    element = shop.show(job_id, host)
    expect(element).to_contain_text("Job queued")
    expect(element).to_contain_text("Import")
    expect(element).to_contain_text("All of it")
    expect(element.locator(".connection")).to_have_text("Live")
    job = product.claim("steps")
    expect(element).to_contain_text("Processing…")
    bar = element.get_by_role("progressbar", name="Progress of Import")
    for done in (1, 2, 3):
        product.pulse(job, done, 4, f"Step {done}")
        expect(bar).to_have_attribute("aria-valuenow", str(done * 25))
        expect(element).to_contain_text(f"Item {done} of 4 · {4 - done} remaining")
        expect(element).to_contain_text(f"Step {done}")
        expect(element).to_contain_text(f"{done * 25} %")
    expect(element.get_by_role("status")).to_have_text("Import: 75 per cent")
    product.finish(job, DONE)
    expect(element).to_contain_text("Job completed")
    expect(element).to_contain_text("1,234,567")
    expect(element).to_contain_text("2.5 MB")
    expect(element.get_by_role("status")).to_have_text("Import: Job completed")
    expect(shop.said).to_have_text(['completed {"rowsDone":1234567,"bytesOut":2500000}'])


def test_a_failure_and_its_retry(shop: Shop, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    element = shop.show(job_id)
    expect(element.locator(".connection")).to_have_text("Live")
    job = product.claim("steps")
    failure = Failure("BadRow", "Line 7 is broken.", TRACE)
    product.finish(job, Transition(Status.FAILED, "failed", failure=failure))
    expect(element).to_contain_text("Job failed")
    expect(element).to_contain_text("Line 7 is broken.")
    expect(element).not_to_contain_text("Traceback")
    assert element.evaluate("(one) => JSON.stringify(one.job)").count("secret") == 0
    with product.app.app_context():
        product.services.jobs.retry(product.actor(), job_id)
    expect(element).to_contain_text("Job queued")
    product.finish(product.claim("steps"), DONE)
    expect(shop.said).to_have_text(["failed Line 7 is broken.", 'completed {"rowsDone":1234567,"bytesOut":2500000}'])


def test_a_cancelled_job(shop: Shop, product: Product) -> None:
    job_id = product.create("steps", {})
    element = shop.show(job_id)
    expect(element.locator(".connection")).to_have_text("Live")
    with product.app.app_context():
        product.services.jobs.cancel(product.actor(), job_id, reason="No longer wanted")
    expect(element).to_contain_text("Job cancelled")
    expect(element).to_contain_text("No longer wanted")
    expect(shop.said).to_have_text(["cancelled"])


def test_a_finished_job_says_so_at_once_and_once(shop: Shop, product: Product) -> None:
    job_id = product.create("steps", {})
    product.finish(product.claim("steps"), DONE)
    element = shop.show(job_id)
    expect(element).to_contain_text("Job completed")
    expect(shop.said).to_have_text(['completed {"rowsDone":1234567,"bytesOut":2500000}'])
    # Nothing more comes of a completed job, so no connection is held and none is claimed.
    expect(element.locator(".connection")).to_be_hidden()


def test_files_are_downloaded_with_the_token(shop: Shop, working: Product) -> None:
    job_id = working.create("make-file", {"text": "what the job wrote"})
    element = shop.show(job_id)
    expect(element).to_contain_text("Job completed")
    with shop.page.expect_download() as info:
        element.get_by_role("button", name="made.txt").click()
    assert info.value.suggested_filename == "made.txt"
    assert Path(info.value.path()).read_text() == "what the job wrote"


@pytest.fixture
def working(product: Product) -> Iterator[Product]:
    with product.working():
        yield product


def test_the_web_server_restarts(shop: Shop, product: Product) -> None:
    shop.witness.expect(SERVER_GONE)
    job_id = product.create("steps", {"steps": 4})
    element = shop.show(job_id)
    job = product.claim("steps")
    expect(element).to_contain_text("Processing…")
    connection = element.locator(".connection")
    expect(connection).to_have_text("Live")
    product.kill_web()
    expect(connection).to_have_text("Reconnecting…")
    product.pulse(job, 2, 4, "Unheard")
    product.start_web()
    expect(connection).to_have_text("Live")
    expect(element).to_contain_text("Unheard")
    product.finish(job, DONE)
    expect(shop.said).to_have_count(1)


def test_without_sockets_it_asks_every_few_seconds(shop: Shop, product: Product) -> None:
    shop.witness.expect("WebSocket")
    shop.page.route_web_socket("**/ws/jobs", lambda socket: socket.close(code=1011))
    job_id = product.create("steps", {"steps": 4})
    element = shop.show(job_id)
    expect(element.locator(".connection")).to_have_text("Every few seconds")
    job = product.claim("steps")
    product.pulse(job, 1, 4, "First")
    expect(element).to_contain_text("25 %")
    product.finish(job, DONE)
    expect(shop.said).to_have_text(['completed {"rowsDone":1234567,"bytesOut":2500000}'])


def test_a_browser_that_is_offline_says_so(shop: Shop, product: Product) -> None:
    shop.witness.expect("ERR_INTERNET_DISCONNECTED|WebSocket|Failed to load")
    element = shop.show(product.create("steps", {}))
    connection = element.locator(".connection")
    expect(connection).to_have_text("Live")
    shop.page.context.set_offline(True)
    expect(connection).to_have_text("Offline")
    shop.page.context.set_offline(False)
    expect(connection).to_have_text("Live")


def test_another_job_and_removal(shop: Shop, product: Product) -> None:
    first, second = product.create("steps", {}, name="First"), product.create("steps", {}, name="Second")
    element = shop.show(first)
    expect(element).to_contain_text("First")
    with product.app.app_context():
        _, token = product.services.job_tokens.create(product.actor(), second, EMBED)
    with shop.page.expect_websocket() as info:
        change = "([id, token]) => { const one = document.querySelector('job-progress'); "
        change += "one.setAttribute('job-id', id); one.setAttribute('token', token); }"
        shop.page.evaluate(change, [str(second), token])
    expect(element).to_contain_text("Second")
    socket = info.value
    assert not socket.is_closed()
    assert token not in socket.url
    with socket.expect_event("close"):
        shop.page.evaluate("() => document.querySelector('job-progress').remove()")


# Remembers each percentage that the bar has shown.
RECORDER = """(element) => {
    window.shown = [];
    const bar = element.shadowRoot.querySelector('[role=progressbar]');
    new MutationObserver(() => window.shown.push(bar.getAttribute('aria-valuenow')))
        .observe(bar, { attributes: true, attributeFilter: ['aria-valuenow'] });
}"""


def test_late_news_are_dropped(shop: Shop, product: Product) -> None:
    element = shop.show(product.create("steps", {"steps": 4}))
    job = product.claim("steps")
    product.pulse(job, 3, 4, "Third")
    expect(element).to_contain_text("75 %")
    element.evaluate(RECORDER)
    old = element.evaluate("(one) => one.job")
    old["revision"] -= 1
    old["progress"]["percentage"] = 25
    shop.page.route(
        "**/api/jobs/*", lambda route: route.fulfill(json=old, headers={"Access-Control-Allow-Origin": "*"})
    )
    with shop.page.expect_request_finished():
        shop.page.evaluate("() => dispatchEvent(new Event('online'))")
    product.pulse(job, 4, 4, "Fourth")
    expect(element).to_contain_text("100 %")
    assert "25" not in shop.page.evaluate("() => window.shown")


def test_the_dialog_by_keyboard_alone(shop: Shop, product: Product) -> None:
    page = shop.page
    job_id = product.create("steps", {"steps": 4}, name="Import")
    shop.show(job_id)
    opener = page.get_by_role("button", name="Show it in a dialog")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Import")
    expect(dialog).to_contain_text("Job queued")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    expect(shop.said).to_have_text(["closed"])
    assert product.status(job_id) == "pending", "closing never stops the job"
    page.keyboard.press("Enter")
    product.finish(product.claim("steps"), DONE)
    expect(dialog).to_contain_text("Job completed")
    expect(shop.said).to_contain_text(['the dialog completed {"rowsDone":1234567,"bytesOut":2500000}'])
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("job-modal")).to_have_count(0)


def test_the_page_chooses_the_look(shop: Shop, product: Product) -> None:
    element = shop.show(product.create("steps", {"steps": 4}, name="Import"))
    product.pulse(product.claim("steps"), 1, 4, "First")
    expect(element).to_contain_text("25 %")
    look = "(one, property) => getComputedStyle(one)[property]"
    assert element.locator(".fill").evaluate(look, "backgroundColor") == "rgb(102, 51, 153)"
    assert element.locator(".box").evaluate(look, "borderRadius") == "4px"
    assert element.locator(".name").evaluate(look, "fontStyle") == "italic"
    assert "Georgia" in element.evaluate(look, "fontFamily")
    colours = {}
    for scheme in ("light", "dark"):
        shop.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        colours[scheme] = element.locator(".box").evaluate(look, "backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 30)"}
    icon = element.locator("svg")
    assert icon.evaluate(look, "animationIterationCount") == "infinite"
    shop.page.emulate_media(reduced_motion="reduce")
    assert icon.evaluate(look, "animationIterationCount") == "1"
    assert element.get_by_role("progressbar").evaluate(look, "borderTopWidth") == "0px"
    shop.page.emulate_media(forced_colors="active")
    assert element.get_by_role("progressbar").evaluate(look, "borderTopWidth") == "1px"
