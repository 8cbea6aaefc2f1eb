"""Whom a call may not reach, and what none may tell: private addresses and secrets."""

from __future__ import annotations

import json
import socket
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from jobsapp.core.masks import Mask
from jobsapp.processors.bulk_operation import BulkOperation
from jobsapp.processors.bulk_operation.calling import KEPT_BYTES
from tests.processors.bulk_operation.conftest import CALL, failures


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
