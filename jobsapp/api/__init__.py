"""The JSON API under `/api`, described by an OpenAPI 3.1 document, and the two health checks beside it."""

from __future__ import annotations

from typing import Any, cast

from flask import Flask
from flask_openapi3 import OpenAPI

from jobsapp.api import (
    account,
    artifacts,
    attempts,
    audit,
    batches,
    bulk,
    channels,
    cleanup,
    deliveries,
    dependencies,
    docs,
    examples,
    files,
    health,
    job_tokens,
    jobs,
    log,
    many,
    members,
    metrics,
    notification_rules,
    organization,
    parameters,
    presets,
    problems,
    queues,
    retention,
    schedules,
    search,
    stats,
    tokens,
    types,
    workers,
    workflows,
)

__all__ = ["init_app", "on_error", "openapi_options"]

on_error = problems.on_error


def init_app(app: Flask) -> None:
    """Register the calls. `app` is the OpenAPI application of the wiring."""
    docs.init_app(app)
    areas = (
        stats,
        cleanup,
        dependencies,
        jobs,
        job_tokens,
        bulk,
        batches,
        many,
        log,
        attempts,
        artifacts,
        metrics,
        files,
        types,
        presets,
        queues,
        retention,
        channels,
        notification_rules,
        deliveries,
        schedules,
        search,
        workers,
        members,
        organization,
        account,
        tokens,
        audit,
        workflows,
    )
    for area in areas:
        cast(OpenAPI, app).register_api(area.blueprint)
    examples.add(cast(OpenAPI, app))
    app.register_blueprint(health.blueprint)
    parameters.allow_empty(cast(OpenAPI, app))


def openapi_options() -> dict[str, Any]:
    """What the application object needs to know about the API."""
    return {
        "security_schemes": docs.SECURITY_SCHEMES,
        "validation_error_model": problems.Problem,
        "validation_error_callback": problems.refuse,
    }
