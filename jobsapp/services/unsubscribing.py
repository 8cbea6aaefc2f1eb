"""The link in each e-mail that ends them: it needs no login (RFC 8058), so it can do nothing else."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select, update

from jobsapp.core.audit import NOBODY, Action
from jobsapp.core.sealing import Sealer
from jobsapp.errors import NotFound
from jobsapp.models import NotificationChannel
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.channels import whose
from jobsapp.services.sessions import DbSession

REASON = "Somebody followed the link in an e-mail that ends them."
MARK_BYTES = 16


def unsubscribe_url(base_url: str, sealer: Sealer, channel_id: UUID) -> str:
    said = urlsafe_b64encode(channel_id.bytes + _mark(sealer, channel_id)).rstrip(b"=").decode()
    return f"{base_url}/notifications/unsubscribe/{said}"


class Unsubscribing:
    def __init__(self, session: DbSession, sealer: Callable[[], Sealer]) -> None:
        self._session = session
        self._sealer = sealer
        self._audit = Audit(session)

    def shown(self, link: str) -> str:
        """The name of the channel that the link ends. Raises NotFound."""
        query = select(NotificationChannel.name).where(NotificationChannel.id == self._read(link))
        name = self._session.scalar(query.execution_options(unbounded={NotificationChannel}))
        if name is None:
            raise NotFound("There is no such channel any more: no e-mail comes from it.")
        return name

    def end(self, link: str) -> None:
        """Switch the channel off, and commit. Raises NotFound."""
        channel = NotificationChannel
        query = update(channel).where(channel.id == self._read(link), channel.disabled_at.is_(None))
        query = query.values(disabled_at=func.now(), disabled_reason=REASON)
        # The link is the right, whoever follows it.
        query = query.returning(channel).execution_options(unbounded={channel})
        row = self._session.scalars(query).one_or_none()
        if row is not None:
            told = {"scope": whose(row.user_id), "reason": REASON}
            subject = Subject("channel", row.id, row.name)
            self._audit.note(None, Action.CHANNEL_OFF, subject, told, organization_id=row.organization_id, by=NOBODY)
        self._session.commit()

    def _read(self, link: str) -> UUID:
        try:
            raw = urlsafe_b64decode(link + "=" * (-len(link) % 4))
            channel_id = UUID(bytes=raw[:16])
        except ValueError:
            raise NotFound("This link is not complete.") from None
        if not hmac.compare_digest(raw[16:], _mark(self._sealer(), channel_id)):
            raise NotFound("This link is not complete.")
        return channel_id


def _mark(sealer: Sealer, channel_id: UUID) -> bytes:
    return sealer.digest(b"unsubscribe " + channel_id.bytes)[:MARK_BYTES]
