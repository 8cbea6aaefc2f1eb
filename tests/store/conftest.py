"""A database with an organisation in it, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobsapp.config import Settings
from jobsapp.store.connect import connect
from tests.store.rows import insert_organization
from tests.store.workers import Hand, hands


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """As a work-horse has it: with its settings of the planner."""
    with connect(settings.database_url, "test") as connection:
        yield connection


@pytest.fixture
def organization(connection: psycopg.Connection[Any]) -> UUID:
    return insert_organization(connection)


@pytest.fixture
def hand(connection: psycopg.Connection[Any]) -> Hand:
    return Hand(connection, "hand")


@pytest.fixture
def four(settings: Settings) -> Iterator[list[Hand]]:
    """Workers that may claim at the same moment."""
    with hands(settings.database_url, 4) as found:
        yield found
