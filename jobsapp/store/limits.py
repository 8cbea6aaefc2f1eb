"""Limits of what runs at once and of what starts in a period, kept exactly: claims that come under one take turns."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection, Rollback

from jobsapp.store.statements import fetch_all, statement
from jobsapp.store.turns import Rooms, Turn, take_turn

EACH = "*"
Scope = Literal["queue", "type", "organization"]


@dataclass(frozen=True)
class LimitState:
    """A limit and how much of it is used. `max_starts` within any `period_seconds`; None: no such limit."""

    scope: Scope
    key: str
    max_active: int | None
    max_starts: int | None
    period_seconds: float | None
    active: int
    starts: int
    frees_at: datetime | None
    """When the first of these starts counts no more."""

    @property
    def room(self) -> int:
        """How many jobs may start now; none left is 0."""
        rooms = [
            *([] if self.max_active is None else [self.max_active - self.active]),
            *([] if self.max_starts is None else [self.max_starts - int(self.starts)]),
        ]
        return max(0, min(rooms))


def limit_states(connection: Connection[Any]) -> list[LimitState]:
    """Every limit as it is used now. One for each organisation has the key EACH, and those that use it their own."""
    return fetch_all(connection, "limit_states", LimitState)


def in_the_way(states: Iterable[LimitState], queue: str, type_name: str, organization_id: UUID) -> LimitState | None:
    """The limit that keeps such a job from starting now, if any."""
    own = {("queue", queue), ("type", type_name), ("organization", str(organization_id))}
    return next((state for state in states if (state.scope, state.key) in own and not state.room), None)


def claim_within_limits(
    connection: Connection[Any],
    queue: str,
    *,
    worker: str,
    lease_seconds: float,
    limit: int,
    after: UUID,
    types: Collection[str] = (),
) -> Turn:
    """As `take_turn` claims, for a queue in which limits count. In a transaction of its own.

    `types`: those whose queue this is, as far as the worker knows; empty: not known. When all of them have reached
    their limits the line is not read: it may be long, and others wait for their turn meanwhile.
    """
    with connection.transaction():
        connection.execute(statement("lock_limits"), {"queue": queue})
        states = limit_states(connection)
        room = min([limit, *(one.room for one in states if (one.scope, one.key) == ("queue", queue))])
        full = {one.key for one in states if one.scope == "type" and not one.room}
        if not room or (types and full.issuperset(types)):
            return Turn([], [])
        turn = _claim_alone_if_counted(connection, states, queue, room, worker, lease_seconds, after)
        if any(_counts_starts(state, turn, queue) for state in states):
            started = {
                "queue": queue,
                "types": [job.type for job in turn.claimed],
                "organizations": [str(job.organization_id) for job in turn.claimed],
            }
            connection.execute(statement("count_starts"), started)
        return turn


def _claim_alone_if_counted(
    connection: Connection[Any],
    states: list[LimitState],
    queue: str,
    room: int,
    worker: str,
    lease_seconds: float,
    after: UUID,
) -> Turn:
    """A job whose start counts is claimed alone, so that it starts when it counts and does not wait in a batch."""

    def claim(limit: int) -> Turn:
        return take_turn(
            connection,
            [],
            queue=queue,
            worker=worker,
            lease_seconds=lease_seconds,
            limit=limit,
            after=after,
            rooms=_rooms(states),
        )

    # Few different numbers: each is a statement that the server prepares.
    limit = 1 << room.bit_length() - 1
    if limit > 1 and not any(_counts_starts(state, None, queue) for state in states):
        with connection.transaction() as together:
            turn = claim(limit)
            if len(turn.claimed) > 1 and any(_counts_starts(state, turn, queue) for state in states):
                raise Rollback(together)
            return turn
    return claim(1)


def _counts_starts(state: LimitState, turn: Turn | None, queue: str) -> bool:
    """Whether starts of what was claimed count for the limit; without a turn: of whatever will be claimed."""
    if state.max_starts is None:
        return False
    if turn is None:
        return (state.scope, state.key) in (("queue", queue), ("organization", EACH))
    keys = {"queue": {queue}, "type": {job.type for job in turn.claimed}}
    organizations = {str(job.organization_id) for job in turn.claimed}
    return state.key in keys.get(state.scope, organizations | {EACH}) and bool(turn.claimed)


def forget_starts(connection: Connection[Any]) -> None:
    """Delete the starts that no limit counts any more."""
    connection.execute(statement("forget_starts"))


def _rooms(states: Iterable[LimitState]) -> Rooms:
    types = {one.key: one.room for one in states if one.scope == "type"}
    organizations = {one.key: one.room for one in states if one.scope == "organization"}
    each = organizations.pop(EACH, None)
    return Rooms(
        full_types=[key for key, room in types.items() if not room],
        full_organizations=[UUID(key) for key, room in organizations.items() if not room],
        as_json=json.dumps({"types": types, "organizations": organizations, "each": each}),
    )
