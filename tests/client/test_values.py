"""What the client decides by itself: pauses, dates, what it sends; and that it knows what the API says."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.client import (
    Client,
    ClientError,
    NewJob,
    Retries,
    answers,
    batch_answers,
    overview_answers,
    schedule_answers,
    told,
    workflow_answers,
)
from jobsapp.client.files import _safe
from jobsapp.client.requests import filter_fields
from jobsapp.client.retries import retry_after
from tests.processes import ROOT

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SCHEMAS: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
PAIRS = {
    answers.Job: "JobView",
    answers.Artifact: "ArtifactView",
    answers.StoredFile: "FileView",
    answers.Progress: "ProgressView",
    answers.Waiting: "WaitingView",
    answers.Failure: "ErrorView",
    answers.Pauses: "RetryView",
    answers.JobPage: "JobPage",
    answers.ManyChanged: "ManyView",
    batch_answers.Batch: "BatchView",
    batch_answers.BatchCounts: "BatchCounts",
    batch_answers.BatchCallback: "BatchCallbackView",
    batch_answers.BatchPage: "BatchPage",
    batch_answers.BatchFailure: "FailureView",
    batch_answers.CreatedBatch: "CreatedBatchView",
    answers.LogLine: "LogLineView",
    answers.LogPage: "LogPage",
    overview_answers.JobType: "TypeView",
    overview_answers.Queue: "QueueView",
    overview_answers.Pause: "PauseView",
    overview_answers.Limit: "LimitView",
    overview_answers.Stats: "StatsView",
    answers.CreatedJobs: "CreatedJobs",
    told.Channel: "ChannelView",
    told.NotificationRule: "NotificationRuleView",
    told.Delivery: "DeliveryView",
    told.Try: "TryView",
    told.NotificationWords: "WordsView",
    schedule_answers.Schedule: "ScheduleView",
    schedule_answers.SchedulePage: "SchedulePage",
    schedule_answers.ScheduleRun: "ScheduleRunView",
    schedule_answers.ScheduleRunPage: "ScheduleRunPage",
    schedule_answers.SchedulePreview: "PreviewView",
    workflow_answers.WorkflowVersion: "WorkflowView",
    workflow_answers.Workflow: "WorkflowWholeView",
    workflow_answers.WorkflowFault: "WorkflowFaultView",
    workflow_answers.WorkflowRun: "WorkflowRunView",
    workflow_answers.Step: "WorkflowStepView",
    workflow_answers.StepItem: "WorkflowItemView",
    workflow_answers.Approval: "WorkflowApprovalView",
}


@pytest.mark.parametrize("kind", PAIRS)
def test_the_client_knows_every_field_of_the_api(kind: type[msgspec.Struct]) -> None:
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert known == set(SCHEMAS[PAIRS[kind]]["properties"])


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_a_ceiling(attempt: int, chance: float) -> None:
    retries = Retries(first=0.2, factor=2, ceiling=10)
    whole = min(0.2 * 2 ** min(attempt - 1, 64), 10)
    assert whole / 2 <= retries.pause(attempt, lambda: chance) <= whole


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("2", 2.0),
        ("soon", None),
        ("-1", None),
        ("Thu, 26 Nov 2026 12:00:30 GMT", 30.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_times_are_sent_with_their_zone() -> None:
    said = NewJob("echo", run_at=NOW.astimezone(timezone(timedelta(hours=2)))).body()
    assert set(said) == {"type", "data", "runAt"}
    assert datetime.fromisoformat(said["runAt"]) == NOW
    assert datetime.fromisoformat(filter_fields({"created_after": NOW.replace(tzinfo=None)})["createdAfter"]).tzinfo


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\\passwd", "/passwd", "passwd\0"])
def test_a_name_from_elsewhere_is_no_path(name: str) -> None:
    assert _safe(name) == "passwd"
    assert [_safe(odd) for odd in ("", "..", ".", "a/")] == ["download"] * 4


@pytest.mark.parametrize("url", ["jobs.example.org", "ftp://jobs.example.org", "http://", "http://["])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ClientError, match="is not the address of a server"):
        Client(url)


def test_the_server_stands_in_the_environment() -> None:
    with Client.from_env({"JOBSAPP_URL": "http://h:1", "JOBSAPP_TOKEN": "secret"}) as client:
        assert repr(client) == "Client('http://h:1')"
        assert client._wire.http.headers["Authorization"] == "Bearer secret"
    with pytest.raises(ClientError, match="JOBSAPP_URL"):
        Client.from_env({})


def test_it_loads_nothing_of_the_server() -> None:
    code = "import sys, jobsapp.client; print(sorted(name for name in sys.modules if name.startswith({!r})))"
    ours = ("jobsapp", "flask", "sqlalchemy", "pydantic", "rich")
    done = subprocess.run(
        [sys.executable, "-c", code.format(ours)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.replace("'", '"'))
    assert [name for name in loaded if not name.startswith("jobsapp.client")] == ["jobsapp"]


def test_every_call_has_an_example() -> None:
    calls = [getattr(Client, name) for name in dir(Client) if not name.startswith("_")]
    assert [call.__name__ for call in [Client, *calls] if "Example:\n" not in (call.__doc__ or "")] == []
