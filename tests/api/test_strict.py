"""Hostile input: named, refused, and never sent back at length."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

from tests.api.conftest import Caller
from tests.api.problems import fields, problem
from tests.api.test_access import CALLS

HUGE = "9" * 400
ENDLESS = "9" * 5000
DEEP = '{"a":' * 200 + "1" + "}" * 200
NEW = '{"type":"echo","data":{},%s}'


def send(caller: Caller, body: str, path: str = "/api/jobs", method: str = "POST") -> Any:
    return caller(method, path, data=body, content_type="application/json")


def test_every_call_refuses_parameters_that_it_does_not_know(as_admin: Caller) -> None:
    some = "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88"
    known = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(path for _, path in CALLS)), some)
    known |= {"scope": "queue", "type": "echo", "name": "echo", "key": "echo"}
    for method, path in CALLS:
        form = {"data": {"file": (BytesIO(b"x"), "x")}} if (method, path) == ("POST", "/api/files") else {}
        answer = as_admin(method, path.format(**known) + "?wrong=1", **form)
        assert "wrong" in fields(answer), (method, path)


def test_a_call_without_a_body_refuses_fields(as_admin: Caller) -> None:
    job = f"/api/jobs/{as_admin.create()['id']}"
    for method, path in (("POST", f"{job}/retry"), ("POST", "/api/queues/echo/resume"), ("DELETE", job)):
        assert fields(send(as_admin, '{"force":true}', path, method)) == ["force"]
    assert as_admin("POST", "/api/queues/echo/resume", json={}).status_code == 200


def test_what_comes_twice_is_refused(as_member: Caller) -> None:
    answer = as_member("GET", "/api/jobs?limit=1&limit=2")
    assert problem(answer, 422)["errors"] == [{"field": "limit", "message": "is given more than once"}]
    two = [(BytesIO(b"x"), "x"), (BytesIO(b"y"), "y")]
    assert fields(as_member("POST", "/api/files", data={"file": two})) == ["file"]


def test_parameters_are_read_in_both_spellings(as_member: Caller) -> None:
    as_member.create()
    for name in ("createdAfter", "created_after"):
        assert len(as_member("GET", f"/api/jobs?{name}=2026-01-01T00:00:00Z").get_json()["jobs"]) == 1
        assert as_member("GET", f"/api/jobs?{name}=2126-01-01T00:00:00Z").get_json()["jobs"] == []


def test_parameters_are_checked(as_member: Caller) -> None:
    for query in (
        f"limit={ENDLESS[:3000]}",
        "limit=1e1",
        "limit=NaN",
        "q=%00",
        "type=%00",
        "cursor=%00",
        "createdAfter=1700000000",
        "createdAfter=2026-01-01",
        "createdAfter=2026-01-01T00:00:00",
        "createdAfter=2026-13-01T00:00:00Z",
    ):
        assert fields(as_member("GET", f"/api/jobs?{query}")) == [query.partition("=")[0]], query


def test_fields_are_checked(as_member: Caller) -> None:
    for part, field in (
        (f'"priority":{HUGE}', "priority"),
        ('"priority":1e400', "priority"),
        ('"priority":NaN', "priority"),
        ('"priority":true', "priority"),
        ('"maxAttempts":0', "maxAttempts"),
        (f'"timeoutSeconds":{HUGE}', "timeoutSeconds"),
        ('"timeoutSeconds":-Infinity', "timeoutSeconds"),
        ('"runAt":1700000000', "runAt"),
        (f'"runAt":{HUGE}', "runAt"),
        ('"runAt":"2026-11-26T18:00:00"', "runAt"),
        ('"runAt":"tomorrow"', "runAt"),
        ('"name":"\\u0000"', "name"),
        ('"name":"\\ud800"', "name"),
        (f'"name":"{"x" * 100_000}"', "name"),
        (f'"description":{DEEP}', "description"),
        ('"retry":{"factor":NaN}', "retry.factor"),
        ('"retry":{"wrong":1}', "retry.wrong"),
        ('"organizationId":"x"', "organizationId"),
    ):
        assert fields(send(as_member, NEW % part)) == [field], part[:50]


def test_too_long_a_text_is_told_in_characters(as_member: Caller) -> None:
    fault = problem(as_member("POST", "/api/jobs", json={"type": "echo", "data": {}, "name": "x" * 201}), 422)
    assert fault["errors"] == [{"field": "name", "message": "may have at most 200 characters"}]


def test_what_was_sent_is_not_sent_back_at_length(as_member: Caller) -> None:
    long, many = "x" * 100_000, {f"field{number}": 1 for number in range(5000)}
    for body in (
        {"type": long, "data": {}},
        {"type": "echo", "data": {}, long: 1},
        {"type": "echo", "data": many},
        {"type": "echo", "data": {}, **many},
    ):
        answer = as_member("POST", "/api/jobs", json=body)
        problem(answer, 422)
        assert len(answer.data) < 100_000


def test_numbers_of_thousands_of_digits_are_malformed(as_member: Caller) -> None:
    detail = problem(send(as_member, NEW % f'"priority":{ENDLESS}'), 400, "bad-request")["detail"]
    assert detail.startswith("The body is not valid JSON: Exceeds the limit")


def test_malformed_json_is_told_in_one_sentence(as_member: Caller) -> None:
    for body, said in (("{", "Expecting property name"), ('{"a":1}x', "Extra data")):
        assert problem(send(as_member, body), 400)["detail"].startswith(f"The body is not valid JSON: {said}")


def test_a_packed_body_is_refused(as_member: Caller) -> None:
    answer = as_member(
        "POST", "/api/jobs", data=b"\x1f\x8b", content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert "Content-Encoding" in problem(answer, 415, "unsupported-media-type")["detail"]


def test_too_long_an_address(as_member: Caller) -> None:
    problem(as_member("GET", f"/api/jobs?q={'x' * 5000}"), 414, "request-uri-too-long")


def test_what_is_not_there_is_a_problem_everywhere(as_nobody: Caller) -> None:
    for path in ("/api", "/api/", "/api/jobs/nothing/here", "/api/%00", "/api/" + 3000 * "x"):
        assert len(problem(as_nobody("GET", path), 404, "not-found")["detail"]) < 600


def test_other_methods_are_told_which_there_are(as_member: Caller) -> None:
    for method in ("TRACE", "PUT", "BREW"):
        answer = as_member(method, "/api/jobs")
        problem(answer, 405, "method-not-allowed")
        assert {"GET", "HEAD", "OPTIONS", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_options_and_head(as_member: Caller) -> None:
    options = as_member("OPTIONS", "/api/jobs")
    assert (options.status_code, options.data) == (200, b"")
    assert {"GET", "HEAD", "OPTIONS", "POST"} <= set(options.headers["Allow"].split(", "))
    assert as_member("POST", "/api/jobs", json={"type": "echo", "data": {}}).status_code == 201
    got, head = as_member("GET", "/api/jobs/stats"), as_member("HEAD", "/api/jobs/stats")
    assert (head.status_code, head.data, head.content_length) == (200, b"", got.content_length)
    problem_head = as_member("HEAD", "/api/jobs?limit=0")
    assert (problem_head.status_code, problem_head.mimetype) == (422, "application/problem+json")


def test_a_body_that_nobody_asked_for_is_not_read(as_member: Caller) -> None:
    some = "/api/files/0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88"
    calls = [("GET", "/api/jobs"), ("GET", "/api/types"), ("GET", some), ("DELETE", some), ("POST", "/api/jobs")]
    for method, path in calls:
        body = Watched(b"{}")
        how = {"input_stream": body, "content_type": "application/json", "content_length": 2}
        answer = as_member(method, path, **how)
        assert answer.status_code == {"/api/jobs": 422 if method == "POST" else 200, some: 404}.get(path, 200)
        assert body.was_read is (method == "POST"), (method, path)


class Watched(BytesIO):
    was_read = False

    def read(self, *how: Any) -> bytes:
        self.was_read = True
        return super().read(*how)

    def readinto(self, *how: Any) -> int:
        self.was_read = True
        return super().readinto(*how)


def test_both_spellings_of_a_field(as_member: Caller) -> None:
    body = json.dumps({"type": "echo", "data": {}, "max_attempts": 2})
    assert send(as_member, body).get_json()["maxAttempts"] == 2
