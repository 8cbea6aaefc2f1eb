"""What `docs/design.md` says of colours and sizes is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.contrast import TOKENS, colours, contrast

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs" / "design.md"
# | `--text` on `--bg` | 16.58 | 16.49 | 4.5 |
RATIO = re.compile(r"^\| `(--[a-z0-9-]+)` on `(--[a-z-]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)
SIZE = re.compile(r"^\| `(--[a-z0-9-]+)` \| ([^|]+) \|", re.MULTILINE)
TONES = ("pending", "active", "completed", "failed", "cancelled")
GROUNDS = ("bg", "surface", "raised", "sunken", "hover")


def claims() -> list[tuple[str, str, float, float, float]]:
    return [
        (over, under, float(light), float(dark), float(least))
        for over, under, light, dark, least in RATIO.findall(DESIGN.read_text())
    ]


def test_the_ratios_are_as_written_and_high_enough() -> None:
    known = colours()
    for over, under, light, dark, least in claims():
        measured = [round(contrast(known[over][theme], known[under][theme]), 2) for theme in (0, 1)]
        assert measured == [light, dark], f"{over} on {under}"
        assert min(measured) >= least, f"{over} on {under}"


def test_each_pair_that_is_used_is_claimed() -> None:
    pairs = {(over, under) for over, under, *_ in claims()}
    text = {(f"--{word}", f"--{ground}") for word in ("text", "muted", "accent-text") for ground in GROUNDS}
    tones = {(f"--{tone}", f"--{tone}-soft") for tone in TONES} | {(f"--{tone}", "--surface") for tone in TONES}
    fills = {(f"--{tone}-fill", "--track") for tone in ("active", "completed", "failed", "cancelled")}
    series = {(f"--series-{number}", "--surface") for number in range(6)}
    shapes = {("--edge", "--surface"), ("--accent", "--bg"), ("--accent", "--raised"), ("--on-accent", "--accent")}
    assert text | tones | fills | series | shapes | {("--on-accent", "--accent-hover")} <= pairs


def test_text_needs_more_than_shapes() -> None:
    for over, under, *_, least in claims():
        shape = over.endswith("-fill") or over.startswith("--series-") or over in ("--edge", "--accent")
        assert least == (3.0 if shape else 4.5), f"{over} on {under}"


def test_the_sizes_are_as_written() -> None:
    tokens = TOKENS.read_text()
    written = dict(SIZE.findall(DESIGN.read_text()))
    assert {"--small", "--body", "--large", "--title", "--s1", "--s7", "--page-wide", "--quick"} <= set(written)
    for name, value in written.items():
        assert f"{name}: {value.strip()};" in tokens, name


OTHERS = sorted(path for path in TOKENS.parent.glob("*.css") if path != TOKENS)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_colours_have_names(path: Path) -> None:
    """A colour is a token, so that it has a contrast in both themes."""
    found = re.findall(r"#[0-9a-f]{3,8}\b|\brgba?\(", path.read_text())
    assert found == []
