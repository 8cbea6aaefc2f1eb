"""The tray: the jobs whose modals somebody has minimised. The browser knows which; here they are drawn."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from jobsapp.auth.current import get_actor, services
from jobsapp.core.ids import ids_in
from jobsapp.pages.guard import signed_in, small

MOST = 8

blueprint = Blueprint("tray", __name__)
blueprint.before_request(small)
blueprint.before_request(signed_in)


@blueprint.get("/jobs/tray")
def show() -> ResponseReturnValue:
    """Those of the jobs in `?jobs=id,id` that the viewer may see, in the order asked for."""
    wanted = ids_in(request.args.get("jobs", ""), MOST)
    found = {row.id: row for row in services().jobs.find(get_actor(), wanted)}
    jobs = services().views.jobs([found[one] for one in wanted if one in found])
    return render_template("partials/tray/items.html", jobs=jobs, ids=",".join(str(job.id) for job in jobs))
