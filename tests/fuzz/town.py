"""A running installation, organisations that have something of everything, and those who knock at its door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from flask_openapi3 import OpenAPI

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.extensions import db
from jobsapp.models import User
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.presets import NewPreset
from jobsapp.store import turns
from tests.fuzz.values import MARK
from tests.processes import Processes, free_port

# Nobody comes as a member of the last one: what it has stays whole, whatever others do to their own.
HOME, ABROAD, QUIET = "default", "elsewhere", "next-door"
# What counts requests stands in the way of sending many.
UNLIMITED = {name: "off" for name in ("rate_limit", "rate_limit_address") if name in Settings.model_fields}
LEASE_SECONDS = 3600.0
JOIN = """INSERT INTO memberships (user_id, organization_id, role) VALUES (%(user)s, %(of)s, %(role)s)
ON CONFLICT (user_id, organization_id) DO UPDATE SET role = excluded.role WHERE memberships.role <> excluded.role"""
# Who belongs to two organisations was made by neither, so what they do to their own account changes nothing of those.
HAMLET = "hamlet"
TAINT = (
    "UPDATE jobs SET name = %(mark)s || name, description = %(mark)s || description WHERE organization_id = %(of)s",
    "UPDATE jobs SET progress_message = %(mark)s WHERE organization_id = %(of)s AND status = 'active'",
    "UPDATE jobs SET result = json_build_object(%(mark)s::text, %(mark)s::text) "
    "WHERE organization_id = %(of)s AND status = 'completed'",
    "UPDATE jobs SET error = json_build_object('type', %(mark)s::text, 'message', %(mark)s::text) "
    "WHERE organization_id = %(of)s AND error IS NOT NULL",
    "UPDATE job_attempts SET error = json_build_object('type', %(mark)s::text, 'message', %(mark)s::text) "
    "WHERE error IS NOT NULL AND job_id IN (SELECT id FROM jobs WHERE organization_id = %(of)s)",
    "INSERT INTO job_logs (job_id, attempt, level, message) "
    "SELECT id, 1, 'info', %(mark)s FROM jobs WHERE organization_id = %(of)s AND attempts > 0",
    "INSERT INTO job_metrics (job_id, attempt, key, step, value) "
    "SELECT id, 1, %(mark)s, 1, 1 FROM jobs WHERE organization_id = %(of)s AND attempts > 0",
    "UPDATE files SET name = %(mark)s || name WHERE organization_id = %(of)s",
    "UPDATE job_presets SET description = %(mark)s WHERE organization_id = %(of)s",
)
"""Texts as they come from jobs and files, that would be elements of a page if one did not say them as text."""


@dataclass(frozen=True)
class Caller:
    """Who asks. Nobody has neither an organisation nor a role. `also`: another organisation of which they are one."""

    name: str
    organization: str = ""
    role: str = ""
    also: str = ""

    def __str__(self) -> str:
        return self.name


CALLERS = {
    caller.name: caller
    for caller in (
        Caller("member", HOME, "member"),
        Caller("operator", HOME, "operator"),
        Caller("admin", HOME, "admin"),
        Caller("outsider", ABROAD, "admin"),
        Caller("commuter", HOME, "member", also=ABROAD),
        Caller("nobody"),
    )
}
RESIDENT = Caller("resident", QUIET, "admin")


@dataclass
class Household:
    """What an organisation has. `marker` stands in all of its texts, and in those of no other."""

    id: UUID
    marker: str
    jobs: list[UUID] = field(default_factory=list)
    files: list[UUID] = field(default_factory=list)
    presets: list[str] = field(default_factory=list)
    tokens: list[UUID] = field(default_factory=list)
    users: list[UUID] = field(default_factory=list)
    shares: list[str] = field(default_factory=list)
    """What is secret in links to jobs."""


class Town:
    """The data, and the same services in this process as in the web server's."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app: OpenAPI = create_app(settings)
        self.services: Services = self.app.extensions["jobsapp"]
        self.households: dict[str, Household] = {}
        self.bearers: dict[str, str] = {}
        self.processes = Processes(settings)
        self._kept: dict[str, tuple[UUID, str]] = {}

    def fill(self) -> None:
        """Three organisations with users, tokens, files, presets, and jobs in each state."""
        with self.app.app_context(), Horse(build_house(self.settings), "fuzz") as horse:
            first = self.services.identity.bootstrap()
            for name in (HOME, ABROAD, QUIET):
                self._settle(name, horse)
            self.households[HOME].users.append(first.id)
            for caller in CALLERS.values():
                if caller.also:
                    self._move_in(caller)
        with psycopg.connect(self.settings.database_url) as connection:
            for house in self.households.values():
                for statement in TAINT:
                    connection.execute(statement, {"mark": MARK, "of": house.id})

    def user_of(self, caller: Caller) -> UUID:
        return self._kept[caller.name][0]

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def restore(self, caller: Caller) -> None:
        """What the caller did to its own account, such as leaving, is undone: the next request is to be its own too."""
        if not caller.role:
            return
        user_id, token = self._kept[caller.name]
        with psycopg.connect(self.settings.database_url) as connection:
            for name in filter(None, (caller.organization, caller.also)):
                connection.execute(JOIN, {"user": user_id, "of": self.households[name].id, "role": caller.role})
            connection.execute(
                """INSERT INTO api_tokens SELECT * FROM jsonb_populate_record(NULL::api_tokens, %s::jsonb)
                   ON CONFLICT (id) DO UPDATE SET revoked_at = NULL WHERE api_tokens.revoked_at IS NOT NULL""",
                [token],
            )

    def _settle(self, organization: str, horse: Horse) -> None:
        marker = f"planted-in-{organization}"
        users = {}
        for caller in (*CALLERS.values(), RESIDENT):
            if caller.organization == organization and not caller.also:
                users[caller.name] = self._open(caller, marker)
        head = next(actor for actor in users.values() if actor.is_admin)
        household = Household(head.organization_id, marker, users=[user.user_id for user in users.values()])
        self.households[organization] = household
        for actor in users.values():
            self._furnish(actor, household)
        self._run(head, household, horse)
        for job_id in household.jobs[:2]:
            token, _ = self.services.job_tokens.create(head, job_id, "embed", lifetime=None)
            household.tokens.append(token.id)
            household.shares.append(self.services.job_tokens.create(head, job_id, "share")[1])

    def _open(self, caller: Caller, marker: str) -> Actor:
        """An account with a token."""
        email = f"{caller.name}@example.org" if caller.also else f"{caller.name}.{marker}@example.org"
        identity, made_by = self.services.identity, HAMLET if caller.also else caller.organization
        user = identity.create_user(email, role=caller.role, organization=made_by)
        if caller.also:
            self._join(caller, user)
        self.bearers[caller.name] = identity.create_token(email, f"fuzz {marker}")
        with psycopg.connect(self.settings.database_url) as connection:
            found = connection.execute(
                "SELECT to_jsonb(api_tokens)::text FROM api_tokens WHERE user_id = %s", [user.id]
            ).fetchone()
        assert found is not None
        self._kept[caller.name] = user.id, found[0]
        return identity.get_actor(user.id)

    def _move_in(self, caller: Caller) -> None:
        """An account of two organisations, with things in the first of them."""
        household = self.households[caller.organization]
        actor = self._open(caller, household.marker)
        household.users.append(actor.user_id)
        self._furnish(actor, household)

    def _join(self, caller: Caller, user: User) -> None:
        """Out of where the account was made, into two others."""
        for name in (caller.organization, caller.also):
            self.services.memberships.add(self.households[name].id, user.id, caller.role)
        self.services.memberships.remove(user.home_id, user.id)

    def _furnish(self, actor: Actor, household: Household) -> None:
        """A file, a preset, and jobs that wait, of this user."""
        receiver = self.services.files.receiver()
        receiver.write(f"id,name\n1,{household.marker}\n".encode())
        file = self.services.files.register(actor, receiver, f"{household.marker}.csv")
        household.files.append(file.id)
        preset = self.services.presets.save(
            actor, "echo", NewPreset(household.marker, {"text": household.marker}, household.marker, shared=True)
        )
        household.presets.append(preset.id)
        timed = NewSchedule("echo", {"text": household.marker}, household.marker, every_seconds=86_400)
        self.services.schedules.create(actor, timed)
        later = datetime.now(UTC) + timedelta(days=1)
        self._create(actor, household, "echo", {"text": household.marker}, run_at=later)
        self._create(actor, household, "make-file", {"text": household.marker, "source": str(file.id)}, run_at=later)

    def _run(self, actor: Actor, household: Household, horse: Horse) -> None:
        """Jobs that ended in each way, and one that runs."""
        self._create(actor, household, "echo", {"text": household.marker})
        made = self._create(actor, household, "make-file", {"text": household.marker})
        self._create(actor, household, "make-file", {"text": household.marker, "fail": True})
        self._create(actor, household, "measure", {"steps": 3})
        for queue in ("echo", "make-file", "measure"):
            horse.drain(queue)
        cancelled = self._create(actor, household, "echo", {"text": household.marker})
        self.services.jobs.cancel(actor, cancelled, reason=household.marker)
        self._create(actor, household, "echo", {"text": household.marker})
        with psycopg.connect(self.settings.database_url) as connection:
            assert turns.claim_jobs(connection, "echo", worker="hand", lease_seconds=LEASE_SECONDS)
        household.files.extend(artifact.id for artifact in self.services.jobs.get(actor, made).artifacts)

    def _create(self, actor: Actor, household: Household, job_type: str, data: dict[str, Any], **more: Any) -> UUID:
        job, _ = self.services.jobs.create(
            actor, NewJob(job_type, data, name=f"{job_type} {household.marker}", description=household.marker, **more)
        )
        household.jobs.append(job.id)
        return job.id


@contextmanager
def open_town(settings: Settings) -> Iterator[Town]:
    """A town whose web server answers. There is no worker: nothing changes but by who asks."""
    settings = settings.model_copy(update={"port": free_port(), "max_upload_mb": 1, **UNLIMITED})
    town = Town(settings)
    try:
        town.fill()
        with Processes(settings) as town.processes:
            town.processes.web(settings.port)
            yield town
    finally:
        town.close()
