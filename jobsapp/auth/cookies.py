"""The session's cookie is for browsers: who comes with a token never gets one, whatever page they ask for."""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from jobsapp.auth.current import bearer_token


class ForBrowsers(SecureCookieSessionInterface):
    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if bearer_token(request) is None:
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    app.session_interface = ForBrowsers()
