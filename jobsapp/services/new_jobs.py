"""What may be said of a new job, and the row that it becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from jobsapp.core.actors import Actor
from jobsapp.core.ids import new_id
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import InvalidInput
from jobsapp.processors.registry import JobType, Registry
from jobsapp.services.job_times import (
    RetryChanges,
    bounded_retry,
    moment,
    own_retry,
    refuse_early_expiry,
    refuse_past_expiry,
    refuse_timeout,
)
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession
from jobsapp.store.dependencies import POLICIES

MAX_ATTEMPTS = 100
NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2000
PRIORITY_BOUND = 2**31 - 1
REF_LENGTH = 100
MAX_PARENTS = 10_000
LARGEST_WEIGHT = 1e9
LATER_FIELDS = frozenset(
    {
        "expires_at",
        "timeout_seconds",
        "retry",
        "ref",
        "depends_on",
        "on_parent_failure",
        "batch_id",
        "weight",
        "followed",
        "of_workflow",
        "secrets_of",
    }
)
"""Fields that came after the first digests were kept: unused, they are no part of a request's digest."""


@dataclass(frozen=True)
class NewJob:
    """What a caller may say of a new job. The owner is not among it: it comes from who is asking."""

    type: str
    data: Any
    name: str | None = None
    description: str = ""
    priority: int = 0
    max_attempts: int | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    timeout_seconds: float | None = None
    retry: RetryChanges | None = None
    depends_on: tuple[UUID | str, ...] | None = None
    """Jobs of the organisation that it waits for; texts are refs of others of the same call."""
    ref: str | None = None
    """Its name within a call that creates many jobs."""
    on_parent_failure: str | None = None
    """What becomes of it if one of those fails or is cancelled: `cancel` (None too), `fail`, `continue`."""
    batch_id: UUID | None = None
    weight: float | None = None
    """What it is expected to cost beside the others of its batch."""
    followed: bool | None = None
    """Whether its end is to be told to the followers (`runtime/advancer.py`)."""
    of_workflow: bool | None = None
    """Whether it is of a step of a workflow."""
    secrets_of: UUID | None = None
    """The job whose secrets stand where `data` has a mask. Not among many."""


def bounded(new: NewJob) -> NewJob:
    """The request with a stripped name and its times in UTC. Raises InvalidInput if it cannot be kept and read again.

    What it says is judged by itself: a repeat is answered by what the first made, though its `expires_at` is past.
    """
    refuse_faults(type=new.type, name=new.name, description=new.description, data=new.data)
    new = replace(
        new,
        name=(new.name or "").strip() or None,
        run_at=moment("runAt", new.run_at),
        expires_at=moment("expiresAt", new.expires_at),
        retry=bounded_retry(new.retry),
        depends_on=tuple(dict.fromkeys(new.depends_on or ())) or None,
    )
    refuse_faults(ref=new.ref, dependsOn=[one for one in new.depends_on or () if isinstance(one, str)])
    refuse_early_expiry(new.run_at, new.expires_at)
    refuse_timeout(new.timeout_seconds)
    refuse_longer("name", new.name, NAME_LENGTH)
    refuse_longer("description", new.description, DESCRIPTION_LENGTH)
    if new.on_parent_failure not in (None, *POLICIES):
        raise InvalidInput.of("onParentFailure", f"must be one of {', '.join(POLICIES)}.")
    if len(new.depends_on or ()) > MAX_PARENTS:
        raise InvalidInput.of("dependsOn", f"may name up to {MAX_PARENTS:,} jobs.")
    if new.weight is not None and not 0 < new.weight <= LARGEST_WEIGHT:
        raise InvalidInput.of("weight", f"must be more than 0 and at most {LARGEST_WEIGHT:,.0f}.")
    if abs(new.priority) > PRIORITY_BOUND:
        raise InvalidInput.of("priority", f"must be from {-PRIORITY_BOUND} to {PRIORITY_BOUND}.")
    return new


def alone(new: NewJob) -> NewJob:
    """The request of a call that creates one job. Raises InvalidInput for what only a call for many may say."""
    if new.ref is not None:
        raise InvalidInput.of("ref", "names a job among those of one call; this one creates a single job.")
    if refs := [one for one in new.depends_on or () if isinstance(one, str)]:
        raise InvalidInput.of("dependsOn", f"must be ids of jobs; {refs[0]!r} is none.")
    return new


def parent_ids(new: NewJob) -> list[UUID]:
    """The jobs that were there before, of those that it depends on."""
    return [one for one in new.depends_on or () if isinstance(one, UUID)]


def installed(registry: Registry, name: str) -> JobType:
    """The type of that name. Raises InvalidInput if there is none, or if it cannot run here."""
    job_type = registry.get(name)
    if job_type.missing:
        raise InvalidInput.of("type", job_type.missing)
    return job_type


def clock(session: DbSession, jobs: Iterable[NewJob]) -> datetime | None:
    """The database's time, if one of the jobs is to be held against it: the clock of this host may be wrong."""
    if all(new.expires_at is None for new in jobs):
        return None
    return session.execute(select(func.now())).scalar_one()


def row(
    actor: Actor,
    new: NewJob,
    job_type: JobType,
    data: BaseModel,
    files: Sequence[str],
    now: datetime | None,
    secrets: Secrets,
) -> dict[str, Any]:
    """The columns of a bounded request, with a new id. `run_at` None: at once.

    `files`: names of the input files; `now`: what `clock` said. Raises InvalidInput.
    """
    refuse_past_expiry(new.expires_at, now)
    attempts = job_type.processor.retry.attempts if new.max_attempts is None else new.max_attempts
    if not 1 <= attempts <= MAX_ATTEMPTS:
        raise InvalidInput.of("maxAttempts", f"must be from 1 to {MAX_ATTEMPTS}.")
    name = new.name or job_type.processor.default_name(data, files)[:NAME_LENGTH]
    values = data.model_dump(mode="json", by_alias=True)
    # A model may read what no JSON says, as "nan" for a number.
    refuse_faults(name=name, data=values)
    job_id = new_id()
    return {
        "id": job_id,
        "organization_id": actor.organization_id,
        "user_id": actor.user_id,
        "type": job_type.name,
        "queue": job_type.queue,
        "name": name,
        "description": new.description,
        "data": secrets.sealed(job_id, data, values),
        "priority": new.priority,
        "max_attempts": attempts,
        "allowance": attempts,
        "run_at": new.run_at,
        "expires_at": new.expires_at,
        "timeout_seconds": new.timeout_seconds,
        "retry": own_retry(job_type.processor.retry, new.retry),
        "followed": bool(new.followed),
        "of_workflow": bool(new.of_workflow),
        "batch_id": new.batch_id,
        "weight": new.weight,
        "depends_on_count": len(new.depends_on or ()),
    }


def digest(asked: NewJob | Sequence[NewJob], secrets: Secrets | None = None) -> bytes:
    """SHA-256 of bounded requests: the same for what only is written otherwise. One job and a list of it differ.

    Where there may be secrets in it, it is made with the key of the installation.
    """
    said = _said(asked) if isinstance(asked, NewJob) else [_said(new) for new in asked]
    types = {new.type for new in ([asked] if isinstance(asked, NewJob) else asked)}
    text = json.dumps(said, sort_keys=True, default=str).encode()
    return (secrets and secrets.digest(types, text)) or hashlib.sha256(text).digest()


def refuse_longer(field: str, text: str | None, length: int) -> None:
    """Raises InvalidInput for a text of more than `length` characters."""
    if text is not None and len(text) > length:
        raise InvalidInput.of(field, f"may have up to {length} characters.")


def _said(new: NewJob) -> dict[str, Any]:
    return {name: value for name, value in asdict(new).items() if value is not None or name not in LATER_FIELDS}
