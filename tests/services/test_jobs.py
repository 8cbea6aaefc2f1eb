"""Creating, finding, cancelling and retrying jobs."""

from __future__ import annotations

import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import NotFound
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob


def test_create_and_find(services: Services, admin: Actor, stranger: Actor) -> None:
    job, created = services.jobs.create(admin, NewJob("echo", {"text": "hi"}))
    assert created
    assert job.status == "pending"
    view = services.views.job(job)
    assert view.model_dump(mode="json", by_alias=True)["waitingFor"]["code"] == "no-worker"
    assert view.data == {"text": "hi"}
    with pytest.raises(NotFound):
        services.jobs.get(stranger, job.id)
