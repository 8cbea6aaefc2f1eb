"""The JSON API under `/api`, described by an OpenAPI 3.1 document, and the two health checks beside it."""

from __future__ import annotations

from typing import Any, cast

from flask import Flask
from flask_openapi3 import OpenAPI

from jobsapp.api import (
    audit,
    bulk,
    cleanup,
    docs,
    files,
    health,
    job_tokens,
    jobs,
    log,
    many,
    metrics,
    presets,
    problems,
    queues,
    search,
    stats,
    tokens,
    types,
    workers,
)

__all__ = ["init_app", "on_error", "openapi_options"]

on_error = problems.on_error


def init_app(app: Flask) -> None:
    """Register the calls. `app` is the OpenAPI application of the wiring."""
    docs.init_app(app)
    areas = (
        stats,
        cleanup,
        jobs,
        job_tokens,
        bulk,
        many,
        log,
        metrics,
        files,
        types,
        presets,
        queues,
        search,
        workers,
        tokens,
        audit,
    )
    for area in areas:
        cast(OpenAPI, app).register_api(area.blueprint)
    app.register_blueprint(health.blueprint)


def openapi_options() -> dict[str, Any]:
    """What the application object needs to know about the API."""
    return {
        "security_schemes": docs.SECURITY_SCHEMES,
        "validation_error_model": problems.Problem,
        "validation_error_callback": problems.refuse,
    }
