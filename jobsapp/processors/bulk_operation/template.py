"""What is sent for a row: address, headers and body with `{{name}}` filled in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from jobsapp.processors.sdk import Permanent

from .model import BulkInput
from .rows import Broken, Item

PLACE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
WITHOUT_BODY = ("GET", "HEAD", "DELETE")
KEYED = ("POST", "PATCH")


@dataclass(frozen=True)
class Request:
    """One call as it goes out."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


class Template:
    """Makes the request of each row."""

    def __init__(self, data: BulkInput, job: str) -> None:
        self._data, self._job = data, job
        self._secret = {name: text.get_secret_value() for name, text in data.secret_headers.items()}
        self._body = json.loads(data.body) if data.body else None
        self._keyed = bool(data.idempotency_header) and data.method in KEYED

    def names(self) -> set[str]:
        """What it takes from a row."""
        texts = [self._data.url, self._data.body, *self._data.headers.values()]
        return {name for text in texts for name in PLACE.findall(text)} | set(self._data.required)

    def check(self, known: list[str]) -> None:
        """Raises `Permanent` if a CSV file lacks one."""
        for name in sorted(self.names()):
            if known and name not in known:
                raise Permanent(f"The file has no column {name!r}, which the call needs. It has {', '.join(known)}.")

    def key(self, item: Item) -> str:
        """The same for each try of an item, in every attempt; empty if the call carries none."""
        return (item.key or f"{self._job}-{item.number}") if self._keyed else ""

    def fill(self, item: Item) -> Request:
        """Raises `Broken` naming the value that is missing or does not fit."""
        if item.broken:
            raise item.broken
        for name in self._data.required:
            if not item.cells.get(name):
                raise Broken("empty", f"{name} is empty.", name)
        headers = {name: _header(text, item) for name, text in self._data.headers.items()} | self._secret
        if key := self.key(item):
            headers[self._data.idempotency_header] = key
        body = self._filled_body(item)
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        return Request(self._data.method, _url(self._data.url, item), headers, body)

    def _filled_body(self, item: Item) -> bytes | None:
        if self._body is not None:
            raw = msgspec.json.decode(item.as_json(), type=dict[str, msgspec.Raw])
            return msgspec.json.encode(_filled(self._body, item, raw))
        return None if self._data.method in WITHOUT_BODY else item.as_json()


def _filled(part: Any, item: Item, raw: dict[str, msgspec.Raw]) -> Any:
    match part:
        case dict():
            return {name: _filled(value, item, raw) for name, value in part.items()}
        case list():
            return [_filled(value, item, raw) for value in part]
        case str():
            if alone := PLACE.fullmatch(part):
                _cell(item, alone[1])
                return raw[alone[1]]
            return PLACE.sub(lambda found: _cell(item, found[1]) or "", part)
    return part


def _url(template: str, item: Item) -> str:
    def put(found: re.Match[str]) -> str:
        value = _cell(item, found[1])
        if not value or value in (".", ".."):
            # Without it the call would mean something else: DELETE /items/ instead of /items/7.
            raise Broken("empty", f"{found[1]} is {value or 'empty'!r}, which cannot be part of an address.", found[1])
        return value if found.start() == 0 else quote(value, safe="")

    url = PLACE.sub(put, template.strip())
    check_url(url)
    return url


def check_url(url: str) -> str:
    """Its host. Raises `Broken` if it is no address to call."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Broken("bad_url", f"{url[:200]} is not an address: {error}.") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or re.search(r"\s", url):
        raise Broken("bad_url", f"{url[:200]} is not an address that begins with http:// or https:// and names a host.")
    return host


def _header(template: str, item: Item) -> str:
    value = PLACE.sub(lambda found: _cell(item, found[1]) or "", template)
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise Broken("bad_value", "A header cannot have line breaks or control characters.")
    return value


def _cell(item: Item, name: str) -> str | None:
    if name not in item.cells:
        raise Broken("missing", f"The row has no {name!r}.", name)
    return item.cells[name]
