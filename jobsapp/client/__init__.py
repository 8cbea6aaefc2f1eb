"""A client for programs that use jobsapp. `docs/api.md` shows it at work.

    from jobsapp.client import Client

    with Client("https://jobs.example.org", token) as client:
        job = client.create("data-conversion", {"targetFormat": "jsonl"}, files={"source": "orders.csv"}, wait=True)
        client.download(job.artifacts[0], "orders.jsonl")

It knows the API and nothing of the server's code, which may be another version of it.
"""

from jobsapp.client.answers import Artifact, Event, Job, JobPage, LogLine, ManyChanged, Progress, Relative, StoredFile
from jobsapp.client.batch_answers import Batch
from jobsapp.client.client import Client
from jobsapp.client.errors import (
    ClientError,
    Conflict,
    Damaged,
    Fault,
    Forbidden,
    InvalidInput,
    NoSocket,
    NotFound,
    NotSignedIn,
    RateLimited,
    Refused,
    ServerFailed,
    TimedOut,
    TooLarge,
    Unreachable,
)
from jobsapp.client.overview_answers import JobType, Queue, Stats
from jobsapp.client.requests import Backoff, Filter, NewJob
from jobsapp.client.retries import Retries
from jobsapp.client.schedule_answers import Schedule, SchedulePreview, ScheduleRun
from jobsapp.client.told import Channel, Delivery, NotificationRule

__all__ = [
    "Artifact",
    "Backoff",
    "Batch",
    "Channel",
    "Client",
    "ClientError",
    "Conflict",
    "Damaged",
    "Delivery",
    "Event",
    "Fault",
    "Filter",
    "Forbidden",
    "InvalidInput",
    "Job",
    "JobPage",
    "JobType",
    "LogLine",
    "ManyChanged",
    "NewJob",
    "NoSocket",
    "NotFound",
    "NotSignedIn",
    "NotificationRule",
    "Progress",
    "Queue",
    "RateLimited",
    "Refused",
    "Relative",
    "Retries",
    "Schedule",
    "SchedulePreview",
    "ScheduleRun",
    "ServerFailed",
    "Stats",
    "StoredFile",
    "TimedOut",
    "TooLarge",
    "Unreachable",
]
