"""Signing out, in a real browser with several tabs, and with a second one that got hold of the cookie."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from jobsapp.live.hub import CHECK_SECONDS
from tests.browser.product import Product, sign_in

SIGN_IN = re.compile(r"/login(\?.*)?$")
# A third of what it takes if nobody is told, and a socket only asks for its right as it does in any case.
SECONDS = int(CHECK_SECONDS * 1000 / 3)


def leave(page: Page, name: str = "Sign out") -> None:
    page.get_by_label("Account: admin@localhost").click()
    page.get_by_role("button", name=name, exact=True).click()
    expect(page).to_have_url(SIGN_IN)


def shows_the_sign_in(page: Page) -> None:
    expect(page).to_have_url(SIGN_IN, timeout=SECONDS)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_other_tabs_show_it_within_seconds(page: Page, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    tabs = []
    for address in ("/jobs", f"/jobs/{job_id}", f"/jobs?open={job_id}"):
        tab = page.context.new_page()
        tab.goto(address)
        expect(tab.locator(".connection").last).to_have_text("Live")
        tabs.append(tab)
    page.goto("/jobs")
    leave(page)
    for tab in tabs:
        shows_the_sign_in(tab)
    # And from there back to where one of the tabs was: they share one memory of it.
    tabs[1].goto(product.login_link())
    tabs[1].get_by_role("button", name="Sign in").click()
    expect(tabs[1]).to_have_url(re.compile(r"/jobs"))


def test_a_copied_cookie_is_refused_after_signing_out(page: Page, browser: Browser, product: Product) -> None:
    thief = browser.new_context(base_url=product.url)
    thief.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    copy = thief.new_page()
    copy.goto("/jobs")
    expect(copy.locator(".connection").first).to_have_text("Live")
    page.goto("/jobs")
    leave(page)
    shows_the_sign_in(copy)
    copy.goto("/jobs")
    shows_the_sign_in(copy)
    thief.close()


def test_signing_out_everywhere(page: Page, browser: Browser, product: Product) -> None:
    elsewhere = browser.new_context(base_url=product.url)
    other = elsewhere.new_page()
    sign_in(other, product)
    other.goto("/jobs")
    expect(other.locator(".connection").first).to_have_text("Live")
    page.goto("/jobs")
    leave(page, "Sign out everywhere")
    shows_the_sign_in(other)
    elsewhere.close()
