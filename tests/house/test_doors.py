"""Doors that stay shut: paths that come from `data`, and connections to addresses of anybody's choice."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from jobsapp.processors.registry import JobType, load_registry
from tests.processes import ROOT

TYPES = list(load_registry())
# What opens connections to other machines, or may be told to.
CLIENTS = {
    *("socket", "ssl", "http", "urllib", "ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "xmlrpc"),
    *("asyncio", "aiohttp", "httpx", "httpx2", "requests", "urllib3", "openai", "authlib", "websockets", "websocket"),
    *("redis", "rq", "psycopg", "duckdb", "huggingface_hub", "transformers"),
}
HARMLESS = {"urllib.parse", "asyncio.subprocess", "http.HTTPStatus"}
PUBLIC_ONLY = {
    # By sockets of `guard.py` alone, which refuse private addresses however they were named.
    "processors/bulk_operation/calling.py": {"aiohttp", "asyncio"},
    "processors/bulk_operation/calls.py": {"aiohttp", "asyncio"},
    "processors/bulk_operation/guard.py": {"socket"},
    # By ssrfguard, which connects to the address that it has checked: tests/notifications.
    "runtime/senders/outgoing.py": {"requests", "socket"},
    "runtime/senders/apprise.py": {"requests"},
}
BY_SETTINGS = {
    # To addresses that the operator set, and that no job can change.
    "language/client.py": {"openai"},
    "language/quiet.py": {"openai"},
    "processors/document_processing/server.py": {"openai"},
    "processors/fine_tuning/remote.py": {"openai"},
    "auth/oidc.py": {"authlib", "requests"},
    "runtime/senders/mail.py": {"smtplib", "ssl"},
    # The client for other people's programs: to the server that they name.
    "client/": {"http", "urllib", "socket", "ssl", "httpx2", "requests"},
}
OUR_SERVERS = {
    "bus/": {"redis", "rq", "socket"},
    "store/": {"psycopg", "socket"},
    "models/": {"psycopg"},
    "services/": {"psycopg"},
    "embedded/": {"psycopg", "socket", "redis"},
    "runtime/": {"psycopg", "socket"},
    "cli/": {"psycopg", "socket", "http"},
    "api/": {"psycopg"},
    "pages/": {"psycopg"},
    "processors/bulk_operation/": {"psycopg"},
}
LISTENING = {"live/": {"socket", "ssl"}, "auth/unread.py": {"socket"}}
# Without a way out: its sandbox forbids all files and addresses but those of the job.
SANDBOXED = {"processors/data_conversion/": {"duckdb"}}
# Files of the disk only: tests/processors/fine_tuning.
FROM_DISK = {"processors/fine_tuning/": {"transformers"}}
# `folder_path` looks it up, and files in it are walked by descriptors: tests/processors/bulk_operation.
NAMES = {"bulk-operation": {"folder"}}
OPEN = [PUBLIC_ONLY, BY_SETTINGS, OUR_SERVERS, LISTENING, SANDBOXED, FROM_DISK]


def imported(path: Path) -> set[str]:
    """The modules of CLIENTS that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[0] for name in names if not any(f"{name}.".startswith(f"{one}.") for one in HARMLESS)}
    return found & CLIENTS


def test_no_other_module_opens_connections() -> None:
    package = ROOT / "jobsapp"
    opened = {}
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        allowed = {one for table in OPEN for place, ones in table.items() if name.startswith(place) for one in ones}
        if more := imported(path) - allowed:
            opened[name] = more
    assert opened == {}, "let it call by `processors/bulk_operation/guard.py`, or say above why it may"


def schemas(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(one for item in value.values() for one in schemas(item))]
    return [one for item in value for one in schemas(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("job_type", TYPES, ids=lambda one: one.name)
def test_no_input_names_a_path(job_type: JobType) -> None:
    formats = {one.get("format") for one in schemas(job_type.processor.Input.model_json_schema())}
    assert not formats & {"path", "file-path", "directory-path", "json-string"}


@pytest.mark.parametrize("job_type", TYPES, ids=lambda one: one.name)
def test_no_input_that_sounds_like_a_path_is_taken(job_type: JobType) -> None:
    """A file is an id; a folder is the name of one that the operator opened."""
    sounds = {"path", "file", "filename", "directory", "dir", "folder"}
    names = {
        name: one
        for schema in schemas(job_type.processor.Input.model_json_schema())
        for name, one in schema.get("properties", {}).items()
        if name.lower() in sounds and "file-id" not in str(one) and one.get("type") == "string"
    }
    assert set(names) <= NAMES.get(job_type.name, set())
