"""What every error of the API must be."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Answer


def problem(answer: Answer, status: int, kind: str = "") -> dict[str, Any]:
    """The problem that the answer tells, checked for its shape."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.path}: {answer.text}"
    assert answer.mimetype == "application/problem+json"
    told: dict[str, Any] = answer.get_json()
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told["type"].startswith("urn:jobsapp:problem:")
    assert "Traceback" not in answer.text
    if kind:
        assert told["type"] == f"urn:jobsapp:problem:{kind}"
    return told


def fields(answer: Answer) -> list[str]:
    """The fields that a 422 names."""
    return [fault["field"] for fault in problem(answer, 422, "invalid-input")["errors"]]
