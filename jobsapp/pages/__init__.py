"""HTML for people: blueprints with short views, rendered from the same partials that the live events use."""

from __future__ import annotations

from flask import Flask

from jobsapp.pages import (
    account,
    assets,
    audit,
    batches,
    dashboard,
    deliveries,
    embed,
    errors,
    headers,
    jobs,
    kin,
    language,
    limits,
    log,
    login,
    many,
    members,
    new_batch,
    new_job,
    notification_rules,
    notifications,
    packing,
    presets,
    queues,
    retention,
    schedule_forms,
    schedules,
    search,
    shared,
    shares,
    tokens,
    tray,
    workers,
    workflow_runs,
    workflows,
)

__all__ = ["init_app", "on_error"]

on_error = errors.on_error


def init_app(app: Flask) -> None:
    """Register the pages, and what their templates need."""
    for part in (assets, language, headers, packing):
        part.init_app(app)
    areas = (
        login,
        account,
        jobs,
        kin,
        batches,
        dashboard,
        log,
        many,
        new_batch,
        new_job,
        presets,
        queues,
        limits,
        workers,
        schedules,
        schedule_forms,
        search,
        retention,
        notifications,
        notification_rules,
        deliveries,
        shares,
        shared,
        embed,
        tray,
        members,
        tokens,
        audit,
        workflows,
        workflow_runs,
    )
    for area in areas:
        app.register_blueprint(area.blueprint)
    app.register_blueprint(deliveries.unsubscribe)
