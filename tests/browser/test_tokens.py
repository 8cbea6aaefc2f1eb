"""Making a token on its page, with the keyboard, and using what was copied."""

from __future__ import annotations

from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.browser.product import Product


def test_a_token_is_made_copied_used_and_revoked(page: Page, product: Product) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/jobs")
    page.get_by_label("Account: admin@localhost").click()
    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("Name").fill("Nightly import")
    page.get_by_label("Jobs", exact=True).focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Read", exact=True)).to_be_checked()
    page.keyboard.press("Enter")
    text = page.get_by_label("Copy it now: it is shown only this once.").input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == text
    asked = Request(f"{product.url}/api/jobs", headers={"Authorization": f"Bearer {text}"})
    with urlopen(asked) as answer:
        assert answer.status == 200
    page.get_by_role("link", name="Revoke the token Nightly import…").click()
    expect(page.get_by_text("Last used just now from 127.0.0.1.")).to_be_visible()
    page.locator("main").get_by_role("button", name="Revoke").click()
    expect(page.locator(".token")).to_contain_text("revoked just now by admin@localhost")
    page.get_by_label("Account: admin@localhost").click()
    page.get_by_role("link", name="Audit log").click()
    expect(page.locator(".audit-did").first).to_have_text("Revoked the token Nightly import of admin@localhost")
