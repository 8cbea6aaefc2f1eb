"""Two people of two organisations, both looking: what belongs to one never gets into the other's browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from jobsapp.core.outcomes import Transition
from jobsapp.core.states import Status
from jobsapp.services.jobs import NewJob
from tests.browser.conftest import DEADLINE, Witness
from tests.browser.product import Product, sign_in

EVE = "eve@elsewhere"


@pytest.fixture
def hers(browser: Browser, product: Product, page: Page, witness: Witness) -> Iterator[Page]:
    """The other one's browser."""
    with product.app.app_context():
        product.services.identity.create_user(EVE, role="admin", organization="elsewhere")
    context = browser.new_context(base_url=product.url)
    context.set_default_timeout(DEADLINE)
    hers = context.new_page()
    witness.attend(hers)
    sign_in(hers, product, EVE)
    yield hers
    context.close()


def overheard(page: Page) -> list[str]:
    """All that its sockets are sent from now on."""
    frames: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(str(frame)))

    page.on("websocket", listen)
    return frames


def test_neither_hears_of_the_others_jobs(page: Page, hers: Page, product: Product) -> None:
    heard = {looker: overheard(looker) for looker in (page, hers)}
    for looker in heard:
        looker.goto("/jobs")
        expect(looker.locator(".connection").first).to_have_text("Live")
    mine = product.create("steps", {"steps": 4}, name="Mine")
    with product.app.app_context():
        other, _ = product.services.jobs.create(product.actor(EVE), NewJob("echo", {}, name="Hers"))
        theirs = other.id
    for queue in ("steps", "echo"):
        job = product.claim(queue)
        product.pulse(job, 1, 2, f"secret of {queue}")
        product.finish(job, Transition(Status.COMPLETED, "completed", result={}))
    for looker, name in ((page, "Mine"), (hers, "Hers")):
        expect(looker.get_by_role("row", name=f"Choose {name}")).to_contain_text("Completed")
        expect(looker.locator(".cell-name a")).to_have_text([name])
    assert str(mine) in "".join(heard[page])
    assert str(theirs) in "".join(heard[hers])
    assert str(theirs) not in "".join(heard[page])
    assert str(mine) not in "".join(heard[hers])


def test_an_address_of_the_others_job_opens_nothing(page: Page, hers: Page, product: Product, witness: Witness) -> None:
    witness.expect("404")
    mine = product.create("steps", {"steps": 4}, name="Payroll")
    for address in (f"/jobs?open={mine}", f"/queues?open={mine}"):
        hers.goto(address)
        hers.wait_for_load_state("networkidle")
        expect(hers.get_by_role("dialog")).to_be_hidden()
        expect(hers.get_by_text("Payroll", exact=True)).to_have_count(0)
    hers.goto(f"/jobs/{mine}")
    expect(hers.get_by_text("Payroll", exact=True)).to_have_count(0)
    page.goto(f"/jobs?open={mine}")
    expect(page.get_by_role("dialog", name="Payroll")).to_be_visible()
