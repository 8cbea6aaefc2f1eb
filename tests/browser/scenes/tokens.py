"""API tokens, and the audit log, which tells of them."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene


def make_token(page: Page) -> None:
    page.get_by_label("Name").fill("A program")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#token-text")).to_be_visible()


def send_no_name(page: Page) -> None:
    page.get_by_label("Name").fill(" ")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#token-name-error")).to_be_visible()


SCENES = (
    Scene("tokens", "tokens.index", "/tokens"),
    Scene("tokens-new", "tokens.index", "/tokens", make_token),
    Scene("tokens-error", "tokens.index", "/tokens", send_no_name),
    Scene("tokens-none", "tokens.index", "/tokens", who=NEWCOMER),
    Scene("tokens-everyone", "tokens.index", "/tokens?everyone=yes"),
    Scene("token-revoke", "tokens.ask", "/tokens/{token}/revoke"),
    Scene("audit", "audit.index", "/audit"),
    Scene("audit-nothing-found", "audit.index", "/audit?who=nobody@nowhere&when=last-hour&after=soon"),
)


def set_up(product: Product, _: Made) -> Made:
    """One in force, one that was revoked, and what the audit log tells of both."""
    with product.app.app_context():
        tokens, actor = product.services.tokens, product.actor()
        tokens.revoke(actor, tokens.create(actor, "The laptop that was stolen", scopes=["admin"])[0].id)
        return {"token": str(tokens.create(actor, "Nightly import", lifetime=timedelta(days=90))[0].id)}
