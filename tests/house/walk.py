"""What the walk of all routes needs: things of an organisation with marks in them, and how each address names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from jobsapp.auth.current import CSRF_HEADER, LOGIN
from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.presets import NewPreset
from tests.pages.conftest import token_in

MARK = "zqmark"
"""In every text of the first organisation; no answer to anybody else has it."""
WORD = "zqword"
"""In the same texts. It is looked for: an answer may repeat it."""
TEXT = f"{MARK} {WORD}"
FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nx\r\n--x--\r\n'
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

PUBLIC = {
    "static": "files of the product",
    "embed.script": "the product's script for other sites",
    "openapi.openapi": "the description of the API",
    "openapi.doc_url": "the description of the API",
    "openapi.start": "the way to the page of the API",
    "openapi.static": "files of its page",
    "swagger.swagger": "the page of the API",
    "swagger.static": "files of its page",
    "swagger.oauth2-redirect": "a file of its page",
    "health.alive": "whether the process lives",
    "health.ready": "whether its servers are there",
    "login.show": "the way in",
    "login.confirm": "the way in",
    "login.redeem": "the way in; the secret in the address is the right",
    "login.enter": "the way in; the password is the right",
    "login.oidc": "the way in",
    "login.oidc_back": "the way in; the provider's answer is the right",
    "login.logout": "the way out",
}
"""Routes that need no login, and why."""
SHARED = {"shared.show", "shared.content", "shared.live", "shared.log"}
"""Pages behind a shared link: the token in the address is the right."""
LAST = ("api_account.end_browsers", "login.logout", "login.logout_everywhere")


@dataclass
class Things:
    """Of the first organisation: ids of a thing of each kind. `jobs`: in every state that an address may ask about."""

    jobs: dict[str, UUID]
    artifact: UUID
    upload: UUID
    preset: UUID
    token: UUID
    api_token: UUID
    user: UUID
    archive: UUID
    login: UUID
    identity: UUID
    organization: UUID
    aside: UUID
    """A job without a mark, which a guest may see."""
    embed: str
    share: str

    def fillers(self, job_id: UUID) -> dict[str, str]:
        """What stands in an address for each argument, `blueprint.argument` before `argument`."""
        return {
            "job_id": str(job_id),
            "api_jobs.id": str(job_id),
            "api_logs.id": str(job_id),
            "api_attempts.id": str(job_id),
            "api_artifacts.id": str(job_id),
            "api_metrics.id": str(job_id),
            "api_job_tokens.id": str(job_id),
            "api_workflows.id": str(job_id),
            "api_workflows.name": "kept-one",
            "workflows.name": "kept-one",
            "api_workflows.key": "first",
            "workflow_runs.key": "first",
            "api_files.id": str(self.artifact),
            "api_presets.id": str(self.preset),
            "api_retention.id": str(self.archive),
            "user_id": str(self.user),
            "organization_id": str(self.organization),
            "browser": str(self.login),
            "identity": str(self.identity),
            "file_id": str(self.artifact),
            "preset_id": str(self.preset),
            "token_id": str(self.token),
            "tokens.token_id": str(self.api_token),
            "api_tokens.id": str(self.api_token),
            "type": "echo",
            "type_name": "echo",
            "name": "echo",
            "scope": "organization",
            "key": str(self.organization),
            "filename": "favicon.svg",
            "secret": "wrong",
            "shared": "jobsapp-job_wrong",
        }


OWNED = {"job_id", "file_id", "preset_id", "token_id", "id", "user_id", "organization_id", "browser", "identity"}
"""Arguments that name a thing of an organisation: to all others it is not there (404)."""


def queries(things: Things) -> dict[str, list[str]]:
    """What is asked for at routes that show several things: all that could reach another organisation's."""
    wanted = [
        f"?q={WORD}",
        f"?user={things.user}",
        f"?type=echo&status=failed&q={WORD}",
        "?status=pending",
        "?status=active",
    ]
    job_ids = ",".join(map(str, things.jobs.values()))
    done = things.jobs["done"]
    return {
        "api_jobs.index": wanted,
        "jobs.index": [*wanted, f"?open={done}", f"?before={uuid4()}"],
        "many.count": wanted,
        "api_stats.show": ["?scope=organization"],
        "api_stats.history": ["?scope=organization", "?period=day"],
        "api_search.find": [f"?q={WORD}", f"?q={WORD}&job={done}"],
        "search.index": [f"?q={WORD}", f"?q={WORD}&job={done}"],
        "tray.show": [f"?jobs={job_ids}"],
        "new_job.form": [f"?from={done}", f"?preset={things.preset}", f"?data.source={things.upload}"],
        "dashboard.board": ["?period=day"],
        "log.show": [f"?q={WORD}"],
        "log.text": [f"?q={WORD}"],
        "api_tokens.index": ["", f"?cursor={things.api_token}"],
        "tokens.index": ["", f"?before={uuid4()}"],
    }


def bodies(things: Things) -> dict[str, list[dict[str, Any]]]:
    """What is sent to routes that want something: valid, so that what decides is who asks."""
    ids = [str(one) for one in things.jobs.values()]
    theirs = {"type": "make-file", "data": {"source": str(things.upload)}}
    many = [{"json": {"ids": ids}}, {"json": {"filter": {"q": WORD}}}, {"json": {"filter": {"user": str(things.user)}}}]
    return {
        "api_jobs.create": [{"json": theirs}],
        "api_files.upload": [{"content_type": "multipart/form-data; boundary=x", "data": FORM}],
        "api_bulk.create": [{"json": {"jobs": [theirs]}}],
        "api_job_tokens.create": [{"json": {"kind": "share"}}],
        "api_many.cancel": many,
        "api_many.retry": many,
        "api_many.delete": many,
        "api_cleanup.delete": [{"query_string": "days=0"}],
        "api_presets.save": [{"json": {"name": "x", "data": {}, "shared": True}}],
        "api_queues.set_limit": [{"json": {"maxActive": 1}}],
        "many.change": [
            {"data": {"action": "delete", "id": ids, "confirmed": "1"}},
            {"data": {"action": "delete", "id": ids}},
            {"data": {"action": "cancel", "all": "1", "q": WORD}},
        ],
        "new_job.create": [{"data": {"data.source": str(things.upload), "data.text": "x"}}],
        "limits.save": [{"data": {"max_active": "1"}}],
        "api_members.change": [{"json": {"role": "viewer"}}],
        "api_members.invite": [{"json": {"email": "new@first.example", "role": "viewer"}}],
        "api_organization.rename": [{"json": {"name": "Another name"}}],
        "members.change_role": [{"data": {"role": "viewer"}}],
        "members.invite": [{"data": {"email": "new@first.example", "role": "viewer"}}],
        "members.rename": [{"data": {"name": "Another name"}}],
        "api_tokens.create": [{"json": {"name": "x", "scopes": ["read"]}}],
        "tokens.create": [{"data": {"name": "x", "scope": "read"}}],
        "api_retention.set_rule": [{"json": {"days": 30}}],
        "api_workflows.check": [{"json": {"definition": {"steps": {"a": {"type": "echo"}}}}}],
        "api_workflows.save": [{"json": {"definition": {"steps": {"a": {"type": "echo"}}}}}],
        "api_workflows.run": [{"json": {"input": {}}}],
        "api_workflows.signal": [{"json": {"event": "paid"}}],
        "api_workflows.answer_step": [{"json": {"approved": True}}],
        "workflows.create": [{"data": {"name": "one", "definition": "steps: {a: {type: echo}}"}}],
        "workflows.save": [{"data": {"definition": "steps: {a: {type: echo}}"}}],
        "retention.save": [{"data": {"scope": "jobs", "days": "30"}}],
    }


def plant(services: Services, admin: Actor, connection: psycopg.Connection[Any], drain: Callable[[str], int]) -> Things:
    """Let an organisation have something of everything, and a mark in all of it."""
    owner = services.identity.create_user(f"{MARK}@first.example", role="admin")
    actor = services.identity.get_actor(owner.id)
    receiver = services.files.receiver()
    receiver.write(TEXT.encode())
    upload = services.files.register(actor, receiver, f"{MARK}.txt").id
    jobs = _jobs(services, actor, upload, drain)
    _mark(connection, jobs)
    kept = services.presets.save(actor, "echo", NewPreset(f"Preset {TEXT}", {"text": TEXT}, TEXT, True))
    _plant_workflow(services, actor, connection, jobs["active"])
    token, _ = services.job_tokens.create(actor, jobs["done"], "embed")
    aside, _ = services.jobs.create(admin, NewJob("echo", {}, name="aside"))
    _, embed = services.job_tokens.create(admin, aside.id, "embed")
    _, share = services.job_tokens.create(admin, aside.id, "share")
    things = Things(
        jobs=jobs,
        artifact=services.jobs.get(actor, jobs["done"]).artifacts[0].id,
        upload=upload,
        preset=UUID(kept.id),
        token=token.id,
        api_token=services.tokens.create(actor, TEXT)[0].id,
        user=actor.user_id,
        archive=_archive(services, actor, connection),
        login=UUID(services.logins.start(actor, MARK).partition(".")[0]),
        identity=_identity(connection, actor),
        organization=actor.organization_id,
        aside=aside.id,
        embed=embed,
        share=share,
    )
    db.session.remove()
    return things


def _plant_workflow(services: Services, actor: Actor, connection: psycopg.Connection[Any], job_id: UUID) -> None:
    """One that is kept, and a run of it that asks somebody: the job only looks like one."""
    definition = {"title": TEXT, "steps": {"first": {"title": TEXT, "waitFor": {"approval": {"title": TEXT}}}}}
    services.workflows.save(actor, "kept-one", json.dumps(definition))
    values = {"job": job_id, "owner": actor.organization_id, "definition": json.dumps(definition), "text": TEXT}
    connection.execute(
        """INSERT INTO workflow_runs (job_id, organization_id, workflow, definition, input, running)
           VALUES (%(job)s, %(owner)s, %(text)s, %(definition)s, '{}', true)""",
        values,
    )
    connection.execute(
        """INSERT INTO workflow_steps (run_id, key, item, organization_id, state, error)
           VALUES (%(job)s, 'first', -1, %(owner)s, 'waiting', json_build_object('message', %(text)s::text))""",
        values,
    )


def _jobs(services: Services, actor: Actor, upload: UUID, drain: Callable[[str], int]) -> dict[str, UUID]:
    def create(job_type: str, data: dict[str, Any]) -> UUID:
        return services.jobs.create(actor, NewJob(job_type, data, name=f"{job_type} {TEXT}", description=TEXT))[0].id

    jobs = {
        "done": create("make-file", {"text": TEXT, "source": str(upload)}),
        "failed": create("fail", {"how": "permanent"}),
        "active": create("echo", {"text": TEXT}),
    }
    for queue in ("make-file", "fail", "echo"):
        assert drain(queue) == 1
    return jobs | {"waiting": create("echo", {"text": TEXT})}


MARKS = (
    # As if a worker had it.
    "UPDATE jobs SET status = 'active', worker = 'walk', completed_at = NULL, progress_message = %(text)s "
    "WHERE id = %(active)s",
    "INSERT INTO worker_leases (worker, lease_until, job_ids) "
    "VALUES ('walk', now() + interval '1 hour', ARRAY[%(active)s])",
    "INSERT INTO job_logs (job_id, attempt, level, message) SELECT id, 1, 'info', %(text)s FROM jobs",
    "INSERT INTO job_metrics (job_id, attempt, key, step, value) SELECT id, 1, %(text)s, 1, 1 FROM jobs",
    "UPDATE jobs SET result = to_json(%(text)s::text) WHERE status = 'completed'",
    "UPDATE jobs SET error = json_build_object('type', 'Error', 'message', %(text)s::text) WHERE status = 'failed'",
    """INSERT INTO document_chunks
       (job_id, attempt, number, organization_id, document, heading, char_from, char_to, text)
       SELECT id, attempts, 1, organization_id, %(text)s, %(text)s, 0, 1, %(text)s FROM jobs WHERE id = %(done)s""",
    "UPDATE job_attempts SET error = json_build_object('type', 'Error', 'message', %(text)s::text)",
    "UPDATE files SET name = %(text)s || '.txt' WHERE job_id = %(done)s",
)


def _mark(connection: psycopg.Connection[Any], jobs: dict[str, UUID]) -> None:
    """Let all that jobs leave behind have a mark."""
    for statement in MARKS:
        connection.execute(statement, {"text": TEXT, **jobs})


def _archive(services: Services, actor: Actor, connection: psycopg.Connection[Any]) -> UUID:
    """One that is on the disk too."""
    found = new_id()
    folder = services.settings.archive_dir / str(actor.organization_id) / "2026-11"
    folder.mkdir(parents=True)
    (folder / f"{found}_{found}.jsonl.gz").write_text(TEXT)
    connection.execute(
        """INSERT INTO archives (id, organization_id, month, first_id, last_id, format, jobs, size, sha256)
           VALUES (%(id)s, %(owner)s, '2026-11', %(id)s, %(id)s, 'jsonl', 1, %(size)s, '')""",
        {"id": found, "owner": actor.organization_id, "size": len(TEXT)},
    )
    return found


def _identity(connection: psycopg.Connection[Any], actor: Actor) -> UUID:
    found = new_id()
    connection.execute(
        "INSERT INTO user_identities (id, issuer, subject, user_id) VALUES (%s, %s, %s, %s)",
        [found, f"https://{MARK}.example", MARK, actor.user_id],
    )
    return found


def everything(connection: psycopg.Connection[Any], organization_id: UUID) -> list[Any]:
    """All that the organisation has, to see whether anything of it has changed."""
    statements = (
        "SELECT jobs::text FROM jobs WHERE organization_id = %s ORDER BY id",
        "SELECT files::text FROM files WHERE organization_id = %s ORDER BY id",
        "SELECT job_presets::text FROM job_presets WHERE organization_id = %s ORDER BY id",
        f"SELECT api_tokens::text FROM api_tokens JOIN users ON users.id = user_id AND email LIKE '{MARK}%%' "
        "WHERE organization_id = %s ORDER BY 1",
        "SELECT id FROM job_tokens WHERE organization_id = %s ORDER BY id",
        "SELECT users::text FROM users WHERE home_id = %s ORDER BY id",
        "SELECT memberships::text FROM memberships WHERE organization_id = %s ORDER BY user_id",
        "SELECT organizations::text FROM organizations WHERE id = %s",
        "SELECT retention_rules::text FROM retention_rules WHERE organization_id = %s ORDER BY 1",
        "SELECT user_identities::text FROM user_identities JOIN users ON users.id = user_id WHERE home_id = %s",
        "SELECT count(*) FROM job_logs JOIN jobs ON jobs.id = job_id WHERE organization_id = %s",
        "SELECT job_queue::text FROM job_queue WHERE organization_id = %s ORDER BY job_id",
        "SELECT workflows::text FROM workflows WHERE organization_id = %s ORDER BY id",
        "SELECT workflow_runs::text FROM workflow_runs WHERE organization_id = %s ORDER BY job_id",
        "SELECT workflow_events::text FROM workflow_events WHERE organization_id = %s ORDER BY id",
    )
    return [connection.execute(one, [organization_id]).fetchall() for one in statements]


@dataclass(frozen=True)
class Step:
    """One request of the walk."""

    rule: Rule
    method: str
    path: str
    how: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.rule.rule} ({self.rule.endpoint}), sent as {self.path} {self.how or ''}"

    @property
    def is_owned(self) -> bool:
        return bool(OWNED & self.rule.arguments)


def address(app: OpenAPI, rule: Rule, fillers: dict[str, str]) -> str:
    """The rule's address with all its arguments filled in. Fails for an argument that nobody knows."""
    area = rule.endpoint.partition(".")[0]
    values = {}
    for name in rule.arguments:
        value = fillers.get(f"{area}.{name}", fillers.get(name))
        assert value is not None, (
            f"The walk does not know what to put for <{name}> of {rule.rule} ({rule.endpoint}). Add `{area}.{name}` to"
            " Things.fillers in tests/house/walk.py; if it names a thing of an organisation, the id of one of the first"
            " organisation, and its name to OWNED."
        )
        values[name] = value
    # Of a socket it has a host.
    return urlsplit(app.url_map.bind("localhost").build(rule.endpoint, values, method=_any(rule))).path


def steps(app: OpenAPI, things: Things) -> Iterator[Step]:
    """Every route that is no socket, with each of its methods, for each of the jobs and with each query and body."""
    rules = [rule for rule in app.url_map.iter_rules() if not rule.websocket]
    asked, sent = queries(things), bodies(things)
    for rule in sorted(rules, key=lambda one: one.endpoint in LAST):
        ids = things.jobs.values() if {"job_id", "id"} & rule.arguments else [things.jobs["done"]]
        paths = dict.fromkeys(address(app, rule, things.fillers(job_id)) for job_id in ids)
        for method in METHODS:
            if method not in (rule.methods or ()):
                continue
            for path in paths:
                if method == "GET":
                    yield from (Step(rule, method, path + one, {}) for one in ["", *asked.get(rule.endpoint, [])])
                else:
                    yield from (Step(rule, method, path, how) for how in sent.get(rule.endpoint, [{}]))


def _any(rule: Rule) -> str | None:
    return next((method for method in METHODS if method in (rule.methods or ())), None)


class Walker:
    """Somebody who asks: by a session with its CSRF token, by a token, or as nobody."""

    def __init__(self, client: FlaskClient, headers: dict[str, str] | None = None) -> None:
        self._client = client
        self._headers = headers or {}

    @classmethod
    def signed_in(cls, app: OpenAPI, services: Services, actor: Actor) -> Walker:
        client = app.test_client()
        with client.session_transaction() as session:
            session[LOGIN] = services.logins.start(actor)
        page = Context().run(lambda: client.get("/jobs/new/echo"))
        return cls(client, {CSRF_HEADER: token_in(page.text)})

    def __call__(self, step: Step) -> TestResponse:
        answer: TestResponse = Context().run(
            lambda: self._client.open(step.path, method=step.method, headers=self._headers, buffered=True, **step.how)
        )
        return answer


def leaks(answer: TestResponse) -> bool:
    """Whether a mark of the first organisation is in the answer."""
    return MARK.encode() in answer.data or MARK in str(answer.headers)
