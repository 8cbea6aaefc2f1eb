"""HTML for people: blueprints with short views, rendered from the same partials that the live events use."""

from __future__ import annotations

from flask import Flask

from jobsapp.pages import assets, embed, errors, headers, jobs, language, login, new_job, queues, search, shared, shares

__all__ = ["init_app", "on_error"]

on_error = errors.on_error


def init_app(app: Flask) -> None:
    """Register the pages, and what their templates need."""
    for part in (assets, language, headers):
        part.init_app(app)
    for area in (login, jobs, new_job, queues, search, shares, shared, embed):
        app.register_blueprint(area.blueprint)
