"""Messages as bytes, read by another's implementation of the protocol."""

from __future__ import annotations

from uuid import uuid4

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage
from wsproto.extensions import PerMessageDeflate

from jobsapp.live.connection import COMPRESSION
from jobsapp.live.message import Bundle, Item, compressed_frame, frame
from jobsapp.live.news import Form

LENGTHS = [0, 1, 125, 126, 255, 256, 65_535, 65_536, 300_000]


def read(data: bytes, *, compresses: bool) -> list[str]:
    extension = PerMessageDeflate()
    extension.finalize(COMPRESSION)
    client = Connection(ConnectionType.CLIENT, [extension] if compresses else [])
    client.receive_data(data)
    texts = [""]
    for event in client.events():
        assert isinstance(event, TextMessage)
        texts[-1] += event.data
        if event.message_finished:
            texts.append("")
    return texts[:-1]


@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_arrives(length: int) -> None:
    text = ("größe " * length)[:length]
    assert read(frame(text) * 2, compresses=False) == [text, text]
    assert read(compressed_frame(text) * 2, compresses=True) == [text, text]


def test_compressing_saves() -> None:
    assert len(compressed_frame("<tr>Processing</tr>" * 100)) < 100
    assert compressed_frame("short") == frame("short")


def test_pages_get_one_message_with_the_newest_job_first() -> None:
    old, new = sorted([uuid4(), uuid4()])
    items = {old: Item("old"), new: Item("new")}
    assert read(Bundle(Form.ROW, items).plain, compresses=False) == ["new\nold"]
    assert read(Bundle(Form.JSON, items).plain, compresses=False) == ["old", "new"]


def test_it_is_packed_once() -> None:
    bundle = Bundle(Form.ROW, {uuid4(): Item("row" * 1000)})
    assert bundle.compressed is bundle.compressed
    assert bundle.plain is bundle.plain
