"""Cancelling, retrying and deleting many jobs: at once for those that were ticked, else after a look at the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.pages.address import Address
from jobsapp.pages.guard import local_path, signed_in, small
from jobsapp.pages.many_words import counted, outlook, result
from jobsapp.services.filters import Read
from jobsapp.services.many_changes import APPLIES, Action, Chosen

blueprint = Blueprint("many", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@dataclass(frozen=True)
class Wish:
    """What the form asks for."""

    action: Action
    ids: tuple[UUID, ...]
    read: Read
    """What it matches, if all that matches is meant: with a moment after which nothing counts."""
    confirmed: bool
    back: str

    @classmethod
    def of_form(cls, actor: Actor) -> Wish:
        form = request.form
        named = form.get("action") or form.get("ask")
        action = next((one for one in APPLIES if one == named), None)
        if action is None:
            raise InvalidInput.of("action", "must be cancel, retry or delete.")
        said = form.to_dict()
        if "all" in said:
            # What is created after the numbers were shown is not what was agreed to.
            said["createdBefore"] = said.get("createdBefore") or datetime.now(UTC).isoformat()
        read = services().filters.read(actor, said)
        if "all" in said and read.faults:
            raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in read.faults))
        ids = () if "all" in said else _ids(form.getlist("id"))
        return cls(action, ids, read, "confirmed" in form, local_path(form.get("back")) or "/jobs")

    @property
    def chosen(self) -> Chosen:
        return Chosen(self.ids) if self.ids else Chosen(wanted=self.read.wanted)


@blueprint.get("/jobs/many/count")
def count() -> ResponseReturnValue:
    """How many jobs match, for the bar below the list."""
    actor = get_actor()
    found, more = services().many.count(actor, services().filters.read(actor, request.args).wanted)
    return f"({counted(found, more)})"


@blueprint.post("/jobs/many")
def change() -> ResponseReturnValue:
    actor = get_actor()
    wish = Wish.of_form(actor)
    if not wish.confirmed and (wish.action == "delete" or not wish.ids or "ask" in request.form):
        return _ask(actor, wish)
    view = services().many.apply(actor, wish.action, wish.chosen)
    flash(result(view))
    return redirect(wish.back, 303)


def _ask(actor: Actor, wish: Wish) -> ResponseReturnValue:
    view = services().many.outlook(actor, wish.action, wish.chosen)
    address = Address(wish.read)
    return render_template("jobs/many.html", wish=wish, view=view, words=outlook(view), address=address)


def _ids(texts: list[str]) -> tuple[UUID, ...]:
    if not texts:
        raise InvalidInput.of("id", "choose at least one job, or everything that matches.")
    try:
        return tuple(UUID(text) for text in texts)
    except ValueError:
        raise InvalidInput.of("id", "must be ids of jobs.") from None
