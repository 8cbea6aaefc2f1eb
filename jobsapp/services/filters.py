"""What an address says about which jobs are wanted: read for the page, for its socket and for the API alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, or_, select

from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.core.states import Status
from jobsapp.core.storable import is_storable
from jobsapp.errors import FieldError, InvalidInput
from jobsapp.models import Job, JobCount, Membership, User
from jobsapp.services.sessions import DbSession

TEXT_LENGTH = 200
PEOPLE = 200
LOOKED_AT = 5000
ME = "me"
NOBODY = UUID(int=0)
PERIODS = {
    "last-hour": timedelta(hours=1),
    "last-24-hours": timedelta(hours=24),
    "last-7-days": timedelta(days=7),
    "last-30-days": timedelta(days=30),
}
"""Named spans of time that end now."""
FIELDS = ("type", "status", "queue", "user", "created", "createdAfter", "createdBefore", "batch", "q")


@dataclass
class Read:
    """A filter as it was asked for. What made no sense is in `faults` and left out of everything else."""

    wanted: JobFilter = field(default_factory=JobFilter)
    said: dict[str, str] = field(default_factory=dict)
    """What it was read from, by the names of the address."""
    faults: list[FieldError] = field(default_factory=list)


class Filters:
    def __init__(self, session: DbSession) -> None:
        self._session = session

    def read(self, actor: Actor, given: Mapping[str, str]) -> Read:
        """The filter that these texts ask for, by the names in FIELDS. Others, and empty ones, are passed over."""
        read = Read()
        changes: dict[str, Any] = {}
        for name in FIELDS:
            text = given.get(name, "").strip()
            if not text:
                continue
            try:
                changes |= self._field(actor, name, text)
                read.said[name] = text
            except InvalidInput as error:
                read.faults += error.errors
        if "createdAfter" in read.said:
            read.said.pop("created", None)
        read.wanted = JobFilter(**changes)
        try:
            refuse_empty(read.wanted)
        except InvalidInput as error:
            read.faults += error.errors
            read.said.pop("createdBefore")
            read.wanted = read.wanted.narrowed(created_before=None)
        return read

    def user_id(self, actor: Actor, text: str) -> UUID:
        """Whose jobs are meant: `me`, an id, or an e-mail address of the organisation. Raises InvalidInput.

        An id that is nobody's here becomes NOBODY: a list would walk along the jobs that somebody has elsewhere.
        """
        if text == ME:
            return actor.user_id
        try:
            return self._here(actor, UUID(text))
        except ValueError:
            pass
        here = actor.organization_id
        # Also of those who were members: their jobs have stayed.
        known = or_(
            User.home_id == here,
            exists().where(Membership.organization_id == here, Membership.user_id == User.id),
            exists().where(JobCount.organization_id == here, JobCount.user_id == User.id, JobCount.jobs > 0),
        )
        query = select(User.id).where(func.lower(User.email) == text.lower(), known)
        found = self._session.scalar(query.limit(1).execution_options(unbounded={User, Membership}))
        if found is None:
            raise InvalidInput.of("user", f"there is nobody {text} here; give `me`, an e-mail address or an id.")
        return found

    def _here(self, actor: Actor, user_id: UUID) -> UUID:
        """The same id if it is of a member, of somebody who began here, or of one who has jobs here; else NOBODY."""
        organization_id = actor.organization_id
        member = exists().where(Membership.user_id == user_id, Membership.organization_id == organization_id)
        at_home = exists().where(User.id == user_id, User.home_id == organization_id)
        # Of somebody with very many jobs elsewhere only so many are looked at.
        walk = select(Job.organization_id).where(Job.user_id == user_id).order_by(Job.user_id, Job.id.desc())
        newest = walk.limit(LOOKED_AT).subquery()
        owner = exists().where(newest.c.organization_id == organization_id)
        bounds_itself: dict[str, Any] = {"unbounded": {Job, User, Membership}}
        # One after the other: most are members.
        known = any(
            self._session.scalar(select(one).execution_options(**bounds_itself)) for one in (member, at_home, owner)
        )
        return user_id if known else NOBODY

    def people(self, actor: Actor) -> list[str]:
        """E-mail addresses of the organisation, the first PEOPLE of them."""
        query = select(User.email).join(Membership, Membership.user_id == User.id)
        query = query.where(Membership.organization_id == actor.organization_id)
        return list(self._session.scalars(query.order_by(User.email).limit(PEOPLE)))

    def _field(self, actor: Actor, name: str, text: str) -> dict[str, Any]:
        if not is_storable(text):
            raise InvalidInput.of(name, "contains a character that no job has (NUL or half a surrogate pair).")
        if len(text) > TEXT_LENGTH:
            raise InvalidInput.of(name, f"may have up to {TEXT_LENGTH} characters.")
        readers: dict[str, Callable[[], dict[str, Any]]] = {
            "status": lambda: {"status": _status(text)},
            "user": lambda: {"user_id": self.user_id(actor, text)},
            "q": lambda: {"text": text},
            "batch": lambda: {"batch_id": _id(name, text)},
            "created": lambda: {"created_after": datetime.now(UTC) - _period(text)},
            "createdAfter": lambda: {"created_after": _moment(name, text)},
            "createdBefore": lambda: {"created_before": _moment(name, text)},
        }
        return readers[name]() if name in readers else {name: text}


def _id(name: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput.of(name, "must be the id of a batch.") from None


def _status(text: str) -> str:
    if text not in list(Status):
        raise InvalidInput.of("status", f"there is no state {text}; give {', '.join(Status)}.")
    return text


def _period(text: str) -> timedelta:
    if text not in PERIODS:
        raise InvalidInput.of("created", f"there is no time {text}; give {', '.join(PERIODS)}.")
    return PERIODS[text]


def _moment(name: str, text: str) -> datetime:
    """Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput.of(name, f"{text} is not a time; write it as 2026-11-23T18:00:00Z.") from None


def refuse_empty(wanted: JobFilter) -> None:
    """Raises InvalidInput if no moment is both after the beginning and before the end."""
    after, before = wanted.created_after, wanted.created_before
    if after is not None and before is not None and before <= after:
        raise InvalidInput.of("createdBefore", "is not after the beginning: no time is left between them.")
