"""A schedule is made in a browser: what is typed is told in words, before anything is sent."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.product import Product


def test_what_is_typed_is_told_in_words_while_it_is(page: Page, product: Product) -> None:
    page.goto("/schedules")
    page.get_by_role("link", name="New schedule").first.click()
    page.get_by_role("link", name="Echo", exact=False).first.click()
    told = page.locator("#schedule-preview")
    expect(page.locator("#f-every")).to_be_hidden()
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_label("Cron expression").press_sequentially("0 9 * * MON-FRI")
    expect(told).to_contain_text("At 09:00 on Monday through Friday, Europe/Berlin time")
    expect(told.locator("li")).to_have_count(5)
    page.get_by_label("Cron expression").fill("0 99 * * *")
    expect(told).to_contain_text("The hour cannot be read")
    page.get_by_label("Cron expression").focus()
    page.get_by_role("radio", name="By the clock").press("ArrowRight")
    expect(page.get_by_label("Cron expression")).to_be_hidden()
    page.get_by_label("Every", exact=True).fill("2")
    page.get_by_label("Unit").select_option("hours")
    expect(told).to_contain_text("Every 2 hours")
    page.locator("#f-name").fill("Greetings")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("heading", name="Greetings", level=1)).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("row").filter(has_text="run by").get_by_role("link").click()
    expect(page.get_by_role("dialog", name="Greetings")).to_contain_text("Job queued")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Pause…").click()
    page.get_by_label("Reason").fill("holidays")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator("#schedule")).to_contain_text(re.compile(r"Paused .* by admin@localhost: holidays"))
