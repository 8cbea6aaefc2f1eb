"""What the parts of the client share."""

from __future__ import annotations

from typing import Any, TypeVar

from jobsapp.client.requests import to_json
from jobsapp.client.retries import Repeat
from jobsapp.client.wire import JSON, Wire, decode

T = TypeVar("T")


class Calls:
    """Some calls of the API. `Client` is all of them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def _ask(self, kind: type[T], path: str, **how: Any) -> T:
        return decode(self._wire.send("GET", path, **how), kind)

    def _tell(self, kind: type[T], method: str, path: str, body: Any, *, repeat: Repeat, **headers: str) -> T:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self._wire.send(method, path, repeat=repeat, content=to_json(body), headers={**JSON, **said})
        return decode(response, kind)
