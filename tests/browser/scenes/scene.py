"""What a scene is, and who walks through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from playwright.sync_api import Page, expect

from tests.browser.product import ADMIN, Product, sign_in

NEWCOMER = "new@elsewhere"
"""Whose organisation has nothing yet."""
Made = dict[str, Any]
"""Some fields of `Jobs`: what an area has set up for its scenes."""


@dataclass(frozen=True)
class Jobs:
    """A job in each state, by its id."""

    pending: UUID
    active: UUID
    unknown: UUID
    stopping: UUID
    completed: UUID
    failed: UUID
    cancelled: UUID
    kin: UUID
    """One that waits for others, and for which others wait."""
    shared: str
    """The token of a link to the completed one."""
    member: str
    """The id of the administrator's account."""
    token: str
    """The id of an API token that is in force."""
    batch: str
    """The id of a batch that runs."""
    channel: str
    """The id of a channel of notifications, of a rule and of a message by it, and the link that ends it."""
    rule: str
    delivery: str
    link: str
    schedule: str
    """The id of a schedule that has run, by the clock."""
    run: str
    """A workflow that waits for an answer."""
    failed_run: str


class Scene(NamedTuple):
    """A page as somebody meets it. `act` brings it there after the address is open; who="": nobody is signed in."""

    name: str
    endpoint: str
    address: str
    act: Callable[[Page], None] | None = None
    who: str = ADMIN


class Visitor:
    """Goes from scene to scene in one browser page, and signs in as another where a scene wants that."""

    def __init__(self, page: Page, product: Product, jobs: Jobs) -> None:
        self.page = page
        self.product = product
        self.jobs = jobs
        self.who = ""

    def enter(self, scene: Scene) -> None:
        """Open it, and wait until all of it is there."""
        self._be(scene.who)
        if self.page.url.startswith(self.product.url):
            # What another scene put into the tray.
            self.page.evaluate("() => localStorage.clear()")
        login = self.product.login_link().rpartition("/")[2] if "{login}" in scene.address else ""
        self.page.goto(self.product.url + scene.address.format(login=login, **vars(self.jobs)))
        if scene.act:
            scene.act(self.page)
        for mark in self.page.locator("[data-live] .connection").all():
            expect(mark).to_have_attribute("data-connection", "live")
        settle(self.page)

    def _be(self, who: str) -> None:
        if who != self.who:
            self.page.context.clear_cookies()
            if who:
                sign_in(self.page, self.product, who)
            self.who = who


def settle(page: Page) -> None:
    """Wait until what was just changed is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def open_details(page: Page) -> None:
    page.locator("main details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")


def open_menu(page: Page) -> None:
    page.locator("details.menu > summary").click()
