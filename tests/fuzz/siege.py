"""A run as one caller, and what must be true after it: no traceback, and nothing of others seen or changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tests.fuzz.attack import Report, attack
from tests.fuzz.pages import Attack, Seen
from tests.fuzz.town import Caller, Town
from tests.fuzz.untouched import Sums, checksums

TRACEBACK = b"Traceback (most recent call last)"
# Of a log that has one, so many characters around it are shown.
SHOWN = 4000
# Of the findings in pages, so many are printed: one fault shows on many of them.
MOST = 20


@dataclass
class Outcome:
    caller: Caller
    report: Report
    faults: list[str] = field(default_factory=list)
    """What is wrong beside the findings of the run."""

    @property
    def failed(self) -> bool:
        return bool(self.faults or self.report.findings)

    def __str__(self) -> str:
        said = [f"as {self.caller.name}: {self.report.requests:,} requests, {len(self.report.findings)} findings"]
        return "\n\n".join([*said, *map(str, self.report.findings), *self.faults])


@dataclass
class PagesOutcome:
    caller: Caller
    organization: str
    seen: Seen = field(default_factory=Seen)
    faults: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.faults or self.seen.findings)

    def __str__(self) -> str:
        found = list(dict.fromkeys(self.seen.findings))
        who = f"{self.caller.name} in {self.organization or 'no organisation'}, pages"
        said = [f"as {who}: {self.seen.requests:,} requests, {len(found)} findings"]
        return "\n\n".join([*said, *found[:MOST], *self.faults])


def besiege(town: Town, caller: Caller, *, seed: int, seconds: int, only: Sequence[str] = ()) -> Outcome:
    """Attack for about so long, then look at the log and at what belongs to others."""
    outcome = Outcome(caller, Report([], 0, {}))
    with _watched(town, caller.organization, outcome.faults):
        outcome.report = attack(town, caller, seed=seed, seconds=seconds, only=only)
    return outcome


def besiege_pages(
    town: Town, caller: Caller, *, seed: int, seconds: float = 0, requests: int = 0, within: str | None = None
) -> PagesOutcome:
    """The same with a browser and the pages, in one organisation of the caller. So long, or so many requests."""
    name = caller.organization if within is None else within
    outcome = PagesOutcome(caller, name)
    _sign_out_everywhere(town, caller)
    with _watched(town, name, outcome.faults):
        until = time.monotonic() + seconds
        goes_on: Callable[[Seen], bool] = lambda seen: seen.requests < requests or time.monotonic() < until  # noqa: E731
        outcome.seen = Attack(town, caller, town.households.get(name), seed).run(goes_on)
    return outcome


@contextmanager
def _watched(town: Town, organization: str, faults: list[str]) -> Iterator[None]:
    """What is in the log afterwards, and what has changed in other organisations."""
    log = town.processes.log
    begun, before = log.stat().st_size, _others(town, organization)
    yield
    written = log.read_bytes()[begun:]
    if TRACEBACK in written:
        place = written.index(TRACEBACK)
        text = written[max(0, place - SHOWN // 4) : place + SHOWN].decode(errors="replace")
        faults.append(f"The server's log has a traceback:\n{text}")
    for name, sums in _others(town, organization).items():
        changed = [table for table, found in sums.items() if before[name][table] != found]
        if changed:
            faults.append(f"Rows of the organisation {name!r} have changed: {', '.join(changed)}.")


def _sign_out_everywhere(town: Town, caller: Caller) -> None:
    """What is left of an earlier run in another organisation may end in this one: it is the caller's own."""
    if caller.role:
        with psycopg.connect(town.settings.database_url) as connection:
            connection.execute("DELETE FROM login_sessions WHERE user_id = %s", [town.user_of(caller)])


def _others(town: Town, organization: str) -> dict[str, Sums]:
    with psycopg.connect(town.settings.database_url) as connection:
        return {
            name: checksums(connection, household.id)
            for name, household in town.households.items()
            if name != organization
        }
