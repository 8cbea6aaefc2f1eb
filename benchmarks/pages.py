"""What a first visit costs on a slow line: Chromium with nothing kept, 1.6 Mbit/s and 150 ms a round trip."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.stage import Result
from tests.browser.product import Product, launch, sign_in
from tests.browser.screenshots import fill, product
from tests.browser.screenshots import three as three_jobs

ROUNDS = 5
JOBS = 50_000
# What developers' tools call "slow 4G", https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md
LATENCY_MS = 150
BITS_PER_SECOND = 1_600_000
AIM_MS = 1000
PAGES = {
    "the list of jobs": "/jobs",
    "a job": "/jobs/{job}",
    "the dashboard": "/dashboard",
    "the queues": "/queues",
    "a form": "/jobs/new/echo",
}
# When there is something to read and to press: the scripts have run, and the first row, panel or field is there.
USABLE = """() => {
    const seen = document.querySelector(".job-row, .panel, .tile, .queue, .field");
    const { domContentLoadedEventEnd } = performance.getEntriesByType("navigation")[0];
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    return seen && domContentLoadedEventEnd && paint ? Math.max(domContentLoadedEventEnd, paint) : 0;
}"""


def measure() -> list[Result]:
    """For each page the median of the milliseconds until it can be used, and its weight."""
    with product() as found, sync_playwright() as playwright:
        three_jobs(found)
        fill(found, JOBS)
        job = found.newest().id
        browser = launch(playwright)
        results = [_page(browser, found, name, path.format(job=job)) for name, path in PAGES.items()]
        browser.close()
        return results


def _page(browser: Browser, found: Product, name: str, path: str) -> Result:
    visits = [_visit(browser, found, path) for _ in range(ROUNDS)]
    took = statistics.median(seconds for seconds, _ in visits)
    return {
        "name": f"first visit of {name} on a slow line, until it can be used",
        "value": round(took),
        "unit": "ms",
        "weightBytes": visits[0][1],
        "peers": {"aim": AIM_MS},
        "ratios": {"aim": round(took / AIM_MS, 2)},
    }


def _visit(browser: Browser, found: Product, path: str) -> tuple[float, int]:
    with _slow_page(browser, found) as (page, weight):
        page.goto(f"{found.url}{path}")
        took = page.wait_for_function(USABLE).json_value()
        page.wait_for_load_state("networkidle")
        return float(took), sum(weight)


@contextmanager
def _slow_page(browser: Browser, found: Product) -> Iterator[tuple[Page, list[int]]]:
    """A page that is signed in and has nothing of ours, and the bytes of each answer that comes."""
    with tempfile.TemporaryDirectory() as folder:
        first = browser.new_context()
        sign_in(first.new_page(), found)
        state = Path(folder) / "state.json"
        first.storage_state(path=state)
        first.close()
        context = browser.new_context(storage_state=state)
    page = context.new_page()
    weight: list[int] = []
    _throttle(context.new_cdp_session(page), weight)
    yield page, weight
    context.close()


def _throttle(debugger: CDPSession, weight: list[int]) -> None:
    def came(event: dict[str, Any]) -> None:
        weight.append(event["encodedDataLength"])

    debugger.send("Network.enable")
    debugger.on("Network.loadingFinished", came)
    line = {"offline": False, "latency": LATENCY_MS}
    speed = {"downloadThroughput": BITS_PER_SECOND / 8, "uploadThroughput": BITS_PER_SECOND / 8}
    debugger.send("Network.emulateNetworkConditions", line | speed)
