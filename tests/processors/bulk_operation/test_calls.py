"""A call for each row, to a real server."""

from __future__ import annotations

import json
import time

import pytest
from pydantic import ValidationError

from jobsapp.processors.bulk_operation import BulkOperation
from jobsapp.processors.sdk import Cancelled, Permanent
from jobsapp.processors.testing import FakeContext
from tests.processors.bulk_operation.conftest import CALL


def test_the_whole_row_is_posted_with_a_key_of_its_own(server, work):
    rows = [{"id": n, "price": 0.1, "tags": ["a"], "none": None} for n in range(40)]
    server.pause = 0.02
    run = work(rows, **CALL, url=server.url + "/ok", concurrency=5)
    assert (run.result["outcome"], run.result["succeeded"], run.result["failed"]) == ("done", 40, 0)
    assert sorted(one.body["id"] for one in server.asked) == list(range(40))
    assert server.asked[0].body == {**rows[0], "id": server.asked[0].body["id"]}
    assert len({one.headers["Idempotency-Key"] for one in server.asked}) == 40
    assert 2 <= server.most <= 5
    assert run.result["statuses"] == [{"status": 200, "rows": 40}]
    answers = [json.loads(line) for line in run.artifacts["responses.jsonl"].read_text().splitlines()]
    assert {(one["status"], one["body"]) for one in answers} == {(200, '{"done": true}')}
    assert run.progress[-1].percentage == 100
    assert run.result["medianMs"] >= 20


def test_address_body_and_headers_are_templates(server, work, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"sku": "a/b ü?", "price": 0.10, "n": 12345678901234567890, "name": "A \\"quote\\""}\n')
    body = '{"name": "{{name}}", "text": "{{ name }} costs {{price}}", '
    body += '"list": ["{{price}}", "{{n}}"], "fixed": [1.5, null]}'
    data = {"method": "PUT", "url": server.url + "/ok/{{sku}}?of={{n}}", "body": body, "headers": {"X-Row": "n {{n}}"}}
    work(path, **CALL, **data)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PUT", "/ok/a%2Fb%20%C3%BC%3F?of=12345678901234567890")
    assert asked.body == {
        "name": 'A "quote"',
        "text": 'A "quote" costs 0.10',
        "list": [0.1, 12345678901234567890],
        "fixed": [1.5, None],
    }
    assert asked.headers["X-Row"] == "n 12345678901234567890"
    assert "Idempotency-Key" not in asked.headers


def test_retry_after_holds_all_calls(server, work):
    rows = [{"p": "busy"}, *({"p": f"ok/{n}"} for n in range(3))]
    run = work(rows, **CALL, url=server.url + "/{{p}}", method="GET", concurrency=1)
    assert run.result["failed"] == 0
    first, *others = [one.at for one in server.asked]
    assert min(others) - first >= 1.0


def test_the_rate_is_kept(server, work):
    began = time.monotonic()
    run = work([{"n": n} for n in range(11)], **CALL, url=server.url + "/ok/{{n}}", method="GET", ratePerSecond=20)
    assert run.result["succeeded"] == 11
    # From the beginning: the first may come late on a busy machine, the last never early.
    assert max(one.at for one in server.asked) - began >= 0.5


def test_large_answers_are_cut(server, work):
    run = work([{"n": 1}], **CALL, url=server.url + "/big", method="GET")
    (line,) = run.artifacts["responses.jsonl"].read_text().splitlines()
    assert len(json.loads(line)["body"]) == 10_000


def test_a_dry_run_calls_nobody(server, work):
    rows = [["sku", "price"], ["a", "1"], ["", "2"], ["c", "3"]]
    run = work(rows, **CALL, url=server.url + "/ok/{{sku}}", dryRun=True)
    assert server.connections == 0
    assert (run.result["outcome"], run.result["callable"], run.result["failed"]) == ("tried", 2, 1)
    assert run.result["sample"][0] == {
        "line": 2, "call": f"POST {server.url}/ok/a", "body": '{"sku":"a","price":"1"}',
    }  # fmt: skip


def test_the_stop_rule_ends_the_calls(server, work):
    rows = [{"p": "status/400"} for _ in range(500)]
    run = work(rows, **CALL, url=server.url + "/{{p}}".replace("{{p}}", "status/400"), stopAfter=10, concurrency=4)
    assert run.result["outcome"] == "stopped"
    assert 10 <= run.result["failed"] <= 13
    assert len(server.asked) == run.result["failed"]


def test_a_cancel_stops_calls_that_are_under_way(server, work, tmp_path):
    server.pause = 30.0
    context = FakeContext(tmp_path, cancel_when=lambda _: bool(server.asked))
    with pytest.raises(Cancelled):
        work([{"n": n} for n in range(20)], **CALL, url=server.url + "/ok", context=context)
    assert len(server.asked) <= 10
    server.pause = 0.0


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"url": ""}, "url:"),
        ({"url": "http://x/", "body": "{not json"}, "body:"),
        ({"url": "http://x/", "concurrency": 51}, "concurrency"),
        ({"url": "http://x/", "headers": {"Host": "y"}}, "headers:"),
        ({"url": "http://x/", "headers": {"X Y": "y"}}, "headers:"),
        ({"url": "http://x/", "idempotencyHeader": "a\nb"}, "headers:"),
    ],
)
def test_faults_of_the_form_are_named(data, field):
    with pytest.raises(ValidationError, match=field):
        BulkOperation.Input.model_validate(
            {"operation": "http", "source": "0198b7a2-6f3c-7c11-9b2e-3f0a5d6c7e88", **data}
        )


def test_a_column_that_the_file_lacks_is_one_sentence(server, work):
    with pytest.raises(Permanent, match="no column 'skv'"):
        work([["sku"], ["a"]], **CALL, url=server.url + "/ok/{{skv}}")
    assert server.connections == 0
