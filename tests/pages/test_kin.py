"""What a job waits for and what waits for it, on its page."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.runtime.advancer import Advancer
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import token_in
from tests.services.conftest import advancer

__all__ = ["advancer"]


def test_the_page_links_both_ways_until_all_is_settled(
    web: FlaskClient, services: Services, admin: Actor, advancer: Advancer, drain: Callable[[str], int]
) -> None:
    parent, _ = services.jobs.create(admin, NewJob("fail", {}, name="Top", max_attempts=1))
    child, _ = services.jobs.create(admin, NewJob("echo", {}, name="Below", depends_on=(parent.id,)))
    above, below = (web.get(f"/jobs/{one.id}").text for one in (parent, child))
    assert f'href="/jobs/{child.id}">Below</a>' in above
    assert "Cancel with what depends on it" in above
    assert f'href="/jobs/{parent.id}">Top</a>' in below
    assert "Cancel with what depends on it" not in below
    assert "Waits for the job it depends on" in below
    assert 'data-refresh="3"' in below
    assert "Waits for the job it depends on" in web.get("/jobs").text
    drain("fail")
    advancer.advance()
    below = web.get(f"/jobs/{child.id}").text
    assert "data-refresh" not in web.get(f"/jobs/{child.id}/kin").text
    assert re.search(rf'It ended with a job that it depends on: <a href="/jobs/{parent.id}">Top</a>', below)
    assert f'Because of <a href="/jobs/{parent.id}">Top</a>' in below
    assert "Retry with what depends on it" in web.get(f"/jobs/{parent.id}").text


def test_more_of_them_have_pages_of_their_own(web: FlaskClient, services: Services, admin: Actor) -> None:
    parent, _ = services.jobs.create(admin, NewJob("echo", {}, name="Top"))
    jobs = [NewJob("echo", {}, name=f"Child {n:03d}", depends_on=(parent.id,)) for n in range(130)]
    services.jobs.create_many(admin, jobs)
    address = f"/jobs/{parent.id}"
    seen: list[str] = []
    for count in (20, 100, 10):
        page = web.get(address).text
        found = re.findall(r">(Child \d+)</a>", page)
        assert len(found) == count
        seen += found
        more = re.search(r'href="([^"]+)">More jobs that wait for it', page)
        address = more[1] if more else ""
    assert address == ""
    assert seen == sorted(seen)


def test_a_tree_is_cancelled_and_retried_by_button(web: FlaskClient, services: Services, admin: Actor) -> None:
    parent, _ = services.jobs.create(admin, NewJob("echo", {}))
    child, _ = services.jobs.create(admin, NewJob("echo", {}, depends_on=(parent.id,)))
    form = {"csrf_token": token_in(web.get(f"/jobs/{parent.id}").text), "tree": "1"}
    assert web.post(f"/jobs/{parent.id}/cancel", data=form).status_code == 303
    assert services.jobs.get(admin, child.id).status == "cancelled"
    assert web.post(f"/jobs/{parent.id}/retry", data=form).status_code == 303
    assert services.jobs.get(admin, parent.id).status == "pending"


def test_the_form_takes_ids(web: FlaskClient, services: Services, admin: Actor) -> None:
    parent, _ = services.jobs.create(admin, NewJob("echo", {}))
    page = web.get("/jobs/new/echo").text
    assert "After these jobs" in page
    form = {"csrf_token": token_in(page), "data.text": "x", "onParentFailure": "fail"}
    wrong = web.post("/jobs/new/echo", data={**form, "dependsOn": "tomorrow"})
    assert wrong.status_code == 422
    assert "This is not the id of a job: tomorrow" in wrong.text
    assert web.post("/jobs/new/echo", data={**form, "dependsOn": f"{parent.id}\n"}).status_code == 303
    child = services.jobs.get(admin, services.jobs.newest(admin.organization_id, 1)[0])
    assert [one.id for one in services.views.job(child).depends_on] == [parent.id]
