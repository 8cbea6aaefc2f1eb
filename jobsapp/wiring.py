"""Builds the Flask application: with the entry points of `cli`, the only module that sees every layer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from flask import current_app, request
from flask.typing import ResponseReturnValue
from flask_openapi3 import Info, OpenAPI
from sqlalchemy.pool import QueuePool
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from jobsapp import api, auth, cli, live, pages
from jobsapp.bus import connection as redis_connection
from jobsapp.bus.hints import Hints
from jobsapp.config import Settings, load_settings, secret_key
from jobsapp.errors import JobsappError
from jobsapp.extensions import csrf, db, htmx, migrate, sock
from jobsapp.processors.registry import load_registry
from jobsapp.services import build_services
from jobsapp.services.sessions import DbSession
from jobsapp.storage import LocalStorage

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# What a form says around its file.
FORM_MARGIN_BYTES = 64 * 1024
NO_SERVER = "postgresql+psycopg://127.0.0.1:1/no-database-url"


def build_app(settings: Settings | None = None) -> OpenAPI:
    """Wire settings, extensions, services and blueprints. Connects to nothing yet."""
    settings = settings or load_settings()
    app = OpenAPI("jobsapp", info=Info(title="jobsapp", version="1"), doc_prefix="/api/docs", **api.openapi_options())
    app.config.update(_config_of(settings))
    if settings.proxies:
        # Whom they speak for, and nothing else: host and scheme are a setting.
        app.wsgi_app = ProxyFix(app.wsgi_app, settings.proxies, 0, 0, 0, 0)  # type: ignore[method-assign]
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    csrf.init_app(app)
    htmx.init_app(app)
    hints = Hints(redis_connection.hints(settings.redis_url or "redis://127.0.0.1:1"))
    registry = load_registry(settings.processor_modules)
    app.extensions["jobsapp"] = build_services(
        cast(DbSession, db.session), settings, registry, LocalStorage(settings.files_dir), hints
    )
    for layer in (auth, api, pages, live, cli):
        layer.init_app(app)
    sock.init_app(app)
    for kind in (JobsappError, HTTPException, Exception):
        app.register_error_handler(kind, _on_error)
    return app


def _config_of(settings: Settings) -> dict[str, Any]:
    """What Flask and its extensions are told."""
    behind_https = urlsplit(settings.base_url).scheme == "https"
    return {
        "SECRET_KEY": secret_key(settings),
        "MAX_CONTENT_LENGTH": settings.max_upload_bytes + FORM_MARGIN_BYTES,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": behind_https,
        # The prefix: browsers take it from this host alone, by https, so nobody beside us can set or replace it.
        "SESSION_COOKIE_NAME": "__Host-jobsapp_session" if behind_https else "jobsapp_session",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=settings.session_days),
        "SQLALCHEMY_DATABASE_URI": settings.sqlalchemy_url or NO_SERVER,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "poolclass": QueuePool,
            "pool_size": 10,
            "max_overflow": 20,
            "pool_pre_ping": True,
            "connect_args": {"connect_timeout": 5, "application_name": "jobsapp web"},
        },
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_CHECK_DEFAULT": False,
    }


def _on_error(error: Exception) -> ResponseReturnValue:
    """Programs get problem+json, people get a page. What nobody foresaw is logged, and told without its insides."""
    if not isinstance(error, JobsappError | HTTPException):
        current_app.logger.exception("unforeseen error in %s %s", request.method, request.path)
    return api.on_error(error) if f"{request.path}/".startswith("/api/") else pages.on_error(error)
