"""Rules of who is told of what, and the words in which it is told."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from flask import Response
from pydantic import Field

from jobsapp.api.area import answer, area
from jobsapp.api.models import Body, Flag, IdPath, Text, Whole
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.base import View
from jobsapp.services.notification_rules import (
    DIGEST_ABOVE,
    DIGEST_MINUTES,
    SECONDS,
    TYPE_LENGTH,
    TYPES,
    Event,
    NewNotificationRule,
    NotificationRuleView,
)
from jobsapp.services.notification_words import WordsView
from jobsapp.services.wording import SUBJECT_LENGTH, TEXT_LENGTH, Words

blueprint = area("notification_rules", "Rules of notifications: who is told of what, and in which words.")

Clock = Annotated[Text, Field(pattern=r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$")]
TypeName = Annotated[Text, Field(min_length=1, max_length=TYPE_LENGTH)]


class NotificationRuleList(View):
    rules: list[NotificationRuleView]


class NotificationRuleBody(Body):
    channel_id: UUID
    """One of the rule's own scope."""
    events: list[Event] = Field(min_length=1, max_length=5)
    scope: Literal["own", "organization"] = "own"
    """`own`: about one's own jobs; `organization`: about all, for operators and administrators."""
    types: list[TypeName] = Field([], max_length=TYPES)
    """Job types; empty: all."""
    schedule_id: UUID | None = None
    """About the jobs of this schedule, whoever's they are."""
    waiting_seconds: Whole = Field(600, ge=SECONDS[0], le=SECONDS[1])
    running_seconds: Whole = Field(3600, ge=SECONDS[0], le=SECONDS[1])
    digest_minutes: Whole = Field(0, ge=0, le=DIGEST_MINUTES)
    """One message at each full so many minutes; 0: a message for each job."""
    digest_above: Whole = Field(10, ge=1, le=DIGEST_ABOVE)
    """More than so many messages within a minute go out as one."""
    quiet_from: Clock | None = None
    """From then on nothing is sent; it goes out at `quietUntil`. Both or neither."""
    quiet_until: Clock | None = None
    zone: Text = Field("UTC", max_length=100)
    failures_through: Flag = False
    """Failures are told in quiet hours too."""
    without_steps: Flag = True
    """Steps of workflows and items of their loops are not told; the run itself is."""
    enabled: Flag = True

    def rule(self) -> NewNotificationRule:
        told_of = {name: getattr(self, name) for name in type(self).model_fields}
        return NewNotificationRule(**told_of | {"events": tuple(self.events), "types": tuple(self.types)})


class WordsBody(Body):
    """Templates in Jinja, of which a part is available: names, conditions, filters, one loop. Null: the usual words."""

    subject: Text | None = Field(None, max_length=SUBJECT_LENGTH)
    text: Text | None = Field(None, max_length=TEXT_LENGTH)
    digest_subject: Text | None = Field(None, max_length=SUBJECT_LENGTH)
    digest_text: Text | None = Field(None, max_length=TEXT_LENGTH)


@blueprint.get("/notifications/rules", operation_id="listNotificationRules", responses={200: NotificationRuleList})
def index() -> Response:
    """The caller's own rules; for operators and administrators the organisation's too."""
    return answer(_list())


@blueprint.post(
    "/notifications/rules",
    operation_id="createNotificationRule",
    responses={201: NotificationRuleView, **told(400, 409, 413, 415)},
)
def create(body: NotificationRuleBody) -> Response:
    """Make a rule. It holds for what happens from now on."""
    return answer(services().notification_rules.create(get_actor(), body.rule()), 201)


@blueprint.put(
    "/notifications/rules/<uuid:id>",
    operation_id="replaceNotificationRule",
    responses={200: NotificationRuleView, **told(400, 404, 413, 415)},
)
def replace(path: IdPath, body: NotificationRuleBody) -> Response:
    """Say anew what a rule is; its scope stays."""
    return answer(services().notification_rules.replace(get_actor(), path.id, body.rule()))


@blueprint.delete(
    "/notifications/rules/<uuid:id>",
    operation_id="removeNotificationRule",
    responses={200: NotificationRuleList, **told(404)},
)
def remove(path: IdPath) -> Response:
    """Remove a rule; answers with those that are left."""
    services().notification_rules.remove(get_actor(), path.id)
    return answer(_list())


@blueprint.get("/notifications/words", operation_id="getNotificationWords", responses={200: WordsView})
def words() -> Response:
    """The organisation's templates of subject and text."""
    return answer(services().notification_words.get(get_actor()))


@blueprint.put(
    "/notifications/words", operation_id="setNotificationWords", responses={200: WordsView, **told(400, 413, 415)}
)
def set_words(body: WordsBody) -> Response:
    """Set them. They are tried with an example first. Operators and administrators only."""
    said = Words(body.subject, body.text, body.digest_subject, body.digest_text)
    return answer(services().notification_words.set(get_actor(), said))


def _list() -> NotificationRuleList:
    return NotificationRuleList(rules=services().notification_rules.all(get_actor()))
