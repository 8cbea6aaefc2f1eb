"""What the tray is drawn from."""

from __future__ import annotations

from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.core.ids import ids_in, new_id
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn


def test_those_that_the_viewer_may_see_in_the_order_asked_for(
    web: FlaskClient, sign_in: SignIn, services: Services, admin: Actor, stranger: Actor, client: FlaskClient
) -> None:
    jobs = [services.jobs.create(admin, NewJob("echo", {}, name=name))[0].id for name in ("One", "Two")]
    foreign = services.jobs.create(stranger, NewJob("echo", {}, name="Theirs"))[0].id
    address = f"/jobs/tray?jobs={jobs[1]},{foreign},{jobs[0]},{new_id()},x"
    page = web.get(address).text
    assert page.index("Two") < page.index("One")
    assert "Theirs" not in page
    assert f'hx-ws:connect="/live/tray?jobs={jobs[1]},{jobs[0]}"' in page
    assert "hx-ws" not in web.get("/jobs/tray").text, "an empty tray needs no socket"
    assert "Theirs" in sign_in(stranger).get(address).text
    assert client.get(address).status_code == 303


def test_it_stands_on_every_page_of_who_is_signed_in(web: FlaskClient, client: FlaskClient, admin: Actor) -> None:
    for path in ("/jobs", "/queues", "/search", "/jobs/new"):
        page = web.get(path).text
        assert page.count(f'data-viewer="{admin.user_id}"') == 1, path
    assert 'id="tray"' not in client.get("/login").text


def test_ids_in_a_text() -> None:
    one, two = new_id(), new_id()
    assert ids_in(f"{one}, {two},{one},x,", 8) == [one, two]
    assert ids_in(f"{one},{two}", 1) == [one]
    assert ids_in("", 8) == []
