"""Checks that do not apply, one operation at a time, each with its reason."""

from __future__ import annotations

NOT_APPLICABLE: dict[str, dict[str, str]] = {}
"""By operation id, the checks that are switched off for it, and why."""
