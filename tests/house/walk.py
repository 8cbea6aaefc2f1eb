"""What the walk of all routes needs: things of an organisation with marks in them, and how each address names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from jobsapp.api.models import encode_cursor
from jobsapp.auth.current import CSRF_HEADER, LOGIN
from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.house.planted import MARK, WORD, Things
from tests.pages.conftest import token_in

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
    "unsubscribe.ask": "ends e-mails; the link is the right",
    "unsubscribe.end": "ends e-mails; the link is the right",
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


OWNED = {
    *("job_id", "file_id", "preset_id", "token_id", "id", "user_id", "organization_id", "browser", "identity"),
    *("batch_id", "schedule_id", "channel_id", "rule_id", "delivery_id"),
}
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
        "api_jobs.index": [*wanted, f"?batch={things.batch}"],
        "jobs.index": [*wanted, f"?batch={things.batch}", f"?open={done}", f"?before={uuid4()}"],
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
        "api_deliveries.index": ["", f"?channel={things.channel}"],
        "deliveries.index": ["", f"?channel={things.channel}"],
        "api_schedules.index": [
            "",
            f"?job={done}",
            f"?user={things.user}",
            f"?cursor={encode_cursor(things.schedule)}",
        ],
        "schedules.index": ["", f"?before={uuid4()}"],
    }


def bodies(things: Things) -> dict[str, list[dict[str, Any]]]:
    """What is sent to routes that want something: valid, so that what decides is who asks."""
    ids = [str(one) for one in things.jobs.values()]
    theirs = {"type": "make-file", "data": {"source": str(things.upload)}}
    rule = {"channelId": str(things.channel), "events": ["failed"]}
    timed = {"kind": "every", "every": "5", "unit": "days", "missed": "once", "overlap": "skip", "data.text": "x"}
    many = [{"json": {"ids": ids}}, {"json": {"filter": {"q": WORD}}}, {"json": {"filter": {"user": str(things.user)}}}]
    return {
        "api_jobs.create": [{"json": theirs}, {"json": {"type": "make-file", "data": {}, "secretsOf": ids[0]}}],
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
        "api_batches.create": [{"json": {"jobs": [theirs]}}],
        "api_batches.add": [{"json": {"jobs": [{"type": "echo", "data": {}}]}}],
        "api_schedules.create": [{"json": {**theirs, "everySeconds": 60}}],
        "api_schedules.change": [{"json": {"everySeconds": 60}}, {"json": {"data": {}}}],
        "api_schedules.preview": [{"json": {"everySeconds": 60}}],
        "schedule_forms.create": [{"data": timed}],
        "schedule_forms.save": [{"data": timed}],
        "api_channels.create": [{"json": {"kind": "browser", "name": "x"}}],
        "api_channels.change": [{"json": {"enabled": False}}],
        "api_notification_rules.create": [{"json": rule}],
        "api_notification_rules.replace": [{"json": rule}],
        "api_notification_rules.set_words": [{"json": {"subject": "x"}}],
        "notifications.create_channel": [{"data": {"kind": "browser", "name": "x", "scope": "own"}}],
        "notifications.change_channel": [{"data": {"name": "x"}}],
        "notification_rules.create": [{"data": {"channel_id": str(things.channel), "events": "failed"}}],
        "notification_rules.replace": [{"data": {"channel_id": str(things.channel), "events": "failed"}}],
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
            " Things.fillers in tests/house/planted.py; if it names a thing of an organisation, the id of one of the"
            " first organisation, and its name to OWNED."
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
