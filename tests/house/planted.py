"""An organisation that has something of everything, with a mark in all of it, for those who walk all routes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.extensions import db
from jobsapp.services import Services
from jobsapp.services.batches import NewBatch
from jobsapp.services.channels import NewChannel
from jobsapp.services.jobs import NewJob
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.notification_rules import NewNotificationRule
from jobsapp.services.presets import NewPreset

MARK = "zqmark"
"""In every text of the first organisation; no answer to anybody else has it."""
WORD = "zqword"
"""In the same texts. It is looked for: an answer may repeat it."""
TEXT = f"{MARK} {WORD}"


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
    batch: UUID
    schedule: UUID
    login: UUID
    identity: UUID
    channel: UUID
    rule: UUID
    delivery: UUID
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
            "api_dependencies.id": str(job_id),
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
            "api_channels.id": str(self.channel),
            "api_notification_rules.id": str(self.rule),
            "api_deliveries.id": str(self.delivery),
            "channel_id": str(self.channel),
            "rule_id": str(self.rule),
            "delivery_id": str(self.delivery),
            "link": "wrong",
            "user_id": str(self.user),
            "api_batches.id": str(self.batch),
            "batch_id": str(self.batch),
            "api_schedules.id": str(self.schedule),
            "schedule_id": str(self.schedule),
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
    batch = services.batches.create(actor, NewBatch(TEXT, TEXT, closed=False)).id
    connection.execute("UPDATE jobs SET batch_id = %s WHERE id = ANY(%s)", [batch, [jobs["done"], jobs["failed"]]])
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
        batch=batch,
        archive=_archive(services, actor, connection),
        schedule=_schedule(services, actor),
        login=UUID(services.logins.start(actor, MARK).partition(".")[0]),
        identity=_identity(connection, actor),
        organization=actor.organization_id,
        **_told(services, actor),
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
    def create(job_type: str, data: dict[str, Any], *after: UUID) -> UUID:
        said = NewJob(job_type, data, name=f"{job_type} {TEXT}", description=TEXT, depends_on=after or None)
        return services.jobs.create(actor, said)[0].id

    jobs = {
        "done": create("make-file", {"text": TEXT, "source": str(upload)}),
        "failed": create("fail", {"how": "permanent"}),
        "active": create("echo", {"text": TEXT}),
    }
    for queue in ("make-file", "fail", "echo"):
        assert drain(queue) == 1
    return jobs | {"waiting": create("echo", {"text": TEXT}, jobs["done"])}


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


def _told(services: Services, actor: Actor) -> dict[str, UUID]:
    """A channel, a rule and a message."""
    url = f"https://{MARK}.example/{WORD}"
    channel = services.channels.create(actor, NewChannel("webhook", TEXT, "organization", url=url)).id
    new = NewNotificationRule(channel, ("failed",), "organization", types=(TEXT,))
    rule = services.notification_rules.create(actor, new).id
    sent = services.deliveries.test(actor, services.channels, channel).id
    return {"channel": channel, "rule": rule, "delivery": sent}


def _schedule(services: Services, actor: Actor) -> UUID:
    """One that has run."""
    new = NewSchedule("echo", {"text": TEXT}, f"Schedule {TEXT}", TEXT, every_seconds=86_400, overlap="allow")
    made = services.schedules.create(actor, new)
    services.schedules.run(actor, made.id)
    return made.id


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
        "SELECT batches::text FROM batches WHERE organization_id = %s ORDER BY id",
        "SELECT users::text FROM users WHERE home_id = %s ORDER BY id",
        "SELECT memberships::text FROM memberships WHERE organization_id = %s ORDER BY user_id",
        "SELECT organizations::text FROM organizations WHERE id = %s",
        "SELECT schedules::text FROM schedules WHERE organization_id = %s ORDER BY id",
        "SELECT schedule_runs::text FROM schedule_runs WHERE organization_id = %s ORDER BY 1",
        "SELECT retention_rules::text FROM retention_rules WHERE organization_id = %s ORDER BY 1",
        "SELECT notification_channels::text FROM notification_channels WHERE organization_id = %s ORDER BY id",
        "SELECT notification_rules::text FROM notification_rules WHERE organization_id = %s ORDER BY id",
        "SELECT notification_templates::text FROM notification_templates WHERE organization_id = %s",
        "SELECT deliveries::text FROM deliveries WHERE organization_id = %s ORDER BY id",
        "SELECT user_identities::text FROM user_identities JOIN users ON users.id = user_id WHERE home_id = %s",
        "SELECT count(*) FROM job_logs JOIN jobs ON jobs.id = job_id WHERE organization_id = %s",
        "SELECT job_queue::text FROM job_queue WHERE organization_id = %s ORDER BY job_id",
        "SELECT workflows::text FROM workflows WHERE organization_id = %s ORDER BY id",
        "SELECT workflow_runs::text FROM workflow_runs WHERE organization_id = %s ORDER BY job_id",
        "SELECT workflow_events::text FROM workflow_events WHERE organization_id = %s ORDER BY id",
    )
    return [connection.execute(one, [organization_id]).fetchall() for one in statements]
