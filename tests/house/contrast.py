"""Contrast of two colours, as WCAG 2 defines it, and the colours of the design system."""

from __future__ import annotations

import re
from pathlib import Path

TOKENS = Path(__file__).parents[2] / "jobsapp" / "static" / "css" / "tokens.css"
BOTH = re.compile(r"(--[a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
ONE = re.compile(r"(--[a-z0-9-]+): (#[0-9a-f]{6});")
Colours = dict[str, tuple[str, str]]


def colours() -> Colours:
    """Each token that is a colour, for light and for dark."""
    text = TOKENS.read_text()
    found = {name: (light, dark) for name, light, dark in BOTH.findall(text)}
    return found | {name: (value, value) for name, value in ONE.findall(text)}


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white), https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    # The name of the threshold in the standard's text; sRGB itself says 0.04045, which changes no 8-bit colour.
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
