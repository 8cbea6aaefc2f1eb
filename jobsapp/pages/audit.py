"""The audit log: who did what, for administrators, with its filters in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.actors import Actor
from jobsapp.core.audit import COMMAND_LINE, NOBODY, Action
from jobsapp.core.storable import is_storable
from jobsapp.errors import FieldError
from jobsapp.pages.address import CREATED
from jobsapp.pages.guard import signed_in, small
from jobsapp.pages.language import words
from jobsapp.services.audit import PAGE, WINDOW, AuditEventView, AuditFilter
from jobsapp.services.filters import TEXT_LENGTH

TIMES = {"when": "created", "after": "createdAfter", "before": "createdBefore"}
"""What the address calls a time, and what the filter of jobs does."""
LABELS = {"created": "Time", "createdAfter": "From", "createdBefore": "Before"}

blueprint = Blueprint("audit", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


class Fact(NamedTuple):
    """A detail of an entry, for people. `at`: it is this moment."""

    label: str
    text: str
    at: datetime | None


@dataclass(frozen=True)
class Asked:
    """What the address asks for. What made no sense is in `faults`, and left out of the rest."""

    said: dict[str, str]
    wanted: AuditFilter
    faults: list[FieldError]
    older: UUID | None

    @classmethod
    def of_request(cls, actor: Actor) -> Asked:
        given = {name: request.args.get(name, "").strip() for name in ("who", "action", *TIMES)}
        times = services().filters.read(actor, {theirs: given[ours] for ours, theirs in TIMES.items()})
        faults = [FieldError(LABELS.get(fault.field, fault.field), fault.message) for fault in times.faults]
        said = {ours: times.said[theirs] for ours, theirs in TIMES.items() if theirs in times.said}
        if given["action"] in list(Action):
            said["action"] = given["action"]
        elif given["action"]:
            faults.append(FieldError("What", "is nothing that this log tells of."))
        if len(given["who"]) <= TEXT_LENGTH and is_storable(given["who"]):
            said |= {"who": given["who"]} if given["who"] else {}
        else:
            faults.append(FieldError("Who", "cannot be an e-mail address."))
        wanted = AuditFilter(
            said.get("who"), said.get("action"), times.wanted.created_after, times.wanted.created_before
        )
        return cls(said, wanted, faults, request.args.get("older", type=UUID))

    def path(self, older: UUID | None = None) -> str:
        query = urlencode(self.said | ({"older": str(older)} if older else {}))
        return f"/audit?{query}" if query else "/audit"


@blueprint.get("/audit")
def index() -> ResponseReturnValue:
    actor = get_actor()
    asked = Asked.of_request(actor)
    events, older = services().audit.page(actor, asked.wanted, before=asked.older)
    return render_template(
        "audit/index.html",
        asked=asked,
        events=events,
        older=older,
        looked=WINDOW if older and len(events) < PAGE else None,
        people=[*services().filters.people(actor), COMMAND_LINE, NOBODY],
        actions={action.value: words(action.replace("-", "_")) for action in Action},
        periods=CREATED,
        facts=facts,
    )


def facts(event: AuditEventView) -> list[Fact]:
    """The details that the sentence does not tell."""
    return [Fact(words(name), text, _moment(name, text)) for name, text in event.facts.items()]


def _moment(name: str, text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if name.endswith("At") else None
    except ValueError:
        return None
