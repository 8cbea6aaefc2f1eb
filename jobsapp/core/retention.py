"""Which rule decides how long a finished job is kept: the most specific one of its organisation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobsapp.core.states import Status

JOBS, UPLOADS = "jobs", "uploads"
FINISHED = (Status.COMPLETED.value, Status.FAILED.value, Status.CANCELLED.value)
MAX_DAYS = 36500


@dataclass(frozen=True)
class Rule:
    """`scope`: `jobs`, or `uploads` that no job reads. Empty `type`, `status`: all of them.

    `days`: how long they are kept; None: for ever. `archive`: the format in which jobs are written to a file before
    they are deleted, or empty.
    """

    scope: str
    type: str = ""
    status: str = ""
    days: int | None = None
    archive: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scope, self.type, self.status


@dataclass(frozen=True)
class Reach:
    """What a rule of jobs decides on, beside its type: `statuses`, but not what is in `others` (`status/type`)."""

    statuses: tuple[str, ...]
    others: tuple[str, ...]


def winner(rules: Iterable[Rule], job_type: str, status: str) -> Rule | None:
    """The rule that decides on jobs of a type in a state: a rule of the type goes before one of the state."""
    found = {rule.key: rule for rule in rules}
    keys = ((job_type, status), (job_type, ""), ("", status), ("", ""))
    return next((found[JOBS, *key] for key in keys if (JOBS, *key) in found), None)


def reach(rule: Rule, rules: Sequence[Rule]) -> Reach:
    """What `winner` leaves to a rule among `rules`."""
    jobs = [one for one in rules if one.scope == JOBS]
    own = [rule.status] if rule.status else list(FINISHED)
    beside = {one.status for one in jobs if one.type == rule.type and one.status and not rule.status}
    # A rule of a type goes before all that have none.
    typed = [] if rule.type else [one for one in jobs if one.type]
    others = {f"{status}/{one.type}" for one in typed for status in ([one.status] if one.status else FINISHED)}
    return Reach(tuple(one for one in own if one not in beside), tuple(sorted(others)))


def with_default(rules: Iterable[Rule], days: int) -> list[Rule]:
    """The rules of an organisation, and what holds where it has said nothing. `days` 0: nothing does."""
    own = list(rules)
    keys = {rule.key for rule in own}
    defaults = [Rule(scope, days=days) for scope in (JOBS, UPLOADS)] if days else []
    return own + [rule for rule in defaults if rule.key not in keys]
