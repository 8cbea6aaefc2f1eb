"""Members: who belongs to the organisation, inviting, changing roles, removing; and going to another organisation."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import enter, get_actor, organizations, services
from jobsapp.core.rights import Role
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.pages.guard import signed_in, small

ROLES = {
    Role.VIEWER: "Reads everything of the organisation: jobs, files, logs, numbers.",
    Role.MEMBER: "Also creates jobs and uploads files; cancels, retries and shares their own jobs.",
    Role.OPERATOR: "Also cancels, retries and shares everybody's jobs; in the organisation that runs the installation "
    "pauses queues and stops workers.",
    Role.ADMIN: "Also looks after members, tokens and limits, and deletes jobs.",
}

blueprint = Blueprint("members", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


class Fresh(NamedTuple):
    """A login link that was just made, to be shown once."""

    email: str
    link: str


@blueprint.get("/members")
def index() -> ResponseReturnValue:
    return _page({"role": Role.MEMBER}, {})


@blueprint.post("/members")
def invite() -> ResponseReturnValue:
    typed = {"email": request.form.get("email", ""), "role": request.form.get("role", "")}
    try:
        member, secret = services().members.invite(get_actor(), typed["email"], typed["role"])
    except (InvalidInput, Conflict) as error:
        return _page(typed, {"email": _said(error)}), error.status
    return _with_link(member.email, secret)


@blueprint.post("/members/<uuid:user_id>/role")
def change_role(user_id: UUID) -> ResponseReturnValue:
    member = services().members.set_role(get_actor(), user_id, request.form.get("role", ""))
    flash(f"{member.email} is {member.role} now.")
    return redirect(url_for("members.index"), 303)


@blueprint.post("/members/<uuid:user_id>/link")
def link(user_id: UUID) -> ResponseReturnValue:
    secret = services().members.login_secret(get_actor(), user_id)
    return _with_link(services().members.get(get_actor(), user_id).email, secret)


@blueprint.get("/members/<uuid:user_id>/remove")
def ask(user_id: UUID) -> ResponseReturnValue:
    return render_template("members/remove.html", member=services().members.get(get_actor(), user_id))


@blueprint.post("/members/<uuid:user_id>/remove")
def remove(user_id: UUID) -> ResponseReturnValue:
    member = services().members.get(get_actor(), user_id)
    services().members.remove(get_actor(), user_id)
    flash(f"{member.email} was removed.")
    return redirect(url_for("members.index"), 303)


@blueprint.post("/organization")
def rename() -> ResponseReturnValue:
    name = request.form.get("name", "")
    try:
        services().organizations.rename_own(get_actor(), name)
    except InvalidInput as error:
        return _page({"role": Role.MEMBER, "name": name}, {"name": _said(error)}), 422
    return redirect(url_for("members.index"), 303)


@blueprint.post("/organizations/<uuid:organization_id>/switch")
def switch(organization_id: UUID) -> ResponseReturnValue:
    enter(organization_id)
    flash(f"You are in the organisation {organizations().get(organization_id, '')} now.")
    return redirect(url_for("jobs.index"), 303)


def _with_link(email: str, secret: str) -> ResponseReturnValue:
    """Not by way of another page: then the link would have to be kept somewhere until it is shown."""
    link = f"{services().settings.base_url}{url_for('login.confirm', secret=secret)}"
    return _page({"role": Role.MEMBER}, {}, Fresh(email, link)), 201, {"Cache-Control": "no-store"}


def _page(typed: dict[str, str], faults: dict[str, str], fresh: Fresh | None = None) -> str:
    actor = get_actor()
    return render_template(
        "members/index.html",
        found=services().members.all(actor),
        organization=services().organizations.own(actor),
        roles=ROLES,
        typed=typed,
        faults=faults,
        fresh=fresh,
    )


def _said(error: InvalidInput | Conflict) -> str:
    message = error.errors[0].message if error.errors else error.detail
    return message[:1].upper() + message[1:]
