"""What must hold for the answer to any request for a page, whoever asks and for whatever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from jobsapp.auth.headers import HEADERS
from tests.fuzz.browser import Answer, Visit
from tests.fuzz.forms import Page
from tests.fuzz.values import COMPUTED, OPENED

TRACEBACK = b"Traceback (most recent call last)"
HTML, TEXT = "text/html", "text/plain"
KINDS = {
    "log.text": {TEXT},
    "shared.log": {TEXT},
    "embed.script": {"text/javascript"},
    "health.alive": {"application/json"},
    "health.ready": {"application/json"},
}
"""What an answer is that is no page. A refusal is one there too."""
ANY = {"static", "shared.content"}
"""Files are what they are."""
SHOWN = 300


def faults_of(visit: Visit, answer: Answer, endpoint: str, others: Sequence[str], base_url: str) -> Iterator[str]:
    """What is wrong. `others`: texts of other organisations. `endpoint`: empty if there is no such page."""
    if answer.status >= 500:
        yield f"it is answered {answer.status}"
    if TRACEBACK in answer.body:
        yield "a traceback is in the answer"
    said = answer.body + str(answer.headers).encode(errors="replace")
    yield from (f"{marker!r} of another organisation is in the answer" for marker in others if marker.encode() in said)
    yield from _headers(answer, base_url)
    if answer.status not in (204, 304):
        allowed = KINDS.get(endpoint, {HTML}) | ({HTML} if answer.status >= 300 else set())
        if endpoint not in ANY and answer.kind not in allowed:
            yield f"its content is {answer.kind!r}, not {' or '.join(sorted(allowed))}"
        if answer.kind == HTML:
            yield from _page(visit, answer)
    if endpoint == "shared.content" and answer.status == 200 and not _is_attached(answer):
        yield "a file is no attachment"


def _headers(answer: Answer, base_url: str) -> Iterator[str]:
    for name, wanted in HEADERS.items():
        found = answer.headers.get(name)
        # Some views ask for less than all pages do. Nobody may ask for scripts in the page.
        if found is None or (name == "X-Content-Type-Options" and found != wanted):
            yield f"the header {name} is {found!r}"
    if "unsafe" in answer.headers.get("Content-Security-Policy", ""):
        yield "the policy lets in scripts that stand in the page"
    if "X-Evil" in answer.headers:
        yield "what was sent became a header"
    for cookie in answer.headers.get_all("Set-Cookie", []):
        if "httponly" not in cookie.lower() or "samesite" not in cookie.lower():
            yield f"a cookie is open to scripts or other sites: {cookie.partition('=')[0]}"
    for name in ("Location", "HX-Redirect"):
        address = answer.headers.get(name)
        if address is not None and not _is_ours(address, base_url):
            yield f"{name} leads elsewhere: {address[:SHOWN]!r}"


def _page(visit: Visit, answer: Answer) -> Iterator[str]:
    text = answer.text
    if "charset=utf-8" not in answer.headers.get("Content-Type", "").lower():
        yield "a page does not say that it is UTF-8"
    if OPENED in text:
        yield f"what was sent is in the page as it was: …{text[max(0, text.index(OPENED) - 80) :][:SHOWN]}…"
    if COMPUTED in text:
        yield "what was sent was computed"
    yield from Page(visit.path, text).faults


def _is_ours(address: str, base_url: str) -> bool:
    parts = urlsplit(address)
    plain = unquote(parts.path)
    here = not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith("//")
    return (here and "\\" not in address[:2] and not plain.startswith("//")) or address.startswith(f"{base_url}/")


def _is_attached(answer: Answer) -> bool:
    return answer.headers.get("Content-Disposition", "").startswith("attachment")
