"""Members, one's own account, and the door."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.services.federation import Person
from tests.browser.product import ADMIN, Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene, open_details, open_menu

PASSWORD = "nine green bottles"


def invite_nobody(page: Page) -> None:
    page.get_by_label("E-mail address").fill("nobody")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator("#email-error")).to_be_visible()


def send_two_passwords(page: Page) -> None:
    page.get_by_label("New password", exact=True).fill("nine green bottles")
    page.get_by_label("New password again").fill("ten green bottles")
    page.get_by_role("button", name="Set password").click()
    expect(page.locator("#password-again-error")).to_be_visible()


def send_wrong_password(page: Page) -> None:
    page.get_by_label("E-mail").fill("somebody@example.org")
    page.get_by_label("Password", exact=True).fill("not my password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()


SCENES = (
    Scene("members", "members.index", "/members", open_details),
    Scene("members-error", "members.index", "/members", invite_nobody),
    Scene("members-menu", "members.index", "/members", open_menu, who=NEWCOMER),
    Scene("member-remove", "members.ask", "/members/{member}/remove"),
    Scene("account", "account.show", "/account"),
    Scene("account-error", "account.show", "/account", send_two_passwords, who=NEWCOMER),
    Scene("not-found", "", "/no/such/page"),
    Scene("login", "login.show", "/login", open_details, who=""),
    Scene("login-error", "login.show", "/login", send_wrong_password, who=""),
    Scene("login-confirm", "login.confirm", "/login/{login}", who=""),
)


def set_up(product: Product, _: Made) -> Made:
    """Somebody who has nothing yet, and an administrator who signs in by all means."""
    with product.app.app_context():
        services, actor = product.services, product.actor()
        newcomer = services.identity.create_user(NEWCOMER, role="admin", organization="elsewhere")
        services.memberships.add(actor.organization_id, newcomer.id, "viewer")
        services.federation.sign_in(Person("https://login.example.org", "8a61-77", ADMIN, email_verified=True))
        services.passwords.set(ADMIN, PASSWORD)
        return {"member": str(actor.user_id)}
