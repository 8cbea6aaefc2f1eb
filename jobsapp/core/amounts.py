"""How amounts are written for people."""

from __future__ import annotations

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(value: float) -> str:
    """Bytes in the unit that reads best."""
    amount = float(value)
    for unit in UNITS:
        if amount < 1000 or unit == UNITS[-1]:
            break
        amount /= 1000
    digits = 0 if unit == "bytes" or amount >= 100 else 1
    return f"{amount:,.{digits}f} {unit}"
