"""Receivers of notifications on this machine: an HTTP endpoint that does as it is told, and a mail server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler
from typing import Any, cast

from aiosmtpd.controller import Controller

from tests.loopback import Loopback


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"thanks"
    headers: Mapping[str, str] = field(default_factory=dict)


class Endpoint(Loopback):
    """Keeps what it gets. `replies`: what it answers, one after the other, then `reply` for ever. `hold`: it answers
    nothing until this is set."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.reply = Reply()
        self.waits = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append(Request(handler.path, headers, body))
        if self.waits:
            self.over.wait(30)
            return
        reply = self.replies.pop(0) if self.replies else self.reply
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)


class Mailbox:
    """A mail server. `refusal`: what it answers instead of taking a message."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.to: list[list[str]] = []
        self.refusal = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        self.messages.append(cast(EmailMessage, message_from_bytes(envelope.content, policy=default)))
        self.raw.append(envelope.content)
        self.to.append(envelope.rcpt_tos)
        return "250 OK"


@contextmanager
def mail_server(port: int) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def said(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What an endpoint was told, as it came."""
    return [json.loads(one.body) for one in endpoint.requests]
