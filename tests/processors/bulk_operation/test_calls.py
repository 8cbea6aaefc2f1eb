"""A call for each row, to a real server."""

from __future__ import annotations

import json
import socket
import time
import tracemalloc
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from jobsapp.core.masks import Mask
from jobsapp.processors.bulk_operation import BulkOperation
from jobsapp.processors.bulk_operation.calling import KEPT_BYTES
from jobsapp.processors.bulk_operation.journal import Call, Journal
from jobsapp.processors.sdk import Cancelled, Permanent
from jobsapp.processors.testing import FakeContext
from tests.processors.bulk_operation.conftest import failures, write

CALL = {"operation": "http", "table": ""}


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


def test_each_failure_is_told_and_tried_again_where_that_is_safe(server, work, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.calling.FIRST_PAUSE", 0.01)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        paths = ["ok", "status/422", "flaky/1", "status/500", "cut", "slow"]
        rows = [{"url": f"{server.url}/{path}"} for path in paths]
        rows += [{"url": f"http://127.0.0.1:{unused.getsockname()[1]}/"}, {"url": ""}, {"uri": "x"}]
        run = work(rows, **CALL, url="{{url}}", retries=1, timeoutSeconds=2)
    found = {line["item"]: (line["code"], line.get("key") is not None) for line in failures(run)}
    assert found == {
        2: ("http_422", False),
        4: ("http_500", True),
        5: ("connection_lost", True),
        6: ("timeout", True),
        7: ("no_connection", False),
        8: ("empty", False),
        9: ("missing", False),
    }
    assert run.result["succeeded"] == 2
    assert server.seen == {"/ok": 1, "/status/422": 1, "/flaky/1": 2, "/status/500": 2, "/cut": 2, "/slow": 2}
    message = next(line["message"] for line in failures(run) if line["item"] == 2)
    assert message == "The server answered 422: no: the price is wrong"
    keys = [one.headers["Idempotency-Key"] for one in server.asked if one.path == "/flaky/1"]
    assert keys[0] == keys[1]


def test_without_a_key_a_post_is_never_sent_twice(server, work, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.calling.FIRST_PAUSE", 0.01)
    rows = [{"path": path} for path in ("status", "cut", "busy")]
    data = {"url": server.url + "/{{path}}", "idempotencyHeader": ""}
    run = work([*rows, {"path": "flaky"}], **CALL, **data)
    # 429 says that nothing was done.
    assert server.seen == {"/status": 1, "/cut": 1, "/flaky": 1, "/busy": 2}
    assert {line["code"] for line in failures(run)} == {"connection_lost", "http_503"}


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


def test_redirects_are_followed_on_the_same_host_only(server, work):
    there, away = f"{server.url}/to//ok", f"{server.url}/to/http://localhost:{server.port}/ok"
    run = work([{"url": there}, {"url": away}], **CALL, url="{{url}}", method="GET", redirects=2)
    assert [(line["item"], line["code"]) for line in failures(run)] == [(2, "redirects")]
    assert server.seen["/ok"] == 1
    run = work([{"url": there}], **CALL, url="{{url}}", method="GET")
    assert failures(run)[0]["code"] == "http_302"
    assert server.seen["/ok"] == 1


INSIDE = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[::1]",
]
OUTSIDE = [
    "169.254.169.254",
    "10.0.0.1",
    "100.64.0.1",
    "192.168.1.1",
    "[fd00::1]",
    "[64:ff9b::7f00:1]",
    "rebound.example",
]


def test_private_addresses_are_refused_in_any_notation(server, work, monkeypatch):
    monkeypatch.delenv("JOBSAPP_BULK_ALLOWED_ADDRESSES")
    real = socket.getaddrinfo

    def resolve(host, *given, **named):
        return real("127.0.0.1" if host == "rebound.example" else host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    rows = [{"url": f"http://{host}:{server.port}/ok"} for host in INSIDE + OUTSIDE]
    run = work(rows, **CALL, url="{{url}}", method="GET", retries=0, timeoutSeconds=5)
    assert run.result["failed"] == len(rows)
    assert server.connections == 0
    codes = {line["row"]["url"]: line["code"] for line in failures(run)}
    # A name in a notation that the system does not know resolves to nothing.
    assert {url for url, code in codes.items() if code not in ("blocked_address", "no_connection", "bad_url")} == set()
    certain = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", *OUTSIDE]
    assert {codes[f"http://{host}:{server.port}/ok"] for host in certain} == {"blocked_address"}


def test_other_schemes_and_passwords_in_addresses_are_refused(server, work):
    urls = [
        "file:///etc/passwd",
        "ftp://example.org/",
        f"http://u:p@127.0.0.1:{server.port}/",
        "//x/",
        "http:///a",
        "http://a b/",
    ]
    run = work([{"url": url} for url in urls], **CALL, url="{{url}}", method="GET")
    assert [line["code"] for line in failures(run)] == ["bad_url"] * len(urls)
    assert server.connections == 0


def test_a_value_cannot_change_what_is_called(server, work):
    rows = [{"id": value} for value in ("", "..", "a\r\nX-Evil: 1", "../x?y#z")]
    data = {"url": server.url + "/ok/{{id}}", "method": "DELETE", "headers": {"X-Id": "{{id}}"}}
    run = work(rows, **CALL, **data)
    assert [(line["item"], line["code"]) for line in failures(run)] == [(1, "empty"), (2, "empty"), (3, "bad_value")]
    assert [one.path for one in server.asked] == ["/ok/..%2Fx%3Fy%23z"]


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


def test_what_failed_is_called_again_with_the_key_of_an_unknown_outcome(server, work, tmp_path):
    rows = [{"p": "ok"}, {"p": "cut"}, {"p": "flaky"}]
    first = work(rows, **CALL, url=server.url + "/{{p}}", retries=0)
    keys = {one.path: one.headers["Idempotency-Key"] for one in server.asked}
    report = first.artifacts["failed.jsonl"].rename(tmp_path / "failed.jsonl")
    second = work(report, **CALL, url=server.url + "/{{p}}", retries=0)
    assert (second.result["rows"], second.result["succeeded"], second.result["failed"]) == (2, 1, 1)
    again = {one.path: one.headers["Idempotency-Key"] for one in server.asked[3:]}
    assert again == {"/cut": keys["/cut"], "/flaky": keys["/flaky"]}


class Crash(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("header", ["Idempotency-Key", ""])
def test_after_a_crash_no_settled_call_is_made_again(server, work, tmp_path, monkeypatch, header):
    monkeypatch.setattr("jobsapp.processors.bulk_operation.calls.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("jobsapp.processors.bulk_operation.journal.SECONDS", 0.0)
    path = write(tmp_path, [{"n": n} for n in range(300)])
    context = FakeContext(tmp_path, files=[path])
    server.pause = 0.01

    def progress(current, *given, **named):
        if current >= 100:
            raise Crash

    context.progress = progress
    data = {**CALL, "url": server.url + "/ok/{{n}}", "concurrency": 5, "idempotencyHeader": header}
    with pytest.raises(Crash):
        work(path, **data, context=context)
    (kept,) = context.keepdir.glob("1.calls")
    kept.write_bytes(kept.read_bytes() + b'{"item": 299, "li')
    after = context.next_attempt()
    after.job_id = context.job_id
    run = work(path, **data, context=after)
    assert any(line.startswith("Resumed: ") for _, line in run.log)
    assert run.result["succeeded"] + run.result["failed"] == 300
    twice = [path for path, times in server.seen.items() if times > 1]
    if header:
        # Only those that were under way may be made twice, and then with the same key.
        assert (run.result["failed"], len(server.seen)) == (0, 300)
        assert len(twice) <= 5
        keys = {(one.path, one.headers["Idempotency-Key"]) for one in server.asked}
        assert len(keys) == 300
    else:
        assert twice == []
        assert {line["code"] for line in failures(run)} <= {"unknown_outcome"}
        assert run.result["failed"] <= 5


def test_without_its_journal_a_job_makes_no_unsafe_call_again(server, work, tmp_path):
    context = FakeContext(tmp_path, attempt=2, last_checkpoint={"calls": 7})
    with pytest.raises(Permanent, match="7 calls"):
        work([{"n": 1}], **CALL, url=server.url + "/ok", idempotencyHeader="", context=context)
    assert server.connections == 0


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


def test_after_a_crash_the_answers_stay_on_disk(tmp_path):
    context, answer = FakeContext(tmp_path), "x" * 10_000
    with Journal(context, marks=True) as journal:
        for number in range(1, 2_001):
            journal.begin(number)
            journal.end(Call(number, number, 200, 1.0, 1, body=answer))
        journal.begin(2_001)
    tracemalloc.start()
    with Journal(context.next_attempt(), marks=True) as journal:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (len(journal.settled), journal.begun, journal.settled.get(2_001)) == (2_000, {2_001}, None)
        last = journal.settled.get(2_000)
        assert last is not None
        assert (last.item, last.body) == (2_000, answer)
    assert most < 1_000_000, "twenty megabytes of answers were read"


def test_secret_headers_are_sent_and_are_in_no_file(server, work):
    secret = {"Authorization": "Bearer s3cret-token"}
    data = CALL | {"url": server.url + "/echo", "headers": {"X-Shop": "north"}, "secretHeaders": secret}
    run = work([{"id": 7}], **data)
    (asked,) = server.asked
    assert (asked.headers["Authorization"], asked.headers["X-Shop"]) == ("Bearer s3cret-token", "north")
    answers = run.artifacts["responses.jsonl"].read_text()
    assert "north" in answers
    assert "s3cret" not in answers


@pytest.mark.parametrize("late", [KEPT_BYTES - 7, KEPT_BYTES - 20, KEPT_BYTES - 21, KEPT_BYTES - 1, KEPT_BYTES])
def test_no_half_of_a_secret_stays_where_an_answer_is_cut(server, work, late):
    data = CALL | {"url": f"{server.url}/late/{late}", "secretHeaders": {"Authorization": "s3cret-token-0123456"}}
    answers = work([{"id": 7}], **data).artifacts["responses.jsonl"].read_text()
    assert "x" * late in answers
    assert "s3c" not in answers
    assert ("********" in answers) == (late < KEPT_BYTES)
    assert "yy" not in answers


def test_an_answer_full_of_secrets_is_cut_where_they_were():
    mask = Mask(["s3cret-token"])
    said = "s3cret-token" * 100
    for length in range(30):
        assert mask.beginning(said[: length + mask.longest], length) == "********" * -(-length // 12)
    assert Mask([]).beginning("abc", 2) == "ab"


@pytest.mark.parametrize(
    "where", ["http://[SECRET", "http://" + "a" * 170 + ".example/SECRET", "ftp://127.0.0.1/SECRET"]
)
def test_a_redirect_that_leads_nowhere_is_told_without_secrets(server, work, where):
    secret = {"Authorization": "s3cret-token-0123456"}
    url = f"{server.url}/moved/{quote(where, safe='')}"
    run = work([{"id": 7}], **CALL | {"url": url, "secretHeaders": secret, "redirects": 2})
    (line,) = failures(run)
    assert line["code"] == "redirects"
    assert "s3" not in json.dumps(line)


@pytest.mark.parametrize("secret", [{"Host": "x"}, {"a b": "x"}, {"X-Shop": "x"}, {"X-Key": ""}, {"X-Key": "a\nb"}])
def test_secret_headers_that_cannot_be(secret):
    data = CALL | {"source": "0" * 32, "url": "https://x.org", "headers": {"x-shop": "a"}, "secretHeaders": secret}
    with pytest.raises(ValidationError, match="secretHeaders: "):
        BulkOperation.Input.model_validate(data)
