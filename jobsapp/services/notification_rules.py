"""Rules of who is told of what: of users about their own jobs, of the organisation about all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, func, or_, select

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.notifications import Occasion
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, FieldError, InvalidInput, NotFound
from jobsapp.models import NotificationChannel, NotificationRule, Schedule
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.channels import ORGANIZATION, OWN, may_change, visible
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store import notifications as store

MOST = {OWN: 20, ORGANIZATION: 50}
TYPES, TYPE_LENGTH = 50, 200
SECONDS = (60, 30 * 86_400)
DIGEST_MINUTES = 7 * 24 * 60
DIGEST_ABOVE = 1000
SCHEDULES_SHOWN = 100
Event = Literal["completed", "failed", "cancelled", "waiting-long", "running-long"]


class NotificationRuleView(View):
    """Who is told of what. A channel is told of the same once, whatever rules say so."""

    id: UUID
    scope: Literal["own", "organization"]
    """`own`: about one's own jobs; `organization`: about all."""
    channel_id: UUID
    channel_name: str
    schedule_id: UUID | None
    """About all jobs of this schedule, whoever's they are; null: of any, and of none."""
    schedule_name: str | None
    """Null: it names none, or one that was deleted."""
    events: list[Event]
    types: list[str]
    """Job types; empty: all."""
    waiting_seconds: int
    """So long a job has to wait after its start time to have waited long."""
    running_seconds: int
    digest_minutes: int
    """One message at each full so many minutes; 0: a message for each job."""
    digest_above: int
    """More than so many messages within a minute wait for its end and go out as one."""
    quiet_from: str | None
    """From this time of the day on nothing is sent, as `22:00`; it goes out when the quiet ends."""
    quiet_until: str | None
    zone: str
    failures_through: bool
    """Failures are told in quiet hours too."""
    without_steps: bool
    """Steps of workflows and items of their loops are not told; the run itself is."""
    enabled: bool
    created_at: Moment


class ScheduleChoice(NamedTuple):
    """A schedule that a rule may name. `type`: of its jobs."""

    id: UUID
    name: str
    type: str


@dataclass(frozen=True)
class NewNotificationRule:
    """As `NotificationRuleView`. `quiet_from`, `quiet_until`: `HH:MM`, both or none."""

    channel_id: UUID
    events: tuple[str, ...]
    scope: str = OWN
    types: tuple[str, ...] = ()
    schedule_id: UUID | None = None
    waiting_seconds: int = 600
    running_seconds: int = 3600
    digest_minutes: int = 0
    digest_above: int = 10
    quiet_from: str | None = None
    quiet_until: str | None = None
    zone: str = "UTC"
    failures_through: bool = False
    without_steps: bool = True
    enabled: bool = True


class NotificationRules:
    def __init__(self, session: DbSession) -> None:
        self._session = session
        self._audit = Audit(session)

    def all(self, actor: Actor) -> list[NotificationRuleView]:
        """The actor's own, and for who may change them the organisation's, the oldest first."""
        query = self._visible(actor).order_by(NotificationRule.user_id.is_(None), NotificationRule.id)
        found = self._session.execute(query.limit(sum(MOST.values()))).all()
        return [_view(*one) for one in found]

    def schedules(
        self, actor: Actor, text: str = "", *, chosen: UUID | None = None
    ) -> tuple[list[ScheduleChoice], bool]:
        """Schedules that a rule may name, those that go on first, by name; and whether there are more than these.

        `text`: what is in their names. `chosen` is among them, whatever the text.
        """
        refuse_faults(text=text)
        schedule = Schedule
        query = select(schedule.id, schedule.name, schedule.type).order_by(
            schedule.id.is_distinct_from(chosen), schedule.ended_at.is_not(None), func.lower(schedule.name), schedule.id
        )
        named = schedule.name.icontains(text, autoescape=True)
        query = query.where(schedule.organization_id == actor.organization_id, or_(named, schedule.id == chosen))
        found = [ScheduleChoice(*row) for row in self._session.execute(query.limit(SCHEDULES_SHOWN + 1))]
        return found[:SCHEDULES_SHOWN], len(found) > SCHEDULES_SHOWN

    def get(self, actor: Actor, rule_id: UUID) -> NotificationRuleView:
        """Raises NotFound."""
        return _view(*self._row(actor, rule_id))

    def create(self, actor: Actor, new: NewNotificationRule) -> NotificationRuleView:
        """Make a rule, and commit. Raises Forbidden, Conflict for one too many, InvalidInput naming each field."""
        may_change(actor, new.scope, "set what is told")
        values = self._values(actor, new)
        owner = actor.user_id if new.scope == OWN else None
        self._room(actor, new.scope, owner)
        row = NotificationRule(organization_id=actor.organization_id, user_id=owner, **values)
        self._session.add(row)
        self._session.flush()
        self._note(actor, Action.NOTIFICATION_RULE_SET, new.scope)
        self._session.commit()
        return self.get(actor, row.id)

    def replace(self, actor: Actor, rule_id: UUID, new: NewNotificationRule) -> NotificationRuleView:
        """Say anew what a rule is, but for its scope, and commit. Raises as `create`, and NotFound."""
        row = self._changeable(actor, rule_id)
        scope = _scope(row)
        if new.scope != scope:
            raise InvalidInput.of("scope", f"of this rule is {scope}, and stays so.")
        for name, value in self._values(actor, new).items():
            setattr(row, name, value)
        row.waiting_at = row.waiting_id = None
        # From now on, as if it were made now.
        row.created_at = self._session.scalar(select(func.now()))  # type: ignore[assignment]
        self._note(actor, Action.NOTIFICATION_RULE_SET, scope)
        self._session.commit()
        return self.get(actor, rule_id)

    def remove(self, actor: Actor, rule_id: UUID) -> None:
        """Remove a rule with what it has still to say, and commit."""
        row = self._changeable(actor, rule_id)
        self._note(actor, Action.NOTIFICATION_RULE_REMOVED, _scope(row))
        self._session.execute(delete(NotificationRule).where(NotificationRule.id == row.id))
        self._session.commit()

    def _visible(self, actor: Actor) -> Select[NotificationRule, str, str | None]:
        rule, channel, schedule = NotificationRule, NotificationChannel, Schedule
        own = rule.user_id == actor.user_id
        whose = or_(own, rule.user_id.is_(None)) if actor.may(Right.CHANGE_JOBS) else own
        query = select(rule, channel.name, schedule.name).join(channel, channel.id == rule.channel_id)
        query = query.outerjoin(schedule, schedule.id == rule.schedule_id)
        return query.where(rule.organization_id == actor.organization_id, whose)

    def _row(self, actor: Actor, rule_id: UUID) -> tuple[NotificationRule, str, str | None]:
        query = self._visible(actor).where(NotificationRule.id == rule_id)
        found = self._session.execute(query.execution_options(populate_existing=True)).one_or_none()
        if found is None:
            raise NotFound(f"There is no rule {rule_id}.")
        return found[0], found[1], found[2]

    def _changeable(self, actor: Actor, rule_id: UUID) -> NotificationRule:
        row = self._row(actor, rule_id)[0]
        may_change(actor, _scope(row), "set what is told")
        return row

    def _room(self, actor: Actor, scope: str, owner: UUID | None) -> None:
        rule = NotificationRule
        owned = select(rule.id).where(
            rule.organization_id == actor.organization_id, rule.user_id.is_not_distinct_from(owner)
        )
        if len(self._session.scalars(owned.limit(MOST[scope])).all()) >= MOST[scope]:
            raise Conflict(f"There are {MOST[scope]} rules already; remove one first.")

    def _values(self, actor: Actor, new: NewNotificationRule) -> dict[str, Any]:
        """The columns. Raises InvalidInput naming each field at fault."""
        refuse_faults(types=list(new.types), zone=new.zone)
        found = [FieldError(name, why) for name, why in _faults(new).items() if why]
        channel = self._session.scalars(visible(actor).where(NotificationChannel.id == new.channel_id)).one_or_none()
        if channel is None:
            found.append(FieldError("channelId", "is no channel of yours."))
        elif (channel.user_id is None) is not (new.scope == ORGANIZATION):
            whose = "the organisation's" if new.scope == ORGANIZATION else "one of your own"
            found.append(FieldError("channelId", f"of such a rule is {whose}."))
        if new.schedule_id is not None and not store.schedule_exists(
            driver(self._session), new.schedule_id, organization_id=actor.organization_id
        ):
            found.append(FieldError("scheduleId", "is no schedule of the organisation."))
        if found:
            raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found), errors=tuple(found))
        values = {name: value for name, value in vars(new).items() if name != "scope"}
        events = [one.value for one in Occasion if one in new.events]
        quiet = {name: _time(getattr(new, name)) for name in ("quiet_from", "quiet_until")}
        return values | {"events": events, "types": sorted(set(new.types))} | quiet

    def _note(self, actor: Actor, action: Action, scope: str) -> None:
        name = "the organisation" if scope == ORGANIZATION else actor.email
        self._audit.note(actor, action, Subject("notification-rule", None, name))


def _faults(new: NewNotificationRule) -> dict[str, str]:
    """By the name on the wire; empty where nothing is wrong."""
    unknown = set(new.events) - set(Occasion)
    times = [new.quiet_from, new.quiet_until]
    whole = {
        "waitingSeconds": (new.waiting_seconds, *SECONDS),
        "runningSeconds": (new.running_seconds, *SECONDS),
        "digestMinutes": (new.digest_minutes, 0, DIGEST_MINUTES),
        "digestAbove": (new.digest_above, 1, DIGEST_ABOVE),
    }
    faults = {
        name: "" if least <= value <= most else f"must be from {least:,} to {most:,}."
        for name, (value, least, most) in whole.items()
    }
    if not new.events or unknown:
        faults["events"] = f"must be one or more of {', '.join(Occasion)}."
    if len(new.types) > TYPES or any(not one or len(one) > TYPE_LENGTH for one in new.types):
        faults["types"] = f"may be up to {TYPES} names of job types."
    for name, value in (("quietFrom", new.quiet_from), ("quietUntil", new.quiet_until)):
        if value and _time(value) is None:
            faults[name] = "must be a time of the day such as 22:00."
    if bool(times[0]) is not bool(times[1]) or (times[0] and times[0] == times[1]):
        faults["quietUntil"] = "goes with quietFrom: give both, and not the same, or neither."
    if not _is_zone(new.zone):
        faults["zone"] = "must be a time zone such as Europe/Vienna."
    return faults


def _time(text: str | None) -> time | None:
    if not text:
        return None
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isascii() and minute.isascii() and hour.isdigit() and minute.isdigit()):
        return None
    if len(hour) > 2 or len(minute) != 2 or int(hour) > 23 or int(minute) > 59:
        return None
    return time(int(hour), int(minute))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


def _scope(row: NotificationRule) -> Literal["own", "organization"]:
    return "organization" if row.user_id is None else "own"


def _view(row: NotificationRule, channel_name: str, schedule_name: str | None) -> NotificationRuleView:
    told = {name: getattr(row, name, None) for name in NotificationRuleView.model_fields}
    told |= {"scope": _scope(row), "channel_name": channel_name, "schedule_name": schedule_name}
    for name, value in (("quiet_from", row.quiet_from), ("quiet_until", row.quiet_until)):
        told[name] = value.strftime("%H:%M") if value else None
    return NotificationRuleView.model_validate(told)
