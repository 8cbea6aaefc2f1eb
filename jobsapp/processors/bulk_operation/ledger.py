"""How far a job came, kept in the opened database itself: in one transaction with the rows that it stands for.

So an attempt after a crash goes on at exactly the row after the last one that was committed, and an attempt that was
given up but still runs can write nothing more.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg

from jobsapp.processors.sdk import Context, Permanent

from .catalog import Connection

TABLE = """CREATE TABLE IF NOT EXISTS jobsapp_bulk_jobs (
  job_id uuid PRIMARY KEY, attempt int NOT NULL, state text, at timestamptz NOT NULL DEFAULT now())"""
BEGIN = """INSERT INTO jobsapp_bulk_jobs (job_id, attempt) VALUES (%s, %s)
ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, at = now()
WHERE jobsapp_bulk_jobs.attempt <= excluded.attempt RETURNING state"""
SAVE = "UPDATE jobsapp_bulk_jobs SET state = %s, at = now() WHERE job_id = %s AND attempt = %s"
FORGET = "DELETE FROM jobsapp_bulk_jobs WHERE at < now() - interval '30 days'"


class Overtaken(Exception):
    """A later attempt of the same job is at work."""


class Ledger:
    """Of one attempt. `found`: what the last attempt saved, or None."""

    def __init__(self, connection: Connection, context: Context) -> None:
        self._connection = connection
        self._job: UUID = context.job_id
        self._attempt = context.attempt
        self.found: dict[str, Any] | None = self._begin()

    def save(self, state: dict[str, Any]) -> None:
        """Call it in the transaction whose rows it stands for."""
        saved = self._connection.execute(SAVE, [json.dumps(state), self._job, self._attempt])
        if saved.rowcount != 1:
            raise Overtaken(f"Attempt {self._attempt} was overtaken by a later one; nothing of this batch was written.")

    def _begin(self) -> dict[str, Any] | None:
        try:
            if self._connection.execute("SELECT to_regclass('jobsapp_bulk_jobs') IS NULL").fetchone() == (True,):
                with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
                    # Two jobs may find at the same time that it is not there.
                    self._connection.execute(TABLE)
            self._connection.execute(FORGET)
            row = self._connection.execute(BEGIN, [self._job, self._attempt]).fetchone()
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
            raise Permanent(
                f"The opened database does not let this user keep a list of jobs ({error.diag.message_primary}). Let "
                f"the administrator run there: {' '.join(TABLE.split())}; and grant SELECT, INSERT, UPDATE and DELETE."
            ) from None
        if row is None:
            raise Overtaken("A later attempt of this job is at work.")
        return json.loads(row[0]) if row[0] else None
