"""What becomes of a job whose parent was cancelled, and of one that is created when its parent has long ended."""

from __future__ import annotations

import pytest

from jobsapp.core.actors import Actor
from jobsapp.models import Job
from jobsapp.runtime.advancer import Advancer
from jobsapp.services import Services
from tests.runtime.test_dependents import Drain, advancer, child_of, new, status

__all__ = ["advancer"]

CHOICES = [("cancel", "cancelled"), ("fail", "failed"), ("continue", "completed")]


def end(services: Services, admin: Actor, drain: Drain, how: str) -> Job:
    parent = new(services, admin, "fail" if how == "failed" else "measure", max_attempts=1)
    if how == "cancelled":
        services.jobs.cancel(admin, parent.id)
    else:
        drain("fail")
    return parent


@pytest.mark.parametrize(("policy", "expected"), CHOICES)
def test_a_cancelled_parent(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, policy: str, expected: str
) -> None:
    parent = new(services, admin, "measure")
    child = child_of(services, admin, parent, on_parent_failure=policy)
    advancer.advance()
    services.jobs.cancel(admin, parent.id)
    advancer.advance()
    drain("echo")
    assert status(services, admin, child) == expected
    found = services.jobs.get(admin, child.id)
    said = f"The job {parent.name}, which it depends on, was cancelled."
    assert (found.cancel_reason == said) == (expected == "cancelled")
    assert ((found.error or {}).get("message") == said) == (expected == "failed")


@pytest.mark.parametrize("how", ["failed", "cancelled"])
@pytest.mark.parametrize(("policy", "expected"), CHOICES)
def test_a_parent_that_ended_before_its_child_was_created(
    services: Services, admin: Actor, advancer: Advancer, drain: Drain, how: str, policy: str, expected: str
) -> None:
    parent = end(services, admin, drain, how)
    child = child_of(services, admin, parent, on_parent_failure=policy)
    assert drain("echo") == 0, "not before somebody has looked at its parents"
    advancer.advance()
    drain("echo")
    assert status(services, admin, child) == expected
