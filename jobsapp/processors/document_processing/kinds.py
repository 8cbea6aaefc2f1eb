"""What a file is, by its content; its name decides only between kinds of text."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Literal

from .blocks import Unreadable

Kind = Literal["pdf", "docx", "pptx", "xlsx", "html", "markdown", "email", "text", "zip"]

HEAD = 4096
CHUNK = 1 << 20
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OFFICE: dict[str, Kind] = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument."
BY_SUFFIX: dict[str, Kind] = {".html": "html", ".htm": "html", ".xhtml": "html", ".md": "markdown"}
BY_SUFFIX |= {".markdown": "markdown", ".eml": "email", ".txt": "text"}
OLD_OFFICE = {".doc": "DOCX", ".xls": "XLSX", ".ppt": "PPTX"}
PICTURES = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_HTML = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_MAIL = re.compile(rb"(?:[!-9;-~]+:[ \t][^\r\n]*\r?\n(?:[ \t]+[^\r\n]*\r?\n)*){2,}", re.A)
_MAIL_FIELD = re.compile(rb"^(from|received|mime-version|message-id|return-path):", re.I | re.M)


def kind_of(path: Path, name: str) -> Kind:
    """The kind of a file. Raises `Unreadable` with a sentence that says what it is instead, or that it is empty."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Unreadable("empty", "The file is empty.")
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(path, head, name)
    _refuse_known(path, head, name)
    return _text(head, name)


def _packed(path: Path, head: bytes, name: str) -> Kind:
    if OPEN_DOCUMENT in head:
        raise Unreadable("unsupported", "It is an OpenDocument file; save it as DOCX, XLSX, PPTX or PDF.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Unreadable("broken", "The file is cut off or damaged: its table of contents is missing.") from None
    kind: Kind = next((kind for part, kind in OFFICE.items() if part in names), "zip")
    if kind == "zip" and PurePosixPath(name).suffix.lower() in (".docx", ".pptx", ".xlsx"):
        raise Unreadable("broken", "It is a ZIP archive without the parts of such a document.")
    return kind


def _refuse_known(path: Path, head: bytes, name: str) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if head.startswith(OLE2):
        if _holds(path, "EncryptedPackage".encode("utf-16-le")):
            raise Unreadable("encrypted", "It is protected by a password; save it without one.")
        new = OLD_OFFICE.get(suffix, "DOCX, XLSX or PPTX")
        raise Unreadable("unsupported", f"It is in the format of Office 97 to 2003; save it as {new}.")
    if head.startswith(b"{\\rtf"):
        raise Unreadable("unsupported", "It is an RTF file; save it as DOCX or PDF.")
    for mark, picture in PICTURES.items():
        if head.startswith(mark):
            raise Unreadable("unsupported", f"It is a picture ({picture}); reading text in pictures needs OCR.")
    if suffix in (".pdf", ".docx", ".pptx", ".xlsx", ".zip"):
        raise Unreadable("broken", f"The name says {suffix[1:].upper()}, but the content is something else.")


def _holds(path: Path, wanted: bytes) -> bool:
    """Whether that stands anywhere in the file, which may be larger than memory."""
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if wanted in rest + chunk:
                return True
            rest = chunk[-len(wanted) :]
    return False


def _text(head: bytes, name: str) -> Kind:
    by_name = BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in head and not wide:
        raise Unreadable("unsupported", "It is neither text nor a format that is known here.")
    if by_name:
        return by_name
    if _HTML.match(head.removeprefix(b"\xef\xbb\xbf")):
        return "html"
    fields = _MAIL.match(head)
    return "email" if fields and _MAIL_FIELD.search(fields[0]) else "text"
