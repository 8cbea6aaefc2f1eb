"""Sharing a job by a link that expires and can be revoked: making links, seeing who made which, revoking."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.pages.guard import signed_in, small
from jobsapp.services.job_tokens import LIFETIMES, SHARE

# Days, and which of them is offered first.
CHOICES = (1, 7, 30)
USUAL = LIFETIMES[SHARE].default.days

blueprint = Blueprint("shares", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("/jobs/<uuid:job_id>/shares")
def index(job_id: UUID) -> ResponseReturnValue:
    return _page(job_id)


@blueprint.post("/jobs/<uuid:job_id>/shares")
def create(job_id: UUID) -> ResponseReturnValue:
    days = request.form.get("days", USUAL, type=int)
    lifetime = timedelta(days=days if days in CHOICES else USUAL)
    _, text = services().job_tokens.create(get_actor(), job_id, SHARE, lifetime=lifetime)
    # Not by way of another page: then the link would have to be kept somewhere until it is shown.
    link = f"{services().settings.base_url}{url_for('shared.show', shared=text)}"
    return _page(job_id, link), 201, {"Cache-Control": "no-store"}


@blueprint.post("/jobs/<uuid:job_id>/shares/<uuid:token_id>/revoke")
def revoke(job_id: UUID, token_id: UUID) -> ResponseReturnValue:
    services().job_tokens.revoke(get_actor(), job_id, token_id)
    return redirect(url_for("shares.index", job_id=job_id), 303)


def _page(job_id: UUID, fresh: str | None = None) -> str:
    links = services().job_tokens.of_job(get_actor(), job_id, SHARE)
    row = services().jobs.get(get_actor(), job_id)
    return render_template("jobs/shares.html", job=row, links=links, fresh=fresh, choices=CHOICES, usual=USUAL)
