"""The audit log: who did what, when and from where. Entries are written with the change that they tell of, and stay.

Nothing secret goes into it: no token, no password, no `data` of a job, nothing that was typed where one belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, delete, exists, func, select
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.orm import aliased

from jobsapp.core.actors import Actor
from jobsapp.core.audit import COMMAND_LINE, NOBODY, Action, sentence, unsaid
from jobsapp.core.ids import first_id_at, new_id
from jobsapp.core.rights import Right
from jobsapp.core.sealing import Sealer
from jobsapp.core.storable import is_storable
from jobsapp.models import ApiToken, AuditEvent, Job, Membership, Organization, User
from jobsapp.services.base import Moment, View
from jobsapp.services.sessions import DbSession
from jobsapp.services.walks import in_order

PAGE = 50
WINDOW = 20_000
"""Entries that a page looks at."""
BATCH = 5_000
NAME_LENGTH = 300
NO_USER = UUID(int=0)
REFUSED_STEP = timedelta(minutes=1)
"""Sign-ins that fail from one address are written down once in this time, so that nobody fills the log by guessing."""
AS_WHOM = "as"
"""The detail that tells such sign-ins apart. Nobody is shown it."""
DIGEST_LENGTH = 32


@dataclass(frozen=True)
class Subject:
    """What was done something to. `name`: as people know it."""

    type: str
    id: UUID | str | None = None
    name: str | None = None


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are wanted. None does not narrow. `actor`: an e-mail address, `command line` or `nobody`."""

    actor: str | None = None
    action: str | None = None
    after: datetime | None = None
    before: datetime | None = None

    @property
    def narrows(self) -> bool:
        """Whether entries of the walk may not match."""
        return self.actor is not None or self.action is not None


class SubjectView(View):
    type: str
    id: str | None
    name: str | None


class AuditEventView(View):
    """One thing that somebody did."""

    id: UUID
    at: Moment
    actor: str
    """The e-mail address that they had then; `command line`, `jobsapp` by itself, or `nobody` who is known."""
    user_id: UUID | None
    token_id: UUID | None
    """The API token that was used; null: none."""
    token_name: str | None
    address: str | None
    """The address of the network that it came from; `command line`; null where it is not known."""
    action: str
    text: str
    """The action in words, such as `paused the queue echo`."""
    subject: SubjectView | None
    details: dict[str, Any]

    @property
    def facts(self) -> dict[str, str]:
        """The details that the words do not tell."""
        return unsaid(self.action, self.details)


class Audit:
    def __init__(self, session: DbSession, sealer: Callable[[], Sealer] | None = None) -> None:
        """`sealer` is asked where somebody was refused, by nobody else."""
        self._session = session
        self._sealer = sealer or _no_sealer

    def note(
        self,
        actor: Actor | None,
        action: Action,
        subject: Subject | None = None,
        details: Mapping[str, Any] | None = None,
        *,
        organization_id: UUID | None = None,
        by: str = COMMAND_LINE,
    ) -> None:
        """Write down what the actor does, in the transaction that does it; the caller commits.

        `actor`: None is whom `by` names, the command line. `details`: JSON; what is None in it is left out.
        `organization_id`: where it is told, if not where the actor is; of the command line it is otherwise the one that
        runs the installation.
        """
        who: dict[str, Any] = {"actor": by}
        if actor is not None:
            organization_id = organization_id or actor.organization_id
            who = {"actor": actor.email, "user_id": actor.user_id}
            who |= {"token_id": actor.token_id, "address": actor.address}
        self._write(organization_id or self._first(), action, subject, details or {}, who)

    def note_account(
        self, user_id: UUID, action: Action, details: Mapping[str, Any] | None = None, *, by: Actor | None = None
    ) -> None:
        """As `note`, of an account: where the actor is; of the command line in all organisations of the user."""
        email = self._session.scalar(select(User.email).where(User.id == user_id))
        subject = Subject("user", user_id, email)
        for organization_id in [by.organization_id] if by else self._organizations(user_id):
            self.note(by, action, subject, details, organization_id=organization_id)

    def note_job(self, actor: Actor, action: Action, job: Job, details: Mapping[str, Any] | None = None) -> None:
        """As `note`, of a job, unless it is the actor's own: what people do with their own jobs, the jobs tell."""
        self.note_others(actor, action, Subject("job", job.id, job.name), job.user_id, details)

    def note_others(
        self,
        actor: Actor,
        action: Action,
        subject: Subject,
        owner_id: UUID | None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """As `note`, of a thing that may be somebody else's, and only if it is."""
        if owner_id != actor.user_id:
            owner = self._session.scalar(select(User.email).where(User.id == owner_id))
            self.note(actor, action, subject, {"owner": owner or "somebody who is gone", **(details or {})})

    def refused_sign_in(self, typed: str, address: str | None) -> None:
        """Write down that somebody could not sign in, and commit, in all organisations of the user. Once in
        REFUSED_STEP for an address and what was typed as the e-mail address.

        Only that of a user is kept, for what else was typed there may be a password; of all a keyed digest. For who is
        a user and who is not the same is asked and written: who waits for the answer must not learn which it was.
        """
        written = typed.strip().lower()
        query = select(User.id, User.email).where(User.email == written).execution_options(unbounded={User})
        user = self._session.execute(query).one_or_none() if is_storable(typed) else None
        first, theirs = self._first(), self._organizations(NO_USER if user is None else user.id)
        subject = None if user is None else Subject("user", user.id, user.email)
        told = theirs or ([first] if first else [])
        as_whom = self._sealer().digest(b"sign-in " + written.encode(errors="replace")).hex()[:DIGEST_LENGTH]
        same = (
            AuditEvent.action == Action.SIGN_IN_FAILED,
            AuditEvent.address.is_not_distinct_from(address),
            AuditEvent.details[AS_WHOM].astext == as_whom,
        )
        lately = first_id_at(datetime.now(UTC) - REFUSED_STEP)
        known = select(AuditEvent.organization_id).where(
            AuditEvent.organization_id.in_(told), AuditEvent.id >= lately, *same
        )
        knowing = set(self._session.scalars(known.execution_options(unbounded={AuditEvent})))
        for organization_id in told:
            if organization_id not in knowing:
                who = {"actor": NOBODY, "address": address}
                self._write(organization_id, Action.SIGN_IN_FAILED, subject, {AS_WHOM: as_whom}, who)
        self._session.commit()

    def page(
        self, actor: Actor, wanted: AuditFilter, *, before: UUID | None = None, limit: int = PAGE
    ) -> tuple[list[AuditEventView], UUID | None]:
        """Entries of the actor's organisation, newest first, and the id to give as `before` for the next page.

        A page that narrows looks at WINDOW entries: it may be short and not the last. Raises Forbidden.
        """
        actor.require(Right.ADMINISTER, "read the audit log")
        # It says its bound itself, in a way that leaves the index its order.
        bounds_itself: dict[str, Any] = {"unbounded": {AuditEvent}}
        walk = select(AuditEvent).where(*_walked(actor.organization_id, wanted, before))
        walk = walk.order_by(AuditEvent.organization_id, AuditEvent.id.desc())
        event = aliased(AuditEvent, walk.limit(WINDOW).subquery())
        conditions = [] if wanted.action is None else [event.action == wanted.action]
        if wanted.actor is not None:
            conditions.append(func.lower(event.actor) == wanted.actor.lower())
        query = select(event).where(*conditions).order_by(event.organization_id, event.id.desc()).limit(limit + 1)
        with in_order(self._session):
            found = list(self._session.scalars(query.execution_options(**bounds_itself)))
            last = walk.with_only_columns(AuditEvent.id).offset(WINDOW - 1).limit(1).execution_options(**bounds_itself)
            end = self._session.scalar(last) if wanted.narrows and len(found) <= limit else None
        return self._views(found[:limit]), found[limit - 1].id if len(found) > limit else end

    def forget(self, *, days: int) -> int:
        """Delete what all organisations' logs have from more than `days` ago, in small batches; returns how much."""
        until = first_id_at(datetime.now(UTC) - timedelta(days=days))
        old = select(AuditEvent.id).where(AuditEvent.id < until).order_by(AuditEvent.id).limit(BATCH)
        forgotten, more = 0, True
        while more:
            self._session.execute(select(func.set_config("jobsapp.audit_retention", "on", True)))
            gone = self._session.execute(delete(AuditEvent).where(AuditEvent.id.in_(old)).returning(AuditEvent.id))
            number = len(gone.all())
            forgotten, more = forgotten + number, number == BATCH
            if forgotten and not more:
                self.note(None, Action.AUDIT_FORGOTTEN, details={"number": forgotten, "days": days})
            self._session.commit()
        return forgotten

    def _write(
        self,
        organization_id: UUID | None,
        action: Action,
        subject: Subject | None,
        details: Mapping[str, Any],
        who: Mapping[str, Any],
    ) -> None:
        if organization_id is None:
            return
        what: dict[str, Any] = dict.fromkeys(("subject_type", "subject_id", "subject_name"))
        if subject is not None:
            name = None if subject.name is None else subject.name[:NAME_LENGTH]
            subject_id = None if subject.id is None else str(subject.id)
            what = {"subject_type": subject.type, "subject_id": subject_id, "subject_name": name}
        kept = {key: value for key, value in details.items() if value is not None}
        row = {"id": new_id(), "organization_id": organization_id, "action": action, "details": kept}
        self._session.execute(insert(AuditEvent).values(row | what | dict(who)))

    def _organizations(self, user_id: UUID) -> list[UUID]:
        """Those that the user is a member of, else the one that made the account. Empty: there is no such user."""
        of_user = select(Membership.organization_id).where(Membership.user_id == user_id)
        home = select(User.home_id).where(User.id == user_id, ~exists().where(Membership.user_id == user_id))
        both = of_user.union(home).order_by("organization_id")
        return list(self._session.scalars(both.execution_options(unbounded={Membership, User})))

    def _first(self) -> UUID | None:
        """The organisation that runs the installation. None: there is none yet."""
        return self._session.scalar(
            select(Organization.id).where(Organization.runs_installation).execution_options(unbounded={Organization})
        )

    def _views(self, events: Sequence[AuditEvent]) -> list[AuditEventView]:
        ids = {event.token_id for event in events if event.token_id}
        names = select(ApiToken.id, ApiToken.name).where(ApiToken.id.in_(ids))
        tokens = {row.id: row.name for row in self._session.execute(names)} if ids else {}
        return [_view(event, tokens) for event in events]


def _no_sealer() -> Sealer:
    raise RuntimeError("This audit log was made without a key: it tells of no sign-in that was refused.")


def _walked(organization_id: UUID, wanted: AuditFilter, before: UUID | None) -> list[ColumnElement[bool]]:
    # Equality that leaves the column a part of the order: no other index gives that order then.
    found = [AuditEvent.organization_id == any_(array([organization_id], type_=Uuid))]
    ends = [before] if before is not None else []
    if wanted.before is not None:
        ends.append(first_id_at(wanted.before))
    if wanted.after is not None:
        found.append(AuditEvent.id >= first_id_at(wanted.after))
    return [*found, AuditEvent.id < min(ends)] if ends else found


def _view(event: AuditEvent, tokens: Mapping[UUID, str]) -> AuditEventView:
    name = event.subject_name or event.subject_id
    details = {key: value for key, value in event.details.items() if key != AS_WHOM}
    subject = SubjectView(type=event.subject_type, id=event.subject_id, name=name) if event.subject_type else None
    return AuditEventView(
        id=event.id,
        at=event.at,
        actor=event.actor,
        user_id=event.user_id,
        token_id=event.token_id,
        token_name=tokens.get(event.token_id) if event.token_id else None,
        address=event.address,
        action=event.action,
        text=sentence(event.action, name, details),
        subject=subject,
        details=details,
    )
