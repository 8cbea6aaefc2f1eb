"""Addresses that need no scene."""

from __future__ import annotations

from flask import Flask

# What begins so is for programs, or no page at all.
NOT_FOR_PEOPLE = ("/api/", "/static/", "/live/", "/ws/", "/healthz", "/readyz")
PARTS = {
    "jobs.home": "leads to the list",
    "jobs.live": "a part of the job's page",
    "jobs.modal": "the modal, which the scenes open",
    "jobs.details": "a part of the job's page",
    "dashboard.board": "a part of the dashboard",
    "dashboard.system": "a part of the dashboard",
    "limits.back": "leads to the form",
    "workflow_runs.steps": "a part of the job's page",
    "log.show": "a part of the job's page",
    "log.new": "lines for the job's page",
    "log.text": "a text file",
    "many.count": "a number for the list",
    "batches.live": "a part of the page of a batch",
    "batches.bar": "the bar of a batch, for other pages",
    "tray.show": "the tray, which a scene fills",
    "retention.back": "leads to the rules",
    "notifications.back": "leads to the page of notifications",
    "notification_rules.back": "leads to the page of notifications",
    "deliveries.back": "leads to the message",
    "schedules.preview": "a part of the form",
    "shared.live": "a part of the shared page",
    "shared.log": "a text file",
    "shared.content": "a file",
    "login.oidc": "leads to the provider",
    "login.oidc_back": "leads to the list",
    "kin.part": "a part of the page of a job",
    "embed.script": "a script for pages of other sites",
}


def page_endpoints(app: Flask) -> set[str]:
    """All addresses that a person may open."""
    rules = (rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()))
    return {rule.endpoint for rule in rules if not rule.rule.startswith(NOT_FOR_PEOPLE)}
