"""A client for programs that use jobsapp. `docs/api.md` shows it at work.

    from jobsapp.client import Client

    with Client("https://jobs.example.org", token) as client:
        job = client.create("data-conversion", {"targetFormat": "jsonl"}, files={"source": "orders.csv"}, wait=True)
        client.download(job.artifacts[0], "orders.jsonl")

It knows the API and nothing of the server's code, which may be another version of it.
"""

from jobsapp.client.answers import (
    Artifact,
    Event,
    Job,
    JobPage,
    JobType,
    LogLine,
    ManyChanged,
    Progress,
    Queue,
    Relative,
    Stats,
    StoredFile,
)
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
from jobsapp.client.requests import Backoff, Filter, NewJob
from jobsapp.client.retries import Retries

__all__ = [
    "Artifact",
    "Backoff",
    "Client",
    "ClientError",
    "Conflict",
    "Damaged",
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
    "Progress",
    "Queue",
    "RateLimited",
    "Refused",
    "Relative",
    "Retries",
    "ServerFailed",
    "Stats",
    "StoredFile",
    "TimedOut",
    "TooLarge",
    "Unreachable",
]
