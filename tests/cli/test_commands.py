"""The commands: what they print, what they refuse, and with which exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.ids import first_id_at
from jobsapp.errors import NotSignedIn
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

Flask_ = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Flask_:
    def run(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(args=list(arguments))

    return run


def test_create_show_list(flask: Flask_, drain: Callable[[str], int]) -> None:
    created = flask("jobs", "create", "echo", "--data", '{"text": "hi"}', "--name", "Greeting", "--priority", "3")
    assert created.exit_code == 0
    job_id = created.output.strip().splitlines()[-1]
    assert UUID(job_id).version == 7
    drain("echo")
    shown = json.loads(flask("jobs", "show", job_id).output)
    assert (shown["status"], shown["result"], shown["name"], shown["priority"]) == (
        "completed",
        {"text": "hi"},
        "Greeting",
        3,
    )
    assert job_id in flask("jobs", "list", "--status", "completed", "--json").output
    assert flask("jobs", "list", "--status", "failed", "--json").output == ""
    now = datetime.now(UTC).isoformat()
    narrow = ("--queue", "echo", "--owner", "me", "--text", "GREET", "--created-before", now)
    assert job_id in flask("jobs", "list", *narrow, "--json").output
    assert flask("jobs", "list", "--created-after", now, "--json").output == ""
    assert "there is nobody x@y here" in flask("jobs", "list", "--owner", "x@y").output


def test_commands_act_for_a_user_and_leave_no_token(flask: Flask_, services: Services, member: Actor) -> None:
    job_id = flask("jobs", "create", "echo", "--user", member.email).output.strip()
    assert json.loads(flask("jobs", "show", job_id).output)["userId"] == str(member.user_id)
    assert flask("jobs", "list", "--owner", "me", "--json").output == ""
    assert job_id in flask("jobs", "list", "--owner", "me", "--user", member.email, "--json").output
    assert services.identity.tokens() == []


def test_create_with_times(flask: Flask_) -> None:
    expiry = "2999-01-01T12:00:00Z"
    result = flask("jobs", "create", "echo", "--expires-at", expiry)
    assert (result.exit_code, "at most ten years ahead" in result.output) == (1, True)
    year = datetime.now(UTC).year + 1
    said = ["--run-at", f"{year}-05-01T10:00+02:00", "--expires-at", f"{year}-06-01T12:00:00Z", "--timeout", "90"]
    own = ["--retry-first", "1.5", "--retry-factor", "3", "--retry-ceiling", "60", "--retry-jitter", "0.5"]
    job = json.loads(flask("jobs", "show", flask("jobs", "create", "echo", *said, *own).output.strip()).output)
    assert (job["runAt"], job["expiresAt"]) == (f"{year}-05-01T08:00:00Z", f"{year}-06-01T12:00:00Z")
    assert job["timeoutSeconds"] == 90
    assert job["retry"] == {"firstSeconds": 1.5, "factor": 3, "ceilingSeconds": 60, "jitter": 0.5}


def test_create_with_a_file(flask: Flask_, drain: Callable[[str], int], tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("four")
    job_id = flask("jobs", "create", "make-file", "--file", f"source={source}").output.strip()
    drain("make-file")
    assert json.loads(flask("jobs", "show", job_id).output)["result"] == {"characters": 4}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nonsense",), "there is no job type 'nonsense'"),
        (("not-installed",), "pip install 'jobsapp[nothing]'"),
        (("echo", "--data", "{"), "--data: is not JSON"),
        (("echo", "--data", "[]"), "must be a JSON object"),
        (("echo", "--data", '{"colour": 1}'), "data.colour: there is no such field"),
        (("echo", "--max-attempts", "0"), "maxAttempts: Input should be greater than or equal to 1"),
        (("make-file", "--file", "source=/nowhere"), "--file: cannot read /nowhere"),
        (("echo", "--user", "nobody@nowhere"), "There is no user nobody@nowhere"),
        (("steps", "--data", '{"seconds": NaN}'), "data.seconds: is not a finite number"),
        (("steps", "--data", '{"seconds": "nan"}'), "data.seconds: is not a finite number"),
        (("echo", "--data", '{"text": "\\ud800"}'), "data.text: contains a character that cannot be stored"),
        (("echo", "--data", "[" * 100_000), "--data: is nested too deeply"),
        (("echo", "--name", "a\0b"), "name: contains a character that cannot be stored"),
        (("echo", "--priority", "99999999999"), "priority: Input should be less than or equal to 2147483647"),
    ],
)
def test_create_refuses_in_one_sentence(flask: Flask_, arguments: tuple[str, ...], sentence: str) -> None:
    result = flask("jobs", "create", *arguments)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_cancel_retry_watch(flask: Flask_, services: Services, admin: Actor, drain: Callable[[str], int]) -> None:
    job, _ = services.jobs.create(admin, NewJob("echo", {}))
    assert flask("jobs", "cancel", str(job.id), "--reason", "why not").output.strip() == "cancelled"
    assert "only a pending or active job can be cancelled" in flask("jobs", "cancel", str(job.id)).output
    assert flask("jobs", "watch", str(job.id)).exit_code == 2
    assert flask("jobs", "retry", str(job.id)).output.strip() == "pending"
    drain("echo")
    watched = flask("jobs", "watch", str(job.id))
    assert watched.exit_code == 0
    assert "completed" in watched.output
    assert flask("jobs", "show", str(UUID(int=0))).exit_code == 1


def test_tokens_and_users(flask: Flask_, services: Services) -> None:
    token = flask("tokens", "create", "--name", "ci").output.strip().splitlines()[-1]
    assert services.identity.actor_for_token(token).email == "admin@localhost"
    link = flask("users", "create", "ann@example.org", "--organization", "acme").output.strip()
    secret = link.rsplit("/", 1)[-1]
    assert services.identity.redeem_login_secret(secret).email == "ann@example.org"
    assert "ann@example.org\tmember\tacme" in flask("users", "list").output
    assert "there is a user" in flask("users", "create", "ann@example.org").output
    assert "is not an e-mail address" in flask("users", "create", "ann").output


def test_organizations_and_roles(flask: Flask_, services: Services) -> None:
    assert "Created acme." in flask("orgs", "create", "acme", "--admin", "ann@example.org").output
    assert "another organisation has this name" in flask("orgs", "create", "acme").output
    flask("users", "create", "bob@example.org", "--role", "operator")
    assert "is member of acme now" in flask("orgs", "add", "acme", "bob@example.org").output
    assert "is a member already" in flask("orgs", "add", "acme", "bob@example.org").output
    told = flask("users", "role", "bob@example.org", "viewer")
    assert (told.exit_code, "say which with --organization" in told.output) == (2, True)
    assert flask("users", "role", "bob@example.org", "viewer", "--organization", "acme").exit_code == 0
    assert flask("orgs", "rename", "acme", "bakery").exit_code == 0
    members = flask("orgs", "members", "bakery").output.splitlines()[1:]
    assert [line.split() for line in members] == [["ann@example.org", "admin"], ["bob@example.org", "viewer"]]
    assert [line.split()[:2] for line in flask("orgs", "list").output.splitlines()[1:]] == [
        ["bakery", "2"],
        ["default", "2"],
    ]
    assert "last administrator" in flask("orgs", "remove", "bakery", "ann@example.org").output
    assert "last administrator" in flask("users", "deactivate", "ann@example.org").output
    assert flask("orgs", "remove", "bakery", "bob@example.org").exit_code == 0
    assert "There is no organisation 'acme'" in flask("orgs", "members", "acme").output


def test_an_account_is_deactivated_and_used_again(flask: Flask_, services: Services) -> None:
    link = flask("users", "create", "ann@example.org").output.strip()
    token = flask("tokens", "create", "--name", "ci", "--user", "ann@example.org").output.strip()
    assert flask("users", "deactivate", "ann@example.org").exit_code == 0
    assert "ann@example.org\tmember\tdefault\tdeactivated" in flask("users", "list").output
    with pytest.raises(NotSignedIn):
        services.identity.actor_for_token(token)
    with pytest.raises(NotSignedIn):
        services.identity.redeem_login_secret(link.rsplit("/", 1)[-1])
    assert flask("users", "activate", "ann@example.org").exit_code == 0
    with pytest.raises(NotSignedIn):
        services.identity.actor_for_token(token)
    fresh = flask("users", "login", "ann@example.org").output.strip()
    assert services.identity.redeem_login_secret(fresh.rsplit("/", 1)[-1]).email == "ann@example.org"


def test_the_first_login_on_servers_of_ones_own(app: Flask) -> None:
    """Nothing made the administrator before: `flask users login` is the first command after `flask db upgrade`."""
    printed = app.test_cli_runner().invoke(args=["users", "login"])
    assert printed.exit_code == 0, printed.output
    services: Services = app.extensions["jobsapp"]
    secret = printed.output.strip().rsplit("/", 1)[-1]
    assert services.identity.redeem_login_secret(secret).email == "admin@localhost"


def test_the_first_list_of_users(app: Flask) -> None:
    assert "admin@localhost\tadmin\tdefault" in app.test_cli_runner().invoke(args=["users", "list"]).output


def test_lists_and_users_that_cannot_be(flask: Flask_) -> None:
    listed = flask("jobs", "list", "--type", "\0")
    assert (listed.exit_code, "type: contains a character that cannot be stored" in listed.output) == (1, True)
    assert "There is no user" in flask("users", "login", "a\udcff@b").output
    assert "cannot be stored" in flask("users", "create", "a\0@b").output


def test_tokens_are_revoked(flask: Flask_, services: Services) -> None:
    first, second, third = (flask("tokens", "create", "--name", name).output.strip() for name in ("ci", "ci", "cd"))
    lines = flask("tokens", "list").output.splitlines()
    assert [line.split("\t")[1:] for line in lines] == [
        [name, "admin@localhost", "valid", "admin", "never used"] for name in ("ci", "ci", "cd")
    ]
    assert flask("tokens", "revoke", "cd").output == "Revoked cd of admin@localhost.\n"
    with pytest.raises(NotSignedIn):
        services.identity.actor_for_token(third)
    assert "2 tokens fit 'ci'" in flask("tokens", "revoke", "ci").output
    services.identity.actor_for_token(first)
    assert flask("tokens", "revoke", lines[0].split("\t")[0]).exit_code == 0
    with pytest.raises(NotSignedIn):
        services.identity.actor_for_token(first)
    # One of that name is left; it needs no id any more.
    services.identity.actor_for_token(second)
    assert flask("tokens", "revoke", "ci").exit_code == 0
    assert "There is no token 'ci' in force" in flask("tokens", "revoke", "ci").output
    assert flask("tokens", "list").output.count("revoked") == 3


def test_a_token_of_the_command_line_may_do_all_unless_it_is_narrowed(flask: Flask_, services: Services) -> None:
    whole = flask("tokens", "create", "--name", "all").output.strip().splitlines()[-1]
    assert services.identity.actor_for_token(whole).is_admin
    narrow = ("tokens", "create", "--name", "some", "--scope", "read", "--scope", "jobs", "--days", "7")
    actor = services.identity.actor_for_token(flask(*narrow).output.strip().splitlines()[-1], "203.0.113.7")
    assert (actor.scopes, actor.is_admin) == ({"read", "jobs"}, False)
    assert "\tread,jobs\t" in flask("tokens", "list").output
    assert "from 203.0.113.7" in flask("tokens", "list").output
    assert "Invalid value for '--scope'" in flask("tokens", "create", "--name", "x", "--scope", "all").output
    assert "name: must have 1 to 100 characters" in flask("tokens", "create", "--name", " ").output


def test_the_audit_log(flask: Flask_) -> None:
    flask("tokens", "create", "--name", "ci")
    flask("queues", "pause", "echo", "--reason", "the bank is closed")
    head, newest, *older = flask("audit").output.splitlines()
    assert head.split() == ["TIME", "WHO", "DID", "FROM"]
    assert "admin@localhost  paused the queue echo (reason: the bank is closed)" in newest
    assert newest.endswith("command line")
    assert len(older) == 1
    entry = json.loads(flask("audit", "--who", "command line", "--action", "token-created", "--json").output)
    assert entry["subject"]["name"] == "ci"
    assert flask("audit", "--before", "2020-01-01T00:00:00Z").output == ""
    flask("users", "create", "ann@example.org")
    refused = flask("audit", "--user", "ann@example.org")
    assert (refused.exit_code, "role admin" in refused.output) == (1, True)


def test_cleanup(
    flask: Flask_, services: Services, admin: Actor, drain: Callable[[str], int], connection: psycopg.Connection[Any]
) -> None:
    for _ in range(3):
        services.jobs.create(admin, NewJob("make-file", {}))
    drain("make-file")
    services.jobs.create(admin, NewJob("echo", {}))
    assert flask("cleanup", "--days", "1").output.strip() == "Deleted 0 jobs."
    connection.execute("UPDATE jobs SET completed_at = now() - interval '2 days' WHERE status = 'completed'")
    assert flask("cleanup", "--days", "1", "--dry-run").output.strip() == "Would delete 3 jobs."
    assert flask("cleanup", "--days", "1").output.strip() == "Deleted 3 jobs."
    assert "command line  deleted 3 jobs that ended more than 1 day ago" in flask("audit").output
    assert not [path for path in services.settings.files_dir.rglob("*") if path.is_file()]
    assert len(services.jobs.page(admin, services_filter())[0]) == 1


def test_cleanup_of_the_audit_log_if_that_is_wanted(
    flask: Flask_, services: Services, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    flask("tokens", "create", "--name", "ci")
    connection.execute("SET session_replication_role = replica")
    old = first_id_at(datetime.now(UTC) - timedelta(days=8))
    connection.execute("UPDATE audit_events SET id = %s", [old])
    flask("cleanup", "--days", "1")
    assert "made the token ci" in flask("audit").output
    app = create_app(settings.model_copy(update={"audit_days": 7}))
    assert app.test_cli_runner().invoke(args=["cleanup", "--days", "1"]).exit_code == 0
    said = flask("audit").output
    assert "made the token ci" not in said
    assert "deleted 1 entry of this log, more than 7 days old" in said
    with app.app_context():
        db.engine.dispose()


def test_cleanup_of_uploads_that_no_job_read(
    flask: Flask_, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        services.files.register(admin, services.files.receiver(), "in.txt")
    assert flask("cleanup", "--days", "1").output == "Deleted 0 jobs.\n"
    connection.execute("UPDATE files SET created_at = now() - interval '2 days'")
    would = "Would delete 0 jobs.\nWould delete 2 uploads that no job reads.\n"
    assert flask("cleanup", "--days", "1", "--dry-run").output == would
    assert flask("cleanup", "--days", "1").output == "Deleted 0 jobs.\nDeleted 2 uploads that no job read.\n"
    assert not [path for path in services.settings.files_dir.rglob("*") if path.is_file()]


def services_filter() -> Any:
    from jobsapp.services.jobs import JobFilter

    return JobFilter()
