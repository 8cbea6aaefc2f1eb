"""The form of a new job in a real browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Witness
from tests.browser.product import Product, sign_in

CSV = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}


def test_errors_stand_beside_their_fields_and_nothing_is_lost(page: Page, product: Product, witness: Witness) -> None:
    witness.expect("422")
    page.goto("/jobs/new/data-conversion")
    page.locator("input[type=file]").set_input_files(CSV)  # type: ignore[arg-type]
    page.get_by_text("More options").click()
    page.get_by_label("Delimiter").fill("::")
    page.get_by_role("button", name="Start job").click()
    target = page.get_by_label("Convert to")
    expect(target).to_have_attribute("aria-invalid", "true")
    expect(target).to_be_focused()
    expect(page.locator("#f-data-targetFormat-error")).to_have_text("Choose one.")
    expect(page.locator("#f-data-delimiter-error")).to_contain_text("one character")
    expect(page.get_by_label("Delimiter")).to_have_value("::")
    expect(page.locator("[data-kept]")).to_contain_text("people.csv")

    target.select_option("jsonl")
    page.get_by_label("Delimiter").fill(",")
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_role("dialog")).to_contain_text("Job queued")


def test_a_chosen_file_is_named_beside_the_icon(page: Page) -> None:
    page.goto("/jobs/new/data-conversion")
    page.locator("input[type=file]").set_input_files(CSV)  # type: ignore[arg-type]
    name = page.locator("[data-file-name]")
    expect(name).to_have_text("people.csv")
    icon, text = page.locator(".drop-icon").bounding_box(), name.bounding_box()
    assert icon
    assert text
    assert 0 < text["x"] - (icon["x"] + icon["width"]) < 40


def test_a_missing_file_is_asked_for(page: Page, witness: Witness) -> None:
    witness.expect("422")
    page.goto("/jobs/new/data-conversion")
    page.get_by_label("Convert to").select_option("json")
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_text("Choose a file.")).to_be_visible()


def test_too_large_a_file_is_refused_before_it_travels(page: Page, product: Product, tmp_path: Path) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    page.goto("/jobs/new/data-conversion")
    big = tmp_path / "big.csv"
    with big.open("wb") as file:
        file.truncate(product.settings.max_upload_mb * 1024 * 1024 + 10_000_000)
    page.locator("input[type=file]").set_input_files(big)
    expect(page.get_by_text("big.csv is 115 MB. Files may be up to 105 MB.")).to_be_visible()
    page.get_by_role("button", name="Start job").click()
    expect(page.locator("input[type=file]")).to_be_focused()
    assert sent == []


def test_a_file_is_dropped_and_its_way_is_seen(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"name,city\n" + b"Ada,London\n" * 100_000)
    page.goto("/jobs/new/data-conversion")
    drop = page.locator("[data-drop]")
    box = drop.bounding_box()
    assert box is not None
    debugger = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        debugger.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "data": {"items": [], "files": [str(file)], "dragOperationsMask": 1},
            },
        )
        if kind == "dragOver":
            expect(drop).to_have_class(re.compile(r"\bover\b"))
    expect(drop).to_contain_text("people.csv")
    expect(drop).to_contain_text("1.1 MB")
    page.get_by_label("Convert to").select_option("json")

    debugger.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    debugger.send("Network.emulateNetworkConditions", slow)
    page.evaluate(
        """() => {
          window.seen = [];
          const bar = document.querySelector("[data-upload-progress] progress");
          new MutationObserver(() => window.seen.push(bar.value)).observe(bar, { attributes: true });
        }"""
    )
    page.get_by_role("button", name="Start job").click()
    expect(page.locator("[data-upload-text]")).to_have_text(re.compile(r"[\d.]+ kB of 1\.1 MB uploaded"))
    page.wait_for_function("() => window.seen.some((value) => value > 0 && value < 100)")
    expect(page.get_by_role("dialog")).to_contain_text("Job queued")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_start_time_is_the_viewers(browser: Browser, page: Page, product: Product, zone: str) -> None:
    context = browser.new_context(base_url=product.url, timezone_id=zone)
    away = context.new_page()
    sign_in(away, product)
    away.goto("/jobs/new/echo")
    away.get_by_text("More options").click()
    start = datetime(datetime.now(UTC).year + 1, 6, 1, 12, tzinfo=ZoneInfo(zone))
    away.get_by_label("Not before").fill(f"{start:%Y-%m-%dT%H:%M}")
    away.get_by_role("button", name="Start job").click()
    expect(away.get_by_role("dialog")).to_contain_text("Waits for its start time")
    context.close()
    assert product.newest().run_at == start


@pytest.mark.parametrize("width", [360, 2560])
def test_no_form_is_wider_than_the_window(page: Page, width: int) -> None:
    """With all that stands behind "More options"."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/jobs/new")
    types = page.locator("main a[href^='/jobs/new/']").evaluate_all("links => links.map(link => link.pathname)")
    assert len(types) >= 5
    for address in types:
        page.goto(address)
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
