"""What is installed is what was locked, and what is known to be bad in it is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.loopback import Loopback, reply
from tests.processes import ROOT

LOCKS = [path for path in sorted((ROOT / "requirements").glob("*.txt")) if path.name != "excluded.txt"]
PINNED = re.compile(r"^[a-z0-9][a-z0-9._-]*(\[[a-z0-9,._-]+\])?==[^\s;]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+$")
SMALL = "requirements/torch.txt"
REASON = re.compile(r"noqa: S\d+(, ?[A-Z]+\d+)* - \w+")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_line_is_pinned_by_hash_and_names_no_index(lock: Path) -> None:
    text = re.sub(r"\s*\\\n\s*", " ", lock.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line[:80] for line in lines if not PINNED.match(line.strip())] == []


def test_rules_of_security_are_only_lifted_for_a_reason() -> None:
    lifted = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "jobsapp").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"noqa: ?(S|$)", line) and not REASON.search(line)
    ]
    assert lifted == []


def audit(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "bin" / "audit"), *options]
    environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environ}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)


def test_an_audit_without_a_network_says_so_and_is_content(tmp_path: Path) -> None:
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    done = audit("--cache-dir", str(tmp_path), **nowhere)
    assert (done.returncode, "no network" in done.stderr) == (0, True), done.stderr


class Advisories(Loopback):
    """Answers as osv.dev does. `bad`: the package that has a vulnerability."""

    def __init__(self, bad: str) -> None:
        super().__init__()
        self.bad = bad

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        package = json.loads(body)["package"]["name"]
        found = [{"id": "TEST-1", "summary": "bad", "affected": []}] if package == self.bad else []
        reply(
            request, 200, {"Content-Type": "application/json"}, json.dumps({"vulns": found} if found else {}).encode()
        )


@pytest.mark.parametrize(("bad", "code"), [("torch", 1), ("nothing-of-ours", 0)])
def test_an_audit_tells_what_is_known(bad: str, code: int, tmp_path: Path) -> None:
    with Advisories(bad) as server:
        url = f"http://127.0.0.1:{server.port}/v1/query"
        done = audit("-s", "osv", "--osv-url", url, "--cache-dir", str(tmp_path), LOCKS=SMALL)
    assert done.returncode == code, done.stderr
    assert ("TEST-1" in done.stderr) is bool(code)
