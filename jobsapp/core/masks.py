"""Secrets in texts: found in the spellings in which programs repeat them, and replaced."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "********"
"""What is shown in the place of a secret, whatever its length."""
SHORTEST = 4
"""Shorter ones are not looked for: they would be found everywhere, and so be told by what is missing."""
SHORTEST_PART = 8
"""Parts of a secret, as the token after `Bearer` or the lines of a key, are looked for from this length on."""


class Mask:
    """Replaces some secrets by MASK."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {spelling for secret in secrets for spelling in _spellings(secret)}
        # A longer one may hold a shorter one.
        ordered = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self.longest = max((len(one.encode(errors="replace")) for one in found), default=0)
        """Bytes of the longest that is looked for, as UTF-8."""

    def text(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def beginning(self, text: str, length: int) -> str:
        """The first `length` letters of the text, and in place of each secret that begins there MASK.

        `text` has `longest` letters more, if there are so many: half a secret would not be known for one.
        """
        if self._pattern is None:
            return text[:length]
        parts, end = [], 0
        for found in self._pattern.finditer(text):
            if found.start() >= length:
                break
            parts += [text[end : found.start()], MASK]
            end = found.end()
        return "".join(parts) + text[end:length]

    def json(self, value: Any) -> Any:
        """The same in all texts of JSON, names of fields as well."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.json(item) for key, item in value.items()}
        return [self.json(item) for item in value] if isinstance(value, list) else value


def _spellings(secret: str) -> Iterator[str]:
    parts = [part for part in secret.split() if len(part) >= SHORTEST_PART]
    for text in {secret, secret.strip(), *parts}:
        if len(text) >= SHORTEST:
            yield text
            yield repr(text)[1:-1]
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]
            yield quote(text, safe="")
            yield quote_plus(text)
            yield b64encode(text.encode(errors="replace")).decode().rstrip("=")
