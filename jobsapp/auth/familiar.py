"""Which tokens were valid a moment ago, as this process has seen it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict

REMEMBER_SECONDS = 600.0
MOST = 10_000


class Familiar:
    """Remembers hashes, never tokens, and no more than MOST: the oldest goes first. Safe for threads."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, shown: str) -> bool:
        """Whether it was valid within the last REMEMBER_SECONDS."""
        with self._lock:
            return time.monotonic() < self._until.get(_key(shown), 0.0)

    def note(self, shown: str, *, valid: bool) -> None:
        """It was found to be valid, or it was not: then it is forgotten."""
        with self._lock:
            self._until.pop(_key(shown), None)
            if valid:
                self._until[_key(shown)] = time.monotonic() + REMEMBER_SECONDS
            if len(self._until) > MOST:
                self._until.popitem(last=False)


def _key(shown: str) -> bytes:
    return hashlib.sha256(shown.encode(errors="surrogatepass")).digest()
