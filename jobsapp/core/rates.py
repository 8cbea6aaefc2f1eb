"""How often somebody may call, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass

OFF = "off"
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Rate:
    """`amount` calls within any `seconds`."""

    amount: int
    seconds: int


@dataclass(frozen=True)
class Standing:
    """After a call was counted, or refused and not counted. `left`: so many more now; `seconds` until one more."""

    rate: Rate
    left: int
    seconds: int
    refused: bool


def parse_rate(text: str) -> Rate | None:
    """`600/minute`; None for `off` and nothing. The settings have checked the text."""
    if text in ("", OFF):
        return None
    amount, _, unit = text.partition("/")
    return Rate(int(amount), SECONDS[unit])
