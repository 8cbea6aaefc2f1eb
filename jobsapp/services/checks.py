"""What is said of the servers behind jobsapp, by what was found: a state, a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from jobsapp.bus.condition import Condition
from jobsapp.core.amounts import size
from jobsapp.services.base import View
from jobsapp.store.database import DatabaseFacts
from jobsapp.store.keepers import Keeper

State = Literal["good", "warning", "bad"]
# All that other organisations than the one that runs the installation are told: no version, size or number.
PLAIN: dict[State, str] = {"good": "is well.", "warning": "works, but needs a look.", "bad": "is not well."}
Facts = dict[str, str | int | float | None]

SLOW_MS = 250.0
FULL = 0.9
MANY_CONNECTIONS = 0.8
NO_EVICTION = "noeviction"
SMALL_SHARE = 0.05
SMALL_BYTES = 1e9
NOTHING_BYTES = 1e8


class CheckView(View):
    name: Literal["database", "redis", "keeper", "disk"]
    title: str
    state: State
    sentence: str
    """What was found. For other organisations than the one that runs the installation only whether it is well."""
    action: str | None
    """What to do about it; null for members, and when there is nothing to do."""
    facts: Facts = Field(default_factory=dict)
    """What was measured; empty for members. Names that end in `Bytes` and `Ms` say their unit, `…Since` is a time."""

    def seen_by(self, *, is_admin: bool, is_at_home: bool) -> CheckView:
        """`is_at_home`: they belong to the organisation that runs the installation."""
        if is_admin and is_at_home:
            return self
        sentence = self.sentence if is_at_home else f"{self.title} {PLAIN[self.state]}"
        return self.model_copy(update={"sentence": sentence, "action": None, "facts": {}})


class _Verdict(NamedTuple):
    state: State
    sentence: str
    action: str | None = None


def check_database(found: DatabaseFacts | None, *, is_current: bool = False, milliseconds: float = 0.0) -> CheckView:
    """`found`: None if it does not answer in time. `milliseconds`: of one round trip."""
    facts: Facts = {}
    if found is not None:
        facts = {
            "version": found.version,
            "answerMs": round(milliseconds, 1),
            "connections": found.connections,
            "mostConnections": found.most_connections,
            "sizeBytes": found.size_bytes,
            "migrations": "current" if is_current else "not current",
        }
    verdict = _of_database(found, is_current, milliseconds)
    return CheckView(name="database", title="PostgreSQL", facts=facts, **verdict._asdict())


def _of_database(found: DatabaseFacts | None, is_current: bool, milliseconds: float) -> _Verdict:
    if found is None:
        return _Verdict(
            "bad",
            "PostgreSQL does not answer: nothing can be created or shown.",
            "Look whether it runs and has room, and whether DATABASE_URL is right. Jobs wait meanwhile.",
        )
    if not is_current:
        return _Verdict(
            "bad",
            "The database is not at the newest migration.",
            "Run `flask db upgrade`, then start web, workers and keeper anew.",
        )
    if found.connections >= MANY_CONNECTIONS * found.most_connections:
        return _Verdict(
            "warning",
            f"PostgreSQL has {found.connections} of {found.most_connections} connections in use: soon it refuses more.",
            "Raise `max_connections`, or run fewer workers and web processes.",
        )
    if milliseconds >= SLOW_MS:
        return _Verdict(
            "warning",
            f"PostgreSQL takes {milliseconds:.0f} ms for an empty question: everything is slow.",
            "Look at its load and at the network between.",
        )
    return _Verdict("good", "PostgreSQL answers.")


def check_redis(found: Condition | None) -> CheckView:
    """None: it does not answer in time."""
    facts: Facts = {}
    if found is not None:
        facts = {
            "version": found.server,
            "answerMs": round(found.milliseconds, 1),
            "memoryBytes": found.used_bytes,
            "mostMemoryBytes": found.most_bytes or None,
            "whenFull": found.policy,
        }
    return CheckView(name="redis", title="Redis", facts=facts, **_of_redis(found)._asdict())


def _of_redis(found: Condition | None) -> _Verdict:
    if found is None:
        return _Verdict(
            "bad",
            "Redis does not answer: what runs goes on, but no new job starts, and pages are not live.",
            "Start it, or mend REDIS_URL. Nothing is lost: the keeper wakes the queues when it is back.",
        )
    if found.is_too_old:
        return _Verdict("bad", f"{found.server} is too old.", "jobsapp needs Redis 6.2 or newer, or Valkey.")
    if found.policy and found.policy != NO_EVICTION:
        return _Verdict(
            "warning",
            f"When its memory is full, {found.server} drops data unasked ({found.policy}): wake-ups vanish, jobs wait.",
            f"Set `maxmemory-policy {NO_EVICTION}`. Jobs are in PostgreSQL and stay.",
        )
    if found.most_bytes and found.used_bytes >= FULL * found.most_bytes:
        return _Verdict(
            "warning",
            f"{found.server} uses {size(found.used_bytes)} of {size(found.most_bytes)}: soon it takes no wake-ups.",
            "Raise `maxmemory`, or look what else is in it.",
        )
    return _Verdict("good", f"{found.server} answers.")


def check_keeper(found: Sequence[Keeper] | None) -> CheckView:
    """None: the database does not tell in time."""
    facts: Facts = {}
    if found is not None:
        facts["standingBy"] = len([one for one in found if not one.leads])
    leader = _leader(found or ())
    if leader is not None:
        since = leader.since.isoformat() if leader.since else None
        facts = {"host": leader.host, "process": leader.pid, "leadsSince": since, **facts}
    return CheckView(name="keeper", title="Keeper", facts=facts, **_of_keeper(found)._asdict())


def _of_keeper(found: Sequence[Keeper] | None) -> _Verdict:
    if found is None:
        return _Verdict("bad", "Whether a keeper leads is not known: PostgreSQL does not answer.")
    standing_by = len([one for one in found if not one.leads])
    if _leader(found) is not None:
        others = {0: "none stands by", 1: "one stands by"}.get(standing_by, f"{standing_by} stand by")
        return _Verdict("good", f"A keeper leads, {others}.")
    if standing_by:
        return _Verdict("warning", "No keeper leads yet: one that stands by takes over within seconds.")
    return _Verdict("bad", "No keeper leads: retries and rescues wait.", "Start one: `flask keeper`")


def _leader(found: Sequence[Keeper]) -> Keeper | None:
    return next((one for one in found if one.leads), None)


def check_disk(free: int | None, total: int) -> CheckView:
    """Bytes of the file system of the data folder; `free`: None if it does not tell in time."""
    facts: Facts = {} if free is None else {"freeBytes": free, "totalBytes": total}
    return CheckView(name="disk", title="Disk", facts=facts, **_of_disk(free, total)._asdict())


def _of_disk(free: int | None, total: int) -> _Verdict:
    if free is None:
        return _Verdict(
            "bad",
            "The data folder of this web server does not answer: files can be neither read nor kept.",
            "Look at the disk or the network behind JOBSAPP_DATA_DIR.",
        )
    room = "Make room, or delete old jobs with their files: `flask cleanup --days 30`."
    if free < NOTHING_BYTES:
        return _Verdict("bad", f"Only {size(free)} are free for files on this web server: uploads fail.", room)
    if free < SMALL_BYTES or free < SMALL_SHARE * total:
        told = f"Only {size(free)} of {size(total)} are free for files on this web server."
        return _Verdict("warning", told, room)
    return _Verdict("good", f"{size(free)} of {size(total)} are free for files.")
