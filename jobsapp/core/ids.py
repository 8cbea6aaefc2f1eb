"""UUID version 7 (RFC 9562, section 5.7): sorts by time of creation, and within a process exactly so."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MILLISECOND = (1 << 48) - 1
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


def ids_in(text: str, most: int) -> list[UUID]:
    """The ids in a text such as `id,id`, each once, in its order, and no more than `most`. What is none is left out."""
    found: dict[UUID, None] = {}
    for part in text.split(",", most)[:most]:
        with suppress(ValueError):
            found[UUID(part.strip())] = None
    return list(found)


def first_id_at(moment: datetime) -> UUID:
    """The smallest id that `new_id` makes at this moment or later. `moment` has a zone; before 1970 counts as 1970."""
    microseconds = max(0, (moment - _EPOCH) // _MICROSECOND)
    milliseconds, rest = divmod(microseconds, 1000)
    # As new_id rounds: down.
    return UUID(int=min(milliseconds, _LAST_MILLISECOND) << 80 | 7 << 76 | (rest * 4096 // 1000) << 64 | 2 << 62)


def first_of_millisecond(found: UUID) -> UUID:
    """The smallest id of the same millisecond as `found`: it says when that was made, and no more."""
    return min(found, UUID(int=found.int >> 80 << 80 | 7 << 76 | 2 << 62))
