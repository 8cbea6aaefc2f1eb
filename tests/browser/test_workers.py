"""The page of the workers, live, with real workers, as an operator uses it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.roster import Report, Roster
from tests.browser.conftest import SERVER_GONE, Witness
from tests.browser.product import Product


@pytest.fixture
def page(page: Page, product: Product) -> Page:
    """Where nobody works, and nobody did a moment ago."""
    redis.Redis.from_url(product.settings.redis_url).delete(
        *[f"jobsapp:workers{end}" for end in ("", ":seen", ":wishes")]
    )
    return page


@contextmanager
def other_page(browser: Browser, product: Product, email: str, **options: bool) -> Iterator[Page]:
    """Somebody else's browser."""
    context = browser.new_context(base_url=product.url, **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(product.login_link(email))
    page.get_by_role("button", name="Sign in").click()
    yield page
    context.close()


def test_what_a_worker_does_and_stopping_it(page: Page, product: Product, browser: Browser, tmp_path: Path) -> None:
    page.goto("/jobs")
    page.get_by_role("link", name="Workers").click()
    expect(page.locator("#workers")).to_contain_text("No worker runs")
    expect(page.locator("#check-keeper")).to_contain_text("No keeper leads: retries and rescues wait.")
    with product.working():
        worker = page.locator(".worker-row")
        expect(worker).to_contain_text("Idle")
        expect(page.locator("#check-keeper")).to_contain_text("A keeper leads")
        expect(worker.locator(".worker-memory")).to_contain_text(re.compile(r"\d MB\s*worker [\d.]+ MB"))
        gate = tmp_path / "gate"
        job = product.create("steps", {"steps": 2, "gate": str(gate)}, name="Merger plans")
        expect(worker).to_contain_text("Busy")
        Path(f"{gate}.0").touch()
        expect(worker.locator(".worker-does")).to_contain_text("Steps, 50 %: Step 1")

        with product.app.app_context():
            product.services.identity.create_user("boss@elsewhere", role="admin", organization="elsewhere")
        with other_page(browser, product, "boss@elsewhere") as theirs:
            theirs.goto("/workers")
            expect(theirs.locator(".worker-row")).to_contain_text("Works")
            assert "Merger plans" not in theirs.content()
            assert str(job) not in theirs.content()

        worker.get_by_role("link", name="Merger plans").click()
        expect(page.get_by_role("dialog")).to_contain_text("Processing")
        page.get_by_role("button", name="Close").last.click()

        name = worker.locator(".worker-name").inner_text()
        worker.get_by_role("link", name=f"Stop {name}").click()
        expect(page.locator("main")).to_contain_text("It may finish its job within 20 s")
        page.get_by_role("button", name="Stop").click()
        expect(worker).to_contain_text("Stopping")
        expect(worker).to_contain_text("Finishes it, or hands it back.")
        Path(f"{gate}.1").touch()
        expect(worker).to_contain_text("Stopped")
        assert product.status(job) == "completed"
        expect(page.locator(".worker-counts")).to_have_text("1 worker: 1 stopped")

        worker.get_by_role("button", name=f"Start a worker in the place of {name}").click()
        expect(worker).to_contain_text("Idle")
        expect(worker.locator(".worker-name")).not_to_have_text(name)
    expect(page.locator("#workers")).to_contain_text("No worker runs")


def test_without_javascript_a_worker_is_stopped_by_two_forms(page: Page, product: Product, browser: Browser) -> None:
    pool = product.processes.flask("worker", "--queues", "echo", "--concurrency", "1")
    page.goto("/workers")
    expect(page.locator(".worker-row")).to_contain_text("Idle")
    with other_page(browser, product, "admin@localhost", java_script_enabled=False) as plain:
        plain.goto("/workers")
        plain.get_by_role("link", name="Stop").click()
        plain.get_by_role("button", name="Stop").click()
        plain.wait_for_url("**/workers")
        expect(page.locator(".worker-row")).to_contain_text("Stopped")
    product.processes.end(pool)


def test_a_keeper_that_is_killed_is_missed(page: Page, product: Product) -> None:
    page.goto("/workers")
    keeper = product.processes.flask("keeper")
    found = page.locator("#check-keeper")
    expect(found).to_contain_text("A keeper leads, none stands by.")
    found.get_by_text("Details").click()
    expect(found).to_contain_text(re.compile(rf"Process\s*{keeper.pid}"))
    product.processes.end(keeper, signal.SIGKILL)
    expect(found).to_contain_text("No keeper leads: retries and rescues wait.")
    expect(found).to_contain_text("Start one: flask keeper")


@contextmanager
def frozen_redis(product: Product) -> Iterator[None]:
    pid = int(redis.Redis.from_url(product.settings.redis_url).info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_redis_that_hangs_is_told_and_holds_no_page(page: Page, product: Product) -> None:
    job = product.create("steps", {"steps": 4}, name="Letters")
    product.claim("steps")
    page.goto("/workers")
    expect(page.locator("#check-redis")).to_contain_text("answers.")
    with frozen_redis(product):
        expect(page.locator("#check-redis")).to_contain_text("Redis does not answer: what runs goes on")
        expect(page.locator("#workers")).to_contain_text("only workers that have jobs are shown")
        row = page.locator("#worker-hand")
        expect(row).to_contain_text("Known by its jobs alone")
        expect(row.get_by_role("link", name="Letters")).to_have_attribute("href", f"/jobs/{job}")
        began = time.monotonic()
        page.goto("/workers")
        assert time.monotonic() - began < 15, "a Redis that hangs would hold it until it goes on"
    expect(page.locator("#check-redis")).to_contain_text("answers.")


def test_what_somebody_looks_at_stays_while_the_page_moves(page: Page, product: Product) -> None:
    roster = Roster(redis_connection.hints(product.settings.redis_url))
    roster.report([Report(name="w", host="h", pid=7, queues=["echo", "steps"], age_seconds=5)])
    page.goto("/workers")
    row = page.locator("#worker-w")
    row.get_by_text("2 queues").click()
    stop = row.get_by_role("link", name="Stop w")
    stop.focus()
    product.create("steps", {"steps": 4}, name="Letters")
    roster.report([Report(name="v", host="a", pid=8, queues=["echo"], age_seconds=5)])
    expect(page.locator("#worker-v")).to_be_visible()
    expect(stop).to_be_focused()
    expect(row.get_by_text("echo, steps")).to_be_visible()


def test_a_page_that_is_old_says_so(page: Page, product: Product, witness: Witness) -> None:
    witness.expect(SERVER_GONE)
    page.goto("/workers")
    note = page.locator("#stale")
    expect(note).to_be_hidden()
    product.kill_web()
    expect(note).to_contain_text(re.compile(r"The server does not answer: this is how it was at .*\d:\d\d"))
    product.start_web()
    expect(note).to_be_hidden()
    assert page.locator(".toast").count() == 0


def test_fifty_workers_and_a_phone_leave_nothing_over_the_edge(page: Page, product: Product) -> None:
    roster = Roster(redis_connection.hints(product.settings.redis_url))
    names = [f"a-host-with-a-long-name-{n:02d}.example.org-12345-{n:06x}" for n in range(50)]
    roster.report([Report(name=name, host=name[:38], pid=7, queues=["echo"], age_seconds=5) for name in names])
    for width in (360, 390, 1024, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/workers")
        expect(page.locator(".worker-row")).to_have_count(50)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        right = "all => all.map(one => one.getBoundingClientRect().right)"
        buttons = page.locator(".worker-action .button").evaluate_all(right)
        (edge,) = page.locator(".table-card").evaluate_all(right)
        assert len(buttons) == 50
        assert all(button < edge for button in buttons), width
