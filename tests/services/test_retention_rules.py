"""Rules of retention: who may set which, and what they will delete."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from jobsapp.core.actors import Actor
from jobsapp.errors import Forbidden, InvalidInput
from jobsapp.services import Services
from jobsapp.services.retention import NewRule
from jobsapp.store import retention as store
from tests.services.old_jobs import insert_finished
from tests.services.test_retention import set_rule

Connection = psycopg.Connection[Any]


def test_what_the_installation_says_is_shown_until_a_rule_says_otherwise(
    services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.retention, "_default_days", 30)
    set_rule(services, admin, None)
    shown = [(one.scope, one.days, one.is_default) for one in services.retention.rules(admin)]
    assert shown == [("jobs", None, False), ("uploads", 30, True)]


def test_there_are_so_many_rules_and_no_more(services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsapp.services.retention.MAX_RULES", 2)
    set_rule(services, admin, 30)
    set_rule(services, admin, 30, type="echo")
    with pytest.raises(InvalidInput, match="may have 2 rules"):
        set_rule(services, admin, 30, type="steps")
    set_rule(services, admin, 40, type="echo")


def test_what_the_next_pruning_will_delete(
    services: Services, admin: Actor, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WINDOW", 10)
    set_rule(services, admin, 30)
    set_rule(services, admin, None, type="keep")
    insert_finished(connection, admin.organization_id, 4, days=31)
    insert_finished(connection, admin.organization_id, 3, days=31, job_type="keep")
    everything, keep = services.retention.rules(admin)
    assert everything.outlook is not None
    assert (everything.outlook.due, everything.outlook.is_more) == (4, False)
    assert keep.outlook is None
    insert_finished(connection, admin.organization_id, 9, days=31)
    outlook = services.retention.rules(admin)[0].outlook
    assert outlook is not None
    assert outlook.is_more


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 36501}, "days"),
        ({"days": 1, "scope": "logs"}, "scope"),
        ({"days": 1, "status": "active"}, "status"),
        ({"days": 1, "type": "x" * 201}, "type"),
        ({"days": 1, "type": "a\0b"}, "type"),
        ({"days": 1, "archive": "zip"}, "archive"),
        ({"days": None, "archive": "jsonl"}, "archive"),
        ({"days": 1, "scope": "uploads", "type": "echo"}, "type"),
        ({"days": 1, "scope": "uploads", "status": "failed"}, "status"),
        ({"days": 1, "scope": "uploads", "archive": "jsonl"}, "archive"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(services: Services, admin: Actor, rule: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.retention.set_rule(admin, NewRule(**rule))
    assert [one.field for one in refused.value.errors] == [field]
    assert services.retention.rules(admin) == []


def test_only_administrators(services: Services, member: Actor, admin: Actor) -> None:
    retention = services.retention
    for call in (
        lambda: retention.rules(member),
        lambda: retention.set_rule(member, NewRule(30)),
        lambda: retention.remove_rule(member, scope="jobs"),
        lambda: retention.runs(member),
        lambda: retention.archives(member),
        lambda: retention.archive(member, admin.user_id),
    ):
        with pytest.raises(Forbidden, match="administrator"):
            call()
