"""Secrets in the input of jobs: for the processor, and for nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK, Mask
from jobsapp.core.sealing import SEALED, CannotOpen, Sealer, filled, pointer
from jobsapp.errors import ConfigError, InvalidInput
from jobsapp.processors.registry import JobType
from jobsapp.processors.sdk import Input, Processor
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_jobs import _said as said
from jobsapp.services.presets import NewPreset

TOKEN, FIRST, SECOND = "tok-en/Ü 12345", "first-secret-9", "second-secret-8"
DATA: dict[str, Any] = {
    "token": TOKEN,
    "tables": {"a/b~c": FIRST},
    "logins": [{"user": "ana", "password": SECOND}],
}
SHOWN = {
    "token": MASK,
    "tables": {"a/b~c": MASK},
    "logins": [{"user": "ana", "password": MASK}],
    "spare": None,
    "fail": False,
}
EVERYTHING = "SELECT string_agg(t::text, ' ') FROM {} t"
TABLES = ("jobs", "job_attempts", "job_logs", "job_metrics", "job_presets")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"processors": "tests.sample_processors,tests.secret_processors"})


@pytest.fixture
def kept(connection: psycopg.Connection[Any]) -> Callable[[], str]:
    """All that the database has of jobs."""

    def read() -> str:
        found = [connection.execute(EVERYTHING.format(table)).fetchone() for table in TABLES]  # type: ignore[arg-type]
        return " ".join(str(row[0]) for row in found if row)

    return read


def tells(text: str) -> list[str]:
    """The secrets in it, in any of the spellings that databases and JSON have."""
    return [secret for secret in (TOKEN, FIRST, SECOND, "12345") if secret in text or repr(secret)[1:-1] in text]


def test_a_processor_gets_its_secrets_and_nothing_that_is_kept_has_them(
    services: Services, admin: Actor, drain: Callable[[str], int], kept: Callable[[], str]
) -> None:
    job, _ = services.jobs.create(admin, NewJob("gossip", DATA), idempotency_key="once")
    assert services.views.job(job).data == SHOWN
    while drain("gossip"):
        pass
    done = services.views.job(services.jobs.get(admin, job.id))
    assert done.status == "completed"
    assert done.result == {"knows": 2, "said": [MASK, MASK, MASK], "before": True}
    assert done.progress.message == f"trying {MASK}"
    assert [line.message for line in services.jobs.log(admin, job.id)] == [f"the token is {MASK}"] * 2
    everything = kept()
    assert "trying" in everything
    assert not tells(everything)
    assert not tells(done.model_dump_json())


def test_errors_and_tracebacks_do_not_tell(
    services: Services, admin: Actor, drain: Callable[[str], int], kept: Callable[[], str]
) -> None:
    job, _ = services.jobs.create(admin, NewJob("gossip", DATA | {"fail": True}, max_attempts=1))
    drain("gossip")
    error = services.views.job(services.jobs.get(admin, job.id)).error
    assert error is not None
    assert error.message == f"{MASK} was refused"
    assert error.traceback is not None
    assert f"RuntimeError: {MASK} was refused" in error.traceback
    assert not tells(kept())


def test_many_at_once_are_sealed_too(services: Services, admin: Actor, kept: Callable[[], str]) -> None:
    ids, _ = services.jobs.create_many(admin, [NewJob("gossip", DATA)] * 2, idempotency_key="many")
    assert [job.data["token"] for job in services.jobs.find(admin, ids)] == [MASK, MASK]
    assert not tells(kept())
    assert services.jobs.create_many(admin, [NewJob("gossip", DATA)] * 2, idempotency_key="many") == (ids, False)


def test_digests_of_requests_need_the_key_and_know_another_secret(services: Services, admin: Actor) -> None:
    new = NewJob("gossip", DATA)
    first, _ = services.jobs.create(admin, new, idempotency_key="k")
    assert services.jobs.create(admin, new, idempotency_key="k") == (first, False)
    with pytest.raises(Exception, match="used before"):
        services.jobs.create(admin, replace(new, data=DATA | {"token": "another-one"}), idempotency_key="k")
    assert Sealer("a").digest(b"x") != Sealer("b").digest(b"x")
    assert first.request_digest == services.secrets.digest({"gossip"}, _said(new))
    assert services.secrets.digest({"echo"}, b"x") is None


def _said(new: NewJob) -> bytes:
    return json.dumps(said(new), sort_keys=True, default=str).encode()


def test_another_key_is_one_sentence_and_no_second_try(services: Services, admin: Actor, settings: Settings) -> None:
    job, _ = services.jobs.create(admin, NewJob("gossip", DATA))
    elsewhere = build_house(settings.model_copy(update={"secret_key": "of another host"}))
    with Horse(elsewhere, "elsewhere") as horse:
        horse.drain("gossip")
    view = services.views.job(services.jobs.get(admin, job.id))
    assert (view.status, view.attempts) == ("failed", 1)
    assert view.error is not None
    assert "JOBSAPP_SECRET_KEY" in view.error.message


def test_a_sealed_text_opens_nothing_in_another_job() -> None:
    sealer = Sealer("key")
    sealed = sealer.seal(UUID(int=1), {"token": "x"}, {"/token": TOKEN})
    assert sealed["token"] == MASK
    assert filled(sealed, sealer.open(UUID(int=1), sealed)) == {"token": TOKEN}
    for other, job_id in ((sealer, UUID(int=2)), (Sealer("other"), UUID(int=1))):
        with pytest.raises(CannotOpen):
            other.open(job_id, sealed)
    with pytest.raises(CannotOpen):
        sealer.open(UUID(int=1), {SEALED: "v1.nonsense"})


@pytest.mark.parametrize("mask", [MASK, "**********"])
def test_a_mask_is_no_secret(services: Services, admin: Actor, mask: str) -> None:
    with pytest.raises(InvalidInput, match=r"data.logins.0.password.*give the secret itself"):
        services.jobs.create(admin, NewJob("gossip", DATA | {"logins": [{"user": "x", "password": mask}]}))


def test_faults_do_not_repeat_a_secret(services: Services, admin: Actor) -> None:
    with pytest.raises(InvalidInput) as told:
        services.jobs.create(admin, NewJob("gossip", {"token": {"is": TOKEN}, "logins": [TOKEN]}))
    assert not tells(str(told.value.errors))
    assert {fault.field for fault in told.value.errors} == {"data.token", "data.logins.0"}


def test_presets_forget_secrets(services: Services, admin: Actor, kept: Callable[[], str]) -> None:
    saved = services.presets.save(admin, "gossip", NewPreset("mine", DATA | {"spare": "12345"}))
    assert saved.data == {"tables": {}, "logins": [{"user": "ana"}]}
    assert not tells(kept())


def test_its_maker_alone_runs_it_again_with_the_same_secrets(services: Services, admin: Actor, member: Actor) -> None:
    job, _ = services.jobs.create(member, NewJob("gossip", DATA))
    job_type = services.registry.get("gossip")
    sent = {"logins": [{"user": "bob", "password": MASK}], "tables": {"a/b~c": MASK, "new": "12345"}}
    again = services.secrets.kept(member, job_type, dict(sent), job)
    assert again == {
        "token": TOKEN,
        "logins": [{"user": "bob", "password": SECOND}],
        "tables": {"a/b~c": FIRST, "new": "12345"},
    }
    assert services.secrets.kept(member, job_type, {"tables": {}}, job) == {"token": TOKEN, "tables": {}}
    two = [{"user": "bob", "password": MASK}] * 2
    assert services.secrets.kept(member, job_type, {"logins": two}, job)["logins"] == two
    assert services.secrets.kept(member, job_type, {"token": "new-one"}, job)["token"] == "new-one"
    assert services.secrets.kept(admin, job_type, {"tables": {}}, job) == {"tables": {}}


def test_the_schema_says_that_it_is_written_only(services: Services) -> None:
    schema = services.registry.get("gossip").processor.Input.model_json_schema()

    assert schema["properties"]["token"]["writeOnly"] is True
    assert schema["properties"]["token"]["format"] == "password"


def test_a_set_of_secrets_is_refused_at_start() -> None:
    class Loose(Processor):
        type = "loose"
        title = "Loose"

        class Input(Input):
            keys: set[SecretStr]

        def run(self, data: Any, context: Any) -> None: ...

    with pytest.raises(ConfigError, match="'loose' has a set of secrets"):
        JobType(Loose)


@pytest.mark.parametrize(
    "text",
    [
        f"x={TOKEN}!",
        "x=" + repr(TOKEN) + "!",
        "x=tok-en%2F%C3%9C%2012345!",
        "x=tok-en%2F%C3%9C+12345!",
        '{"x": "tok-en/\\u00dc 12345"}',
        "Basic dG9rLWVuL8OcIDEyMzQ1",
    ],
)
def test_spellings_are_found(text: str) -> None:
    assert not tells(Mask([TOKEN]).text(text))
    assert MASK in Mask([TOKEN]).text(text)


def test_parts_of_a_secret_are_found_and_short_ones_left_alone() -> None:
    assert Mask(["Bearer abcdefgh"]).text("abcdefgh is the Bearer") == f"{MASK} is the Bearer"
    assert Mask(["abc"]).text("abc") == "abc"
    assert pointer("a/b~c", 0) == "/a~1b~0c/0"
