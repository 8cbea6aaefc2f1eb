"""The client: all calls, and how it finds its server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from jobsapp.client.batches import BatchCalls
from jobsapp.client.errors import ClientError
from jobsapp.client.jobs import JobCalls
from jobsapp.client.local import Application, LocalTransport
from jobsapp.client.many import ManyCalls
from jobsapp.client.notifications import NotificationCalls
from jobsapp.client.overview import OverviewCalls
from jobsapp.client.retries import NONE, Retries
from jobsapp.client.schedules import ScheduleCalls
from jobsapp.client.wire import Wire
from jobsapp.client.workflows import WorkflowCalls

URL_VARIABLE = "JOBSAPP_URL"
TOKEN_VARIABLE = "JOBSAPP_TOKEN"  # noqa: S105 - the name of one
TIMEOUT_SECONDS = 30.0
CONNECT_SECONDS = 10.0
AGENT = {"User-Agent": "jobsapp-client", "Accept": "application/json"}


class Client(JobCalls, ManyCalls, ScheduleCalls, OverviewCalls, NotificationCalls):
    """A server of jobsapp, as the user of a token. Safe to share between threads; close it, or use it in a `with`.

    `timeout`: seconds that one step of a request may take (to connect at most 10 of them). `retries`: how often it is
    asked again when there is no answer, or 429, 502, 503 or 504. Every call raises ClientError of some kind.

    Example:
        with Client("https://jobs.example.org", token) as client:
            job = client.create("data-conversion", {"targetFormat": "parquet"}, files={"source": "orders.csv"})
            print(client.watch(job).status)
    """

    def __init__(
        self, url: str, token: str = "", *, timeout: float = TIMEOUT_SECONDS, retries: Retries | None = None
    ) -> None:
        http = httpx2.Client(base_url=_checked(url), headers=_headers(token), timeout=_timeout(timeout))
        super().__init__(Wire(http, retries or Retries()))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **how: Any) -> Self:
        """The server of `JOBSAPP_URL`, with the token in `JOBSAPP_TOKEN`. `how`: as for the class itself.

        Example:
            client = Client.from_env()
        """
        environ = os.environ if environ is None else environ
        url = environ.get(URL_VARIABLE, "")
        if not url:
            raise ClientError(f"Set {URL_VARIABLE} to the server's address, as in https://jobs.example.org.")
        return cls(url, environ.get(TOKEN_VARIABLE, ""), **how)

    @classmethod
    def local(cls, app: Application, token: str = "", *, environ: Mapping[str, Any] | None = None) -> Self:
        """The server in this process, as its WSGI application. `environ` goes along with each request.

        Nothing is asked again, and there are no live events: `wait` and `watch` ask how the job is.

        Example:
            client = Client.local(app, token)
        """
        transport = LocalTransport(app, environ)
        client = cls.__new__(cls)
        http = httpx2.Client(base_url="http://localhost", headers=_headers(token), transport=transport)
        super().__init__(client, Wire(http, NONE, local=True))
        return client

    @property
    def batches(self) -> BatchCalls:
        """Batches: many jobs under one name, followed as one.

        Example:
            batch = client.batches.create([NewJob("data-conversion", data), NewJob("data-conversion", data)])
            print(client.batches.wait(batch).counts.completed)
        """
        return BatchCalls(self)

    @property
    def workflows(self) -> WorkflowCalls:
        """Calls about workflows.

        Example:
            print([workflow.name for workflow in client.workflows.list()])
        """
        return WorkflowCalls(self._wire)

    def close(self) -> None:
        """Close the connections.

        Example:
            client.close()
        """
        self._wire.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({str(self._wire.http.base_url)!r})"


def _headers(token: str) -> dict[str, str]:
    return AGENT | ({"Authorization": f"Bearer {token}"} if token else {})


def _timeout(seconds: float) -> httpx2.Timeout:
    return httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        whole = False
    if not whole:
        raise ClientError(f"{url!r} is not the address of a server; write it as https://jobs.example.org.")
    return url
