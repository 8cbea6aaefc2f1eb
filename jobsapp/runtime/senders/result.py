"""What came of sending a message once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

ANSWER_LENGTH = 2000


@dataclass(frozen=True)
class Result:
    """`status`: of the receiver, in its protocol. `answer`: the beginning of what it said. `error` None: it took it.

    `retry_after`: seconds for which it asks to be left alone. `gone`: it never wants a message again.
    """

    status: int | None = None
    answer: str = ""
    error: str | None = None
    retry_after: float | None = None
    gone: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None

    @classmethod
    def failed(cls, error: str, *, status: int | None = None, answer: str = "") -> Self:
        return cls(status, answer[:ANSWER_LENGTH], error[:500])
