"""E-mail over the SMTP server of the settings."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from jobsapp.config import Settings
from jobsapp.core.sealing import Sealer
from jobsapp.runtime.senders.result import Result
from jobsapp.services.unsubscribing import unsubscribe_url
from jobsapp.store.notifications import Taken

TIMEOUT_SECONDS = 15.0
POLICY = policy.SMTP.clone(max_line_length=998)
"""A line may be as long as RFC 5322 allows: to break that of a link it would have to be encoded, and mail programs read
no encoded link in a header."""


class Mailer:
    def __init__(self, settings: Settings, sealer: Sealer) -> None:
        self._settings = settings
        self._sealer = sealer

    def send(self, taken: Taken, settings: dict[str, Any], now: datetime) -> Result:
        if not self._settings.smtp_url:
            return Result.failed("No e-mail can be sent here: the operator has to set JOBSAPP_SMTP_URL.")
        to = settings.get("to") or ([taken.email] if taken.email else [])
        message = self.message(taken, to, now)
        try:
            with self._connected() as server:
                refused = server.send_message(message, self._sender, to)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return Result.failed("The server refused all addresses.", status=code, answer=_text(said))
        except smtplib.SMTPResponseException as error:
            answer = _text(error.smtp_error)
            return Result.failed("The server refused the message.", status=error.smtp_code, answer=answer)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Result.failed(f"The mail server could not be reached: {type(error).__name__}.")
        # Who got it must not get it again because of the others.
        return Result(250, f"Refused: {', '.join(sorted(refused))}" if refused else "")

    def message(self, taken: Taken, to: list[str], now: datetime) -> EmailMessage:
        """HTML and text. Its id is that of the message, so that a mail program shows a repeated one once."""
        message = EmailMessage(POLICY)
        message["Subject"] = " ".join(taken.subject.split()) or "jobsapp"
        message["From"] = self._settings.mail_from
        message["To"] = [Address(addr_spec=one) for one in to]
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{taken.id}@{self._sender.rpartition('@')[2] or 'jobsapp'}>"
        message["Auto-Submitted"] = "auto-generated"
        link = unsubscribe_url(self._settings.base_url, self._sealer, taken.channel_id)
        message["List-Unsubscribe"] = f"<{link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(taken.body)
        if taken.html:
            message.add_alternative(taken.html, subtype="html")
        return message

    @property
    def _sender(self) -> str:
        return parseaddr(self._settings.mail_from)[1]

    def _connected(self) -> smtplib.SMTP:
        parts = urlsplit(self._settings.smtp_url)
        host, user, password = parts.hostname or "", unquote(parts.username or ""), unquote(parts.password or "")
        context = ssl.create_default_context()
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo()
            plain = parts.scheme == "smtps" or parse_qs(parts.query).get("tls") == ["off"]
            # A password is for nobody on the way.
            if not plain and (user or server.has_extn("starttls")):
                server.starttls(context=context)
                server.ehlo()
            if user:
                server.login(user, password)
        except BaseException:
            server.close()
            raise
        return server


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
