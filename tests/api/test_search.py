"""`GET /api/search`: what comes back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest

from tests.api.conftest import Caller
from tests.api.problems import problem

QUEUE = "document-processing"


def test_passages_come_with_their_sources(as_member: Caller, as_stranger: Caller, drain: Callable[[str], int]) -> None:
    text = b"# Prices\n\nSalt costs two crowns.\n"
    uploaded = as_member("POST", "/api/files", data={"file": (BytesIO(text), "prices.md")}).get_json()["id"]
    job = as_member.create(QUEUE, {"documents": [uploaded], "embed": "auto"})["id"]
    assert as_member("GET", "/api/search?q=salt").get_json() == {"results": [], "notes": []}
    drain(QUEUE)
    (found,) = as_member("GET", f"/api/search?q=what+does+salt+cost&limit=3&job={job}").get_json()["results"]
    assert found.pop("likeness") > 0.25
    assert found.pop("score") == pytest.approx(2 / 61, abs=1e-6)
    assert found == {
        "jobId": job,
        "jobName": "prices.md",
        "document": "prices.md",
        "fileId": uploaded,
        "downloadUrl": f"/api/files/{uploaded}/content",
        "pageFrom": None,
        "pageTo": None,
        "heading": "Prices",
        "foundBy": ["words", "meaning"],
        "excerpt": "Prices Salt costs two crowns.",
        "marks": [{"start": 7, "end": 11}, {"start": 12, "end": 17}],
        "charFrom": 0,
        "charTo": 32,
        "text": "# Prices\n\nSalt costs two crowns.",
    }
    assert as_member("GET", found["downloadUrl"]).data == text
    assert as_stranger("GET", "/api/search?q=salt").get_json()["results"] == []
    assert problem(as_stranger("GET", f"/api/search?q=salt&job={job}"), 422)["errors"][0]["field"] == "job"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=%3F", "q"),
        ("q=a%00b", "q"),
        (f"q={'x' * 1001}", "q"),
        ("q=a&limit=0", "limit"),
        ("q=a&limit=101", "limit"),
        ("q=a&limit=x", "limit"),
        ("q=a&job=x", "job"),
        ("q=a&colour=red", "colour"),
    ],
)
def test_a_wrong_parameter_is_named(as_member: Caller, query: str, field: str) -> None:
    answer = problem(as_member("GET", f"/api/search?{query}"), 422)
    assert [error["field"] for error in answer["errors"]] == [field]
