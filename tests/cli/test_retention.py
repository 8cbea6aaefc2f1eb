"""`flask retention …`, and a cleanup that archives."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from tests.services.old_jobs import insert_finished, there

Flask_ = Callable[..., Result]


@pytest.fixture
def flask(app: Flask, services: Services) -> Flask_:
    def run(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(args=list(arguments))

    return run


def test_rules_are_set_listed_and_removed(flask: Flask_, admin: Actor, connection: psycopg.Connection[Any]) -> None:
    assert flask("retention", "list").output == "Everything is kept.\n"
    old = insert_finished(connection, admin.organization_id, 2, days=40, status="failed")
    said = flask("retention", "set", "--days", "30", "--type", "echo", "--status", "failed", "--archive", "jsonl")
    assert said.output.split() == ["jobs", "echo", "failed", "30", "days", "jsonl", "2"]
    assert flask("retention", "set", "--for-ever").output.split() == ["jobs", "*", "*", "for", "ever", "-", "-"]
    assert flask("retention", "set", "--uploads", "--days", "7").exit_code == 0
    lines = flask("retention", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["SCOPE", "jobs", "jobs", "uploads"]
    (first, *_) = (json.loads(line) for line in flask("retention", "list", "--json").output.splitlines())
    assert (first["scope"], first["type"], first["days"]) == ("jobs", "", None)
    assert flask("retention", "run").output == "Deleted 2 jobs and uploads.\n"
    assert there(connection, old) == []
    assert flask("retention", "run").output == "Deleted 0 jobs and uploads.\n"
    assert flask("retention", "remove", "--uploads").output == "Removed.\n"
    again = flask("retention", "remove", "--uploads")
    assert (again.exit_code, "There is no such rule" in again.output) == (1, True)


def test_a_rule_says_for_how_long(flask: Flask_) -> None:
    for arguments in ([], ["--days", "3", "--for-ever"]):
        refused = flask("retention", "set", *arguments)
        assert (refused.exit_code, "either --days or --for-ever" in refused.output) == (2, True)
    assert flask("retention", "set", "--days", "3", "--uploads", "--type", "echo").exit_code == 1


def test_only_administrators(flask: Flask_, member: Actor) -> None:
    refused = flask("retention", "set", "--days", "3", "--user", member.email)
    assert (refused.exit_code, "administrator" in refused.output) == (1, True)


@pytest.mark.parametrize(("option", "suffix"), [(["--archive"], ".jsonl.gz"), (["--archive", "parquet"], ".parquet")])
def test_a_cleanup_archives_by_organisation(
    flask: Flask_,
    services: Services,
    admin: Actor,
    stranger: Actor,
    connection: psycopg.Connection[Any],
    option: list[str],
    suffix: str,
) -> None:
    ours = insert_finished(connection, admin.organization_id, 2, days=40)
    theirs = insert_finished(connection, stranger.organization_id, 1, days=40)
    said = flask("cleanup", "--days", "30", *option)
    assert said.output == "Archived and deleted 3 jobs.\n"
    assert there(connection, ours + theirs) == []
    folder = services.settings.archive_dir
    found = {path.parts[-3]: path for path in folder.glob("*/*/*")}
    assert set(found) == {str(admin.organization_id), str(stranger.organization_id)}
    mine = found[str(admin.organization_id)]
    assert mine.name == f"{ours[0]}_{ours[1]}{suffix}"
    if suffix == ".jsonl.gz":
        lines = gzip.decompress(mine.read_bytes()).splitlines()
        assert [json.loads(line)["id"] for line in lines] == [str(one) for one in ours]
    assert [one.jobs for one in services.retention.archives(stranger)[0]] == [1]


def test_what_cannot_be_archived_is_not_cleaned_up(
    flask: Flask_, services: Services, admin: Actor, connection: psycopg.Connection[Any]
) -> None:
    old = insert_finished(connection, admin.organization_id, 2, days=40)
    services.settings.data_dir.mkdir(parents=True, exist_ok=True)
    services.settings.archive_dir.write_text("in the way")
    refused = flask("cleanup", "--days", "30", "--archive")
    assert (refused.exit_code, "The archive cannot be written" in refused.output) == (1, True)
    assert there(connection, old) == old
