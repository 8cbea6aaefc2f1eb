"""What is sent to sockets, made once for however many get it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from flask import render_template

from jobsapp.core.events import Event
from jobsapp.core.ids import new_id
from jobsapp.live.news import Form, News

# RFC 6455, 5.2: a whole text message; RFC 7692, 7.2.3: a compressed one, as if it were the connection's first.
TEXT, COMPRESSED_TEXT = 0x81, 0xC1
LONG, VERY_LONG = 126, 127
WORTH_COMPRESSING = 256
# In the place of a job's id, of which a bundle has one state each.
NOTICE = UUID(int=0)
FAST = 3


class Item(NamedTuple):
    """One job's state for one form. `event` and `news` are None for an answer that is no event.

    `may_come`: where the row of the job is missing, this may bring it.
    """

    text: str
    event: Event | None = None
    news: News | None = None
    may_come: bool = True


class Bundle:
    """States of some jobs in one form: of each job one, in the order in which they are to be sent.

    Never changed, so that all sockets that are up to date share one, and the bytes that it is sent as.
    """

    def __init__(self, form: Form, items: Mapping[UUID, Item]) -> None:
        self.form = form
        self.items = items

    @classmethod
    def of(cls, form: Form, news: Iterable[tuple[News, Event, bool]]) -> Bundle:
        """News, how they are told, and whether they may come in place of a creation. Needs an application's context."""
        return cls(form, {one.job.id: Item(one.text(form, event), event, one, come) for one, event, come in news})

    def __len__(self) -> int:
        return len(self.items)

    def before(self, newer: Bundle) -> Bundle:
        """This one with a newer one, where that says nothing of the same job. Needs an application's context."""
        items = dict(self.items)
        for job_id, item in newer.items.items():
            older = items.pop(job_id, None)
            unsent = older is not None and older.event is Event.CREATED
            if item.news and item.event is Event.UPDATE and unsent and item.may_come:
                # Who has not heard of the creation must: a list makes a row of it.
                item = Item(item.news.text(self.form, Event.CREATED), Event.CREATED, item.news)
            items[job_id] = item
        return Bundle(self.form, items)

    @property
    def texts(self) -> list[str]:
        """The messages. Fragments of pages go together in one: it compresses better, and the page swaps once.

        The newest job is first there, as in the list: a new row is put above those that were there before.
        """
        if self.form.is_json:
            return [item.text for item in self.items.values()]
        return ["\n".join(self.items[job_id].text for job_id in sorted(self.items, reverse=True))]

    @cached_property
    def plain(self) -> bytes:
        """As bytes on the wire, for a client that does not compress."""
        return b"".join([frame(text) for text in self.texts])

    @cached_property
    def compressed(self) -> bytes:
        """As bytes on the wire, for one that does."""
        return b"".join([compressed_frame(text) for text in self.texts])


def gone(job_id: UUID, form: Form) -> Bundle:
    """The message that a job was deleted."""
    if form.is_json:
        text = f'{{"event":"{Event.DELETED}","jobId":"{job_id}"}}'
    else:
        text = render_template("live/gone.html", job_id=job_id, place="tray" if form is Form.TRAY else "row")
    return Bundle(form, {job_id: Item(text, Event.DELETED)})


def notice(form: Form) -> Bundle:
    """The message that there is something for the page to tell: it asks what (`static/js/notices.js`)."""
    return Bundle(form, {NOTICE: Item(f'<hx-partial hx-target="#notices" hx-swap="innerHTML">{new_id()}</hx-partial>')})


def frame(text: str) -> bytes:
    """A text message as a server sends it."""
    return _framed(TEXT, text.encode())


def compressed_frame(text: str) -> bytes:
    """The same, compressed if that is worth it. Nothing is kept between messages, so it is the same for everybody."""
    data = text.encode()
    if len(data) < WORTH_COMPRESSING:
        return _framed(TEXT, data)
    deflate = zlib.compressobj(FAST, wbits=-15)
    # RFC 7692, 7.2.1: without the four bytes that every flush ends with.
    return _framed(COMPRESSED_TEXT, (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4])


def _framed(kind: int, data: bytes) -> bytes:
    size = len(data)
    if size < LONG:
        return bytes((kind, size)) + data
    if size < 1 << 16:
        return struct.pack("!BBH", kind, LONG, size) + data
    return struct.pack("!BBQ", kind, VERY_LONG, size) + data
