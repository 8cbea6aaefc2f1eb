"""Queues, one of them paused, and workers."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.roster import Report, Roster
from tests.browser.product import WORKER, Product
from tests.browser.scenes.scene import Made, Scene, open_details

MIB = 1024 * 1024


def send_long_reason(page: Page) -> None:
    page.get_by_label("Reason").evaluate("(field) => { field.maxLength = 100000; field.value = 'x'.repeat(5000); }")
    page.locator("main").get_by_role("button", name="Pause").click()
    expect(page.locator("#reason-error")).to_be_visible()


SCENES = (
    Scene("queues", "queues.index", "/queues"),
    Scene("queue-pause", "queues.ask", "/queues/echo/pause"),
    Scene("queue-pause-error", "queues.ask", "/queues/echo/pause", send_long_reason),
    Scene("queue-limits", "limits.show", "/queues/echo/limits"),
    Scene("workers", "workers.index", "/workers", open_details),
    Scene("worker-stop", "workers.ask", "/workers/scene-worker/stop"),
)


def set_up(product: Product, _: Made) -> Made:
    _report_workers(product)
    with product.app.app_context():
        product.services.queues.pause(product.actor(), "measure", reason="the bank is closed")
    return {}


def _report_workers(product: Product) -> None:
    """As `flask worker` does: one that has jobs, one that waits and one that was stopped."""
    memory = {"memory_bytes": 61 * MIB, "horse_bytes": 148 * MIB, "jobs_done": 1204, "jobs_failed": 3}
    Roster(redis_connection.hints(product.settings.redis_url)).report(
        [
            Report(WORKER, "build-7", 4711, ["steps", "fail"], 8000.0, **memory),
            Report("scene-worker", "build-7", 4712, ["data-conversion"], 300.0, **memory),
            Report("scene-stopped", "build-8", 0, ["echo"], 40.0),
        ]
    )
