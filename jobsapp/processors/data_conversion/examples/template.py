"""Examples by a template: the same sentences for each row, with the row's values in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobsapp.processors.sdk import Permanent

from .options import ExampleOptions, parts

PLACE = re.compile(r"\{\{\s*(.+?)\s*\}\}")


@dataclass(slots=True)
class Example:
    """A question and its answer."""

    user: str
    assistant: str


class _Text:
    """A template, taken apart once: what stands in it, and in between the names of columns."""

    def __init__(self, text: str) -> None:
        pieces = PLACE.split(text)
        self._pieces, self.names = pieces, pieces[1::2]

    def filled(self, row: Mapping[str, str]) -> str | None:
        """None if a value is empty."""
        # One pass: what a value holds is never taken for a place.
        pieces = self._pieces.copy()
        place = 1
        for name in self.names:
            value = row.get(name)
            if not value or value.isspace():
                return None
            pieces[place] = value
            place += 2
        return "".join(pieces)


class Templates:
    """Raises `Permanent` for a column that the table does not have, before anything is made."""

    def __init__(self, options: ExampleOptions, columns: Sequence[str]) -> None:
        pairs = zip(parts(options.user), parts(options.assistant), strict=True)
        self._pairs = [(_Text(user), _Text(assistant)) for user, assistant in pairs]
        for place, field in enumerate(("user", "assistant")):
            for name in [name for pair in self._pairs for name in pair[place].names]:
                if name not in columns:
                    raise Permanent(f"{field}: there is no column {name!r}; the table has {', '.join(columns)}.")

    def examples(self, row: Mapping[str, str]) -> tuple[list[Example], int]:
        """The examples of a row, and how many were left out since a value is empty."""
        made = []
        for user, assistant in self._pairs:
            question = user.filled(row)
            answer = assistant.filled(row) if question is not None else None
            if question is not None and answer is not None:
                made.append(Example(question, answer))
        return made, len(self._pairs) - len(made)
