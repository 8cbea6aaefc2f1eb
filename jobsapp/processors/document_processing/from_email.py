"""E-mail (.eml): subject, people, date and text; attachments are documents of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

from .blocks import Block, Facts, Piece, Unreadable, Wanted, heading, one_line, tidy
from .from_html import html_blocks
from .office import MIB

LARGEST = 64 * MIB
FIELDS = ("From", "To", "Cc", "Date")


def read_email(path: Path, _wanted: Wanted, _facts: Facts) -> Iterator[Piece]:
    """One piece. Raises `Unreadable`."""
    message = _parse(path)
    blocks = [heading(_field(message, "Subject") or "(no subject)", 1)]
    if lines := [f"{name}: {text}" for name in FIELDS if (text := _field(message, name))]:
        blocks.append(Block("text", "\n".join(lines)))
    blocks += _body(message)
    names = [name for name, _ in _attached(message)]
    if names:
        blocks.append(Block("text", "Attachments: " + ", ".join(names)))
    yield Piece(blocks, 1.0, "reading")


def attachments(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the attached files. Raises `Unreadable`."""
    for name, part in _attached(_parse(path)):
        content = part.get_payload(decode=True)
        yield name, content if isinstance(content, bytes) else b""


def _parse(path: Path) -> EmailMessage:
    size = path.stat().st_size
    if size > LARGEST:
        raise Unreadable("too-large", f"E-mail is read up to {LARGEST // MIB} MiB; this has {size // MIB:,}.")
    with path.open("rb") as file:
        message = BytesParser(policy=policy.default).parse(file)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise Unreadable("broken", "The e-mail has no header.")
    return message


def _field(message: EmailMessage, name: str) -> str:
    # Headers of the wild break the standard library's parsers in many ways; one of them is no reason to stop.
    try:
        return tidy(one_line(str(message.get(name, ""))))
    except Exception:
        return ""


def _body(message: EmailMessage) -> list[Block]:
    part = message.get_body(("plain", "html"))
    if part is None:
        return []
    text = _text(part)
    if part.get_content_type() == "text/html":
        return list(html_blocks(text))
    paragraphs = re.split(r"\r?\n[ \t]*\r?\n", text)
    return [Block("text", found) for paragraph in paragraphs if (found := tidy(paragraph)).strip()]


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(str(part.get_content_charset("utf-8")), "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _attached(message: EmailMessage) -> list[tuple[str, EmailMessage]]:
    found = []
    for number, part in enumerate(message.iter_attachments(), 1):
        if isinstance(part, EmailMessage) and not part.is_multipart() and part.get_content_maintype() != "image":
            name = PurePosixPath(tidy(part.get_filename() or "").replace("\\", "/")).name
            found.append((name or f"attachment {number}", part))
    return found
