"""`Prefer: wait` waits for a job without holding anything but its thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from flask_openapi3 import OpenAPI

from jobsapp import create_app
from jobsapp.api import waiting
from jobsapp.config import Settings
from jobsapp.extensions import db
from jobsapp.live.sockets import HUB
from jobsapp.services import Services
from tests.api.conftest import Answer, Caller, Hand
from tests.api.problems import problem
from tests.api.test_jobs import COMPLETED
from tests.live.conftest import DEADLINE, wait_for

Asking = Callable[..., "Future[Answer]"]


@pytest.fixture
def asking(app: OpenAPI, services: Services) -> Iterator[Asking]:
    """Asks in a thread of its own, and returns once that waits."""
    hub = app.extensions[HUB]
    with ThreadPoolExecutor() as pool:

        def ask(caller: Caller, path: str, **headers: str) -> Future[Answer]:
            before = len(services.bells._bells)
            answer = pool.submit(caller, "GET", path, headers={"Prefer": "wait=60", **headers})
            wait_for(lambda: answer.done() or len(services.bells._bells) > before)
            return answer

        yield ask
        hub.stop()


@pytest.fixture
def only_news(app: OpenAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by themselves, and what happens is heard."""
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 60.0)
    hub = app.extensions[HUB]
    hub.listen()
    wait_for(lambda: hub._subscription.connected)


@pytest.mark.usefixtures("only_news")
def test_the_end_of_a_job_wakes_who_waits_for_it(
    asking: Asking, as_member: Caller, drain: Callable[[str], int]
) -> None:
    job_id = as_member.create()["id"]
    answer = asking(as_member, f"/api/jobs/{job_id}")
    drain("echo")
    told = answer.result(DEADLINE)
    assert told.get_json()["status"] == "completed"
    assert told.headers["Preference-Applied"] == "wait=60"


@pytest.mark.usefixtures("only_news")
def test_with_a_tag_any_change_wakes(asking: Asking, as_member: Caller) -> None:
    job_id = as_member.create("steps")["id"]
    tag = as_member("GET", f"/api/jobs/{job_id}").headers["ETag"]
    answer = asking(as_member, f"/api/jobs/{job_id}", **{"If-None-Match": tag})
    as_member("PATCH", f"/api/jobs/{job_id}/cancel")
    assert answer.result(DEADLINE).get_json()["status"] == "cancelled"


@pytest.mark.usefixtures("only_news")
def test_a_deleted_job_is_not_waited_for(asking: Asking, as_admin: Caller, hand: Hand) -> None:
    job_id = as_admin.create()["id"]
    hand.finish(hand.claim(), COMPLETED)
    tag = as_admin("GET", f"/api/jobs/{job_id}").headers["ETag"]
    answer = asking(as_admin, f"/api/jobs/{job_id}", **{"If-None-Match": tag})
    assert as_admin("DELETE", f"/api/jobs/{job_id}").status_code == 204
    problem(answer.result(DEADLINE), 404)


def test_without_redis_it_looks_by_itself(settings: Settings, as_member: Caller, hand: Hand) -> None:
    job_id = as_member.create()["id"]
    app = create_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"}))
    caller = Caller(app.test_client(), as_member.token)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(caller, "GET", f"/api/jobs/{job_id}", headers={"Prefer": "wait=60"})
        hand.finish(hand.claim(), COMPLETED)
        assert answer.result(DEADLINE).get_json()["status"] == "completed"
    app.extensions[HUB].stop()
    with app.app_context():
        db.engine.dispose()


@pytest.mark.usefixtures("only_news")
def test_who_waits_holds_no_connection(asking: Asking, as_member: Caller, drain: Callable[[str], int]) -> None:
    job_id = as_member.create()["id"]
    db.session.remove()
    answers = [asking(as_member, f"/api/jobs/{job_id}") for _ in range(3)]
    wait_for(lambda: db.engine.pool.checkedout() == 0)  # type: ignore[attr-defined]
    assert not any(answer.done() for answer in answers)
    drain("echo")
    assert {answer.result(DEADLINE).status_code for answer in answers} == {200}


def test_when_too_many_wait_the_answer_is_that_of_now(
    as_member: Caller, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.bells, "_most", 0)
    answer = as_member("GET", f"/api/jobs/{as_member.create()['id']}", headers={"Prefer": "wait=60"})
    assert answer.get_json()["status"] == "pending"
    assert "Preference-Applied" not in answer.headers


@pytest.mark.usefixtures("only_news")
def test_a_server_that_ends_answers_who_waits(asking: Asking, app: OpenAPI, as_member: Caller) -> None:
    answer = asking(as_member, f"/api/jobs/{as_member.create()['id']}")
    app.extensions[HUB].stop()
    assert answer.result(DEADLINE).get_json()["status"] == "pending"


@pytest.mark.usefixtures("only_news")
def test_a_token_that_was_revoked_meanwhile_reads_nothing(
    asking: Asking, services: Services, as_member: Caller, drain: Callable[[str], int]
) -> None:
    answer = asking(as_member, f"/api/jobs/{as_member.create()['id']}")
    services.identity.revoke_token("tests")
    drain("echo")
    problem(answer.result(DEADLINE), 401)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=30", 30),
        ("respond-async, WAIT = 5", 5),
        ("wait=7; foo=bar, wait=9", 7),
        ('wait="8"', 8),
        ("wait=3600", 60),
        ("wait=0", 0),
        ("wait=-1", 0),
        ("wait=1e3", 0),
        ("wait", 0),
        ("handling=lenient", 0),
        ("", 0),
    ],
)
def test_how_long_is_preferred(prefer: str, seconds: int) -> None:
    assert waiting.preferred_seconds(prefer) == seconds


@pytest.mark.parametrize("prefer", ["", "wait=soon"])
def test_who_does_not_prefer_to_wait_does_not(as_member: Caller, prefer: str) -> None:
    answer = as_member("GET", f"/api/jobs/{as_member.create()['id']}", headers={"Prefer": prefer})
    assert answer.get_json()["status"] == "pending"
    assert "Preference-Applied" not in answer.headers
