"""The losses as a picture: a few lines of SVG, so that no drawing library is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 56, 16, 36, 40
POINTS = 600
SERIES = (("loss", "#2563eb", "training"), ("validationLoss", "#d97706", "validation"))


def losses(log: Sequence[dict[str, Any]]) -> str:
    """SVG of `loss` and `validationLoss` over `step`, from 0 up to the largest value."""
    last = max((row["step"] for row in log), default=1) or 1
    highest = max((row[key] for row in log for key, _, _ in SERIES if key in row), default=1.0) or 1.0

    def at(step: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#475569">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = at(0, highest * share).split(",")[1]
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{highest * share:.2f}</text>')
        x = LEFT + (WIDTH - LEFT - RIGHT) * share
        parts.append(f'<text x="{x}" y="{HEIGHT - 18}" text-anchor="middle">{last * share:.4g}</text>')
    for number, (key, colour, title) in enumerate(SERIES):
        points = _thin([at(row["step"], row[key]) for row in log if key in row])
        parts.append(f'<text x="{LEFT + 110 * number}" y="20" fill="{colour}">{title}</text>')
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.75"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in _few(points)]
    parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 3}" text-anchor="middle">step</text></svg>')
    return "\n".join(parts)


def _thin(points: list[str]) -> list[str]:
    every = -(-len(points) // POINTS) or 1
    return [one for n, one in enumerate(points) if n % every == 0 or n == len(points) - 1]


def _few(points: list[str]) -> list[list[str]]:
    """Dots, where they do not run into each other."""
    return [one.split(",") for one in points] if len(points) <= 60 else []
