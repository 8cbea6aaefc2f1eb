"""jobsapp: background jobs, durable in PostgreSQL, run by RQ workers, shown live in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_openapi3 import OpenAPI

    from jobsapp.config import Settings


def create_app(settings: Settings | None = None) -> OpenAPI:
    """The Flask application, wired. `settings` None: from the environment.

    Imported here and not above, so that a worker that needs one small module of this package does not pay for
    the web.
    """
    from jobsapp.wiring import build_app

    return build_app(settings)
