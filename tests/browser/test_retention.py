"""A rule of retention, as an administrator makes, changes and removes it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.product import Product


def test_a_rule_is_made_changed_and_removed(page: Page, product: Product) -> None:
    page.goto("/jobs")
    page.locator("details.menu > summary").click()
    page.get_by_role("link", name="Retention").click()
    expect(page.get_by_role("heading", name="Everything is kept")).to_be_visible()
    page.get_by_role("link", name="Add a rule").click()
    page.get_by_label("State").select_option("failed")
    page.get_by_label("Days").fill("45")
    page.get_by_label("Days").press("Enter")
    rule = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="All jobs that failed"))
    expect(rule).to_contain_text("Deleted after 45 days")

    page.get_by_role("link", name="Change: All jobs that failed").click()
    expect(page.get_by_label("State")).to_have_value("failed")
    page.get_by_label("Archive").select_option("jsonl")
    page.get_by_role("button", name="Change rule").click()
    expect(rule).to_contain_text("Deleted after 45 days, archived as JSONL before")

    page.get_by_role("button", name="Remove the rule: All jobs that failed").click()
    expect(page.get_by_role("heading", name="Everything is kept")).to_be_visible()
