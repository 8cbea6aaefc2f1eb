"""A screen reader hears what matters of a job, once, and is otherwise left in peace."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from tests.browser.product import Product

# Whatever a screen reader would read out by itself: text that changes in a live region.
LISTEN = """() => {
    window.heard = [];
    const live = '[aria-live="polite"], [aria-live="assertive"], [role="status"], [role="alert"], [role="log"], output';
    new MutationObserver((changes) => {
        for (const { target } of changes) {
            const region = (target.nodeType === Node.TEXT_NODE ? target.parentElement : target)?.closest(live);
            const text = region?.textContent.trim();
            if (text && region.ariaLive !== "off" && window.heard.at(-1) !== text) window.heard.push(text);
        }
    }).observe(document, { subtree: true, childList: true, characterData: true });
}"""


def test_twenty_updates_are_not_twenty_announcements(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 20}, name="Import")
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".connection")).to_have_text("Live")
    page.evaluate(LISTEN)
    job = product.claim("steps")
    expect(dialog).to_contain_text("Processing…")
    for done in range(1, 20):
        product.pulse(job, done, 20, f"Step {done}")
        expect(dialog).to_contain_text(f"Item {done} of 20")
    product.finish(job, Transition(Status.COMPLETED, "completed", result={}))
    expect(dialog).to_contain_text("Job completed")
    assert page.evaluate("() => window.heard") == [
        "Import: Processing",
        "Import: 25 per cent",
        "Import: 50 per cent",
        "Import: 75 per cent",
        "Import: Job completed",
    ]


def test_a_list_full_of_running_jobs_is_quiet(page: Page, product: Product) -> None:
    for name in ("One", "Two", "Three"):
        product.create("steps", {"steps": 10}, name=name)
    page.goto("/jobs")
    expect(page.locator(".connection").first).to_have_text("Live")
    page.evaluate(LISTEN)
    for _ in range(3):
        job = product.claim("steps")
        for done in range(1, 10):
            product.pulse(job, done, 10, f"Step {done}")
            expect(page.locator(f"#row-{job.id}")).to_contain_text(f"{done * 10} %")
    assert page.evaluate("() => window.heard") == []
