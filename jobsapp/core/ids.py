"""UUID version 7 (RFC 9562, section 5.7): sorts by time of creation, and within a process exactly so."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A new id. Monotonic in this process: 12 bits of sub-millisecond time as in RFC 9562, section 6.2, method 3."""
    global _last
    ns = time.time_ns()
    ticks = (ns // 1_000_000 << 12) | (ns % 1_000_000 * 4096 // 1_000_000)
    with _lock:
        _last = ticks = max(ticks, _last + 1)
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=(ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | random)
