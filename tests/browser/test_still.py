"""Nothing jumps while rows come and change, bars grow and the modal follows its job: layout shift in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from tests.browser.product import Product
from tests.browser.scenes import settle

WATCH = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            if (entry.hadRecentInput) continue;
            for (const source of entry.sources) {
                const { previousRect: from, currentRect: to, node } = source;
                const name = node?.className ?? node?.nodeName;
                window.shifts.push(`${entry.value} ${name} ${JSON.stringify(from)} ${JSON.stringify(to)}`);
            }
            window.sum = (window.sum ?? 0) + entry.value;
        }
    }).observe({ type: "layout-shift", buffered: true });
}"""


ENDED = "() => document.getAnimations().every((one) => one.effect.getTiming().iterations === Infinity)"
LONG = "A text that is rather long, longer than there is room for in a row of the list of jobs"
# A figure that gets a digit more moves the word beside it: no one sees a score so small. 0.1 is called good.
UNSEEN = 0.005


def shifts(page: Page) -> list[str]:
    """What moved, if anybody could see it."""
    settle(page)
    page.wait_for_function(ENDED)
    settle(page)
    found: list[str] = page.evaluate(f"() => (window.sum ?? 0) > {UNSEEN} ? window.shifts : []")
    return found


def test_rows_change_in_their_place(page: Page, product: Product) -> None:
    page.add_init_script(f"({WATCH})()")
    for name in ("One", "Two", "Three"):
        product.create("steps", {"steps": 4}, name=name)
    page.goto("/jobs")
    expect(page.locator(".connection").first).to_have_text("Live")
    job = product.claim("steps")
    row = page.locator(f"#row-{job.id}")
    expect(row).to_contain_text("Active")
    for done in (1, 50, 99, 1000):
        product.pulse(job, done, 1000, LONG)
        expect(row).to_contain_text(f"{done // 10} %")
    product.finish(job, Transition(Status.COMPLETED, "completed", result={"rows": 1}))
    expect(row).to_contain_text("Completed")
    broken = product.claim("steps")
    product.finish(broken, Transition(Status.FAILED, "failed", failure=Failure("Bad", "x " * 300)))
    expect(page.locator(f"#row-{broken.id}")).to_contain_text("Failed")
    assert shifts(page) == []


def test_a_new_row_moves_the_others_down_and_nothing_else(page: Page, product: Product) -> None:
    """Rows make room for the one on top of them; heads, filters and columns stay where they are."""
    page.add_init_script(f"({WATCH})()")
    product.create("echo", {}, name="First")
    page.goto("/jobs")
    expect(page.locator(".connection").first).to_have_text("Live")
    frame = page.locator("h1, .filters, .tabs, th")
    place = "(all) => all.map((one) => JSON.stringify(one.getBoundingClientRect()))"
    before = frame.evaluate_all(place)
    for name in (LONG, "Third"):
        product.create("echo", {}, name=name)
        expect(page.locator(".job-row").first).to_contain_text(name[:20])
    assert frame.evaluate_all(place) == before


def test_the_modal_and_the_page_follow_without_a_jump(page: Page, product: Product) -> None:
    page.add_init_script(f"({WATCH})()")
    job_id = product.create("steps", {"steps": 4}, name="Import")
    job = product.claim("steps")
    product.pulse(job, 1, 1000, "Started")
    for address in (f"/jobs?open={job_id}", f"/jobs/{job_id}"):
        page.goto(address)
        panel = page.locator(".panel")
        expect(page.locator("[data-live-job] .connection")).to_have_text("Live")
        page.evaluate("() => { window.shifts.length = 0; window.sum = 0; }")
        for done in (9, 10, 99, 123, 999):
            product.pulse(job, done, 1000, f"Step {done}, " + "with more to say " * (done % 3))
            expect(panel).to_contain_text(f"Item {done} of")
        assert shifts(page) == []


def test_a_page_stands_still_while_it_loads(page: Page, product: Product) -> None:
    """Times become those of the viewer's zone, the theme's button and the connection's mark appear."""
    page.add_init_script(f"({WATCH})()")
    job_id = product.create("echo", {}, name="First")
    for address in ("/jobs", f"/jobs/{job_id}", "/queues", "/jobs/new/data-conversion", "/search"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert shifts(page) == [], address
