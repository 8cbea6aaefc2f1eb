"""Hands for tests of examples: a small table, and what was made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TABLE = 'name,price,note\nkettle,39.90,red\nmug,4.50,\npan,25.00,"flat, wide"\n'


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def chat(user: str, assistant: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]}
