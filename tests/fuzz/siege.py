"""A run as one caller, and what must be true after it: no traceback, and nothing of others seen or changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from tests.fuzz.attack import Report, attack
from tests.fuzz.town import Caller, Town
from tests.fuzz.untouched import Sums, checksums

TRACEBACK = b"Traceback (most recent call last)"
# Of a log that has one, so many characters around it are shown.
SHOWN = 4000


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


def besiege(town: Town, caller: Caller, *, seed: int, seconds: int, only: Sequence[str] = ()) -> Outcome:
    """Attack for about so long, then look at the log and at what belongs to others."""
    log = town.processes.log
    begun, before = log.stat().st_size, _others(town, caller)
    outcome = Outcome(caller, attack(town, caller, seed=seed, seconds=seconds, only=only))
    written = log.read_bytes()[begun:]
    if TRACEBACK in written:
        place = written.index(TRACEBACK)
        text = written[max(0, place - SHOWN // 4) : place + SHOWN].decode(errors="replace")
        outcome.faults.append(f"The server's log has a traceback:\n{text}")
    for organization, sums in _others(town, caller).items():
        changed = [table for table, found in sums.items() if before[organization][table] != found]
        if changed:
            outcome.faults.append(f"Rows of the organisation {organization!r} have changed: {', '.join(changed)}.")
    return outcome


def _others(town: Town, caller: Caller) -> dict[str, Sums]:
    with psycopg.connect(town.settings.database_url) as connection:
        return {
            name: checksums(connection, household.id)
            for name, household in town.households.items()
            if name != caller.organization
        }
