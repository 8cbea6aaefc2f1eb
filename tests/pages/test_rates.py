"""Tokens are not guessed at pages and sockets either, nor at a link that was shared."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limit_address": "2/day"})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def guess_away(client: FlaskClient, **how: Any) -> None:
    """Use up what strangers of an address may."""
    told = [client.get("/jobs", headers=bearer(f"jobsapp_guess{n}"), **how).status_code for n in range(4)]
    assert told == [303, 303, 429, 429]


def test_a_right_guess_over_the_limit_opens_no_page(client: FlaskClient, services: Services, member: Actor) -> None:
    token = services.identity.create_token(member.email, "tests")
    guess_away(client)
    refused = client.get("/jobs", headers=bearer(token))
    assert refused.status_code == 429
    assert refused.mimetype == "text/html"
    assert int(refused.headers["Retry-After"]) > 1
    assert "No more than 2 requests" in refused.text
    assert client.get("/api/jobs", headers=bearer(token)).mimetype == "application/problem+json"
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    assert client.get("/jobs", headers=bearer(token), environ_base=elsewhere).status_code == 200
    assert client.get("/jobs", headers=bearer(token)).status_code == 429, "known from there alone"
    assert client.get("/healthz", headers=bearer("any")).status_code == 200


def test_sockets_refuse_before_the_handshake(client: FlaskClient, services: Services, member: Actor) -> None:
    token = services.identity.create_token(member.email, "tests")
    guess_away(client)
    for path in ("/ws/jobs", "/live/jobs"):
        assert client.get(path, headers=HANDSHAKE | bearer(token)).status_code == 429
    offered = {"Sec-WebSocket-Protocol": "jobsapp, jobsapp.token.jobsapp-job_guess"}
    assert client.get("/ws/jobs", headers=HANDSHAKE | offered).status_code == 429


def test_links_are_not_guessed(client: FlaskClient, services: Services, member: Actor) -> None:
    job_id = services.jobs.create(member, NewJob("echo", {}))[0].id
    made = [services.job_tokens.create(member, job_id, kind="share")[1] for _ in range(2)]
    assert client.get(f"/shared/{made[0]}/").status_code == 200
    told = [client.get(f"/shared/jobsapp-job_guess{n}/").status_code for n in range(2)]
    assert told == [404, 404], "one that is valid does not count"
    assert client.get(f"/shared/{made[1]}/").status_code == 429
    assert client.get(f"/shared/{made[0]}/").status_code == 200, "it was valid a moment ago"


def test_strangers_keep_nobody_out_who_is_known(
    client: FlaskClient, sign_in: SignIn, services: Services, member: Actor
) -> None:
    browser, token = sign_in(member), services.identity.create_token(member.email, "tests")
    assert client.get("/api/me", headers=bearer(token)).headers["RateLimit"].startswith('"caller"')
    guess_away(client)
    assert browser.get("/jobs").status_code == 200
    for _ in range(3):
        assert client.get("/jobs", headers=bearer(token)).status_code == 200
    services.tokens.revoke_named(str(services.tokens.all()[0].id))
    assert client.get("/jobs", headers=bearer(token)).status_code == 303
    assert client.get("/jobs", headers=bearer(token)).status_code == 429, "what has ended is forgotten"
