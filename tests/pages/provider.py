"""An OpenID Connect provider in a process of its own, and what people do at it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import requests
from flask.testing import FlaskClient

from tests.processes import answers, free_port, wait_until

NAME = "Example ID"
# Of those whose subject begins so, the ID token says nothing more: one has to ask for it.
RETICENT = "reticent-"
PROVIDER = f"""
import base64, hashlib, os, sys
from urllib.parse import parse_qs, urlsplit
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
import oidc_provider_mock._app as made
import uvicorn
from flask import request

tell_all = made.OpenIDCode.generate_user_info
def tell(self, user, scope):
    return {{"sub": user.sub}} if user.sub.startswith("{RETICENT}") else tell_all(self, user, scope)
made.OpenIDCode.generate_user_info = tell
made.AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

provider = made.app(require_nonce=True)

@provider.after_request
def secrets_in_the_form_alone(response):
    # Under its other name it takes no other way.
    if request.path.endswith("openid-configuration") and request.host.startswith("localhost"):
        ways = {{"token_endpoint_auth_methods_supported": ["client_secret_post"]}}
        response.set_data(provider.json.dumps(response.json | ways))
    return response

# What it leaves out itself: PKCE.
challenges = {{}}

@provider.after_request
def keep_the_challenge(response):
    code = parse_qs(urlsplit(response.headers.get("Location", "")).query).get("code")
    if code:
        challenges[code[0]] = request.args["code_challenge"]
    return response

@provider.before_request
def compare_the_verifier():
    if request.path.endswith("/token"):
        digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenges[request.form["code"]]:
            return {{"error": "invalid_grant"}}, 400

uvicorn.run(provider, interface="wsgi", port=int(sys.argv[1]), log_level="warning")
"""


class Provider:
    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"

    def know(self, subject: str, email: str, *, verified: object = True) -> None:
        claims = {"email": email, "email_verified": verified}
        assert requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=10).status_code == 204

    def register(self, way: str) -> tuple[str, str]:
        """A client that proves itself that way and no other: its id and secret."""
        about = {"redirect_uris": ["http://127.0.0.1:8000/login/oidc/callback"], "token_endpoint_auth_method": way}
        made = requests.post(f"{self.issuer}/oauth2/clients", json=about, timeout=10).json()
        return made["client_id"], made["client_secret"]

    def answer(self, address: str, **form: str) -> str:
        """What somebody does on its page; returns where they are sent."""
        answer = requests.post(address, data=form, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@contextmanager
def running() -> Iterator[Provider]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", PROVIDER, str(port)])
    try:
        found = Provider(port)
        wait_until(lambda: answers(f"{found.issuer}/"), "the provider answers")
        yield found
    finally:
        process.kill()
        process.wait()


def begin(client: FlaskClient) -> str:
    """The address at the provider that the button leads to."""
    page = client.get("/login").text
    assert f'href="/login/oidc">Sign in with {NAME}' in page
    answer = client.get("/login/oidc")
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def come_back(client: FlaskClient, address: str) -> Any:
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def through(client: FlaskClient, provider: Provider, subject: str) -> Any:
    return come_back(client, provider.answer(begin(client), sub=subject))


def refusal(client: FlaskClient, answer: Any) -> str:
    """What the login page says, once."""
    assert answer.status_code == 303
    assert answer.location == "/login"
    assert client.get("/jobs").status_code == 303
    found = re.search(r'role="alert">(.*?)</p>', client.get("/login").text, re.DOTALL)
    assert found is not None
    assert 'role="alert"' not in client.get("/login").text
    return unescape(found[1])
