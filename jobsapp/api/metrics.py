"""What a job measured while it ran."""

from __future__ import annotations

from flask import Response

from jobsapp.api.area import answer, area
from jobsapp.api.models import IdPath
from jobsapp.api.problems import told
from jobsapp.auth.current import get_actor, services
from jobsapp.services.views import View

blueprint = area("metrics", "What jobs measured while they ran.")


class MetricView(View):
    """One series. Of long ones a part of the points is kept, evenly spread."""

    key: str
    points: list[tuple[float, float]]
    """Step and value, in the order of their coming."""


class MetricsView(View):
    metrics: list[MetricView]


@blueprint.get("/jobs/<uuid:id>/metrics", operation_id="getJobMetrics", responses={200: MetricsView, **told(404)})
def show(path: IdPath) -> Response:
    """What a job measured: for each of its metrics the points so far."""
    found = services().jobs.metrics(get_actor(), path.id)
    return answer(MetricsView(metrics=[MetricView(key=key, points=points) for key, points in found.items()]))
