"""Documents that a job has read, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

QUEUE = "document-processing"


def upload(services: Services, actor: Actor, name: str, content: str | bytes) -> UUID:
    receiver = services.files.receiver()
    receiver.write(content.encode() if isinstance(content, str) else content)
    return services.files.register(actor, receiver, name).id


def create(services: Services, actor: Actor, *files: UUID, **options: Any) -> UUID:
    data = {"documents": [str(file) for file in files], "embed": "none", **options}
    return services.jobs.create(actor, NewJob(QUEUE, data))[0].id


def read(
    services: Services, drain: Callable[[str], int], actor: Actor, name: str, content: str | bytes, **options: Any
) -> UUID:
    """The job that has read a document of this content; without vectors unless they are asked for."""
    job_id = create(services, actor, upload(services, actor, name, content), **options)
    drain(QUEUE)
    job = services.jobs.get(actor, job_id)
    assert job.status == "completed", job.error
    return job_id
