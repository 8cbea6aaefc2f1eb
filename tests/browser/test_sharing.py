"""Sharing a job by a link: two people in two browsers, and one of them without a login."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.live.hub import CHECK_SECONDS
from tests.browser.conftest import DEADLINE, SERVER_GONE, Witness
from tests.browser.product import Product, sign_in

DONE = Transition(Status.COMPLETED, "completed", result={"rowsDone": 1234567})
# A third of what it takes if nobody is told.
SECONDS = int(CHECK_SECONDS * 1000 / 3)


@pytest.fixture
def visitor(browser: Browser, product: Product, page: Page) -> Iterator[Page]:
    """Somebody else's browser: nobody is signed in there."""
    context = browser.new_context(base_url=product.url, viewport={"width": 1100, "height": 900})
    context.set_default_timeout(DEADLINE)
    visitor, witness = context.new_page(), Witness(urlsplit(product.url).netloc)
    witness.expect(SERVER_GONE)
    witness.attend(visitor)
    yield visitor
    context.close()
    assert witness.complaints == []
    assert witness.strangers == []


def make_link(page: Page, days: str = "7 days") -> str:
    page.get_by_role("link", name="Share by link…").click()
    page.get_by_label("Works for").select_option(label=days)
    page.get_by_role("button", name="Make a link").click()
    field = page.get_by_label("The new link. It is shown only now.")
    expect(field).to_be_visible()
    return field.input_value()


def test_a_link_shows_the_job_live_until_it_is_revoked(page: Page, visitor: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4}, name="Import", description="All of it")
    page.goto(f"/jobs/{job_id}")
    link = make_link(page)
    expect(page).to_have_url(f"{product.url}/jobs/{job_id}")
    expect(page.get_by_label("The new link. It is shown only now.")).to_be_focused()

    visitor.goto(link)
    expect(visitor.get_by_role("heading", name="Import")).to_be_visible()
    expect(visitor.locator(".connection")).to_have_text("Live")
    job = product.claim("steps")
    product.pulse(job, 2, 4, "Half of it")
    expect(visitor.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    expect(visitor.locator(".panel")).to_contain_text("Half of it")
    product.finish(job, DONE)
    expect(visitor.locator(".panel")).to_contain_text("Job completed")
    expect(visitor.locator(".panel")).to_contain_text("1,234,567")
    for name in ("Cancel job", "Retry", "Run again…"):
        expect(visitor.get_by_text(name)).to_have_count(0)
    expect(visitor.get_by_role("navigation")).to_have_count(0)

    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("No link works at the moment.")).to_be_visible()
    expect(visitor.get_by_role("heading", name="This link no longer works")).to_be_visible(timeout=SECONDS)
    expect(visitor).to_have_url(link)


def test_it_asks_for_nothing_else_of_the_site(page: Page, visitor: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4}, name="Import")
    page.goto(f"/jobs/{job_id}")
    asked: list[str] = []
    visitor.on("request", lambda request: asked.append(urlsplit(request.url).path))
    visitor.on("websocket", lambda socket: asked.append(urlsplit(socket.url).path))
    # Whatever somebody has added to the address.
    visitor.goto(f"{make_link(page)}?open={product.create('echo', {})}")
    expect(visitor.locator(".connection")).to_have_text("Live")
    product.finish(product.claim("steps"), DONE)
    expect(visitor.locator(".panel")).to_contain_text("Job completed")
    assert any(path.startswith("/live/shared/") for path in asked)
    assert [path for path in asked if not path.startswith(("/shared/", "/live/shared/", "/static/"))] == []


def test_files_and_log_are_there_for_the_visitor(page: Page, visitor: Page, product: Product) -> None:
    with product.working():
        job_id = product.create("make-file", {"text": "what the job wrote"})
        page.goto(f"/jobs/{job_id}")
        expect(page.locator(".panel")).to_contain_text("Job completed")
        visitor.goto(make_link(page))
        expect(visitor.get_by_text("what the job wrote")).to_be_visible()
        with visitor.expect_download() as info:
            visitor.get_by_role("link", name="made.txt").click()
        assert Path(info.value.path()).read_text() == "what the job wrote"
        job_id = product.create("echo", {"text": "hello"})
        page.goto(f"/jobs/{job_id}")
        visitor.goto(make_link(page))
        # It was shared before it ended, or after: the log comes either way.
        expect(visitor.get_by_role("log")).to_contain_text("echoing hello")
        with visitor.expect_download() as info:
            visitor.get_by_role("link", name="Download the log").click()
        assert "echoing hello" in Path(info.value.path()).read_text()


def test_the_visitor_keeps_up_through_a_restart(page: Page, visitor: Page, product: Product, witness: Witness) -> None:
    witness.expect(SERVER_GONE)
    job_id = product.create("steps", {"steps": 4})
    page.goto(f"/jobs/{job_id}")
    visitor.goto(make_link(page))
    job = product.claim("steps")
    expect(visitor.locator(".panel")).to_contain_text("Processing…")
    product.kill_web()
    expect(visitor.locator(".connection")).to_have_text("Reconnecting…")
    product.pulse(job, 3, 4, "Unheard")
    product.start_web()
    expect(visitor.locator(".panel")).to_contain_text("Unheard")
    expect(visitor.locator(".connection")).to_have_text("Live")


def test_the_page_asks_by_itself_where_no_socket_gets_through(page: Page, visitor: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    page.goto(f"/jobs/{job_id}")
    visitor.route_web_socket("**/live/shared/**", lambda socket: socket.close(code=1011))
    visitor.goto(make_link(page))
    product.pulse(product.claim("steps"), 1, 4, "Heard all the same")
    expect(visitor.locator(".panel")).to_contain_text("Heard all the same")


def test_without_a_script(browser: Browser, product: Product, page: Page) -> None:
    job_id = product.create("steps", {"steps": 4}, name="Import")
    context = browser.new_context(base_url=product.url, java_script_enabled=False)
    context.set_default_timeout(DEADLINE)
    plain = context.new_page()
    sign_in(plain, product)
    plain.goto(f"/jobs/{job_id}")
    link = make_link(plain, "1 day")
    expect(plain).to_have_url(f"{product.url}/jobs/{job_id}/shares")
    context.clear_cookies()
    plain.goto(link)
    expect(plain.get_by_text("Job queued")).to_be_visible()
    sign_in(plain, product)
    plain.goto(f"/jobs/{job_id}/shares")
    plain.get_by_role("button", name="Revoke").click()
    expect(plain.get_by_text("No link works at the moment.")).to_be_visible()
    plain.goto(link)
    expect(plain.get_by_role("heading", name="This link no longer works")).to_be_visible()
    context.close()


def test_the_new_link_is_copied(page: Page, product: Product) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/jobs/{product.create('steps', {})}")
    link = make_link(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == link
