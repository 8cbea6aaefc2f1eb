"""Signing in by an OpenID Connect provider: authorization code, PKCE, state and nonce, by Authlib's client for Flask.

Authlib and requests are loaded by the first who signs in that way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, cast

from flask import Flask, current_app, request, session, url_for
from flask.typing import ResponseReturnValue

from jobsapp.config import Settings
from jobsapp.errors import NotSignedIn
from jobsapp.services.federation import Person

EXTENSION = "jobsapp.oidc"
CLIENT = "oidc"
STATES = f"_state_{CLIENT}_"
DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 5.0
# Providers rarely move, but they do.
REMEMBER_SECONDS = 3600.0
# By public keys alone: what is signed by a shared secret, or not at all, is not taken.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """If there is a provider in the settings."""
    settings: Settings = app.extensions["jobsapp"].settings
    if settings.oidc_issuer:
        app.extensions[EXTENSION] = Provider(app, settings)


def find_provider() -> Provider | None:
    return cast("Provider | None", current_app.extensions.get(EXTENSION))


class Provider:
    def __init__(self, app: Flask, settings: Settings) -> None:
        self.name = settings.oidc_name
        self._app = app
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret
        self._base_url = settings.base_url

    def begin(self) -> ResponseReturnValue:
        """The way to the provider. Raises NotSignedIn with a sentence if there is none."""
        # The newest counts: a cookie has no room for many that were begun and left.
        for key in [key for key in session if key.startswith(STATES)]:
            session.pop(key)
        with self._in_words():
            address = self._base_url + url_for("login.oidc_back")
            return cast(ResponseReturnValue, self._discovered().authorize_redirect(address))

    def person(self) -> Person:
        """Who came back from the provider with this request. Raises NotSignedIn with a sentence if nobody did."""
        with self._in_words():
            client = self._discovered()
            if request.args.get("iss", self._issuer) != self._issuer:
                raise ValueError("the answer names another issuer")
            claims = self._claims(client, client.authorize_access_token(claims_options=self._expected()))
            return Person(self._issuer, str(claims["sub"]), str(claims.get("email") or ""), _is_verified(claims))

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "values": [self._issuer]},
            "aud": {"essential": True, "values": [self._client_id]},
        }

    def _claims(self, client: Any, token: dict[str, Any]) -> dict[str, Any]:
        """What the ID token says, and what the provider tells beside it if no address is in there."""
        claims: dict[str, Any] = dict(token["userinfo"])
        if "email" not in claims and client.server_metadata.get("userinfo_endpoint"):
            more: dict[str, Any] = client.userinfo(token=token)
            if more.get("sub") != claims["sub"]:
                raise ValueError("the user information is of somebody else")
            claims = {**more, **claims}
        return claims

    def _discovered(self) -> Any:
        """The client, which knows the provider's addresses."""
        if time.time() - self._client.server_metadata.get("_loaded_at", time.time()) > REMEMBER_SECONDS:
            self._forget()
        client = self._client
        found = client.load_server_metadata()
        if found.get("issuer") != self._issuer:
            self._forget()
            raise ValueError(f"it calls itself {found.get('issuer')!r}, not {self._issuer!r}")
        offered = found.get("id_token_signing_alg_values_supported", ["RS256"])
        found["id_token_signing_alg_values_supported"] = [one for one in ALGORITHMS if one in offered]
        ways = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret and "client_secret_basic" not in ways:
            found["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105 - the name of a way
        return client

    def _forget(self) -> None:
        self.__dict__.pop("_client", None)

    @cached_property
    def _client(self) -> Any:
        from authlib.integrations.flask_client import OAuth

        return OAuth(self._app).register(
            CLIENT,
            client_id=self._client_id,
            client_secret=self._client_secret or None,
            server_metadata_url=self._issuer.rstrip("/") + DISCOVERY,
            client_kwargs={
                "scope": "openid email",
                "code_challenge_method": "S256",
                "default_timeout": TIMEOUT_SECONDS,
            },
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """What goes wrong with a provider: a sentence for who wants to sign in, and the reason in the log."""
        from authlib.integrations.flask_client import OAuthError
        from joserfc.errors import JoseError
        from requests import RequestException

        try:
            yield
        except OAuthError as error:
            log.warning("signing in with %s: %s", self.name, error)
            raise NotSignedIn(self._refusal(str(error.error))) from None
        except RequestException as error:
            log.warning("signing in with %s: %s", self.name, error)
            raise NotSignedIn(f"{self.name} does not answer as it should. Try again in a moment.") from None
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            log.warning("signing in with %s: %s: %s", self.name, type(error).__name__, error)
            raise NotSignedIn(
                f"What {self.name} said cannot be trusted, so nobody was signed in. Whoever runs jobsapp finds the "
                "reason in its log."
            ) from None

    def _refusal(self, code: str) -> str:
        if code == "access_denied":
            return f"{self.name} did not sign you in: it was refused there."
        if code == "mismatching_state":
            return "This sign-in was begun in another browser, or too long ago. Begin it again here."
        if code in ("temporarily_unavailable", "server_error"):
            return f"{self.name} has trouble of its own. Try again in a moment."
        return f"{self.name} refused to sign you in. Whoever runs jobsapp finds the reason in its log."


def _is_verified(claims: dict[str, Any]) -> bool:
    # Some say it in words.
    said = claims.get("email_verified")
    return said is True or said == "true"
