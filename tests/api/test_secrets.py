"""Running a job again through the API with other input and the same secrets, which nobody is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK
from jobsapp.services import Services
from tests.api.conftest import Caller

TOKEN, LINE, WORD = "top-secret-1", "line-secret-2", "pass-secret-3"
DATA = {"token": TOKEN, "tables": {"a": LINE}, "logins": [{"user": "ana", "password": WORD}]}
SHOWN = {"token": MASK, "tables": {"a": MASK}, "logins": [{"user": "ana", "password": MASK}]}
Opened = Callable[[Any], dict[str, str]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


@pytest.fixture
def opened(services: Services, admin: Actor) -> Opened:
    def read(answer: Any) -> dict[str, str]:
        job = services.jobs.get(admin, UUID(answer["id"]))
        return services.secrets._sealer().open(job.id, job.data)

    return read


def body(job: Any, data: Any = SHOWN, **more: Any) -> dict[str, Any]:
    return {"type": "gossip", "data": data, "secretsOf": job["id"], **more}


def test_what_is_left_at_its_mask_is_kept_and_never_told(as_member: Caller, opened: Opened) -> None:
    job = as_member.create("gossip", DATA)
    answer = as_member("POST", "/api/jobs", json=body(job, as_member.job(job["id"])["data"] | {"fail": True}))
    assert answer.status_code == 201, answer.text
    again = answer.get_json()
    assert again["data"]["fail"] is True
    assert again["data"]["token"] == MASK
    assert not [secret for secret in (TOKEN, LINE, WORD) if secret in answer.text]
    assert opened(again) == {"/token": TOKEN, "/tables/a": LINE, "/logins/0/password": WORD}
    assert opened(again) == opened(job)
    # Of what was given anew the new one counts; what is not there is not put back.
    changed = {"token": MASK, "tables": {"a": "another-one", "b": "more-of-it"}}
    assert opened(as_member("POST", "/api/jobs", json=body(job, changed)).get_json()) == {
        "/token": TOKEN,
        "/tables/a": "another-one",
        "/tables/b": "more-of-it",
    }


def test_a_secret_that_is_left_out_stays_away(as_member: Caller) -> None:
    job = as_member.create("gossip", DATA | {"spare": "spare-secret"})
    answer = as_member("POST", "/api/jobs", json=body(job, {"tables": {"a": MASK}}))
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.get_json()["errors"]] == ["data.token"]


def test_a_mask_that_stands_for_nothing_is_refused(as_member: Caller) -> None:
    job = as_member.create("gossip", DATA)
    answer = as_member("POST", "/api/jobs", json=body(job, SHOWN | {"tables": {"z": MASK}}))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "data.tables.z"


def test_a_repeat_makes_no_second_job(as_member: Caller) -> None:
    job = as_member.create("gossip", DATA)
    once = {"Idempotency-Key": "once"}
    first = as_member("POST", "/api/jobs", json=body(job), headers=once)
    assert (first.status_code, first.get_json()["data"]["token"]) == (201, MASK)
    second = as_member("POST", "/api/jobs", json=body(job), headers=once)
    assert (second.status_code, second.get_json()["id"]) == (200, first.get_json()["id"])
    other = as_member.create("gossip", DATA)
    assert as_member("POST", "/api/jobs", json=body(other), headers=once).status_code == 409


def test_secrets_are_for_who_gave_them(as_member: Caller, as_admin: Caller, as_stranger: Caller) -> None:
    job = as_member.create("gossip", DATA)
    refused = as_admin("POST", "/api/jobs", json=body(job))
    assert refused.status_code == 403
    assert "for who gave them alone" in refused.get_json()["detail"]
    assert as_stranger("POST", "/api/jobs", json=body(job)).status_code == 404
    assert as_member("POST", "/api/jobs", json=body({"id": str(uuid4())})).status_code == 404
    # A job without any has none to keep from somebody.
    plain = as_member.create("echo", {"text": "a"})
    taken = {"type": "echo", "data": {"text": "b"}, "secretsOf": plain["id"]}
    assert as_admin("POST", "/api/jobs", json=taken).status_code == 201


@pytest.mark.parametrize(
    ("path", "wrap"), [("/api/jobs", lambda one: one), ("/api/jobs/bulk", lambda one: {"jobs": [one]})]
)
def test_what_cannot_be_meant_is_named(as_member: Caller, path: str, wrap: Callable[[Any], Any]) -> None:
    job = as_member.create("echo", {"text": "a"})
    for asked in (body(job), body({"id": "this one"})):
        answer = as_member("POST", path, json=wrap(asked))
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"].endswith("secretsOf")
