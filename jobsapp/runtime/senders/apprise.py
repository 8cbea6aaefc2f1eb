"""Slack, Discord and what else the library apprise speaks with, each by its address.

Its plugins call `requests`; they are given one of ours, which goes to public addresses only, follows no redirect, and
remembers what was answered. Which plugins there are: `services/apprise_urls.py`.
"""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jobsapp.runtime.senders.outgoing import TIMEOUT, Outgoing, beginning, retry_after, said_of
from jobsapp.runtime.senders.result import Result
from jobsapp.services.apprise_urls import plugin_of
from jobsapp.store.notifications import Taken

if TYPE_CHECKING:
    import requests


class AppriseSender:
    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    def send(self, taken: Taken, settings: dict[str, Any], now: datetime) -> Result:
        import requests

        plugin = plugin_of(settings["url"])
        for kind in type(plugin).__mro__:
            module = sys.modules[kind.__module__]
            if getattr(module, "requests", None) is requests:
                module.requests = OURS  # type: ignore[attr-defined]
        said = OURS.begin(self._outgoing)
        taken_over = plugin.notify(title=taken.subject, body=taken.body)
        last = said[-1] if said else Result.failed("Nothing was sent: the service's plugin refused it.")
        if taken_over:
            return Result(last.status, last.answer)
        return last if last.error else Result.failed("The service refused it.", status=last.status, answer=last.answer)


class GuardedRequests(ModuleType):
    """In the place of the module `requests`: its calls go through the Outgoing of the thread that sends.

    There is one in a process, for plugins keep it. A thread that has begun nothing can call nobody.
    """

    def __init__(self) -> None:
        super().__init__("requests")
        self._thread = threading.local()

    def begin(self, outgoing: Outgoing) -> list[Result]:
        """Let this thread call by `outgoing`; returns what is answered to it from now on."""
        self._thread.outgoing, self._thread.results = outgoing, []
        found: list[Result] = self._thread.results
        return found

    def request(self, method: str, url: str, **how: Any) -> requests.Response:
        import requests
        from ssrfguard import SSRFGuardError

        how |= {"timeout": TIMEOUT, "allow_redirects": False, "verify": True, "stream": True}
        how.pop("proxies", None)
        try:
            with self._thread.outgoing.session() as session:
                answer: requests.Response = session.request(method, url, **how)
                text = beginning(answer)
        except (SSRFGuardError, requests.RequestException) as error:
            self._thread.results.append(Result.failed(said_of(error)))
            raise requests.ConnectionError(said_of(error)) from None
        # No service needs more of it than that, and the connection is over.
        answer._content = text.encode()
        answer._content_consumed = True
        self._thread.results.append(_result(answer, text))
        return answer

    def get(self, url: str, **how: Any) -> requests.Response:
        return self.request("GET", url, **how)

    def post(self, url: str, data: Any = None, json: Any = None, **how: Any) -> requests.Response:
        return self.request("POST", url, data=data, json=json, **how)

    def put(self, url: str, data: Any = None, **how: Any) -> requests.Response:
        return self.request("PUT", url, data=data, **how)

    def __getattr__(self, name: str) -> Any:
        """Errors, status codes and exceptions are its own; ways around us there are none."""
        import requests

        if name in ("codes", "exceptions", "RequestException", "ConnectionError", "Timeout", "HTTPError", "auth"):
            return getattr(requests, name)
        raise AttributeError(name)


OURS = GuardedRequests()


def _result(answer: requests.Response, text: str) -> Result:
    status = answer.status_code
    error = None if status < 300 else f"The service answered {status}."
    return Result(status, text, error, retry_after(answer.headers.get("Retry-After")))
