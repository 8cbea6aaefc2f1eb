"""Signing in by password and looking after one's account, in a browser without scripts."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.product import ADMIN, Product
from tests.browser.scenes import PASSWORD


def sign_in_by_password(page: Page) -> None:
    page.get_by_label("E-mail").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_by_password_and_by_keyboard_without_scripts(browser: Browser, product: Product) -> None:
    product.start_web()
    product.empty()
    with product.app.app_context():
        product.services.passwords.set(ADMIN, PASSWORD)
    elsewhere = browser.new_context(base_url=product.url, java_script_enabled=False)
    other = elsewhere.new_page()
    other.goto("/jobs")
    sign_in_by_password(other)
    expect(other).to_have_url(re.compile("/jobs$"))

    here = browser.new_context(base_url=product.url, java_script_enabled=False)
    page = here.new_page()
    page.goto("/queues")
    # The first field is where one types, and Enter sends.
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type(ADMIN)
    page.get_by_label("Password", exact=True).press_sequentially("not my password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
    expect(page.get_by_label("E-mail")).to_have_value(ADMIN)
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/queues$"))

    page.get_by_label(f"Account: {ADMIN}").click()
    page.get_by_role("link", name="Account", exact=True).click()
    browsers = page.get_by_role("region", name="Browsers that are signed in").get_by_role("listitem")
    expect(browsers).to_have_count(2)
    expect(browsers.filter(has_text="this one")).to_have_count(1)
    browsers.filter(has_not_text="this one").get_by_role("button").click()
    expect(page.locator(".flash")).to_have_text("That browser is signed out.")
    expect(browsers).to_have_count(1)
    other.reload()
    expect(other).to_have_url(re.compile("/login"))
    here.close()
    elsewhere.close()
