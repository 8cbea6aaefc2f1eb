"""Who calls too often is told so, and when to come back."""

from __future__ import annotations

import re
from typing import Any

import pytest
import redis
from flask_openapi3 import OpenAPI

from jobsapp import create_app
from jobsapp.auth.rate import address
from jobsapp.bus.rates import Rates
from jobsapp.config import Settings
from jobsapp.core.rates import Rate, parse_rate
from jobsapp.extensions import db
from jobsapp.services import Services
from tests.api.conftest import Answer, Caller
from tests.api.problems import problem

THREE = {"rate_limit": "3/day", "rate_limit_address": "2/day"}
HEADERS = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=THREE)


def left(answer: Answer) -> tuple[str, int]:
    found = HEADERS.fullmatch(answer.headers["RateLimit"])
    assert found is not None
    assert 86_000 < int(found[3]) <= 86_400
    return found[1], int(found[2])


def test_a_token_may_call_so_often(as_member: Caller, as_admin: Caller) -> None:
    answers = [as_member("GET", "/api/types") for _ in range(3)]
    assert [left(answer) for answer in answers] == [("caller", 2), ("caller", 1), ("caller", 0)]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"caller";q=3;w=86400'}
    refused = as_member("GET", "/api/types")
    assert "3 requests within 86,400 s" in problem(refused, 429, "too-many-requests")["detail"]
    assert left(refused) == ("caller", 0)
    assert refused.headers["Retry-After"] == HEADERS.fullmatch(refused.headers["RateLimit"])[3]  # type: ignore[index]
    assert as_admin("GET", "/api/types").status_code == 200


def test_what_is_not_changed_counts_too(as_member: Caller) -> None:
    path = f"/api/jobs/{as_member.create()['id']}"
    tag = as_member("GET", path).headers["ETag"]
    assert left(as_member("GET", path, headers={"If-None-Match": tag})) == ("caller", 0)


def test_guessing_tokens_is_counted_by_address(app: OpenAPI, as_member: Caller) -> None:
    assert as_member("GET", "/api/types").status_code == 200
    guesses = [Caller(app.test_client(), f"jobsapp_guess{number}")("GET", "/api/jobs") for number in range(4)]
    assert [answer.status_code for answer in guesses] == [401, 401, 429, 429], "a valid one does not count"
    assert left(guesses[1]) == ("address", 0)
    problem(Caller(app.test_client(), "jobsapp-job_guess")("GET", "/api/jobs"), 429)
    elsewhere = Caller(app.test_client(), "jobsapp_guess")
    assert elsewhere("GET", "/api/jobs", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 401
    # Who has a token is not kept out by others behind the same address, if it was valid a moment ago.
    assert as_member("GET", "/api/types").status_code == 200


def test_each_address_counts_for_itself_with_a_token_for_one_job(app: OpenAPI, as_member: Caller) -> None:
    job_id = as_member.create()["id"]
    token = as_member("POST", f"/api/jobs/{job_id}/tokens", json={"kind": "embed"}).get_json()["token"]
    guest = Caller(app.test_client(), token)

    def ask(address: str) -> int:
        return guest("GET", f"/api/jobs/{job_id}", environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask("10.0.0.1") for _ in range(4)] == [200, 200, 200, 429]
    assert ask("10.0.0.2") == 200


@pytest.mark.parametrize("proxies", [0, 1])
def test_an_address_is_believed_from_so_many_proxies(settings: Settings, services: Services, proxies: int) -> None:
    app = create_app(settings.model_copy(update={"proxies": proxies}))
    forwarded = [{"X-Forwarded-For": f"10.0.0.{number}"} for number in range(3)]
    told = [Caller(app.test_client())("GET", "/api/jobs", headers=headers).status_code for headers in forwarded]
    assert told == ([401, 401, 401] if proxies else [401, 401, 429])


def test_without_redis_each_process_counts_for_itself(settings: Settings, as_member: Caller) -> None:
    app = create_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"}))
    caller = Caller(app.test_client(), as_member.token)
    answers = [caller("GET", "/api/types") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [left(answer)[1] for answer in answers] == [2, 1, 0, 0]
    with app.app_context():
        db.engine.dispose()


def test_off_is_off(settings: Settings, as_member: Caller) -> None:
    app = create_app(settings.model_copy(update={"rate_limit": "off", "rate_limit_address": "off"}))
    for token in (as_member.token, ""):
        answers = [Caller(app.test_client(), token)("GET", "/api/types") for _ in range(5)]
        assert len({answer.status_code for answer in answers}) == 1
        assert not any("RateLimit" in answer.headers for answer in answers)
    with app.app_context():
        db.engine.dispose()


def test_one_request_is_one_round_trip(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates(settings.redis_url)
    rates.count("x", Rate(5, 60))
    sent: list[Any] = []
    before = redis.Connection.send_packed_command

    def note(self: Any, command: Any, **how: Any) -> Any:
        sent.append(command)
        return before(self, command, **how)

    monkeypatch.setattr(redis.Connection, "send_packed_command", note)
    assert rates.count("x", Rate(5, 60)).left == 3
    assert len(sent) == 1


def test_scripts_that_redis_forgot_are_sent_again(settings: Settings) -> None:
    rates = Rates(settings.redis_url)
    assert rates.count("x", Rate(5, 60)).left == 4
    redis.Redis.from_url(settings.redis_url).script_flush()
    assert rates.count("x", Rate(5, 60)).left == 3


def test_the_window_moves(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, now = Rates(settings.redis_url), 1_000_000.0
    monkeypatch.setattr("jobsapp.bus.rates.time.time", lambda: now)
    rate = Rate(2, 10)
    assert not rates.count("x", rate).refused
    now += 6
    assert not rates.count("x", rate).refused
    refused = rates.count("x", rate)
    assert (refused.refused, refused.seconds) == (True, 4)
    now += 4.1
    again = rates.count("x", rate)
    assert (again.refused, again.left, again.seconds) == (False, 0, 6)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        (None, ""),
        ("@", "@"),
    ],
)
def test_what_counts_as_one_address(text: str | None, counted: str) -> None:
    assert address(text) == counted


def test_rates_are_read() -> None:
    assert parse_rate("600/minute") == Rate(600, 60)
    assert parse_rate("5/second") == Rate(5, 1)
    assert parse_rate("off") is None
