"""What nobody writes who means well, for addresses and fields of forms."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

# Opens an element, ends an attribute in quotes, and begins another one, wherever it comes out as it went in.
MARK = "<b id=x>\"' onfuzz=1 "
OPENED, ATTRIBUTE = "<b id=x", "onfuzz"
# A template that computes would say the product.
TEMPLATE, COMPUTED = "{{739*733}}${739*733}<%=739*733%>", "541687"

STRANGE = (
    MARK,
    MARK,
    TEMPLATE,
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "-0.0",
    "0x10",
    "٣",
    "²",
    "9" * 25,
    "9" * 5000,
    "true",
    "null",
    "[]",
    "{}",
    '{"a": {"b": [1, null, "\\ud800"]}}',
    "[" * 3000,
    '{"$ref": "#", "__proto__": {"x": 1}}',
    "\x00",
    "a\x00b",
    "a\r\nX-Evil: 1",
    "\ufeff\u202e\u200b",
    "\ud800",
    "\x7f\x1b[31m",
    "𝕏" * 300,
    "x" * 20_000,
    "%",
    "%00%ff%2e%2e%2f",
    "_%\\",
    "' OR 1=1 --",
    "'; DROP TABLE jobs; --",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//evil.example/",
    "https://evil.example/",
    "/\\evil.example",
    "http://[",
    "/jobs?q=" + MARK,
    "2026-02-30T25:61",
    "0001-01-01T00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-23T18:00:00+99:99",
    "00000000-0000-0000-0000-000000000000",
    "urn:uuid:0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88",
    "me",
    "*",
    "echo",
    "admin",
    "********",
    "$sealed",
    "data.text",
)
# By the kind of a field, what somebody would write who fills it in.
LIKELY = {
    "number": "3",
    "range": "3",
    "datetime-local": "2027-03-01T10:00",
    "date": "2026-11-20",
    "password": "seven brown boats in a row",
    "search": "planted",
}


def strange(chance: Random, shortest: int | None = None) -> str:
    """One of them. `shortest`: of those that have no more characters."""
    return chance.choice([one for one in STRANGE if shortest is None or len(one) <= shortest])


def likely(kind: str, name: str, chance: Random) -> str:
    """What would be fine in an empty field."""
    if kind == "email" or name == "email":
        return f"guest-{chance.randrange(10**9)}@example.org"
    return LIKELY.get(kind, f"text of {datetime.now(UTC):%H:%M}")
