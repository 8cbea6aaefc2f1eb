"""Rules of how long jobs and uploads are kept, what the pruning did and will do, and archives. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.core.actors import Actor
from jobsapp.core.archives import FORMATS, PARQUET, ArchiveName
from jobsapp.core.audit import Action
from jobsapp.core.retention import FINISHED, JOBS, MAX_DAYS, UPLOADS, Rule, with_default
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import FieldError, Forbidden, InvalidInput, NotFound
from jobsapp.models import Archive, RetentionRule, RetentionRun, RetentionWalk
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.sessions import DbSession, driver
from jobsapp.services.walks import in_order
from jobsapp.storage.archives import Archives
from jobsapp.storage.parquet import has_pyarrow
from jobsapp.store import retention as store

TYPE_LENGTH = 200
# The page looks at what each of them will delete.
MAX_RULES = 50
RUNS = 30
SHOWN_ARCHIVES = 50


class OutlookView(View):
    """What the next pruning finds in the first 2,000 that it looks at."""

    due: int
    is_more: bool
    """There are more than it looks at in one go."""


class RuleView(View):
    """How long what it is about is kept. The most specific rule decides: type and state, type, state, all."""

    scope: Literal["jobs", "uploads"]
    """`uploads`: those that no job reads."""
    type: str
    """Empty: jobs of every type that has no rule of its own."""
    status: Literal["", "completed", "failed", "cancelled"]
    """Empty: whatever came of them."""
    days: int | None
    """Since the job finished, or the file was uploaded; null: for ever."""
    archive: Literal["jsonl", "parquet"] | None
    """The format of the file that jobs are written to before they are deleted; null: none is written."""
    is_default: bool
    """The organisation said nothing, so the setting `JOBSAPP_RETENTION_DAYS` holds."""
    updated_at: Moment | None
    updated_by: str | None
    outlook: OutlookView | None
    """Null for a rule that keeps for ever."""


class RunView(View):
    """What a rule deleted on a day of UTC."""

    day: date
    scope: Literal["jobs", "uploads"]
    type: str
    status: str
    deleted: int
    archives: int
    last_at: Moment


class ArchiveView(View):
    """A file with jobs that were deleted. `size` in bytes, `sha256` in hexadecimal."""

    id: UUID
    name: str
    format: Literal["jsonl", "parquet"]
    jobs: int
    size: int
    sha256: str
    created_at: Moment
    download_url: str


@dataclass(frozen=True)
class NewRule:
    days: int | None
    scope: str = JOBS
    type: str = ""
    status: str = ""
    archive: str = ""


class Retention:
    """`default_days`: what holds without a rule; 0: everything is kept."""

    def __init__(self, session: DbSession, archives: Archives, default_days: int) -> None:
        self._session = session
        self._archives = archives
        self._audit = Audit(session)
        self._default_days = default_days

    def rules(self, actor: Actor) -> list[RuleView]:
        """The rules of the organisation, and what holds by default; by scope, type and state."""
        self._enter(actor)
        rows = self._rows(actor)
        rules = with_default([_rule(row) for row in rows.values()], self._default_days)
        outlooks = self._outlooks(actor, rules)
        return [_view(one, rows.get(one.key), outlooks.get(one.key)) for one in sorted(rules, key=lambda one: one.key)]

    def set_rule(self, actor: Actor, new: NewRule) -> RuleView:
        """Set or replace a rule, and commit. It holds from the keeper's next pruning on, which begins anew."""
        self._enter(actor)
        _check(new)
        self._lock(actor)
        rows = self._rows(actor)
        if len(rows) >= MAX_RULES and _key(new) not in rows:
            raise InvalidInput(f"An organisation may have {MAX_RULES} rules; remove one that is not needed.")
        values = vars(new) | {"updated_by": actor.user_id, "updated_at": func.now()}
        changed = {name: values[name] for name in ("days", "archive", "updated_by", "updated_at")}
        statement = insert(RetentionRule).values(organization_id=actor.organization_id, **values)
        key = ["organization_id", "scope", "type", "status"]
        self._session.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))
        days = "for ever" if new.days is None else new.days
        told = {"days": days, "archive": new.archive or None}
        self._audit.note(actor, Action.RETENTION_CHANGED, _subject(*_key(new)), told)
        self._begin_anew(actor)
        self._session.commit()
        return next(one for one in self.rules(actor) if (one.scope, one.type, one.status) == _key(new))

    def remove_rule(self, actor: Actor, *, scope: str, type: str = "", status: str = "") -> None:
        """Remove a rule, and commit. Raises NotFound."""
        self._enter(actor)
        refuse_faults(scope=scope, type=type, status=status)
        self._lock(actor)
        found = self._session.get(RetentionRule, (actor.organization_id, scope, type, status))
        if found is None:
            raise NotFound("There is no such rule.")
        self._session.delete(found)
        self._audit.note(actor, Action.RETENTION_REMOVED, _subject(scope, type, status))
        self._begin_anew(actor)
        self._session.commit()

    def runs(self, actor: Actor) -> list[RunView]:
        """The last days on which something was deleted, the newest first."""
        self._enter(actor)
        run = RetentionRun
        query = select(run).where(run.organization_id == actor.organization_id)
        found = self._session.scalars(query.order_by(run.day.desc(), run.last_at.desc()).limit(RUNS))
        return [RunView.model_validate(row, from_attributes=True) for row in found]

    def archives(
        self, actor: Actor, *, before: UUID | None = None, limit: int = SHOWN_ARCHIVES
    ) -> tuple[list[ArchiveView], UUID | None]:
        """Archives, the newest first, and where to go on: None if there are no more."""
        self._enter(actor)
        query = select(Archive).where(Archive.organization_id == actor.organization_id)
        if before is not None:
            query = query.where(Archive.id < before)
        found = list(self._session.scalars(query.order_by(Archive.id.desc()).limit(limit + 1)))
        shown = [_archive_view(row) for row in found[:limit]]
        return shown, shown[-1].id if len(found) > limit else None

    def archive(self, actor: Actor, archive_id: UUID) -> tuple[ArchiveView, Path]:
        """An archive and where its bytes are. Raises NotFound, also for one of another organisation."""
        self._enter(actor)
        row = self._session.get(Archive, archive_id)
        if row is None or row.organization_id != actor.organization_id:
            raise NotFound(f"There is no archive {archive_id}.")
        path = self._archives.path(_name(row))
        if not path.is_file():
            raise NotFound(f"The file of the archive {archive_id} is not in the archive folder any more.")
        return _archive_view(row), path

    def _enter(self, actor: Actor) -> None:
        if not actor.may(Right.ADMINISTER):
            raise Forbidden("Only an administrator may see and change how long jobs are kept.")

    def _lock(self, actor: Actor) -> None:
        """One change at a time, so that their number is known."""
        key = actor.organization_id.int % 2**63
        self._session.execute(select(func.pg_advisory_xact_lock(key)))

    def _begin_anew(self, actor: Actor) -> None:
        """Each rule says what is left to the others, so their walks begin anew too. Waits for a batch under way."""
        self._session.execute(delete(RetentionWalk).where(RetentionWalk.organization_id == actor.organization_id))

    def _rows(self, actor: Actor) -> dict[tuple[str, str, str], RetentionRule]:
        query = select(RetentionRule).where(RetentionRule.organization_id == actor.organization_id)
        return {_rule(row).key: row for row in self._session.scalars(query)}

    def _outlooks(self, actor: Actor, rules: Sequence[Rule]) -> dict[tuple[str, str, str], OutlookView]:
        walk = RetentionWalk
        begun = self._session.scalars(select(walk).where(walk.organization_id == actor.organization_id))
        positions = {(one.scope, one.type, one.status): one.position for one in begun}
        now = self._session.scalar(select(func.now()))
        found = {}
        with in_order(self._session):
            for rule in rules:
                if rule.days is None or now is None:
                    continue
                position = positions.get(rule.key)
                at = store.Walk(actor.organization_id, *rule.key, rule.days, position, now, now)
                part = store.next_part(driver(self._session), at, rules, limit=store.WINDOW)
                found[rule.key] = OutlookView(due=len(part.due), is_more=part.seen >= store.WINDOW)
        return found


def _check(new: NewRule) -> None:
    """Raises InvalidInput naming each field at fault."""
    refuse_faults(type=new.type, scope=new.scope, status=new.status, archive=new.archive)
    found = list(_faults(new))
    if found:
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found), errors=tuple(found))


def _faults(new: NewRule) -> Sequence[FieldError]:
    wrong = {
        "scope": new.scope not in (JOBS, UPLOADS) and f"must be {JOBS} or {UPLOADS}.",
        "type": len(new.type) > TYPE_LENGTH and f"may have up to {TYPE_LENGTH} characters.",
        "status": new.status not in ("", *FINISHED) and f"must be one of {', '.join(FINISHED)}, or empty for all.",
        "days": new.days is not None and not 1 <= new.days <= MAX_DAYS and f"must be from 1 to {MAX_DAYS:,}.",
        "archive": _archive_fault(new),
    }
    if new.scope == UPLOADS:
        for name in ("type", "status", "archive"):
            wrong[name] = bool(getattr(new, name)) and "is for jobs; leave it out for uploads."
    return [FieldError(name, message) for name, message in wrong.items() if message]


def _archive_fault(new: NewRule) -> str:
    if new.archive and new.archive not in FORMATS:
        return f"must be {' or '.join(FORMATS)}, or empty for none."
    if new.archive and new.days is None:
        return "goes with a number of days: what is kept for ever is not archived."
    if new.archive == PARQUET and not has_pyarrow():
        return "needs pyarrow, which is not installed here: install it where the keeper runs too, or choose jsonl."
    return ""


def _key(new: NewRule) -> tuple[str, str, str]:
    return new.scope, new.type, new.status


def _subject(scope: str, type: str, status: str) -> Subject:
    return Subject("retention", name=" ".join(filter(None, (status, type, scope))))


def _rule(row: RetentionRule) -> Rule:
    return Rule(row.scope, row.type, row.status, row.days, row.archive)


def _view(rule: Rule, row: RetentionRule | None, outlook: OutlookView | None) -> RuleView:
    told: dict[str, Any] = vars(replace(rule)) | {
        "archive": rule.archive or None,
        "is_default": row is None,
        "updated_at": row and row.updated_at,
        "updated_by": row.updater.email if row and row.updater else None,
        "outlook": outlook,
    }
    return RuleView.model_validate(told)


def _name(row: Archive) -> ArchiveName:
    return ArchiveName(row.organization_id, row.month, row.first_id, row.last_id, row.format)


def _archive_view(row: Archive) -> ArchiveView:
    told = {name: getattr(row, name) for name in ("id", "format", "jobs", "size", "sha256", "created_at")}
    url = f"/api/archives/{row.id}/content"
    return ArchiveView.model_validate(told | {"name": _name(row).file_name, "download_url": url})
