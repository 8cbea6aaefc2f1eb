"""Four workers as real processes and thousands of jobs: larger priorities first, equal ones first come first served.

Exact for what is not yet claimed: no job is claimed while one that comes before it waits and nobody is claiming that.
The database itself keeps the record, by a trigger of the test: when each job was claimed, and when the statement that
claimed it began. The order in which jobs begin is another matter: a worker may be slow with what it holds.
"""

from __future__ import annotations

import random
from itertools import accumulate

import psycopg

from jobsapp.services.jobs import NewJob
from tests.faults.stage import Stage, report

JOBS, WORKERS = 4000, 4
RECORD = """
CREATE TABLE claims (key text, worker text, began timestamptz, at timestamptz);
CREATE FUNCTION record_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO claims VALUES (NEW.data->>'key', NEW.worker, statement_timestamp(), clock_timestamp());
  RETURN NEW;
END $$;
CREATE TRIGGER record_claim BEFORE UPDATE OF status ON jobs FOR EACH ROW
  WHEN (OLD.status = 'pending' AND NEW.status = 'active') EXECUTE FUNCTION record_claim()"""
# One that was handed back is claimed again: what counts is when it was first taken out of the queue.
CLAIMS = "SELECT key, min(began), min(at) FROM claims GROUP BY key"


def test_priority_is_exact_with_four_workers(stage: Stage) -> None:
    chance = random.Random(8)
    priorities = {f"short-{number}": chance.randrange(20) for number in range(JOBS)}
    with psycopg.connect(stage.settings.database_url, autocommit=True) as connection:
        connection.execute(RECORD)
        with stage.app.app_context():
            data = {key: {"book": str(stage.book), "key": key} for key in priorities}
            news = [NewJob("short", data[key], priority=priority) for key, priority in priorities.items()]
            stage.services.jobs.create_many(stage.actor, news)
        stage.sent = dict.fromkeys(priorities, "completed")
        stage.worker(WORKERS, queues="short")
        balance = stage.close_books()
        claims = {key: (began, at) for key, began, at in connection.execute(CLAIMS)}
        workers = connection.execute("SELECT count(DISTINCT worker) FROM claims").fetchone()
    report(f"{WORKERS} workers", balance)
    assert not balance.doubled
    assert workers == (WORKERS,)

    in_order = sorted(priorities, key=lambda key: (-priorities[key], int(key.split("-")[1])))
    latest = accumulate((claims[key][0] for key in in_order), max)
    early = [key for key, began in zip(in_order, latest, strict=True) if claims[key][1] < began]
    assert early == [], "claimed while one that comes before it lay in the queue"
