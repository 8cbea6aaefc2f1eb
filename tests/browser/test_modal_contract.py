"""The progress modal, phrase by phrase of what the product promises."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from tests.browser.product import Product

DONE = Transition(Status.COMPLETED, "completed", result={"rowsDone": 100})
BROKE = Transition(Status.FAILED, "failed", failure=Failure("BadRow", "Line 7 is broken", None))
GONE = Transition(Status.CANCELLED, "cancelled")


def colour(element: Locator) -> str:
    return str(element.evaluate("element => getComputedStyle(element).color"))


def motion(element: Locator) -> str:
    return str(element.evaluate("element => getComputedStyle(element).animationName"))


@pytest.fixture
def opened(page: Page, product: Product) -> Callable[[], Locator]:
    def opens() -> Locator:
        job_id = product.create("steps", {}, name="Import", description="Of everything")
        page.goto(f"/jobs?open={job_id}")
        return page.get_by_role("dialog", name="Import")

    return opens


def test_while_it_waits(opened: Callable[[], Locator]) -> None:
    dialog = opened()
    for text in ("Import", "Of everything", "Job queued", "No worker listens on the queue steps", "Steps", "Pending"):
        expect(dialog).to_contain_text(text)
    icon = dialog.locator(".headline .icon")
    expect(icon.locator("use")).to_have_attribute("href", re.compile("#clock$"))
    assert motion(icon) == "pulse"
    for name in ("Cancel job", "Minimise"):
        expect(dialog.get_by_role("button", name=name)).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_have_count(2)
    expect(dialog.locator(".connection")).to_have_text("Live")


def test_while_it_runs(page: Page, product: Product, opened: Callable[[], Locator]) -> None:
    dialog = opened()
    job = product.claim("steps")
    product.pulse(job, 50, 100, "Processing row 50 of 100…")
    for text in ("Processing…", "Processing row 50 of 100…", "Item 50 of 100", "50 remaining", "50 %"):
        expect(dialog).to_contain_text(text)
    icon = dialog.locator(".headline .icon")
    expect(icon.locator("use")).to_have_attribute("href", re.compile("#spinner$"))
    assert motion(icon) == "spin"
    facts = dialog.locator(".facts")
    for text in ("Status", "Active", "Type", "Steps", "Started", "just now", "Duration"):
        expect(facts).to_contain_text(text)
    expect(dialog.locator("[data-elapsed]")).to_have_text(re.compile(r"\d"))
    page.emulate_media(reduced_motion="reduce")
    assert float(icon.evaluate("element => parseFloat(getComputedStyle(element).animationDuration)")) < 0.001


@pytest.mark.parametrize(
    ("end", "words", "symbol", "tone", "percentage"),
    [
        (DONE, "Job completed", "check", "--completed", "100 %"),
        (BROKE, "Job failed", "cross", "--failed", "50 %"),
        (GONE, "Job cancelled", "square", "--cancelled", "50 %"),
    ],
)
def test_when_it_has_ended(
    page: Page,
    product: Product,
    opened: Callable[[], Locator],
    end: Transition,
    words: str,
    symbol: str,
    tone: str,
    percentage: str,
) -> None:
    dialog = opened()
    job = product.claim("steps")
    product.pulse(job, 50, 100, "Half")
    product.finish(job, end)
    expect(dialog).to_contain_text(words)
    expect(dialog.locator("[data-percentage]")).to_have_text(percentage)
    icon = dialog.locator(".headline .icon")
    expect(icon.locator("use")).to_have_attribute("href", re.compile(f"#{symbol}$"))
    assert motion(icon) == "none"
    probe = dialog.locator(".modal-body").evaluate_handle(
        """(body, tone) => { const probe = document.createElement("i"); probe.style.color = `var(${tone})`;
           body.append(probe); return getComputedStyle(probe).color; }""",
        tone,
    )
    assert colour(dialog.locator(".state-icon")) == probe.json_value()
    if end is DONE:
        expect(dialog).to_contain_text("Rows done")
    if end is BROKE:
        expect(dialog.get_by_role("group", name="Error")).to_contain_text("Line 7 is broken")
        expect(dialog.get_by_role("group", name="Error")).to_contain_text("BadRow")
        expect(dialog.get_by_role("button", name="Retry")).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel job")).to_have_count(0)
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_be_hidden()
