"""Examples by a template: the same sentences for each row, with the row's values in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobsapp.processors.sdk import Permanent

from .options import ExampleOptions, parts

PLACE = re.compile(r"\{\{\s*(.+?)\s*\}\}")


@dataclass(frozen=True)
class Example:
    """A question and its answer."""

    user: str
    assistant: str


class Templates:
    """Raises `Permanent` for a column that the table does not have, before anything is made."""

    def __init__(self, options: ExampleOptions, columns: Sequence[str]) -> None:
        self._pairs = list(zip(parts(options.user), parts(options.assistant), strict=True))
        for field, texts in (
            ("user", [user for user, _ in self._pairs]),
            ("assistant", [text for _, text in self._pairs]),
        ):
            for text in texts:
                for name in PLACE.findall(text):
                    if name not in columns:
                        raise Permanent(f"{field}: there is no column {name!r}; the table has {', '.join(columns)}.")

    def examples(self, row: Mapping[str, str]) -> tuple[list[Example], int]:
        """The examples of a row, and how many were left out since a value is empty."""
        made, left_out = [], 0
        for user, assistant in self._pairs:
            names = PLACE.findall(user) + PLACE.findall(assistant)
            if any(not row.get(name, "").strip() for name in names):
                left_out += 1
                continue
            made.append(Example(_filled(user, row), _filled(assistant, row)))
        return made, left_out


def _filled(text: str, row: Mapping[str, str]) -> str:
    # One pass: what a value holds is never taken for a place.
    return PLACE.sub(lambda found: row[found[1]], text)
