"""HTML for people: blueprints with short views, rendered from the same partials that the live events use."""

from __future__ import annotations

from flask import Flask

from jobsapp.pages import (
    assets,
    audit,
    dashboard,
    embed,
    errors,
    headers,
    jobs,
    language,
    limits,
    log,
    login,
    many,
    new_job,
    packing,
    presets,
    queues,
    search,
    shared,
    shares,
    tokens,
    tray,
    workers,
)

__all__ = ["init_app", "on_error"]

on_error = errors.on_error


def init_app(app: Flask) -> None:
    """Register the pages, and what their templates need."""
    for part in (assets, language, headers, packing):
        part.init_app(app)
    areas = (
        login,
        jobs,
        dashboard,
        log,
        many,
        new_job,
        presets,
        queues,
        limits,
        workers,
        search,
        shares,
        shared,
        embed,
        tray,
        tokens,
        audit,
    )
    for area in areas:
        app.register_blueprint(area.blueprint)
