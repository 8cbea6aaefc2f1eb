"""Secrets in the input of a job: kept sealed beside it, so that only who has the installation's key can read them.

In `jobs.data` each secret is MASK, and all of them together stand encrypted under SEALED: the places as JSON pointers
(RFC 6901) with what belongs there. AES-256-GCM (NIST SP 800-38D) with a random nonce, bound to the job's id, so that
a sealed text that somebody copies into another job opens nothing. The key comes from the secret key by HKDF (RFC 5869).
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jobsapp.core.masks import MASK

SEALED = "$sealed"
VERSION = "v1."
NONCE_BYTES = 12


class CannotOpen(Exception):
    """The secrets were sealed with another key, for another job, or were changed."""


class Sealer:
    """Seals and opens with one key, and makes digests that tell nothing without it."""

    def __init__(self, secret_key: str) -> None:
        self._cipher = AESGCM(_derived(secret_key, b"jobsapp: secrets of jobs"))
        self._digest = _derived(secret_key, b"jobsapp: digests of requests")

    def seal(self, job_id: UUID, data: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """The data to keep: with MASK at each place (a JSON pointer) in `secrets`, and these sealed beside it."""
        for place in secrets:
            _put(data, place, MASK)
        return data | {SEALED: self.seal_json(job_id, dict(secrets))}

    def open(self, job_id: UUID, data: Mapping[str, Any]) -> dict[str, str]:
        """The secrets of a job by their place; none if it has none. Raises CannotOpen."""
        return self.open_json(job_id, data[SEALED]) if SEALED in data else {}

    def seal_json(self, job_id: UUID, value: Any) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, json.dumps(value).encode(), job_id.bytes)
        return VERSION + urlsafe_b64encode(nonce + sealed).decode()

    def open_json(self, job_id: UUID, text: str) -> Any:
        """Raises CannotOpen."""
        try:
            raw = urlsafe_b64decode(text.removeprefix(VERSION))
            return json.loads(self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], job_id.bytes))
        except (InvalidTag, ValueError):
            raise CannotOpen from None

    def digest(self, said: bytes) -> bytes:
        """HMAC-SHA-256: nobody who reads it can try out which secret was in it."""
        return hmac.digest(self._digest, said, "sha256")


@lru_cache(maxsize=8)
def sealer_of(secret_key: str) -> Sealer:
    """The one of this key."""
    return Sealer(secret_key)


def shown(data: dict[str, Any]) -> dict[str, Any]:
    """The input of a job for whoever may see the job: secrets are MASK."""
    return {key: value for key, value in data.items() if key != SEALED} if SEALED in data else data


def filled(data: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The input as it was given, for the processor."""
    whole: dict[str, Any] = json.loads(json.dumps(shown(data)))
    for place, secret in secrets.items():
        _put(whole, place, secret)
    return whole


def pointer(*path: str | int) -> str:
    """`("headers", "a/b")` → `/headers/a~1b`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def steps(place: str) -> list[str]:
    """The other way round."""
    return [part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:]]


def _put(data: Any, place: str, value: str) -> None:
    *way, last = steps(place)
    for part in way:
        data = data[int(part)] if isinstance(data, list) else data[part]
    data[int(last) if isinstance(data, list) else last] = value


def _derived(secret_key: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret_key.encode())
