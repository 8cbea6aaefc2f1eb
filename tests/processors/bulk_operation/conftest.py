"""A shop's database beside the house's own, with tables that are opened for bulk operations and one that is not."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from jobsapp.processors.bulk_operation import BulkOperation
from jobsapp.processors.testing import FakeContext, Run, file_id, run_processor
from tests.processors.bulk_operation.folders import Folders
from tests.processors.bulk_operation.server import Server

CALL = {"operation": "http", "table": ""}
TABLES = """
DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop;
CREATE TABLE shop.makers (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO shop.makers VALUES (1, 'Ames'), (2, 'Bolt');
CREATE TABLE shop.products (
  sku text PRIMARY KEY, name text NOT NULL, price numeric(10,2) CHECK (price >= 0), stock int DEFAULT 7,
  maker int REFERENCES shop.makers (id) DEFERRABLE INITIALLY DEFERRED, facts jsonb, since date, "odd ""name" text,
  total numeric GENERATED ALWAYS AS (price * stock) STORED);
CREATE TABLE public.secrets (id int PRIMARY KEY, word text);
CREATE TABLE shop.loose (a int, b text);
"""


class Shop:
    """The opened database, with a connection that looks on."""

    def __init__(self, url: str, connection: psycopg.Connection[Any]) -> None:
        self.url, self.connection = url, connection

    def all(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def count(self) -> int:
        return int(self.all("SELECT count(*) FROM shop.products")[0][0])


@pytest.fixture(scope="session")
def shop_url(servers: Any) -> str:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
    return urlsplit(servers.database_url)._replace(path="/shop").geturl()


@pytest.fixture
def shop(shop_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("JOBSAPP_BULK_DATABASE_URL", shop_url)
    monkeypatch.setenv("JOBSAPP_BULK_TABLES", "shop.products, shop.makers,shop.loose,shop.gone")
    with psycopg.connect(shop_url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield Shop(shop_url, connection)


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Run]:
    """Runs an operation over rows (dicts: JSON Lines; lists: CSV; a path: as it is), for real unless told otherwise."""

    def work(source: Sequence[Any] | Path | None, context: FakeContext | None = None, **data: Any) -> Run:
        path = write(tmp_path, source) if source is not None and not isinstance(source, Path) else source
        given = {"operation": "import", "table": "shop.products", "dryRun": False} | data
        if path:
            given["source"] = str(file_id(path))
            if context:
                context.files[file_id(path)] = path
        files = [path] if path else []
        return run_processor(BulkOperation, given, files=files, tmp_path=tmp_path, context=context)

    return work


def write(folder: Path, rows: Sequence[Any]) -> Path:
    """As JSON Lines if they are dicts, else as CSV."""
    if isinstance(rows[0], dict):
        path = folder / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path = folder / "rows.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return path


def failures(run: Run) -> list[dict[str, Any]]:
    """The lines of its report; none, if nothing failed and there is no report."""
    report = run.artifacts.get("failed.jsonl")
    return [json.loads(line) for line in report.read_text().splitlines()] if report else []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Allowed for bulk operations, although it is on the loopback."""
    monkeypatch.setenv("JOBSAPP_BULK_ALLOWED_ADDRESSES", "127.0.0.1/32")
    with Server() as server:
        yield server


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    folders = Folders(tmp_path)
    monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", folders.setting)
    return folders


@pytest.fixture
def act(work: Callable[..., Run]) -> Callable[..., Run]:
    """Runs an action over files of the inbox, for real unless told otherwise."""

    def act(action: str, pattern: str = "", source: Any = None, **data: Any) -> Run:
        target = {"target": "done"} if action in ("copy", "move") else {}
        given = {"operation": "files", "table": "", "action": action, "folder": "inbox", "pattern": pattern}
        return work(source, **given | target | data)

    return act
