"""A form of a new job that begins with a preset, in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.product import Product

CSV = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}


def test_kept_chosen_and_used(page: Page, product: Product) -> None:
    page.goto("/jobs/new/data-conversion")
    page.get_by_role("link", name="To JSON Lines, broken rows aside").press("Enter")
    expect(page.get_by_label("Convert to")).to_have_value("jsonl")
    expect(page.get_by_role("status").filter(has_text="Filled in from")).to_be_visible()
    page.locator("input[type=file]").set_input_files(CSV)  # type: ignore[arg-type]
    page.locator("#f-name").fill("People")
    page.get_by_role("button", name="Save as preset…").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Every night")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"preset="))
    expect(page.get_by_role("navigation", name="Presets").get_by_role("link", name="Every night")).to_have_attribute(
        "aria-current", "true"
    )
    expect(page.locator("[data-kept]")).to_contain_text("people.csv")
    expect(page.locator("#f-name")).to_have_value("People")
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_role("dialog", name="People")).to_contain_text("Job queued")
    assert product.newest().data["onBadRow"] == "skip"

    page.goto("/jobs/new/data-conversion")
    page.get_by_role("link", name="Every night").click()
    page.get_by_text("Delete this preset").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("link", name="Every night")).to_have_count(0)
    expect(page.get_by_role("link", name="To JSON Lines")).to_be_visible()


def test_a_phone_has_room_for_them(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/jobs/new/bulk-operation")
    for name in ("Call an address for each row, gently", "Fill in an example"):
        box = page.get_by_role("link", name=name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 360
    page.get_by_role("link", name="Fill in an example").click()
    expect(page.get_by_label("Table")).to_have_value("public.products")
