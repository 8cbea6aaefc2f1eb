"""Real worker processes: killed in the middle of an import, and asked to stop one."""

from __future__ import annotations

import os
import signal
from uuid import UUID

from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.processes import Processes, descendants, wait_until

ROWS = 3_000
LOADED = "SELECT count(*), count(DISTINCT a) FROM shop.loose"


def start(services, admin, processes) -> tuple[int, UUID]:
    """A worker, and a job for it whose table has no key: a row that was loaded twice would be there twice."""
    receiver = services.files.receiver()
    receiver.write(b"a,b\n" + b"".join(b"%d,x\n" % n if n % 300 else b"no number,x\n" for n in range(1, ROWS + 1)))
    source = services.files.register(admin, receiver, "rows.csv").id
    data = {"operation": "import", "table": "shop.loose", "source": str(source), "dryRun": False}
    worker = processes.flask("worker", "--queues", "bulk-operation", "--concurrency", "1")
    return worker.pid, services.jobs.create(admin, NewJob("bulk-operation", data))[0].id


def run_with(settings, shop):
    return Processes(
        settings,
        lease_seconds=600.0,
        processors="tests.processors.bulk_operation.often",
        bulk_database_url=shop.url,
        bulk_tables="shop.loose",
    )


def test_a_killed_import_goes_on_at_the_row_after_the_last_that_is_there(services, admin, settings, shop):
    with run_with(settings, shop) as processes:
        worker, job_id = start(services, admin, processes)
        wait_until(lambda: shop.all(LOADED)[0][0] > 500, "some batches are committed")
        os.kill(max(descendants(worker)), signal.SIGKILL)
        job = wait_for(services, admin, job_id, "completed")
    assert [attempt.outcome for attempt in job.history] == ["died", "completed"]
    assert any(line.message.startswith("Resumed at row ") for line in services.jobs.log(admin, job_id))
    assert (job.result["inserted"], job.result["failed"]) == (ROWS - 10, 10)
    assert shop.all(LOADED) == [(ROWS - 10, ROWS - 10)]
    lines = services.files.path(job.artifacts[0]).read_text().splitlines()
    assert len(lines) == 10


def test_a_cancelled_import_stops_after_a_whole_batch(services, admin, settings, shop):
    with run_with(settings, shop) as processes:
        _, job_id = start(services, admin, processes)
        wait_until(lambda: shop.all(LOADED)[0][0] > 200, "some batches are committed")
        services.jobs.cancel(admin, job_id)
        wait_for(services, admin, job_id, "cancelled")
    items = json_items(shop)
    assert shop.all(LOADED)[0][0] == items - items // 300
    assert items < ROWS


def json_items(shop) -> int:
    """How many rows of the file the ledger says are done."""
    return int(shop.all("SELECT (state::json -> 'place' ->> 'items')::int FROM jobsapp_bulk_jobs")[0][0])
