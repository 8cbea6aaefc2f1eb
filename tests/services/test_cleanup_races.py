"""A cleanup that meets a job being created: the job keeps its input, or is refused and told why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from flask_openapi3 import OpenAPI

from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.services import Services
from tests.services.test_cleanup import ids, make, upload

T = TypeVar("T")
Drain = Callable[[str], int]
Beside = Callable[[Callable[[], T]], "Future[T]"]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'jobsapp web'"
FILE = "SELECT FROM files WHERE id = %s FOR KEY SHARE"


@pytest.fixture
def beside(app: OpenAPI) -> Iterator[Beside[Any]]:
    """Runs a use case on a thread and a connection of its own."""

    def within(work: Callable[[], Any]) -> Any:
        with app.app_context():
            return work()

    with ThreadPoolExecutor(4) as pool:
        yield lambda work: pool.submit(within, work)


@contextmanager
def holding(settings: Settings, statement: str, *values: object) -> Iterator[None]:
    """Holds the locks that the statement takes."""
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(statement, values)  # type: ignore[arg-type]
        yield


def wait_until_waiting(connection: psycopg.Connection[Any], how_many: int = 1) -> None:
    """Until so many of the house's transactions wait for a lock."""
    deadline = time.monotonic() + 20
    while (row := connection.execute(WAITING).fetchone()) is None or row[0] != how_many:
        assert time.monotonic() < deadline, f"{row} wait"
        time.sleep(0.01)


@pytest.fixture
def source(services: Services, admin: Actor, drain: Drain, connection: psycopg.Connection[Any]) -> UUID:
    """An upload that only an old job reads."""
    source = upload(services, admin)
    make(services, admin, source=str(source))
    drain("make-file")
    age(connection)
    return source


def age(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE jobs SET completed_at = now() - interval '40 days' WHERE status = 'completed'")
    connection.execute("UPDATE files SET created_at = now() - interval '40 days'")


def is_stored(services: Services, file_id: UUID) -> bool:
    return (services.settings.files_dir / str(file_id)[-2:] / str(file_id)).exists()


def test_a_job_created_before_the_files_are_locked_keeps_its_input(
    settings: Settings,
    services: Services,
    admin: Actor,
    source: UUID,
    beside: Beside[int],
    drain: Drain,
    connection: psycopg.Connection[Any],
) -> None:
    with holding(settings, FILE, source):
        cleaning = beside(lambda: services.cleanup.delete(days=30))
        wait_until_waiting(connection)
        fresh = make(services, admin, source=str(source))
    assert cleaning.result(20) == 1
    assert ids(services, admin) == {fresh}
    assert services.cleanup.delete_uploads(days=30) == 0
    assert is_stored(services, source)
    drain("make-file")
    assert services.jobs.get(admin, fresh).result == {"characters": 3}


def test_an_artifact_that_a_job_begins_to_read_stays_with_the_job_that_made_it(
    settings: Settings,
    services: Services,
    admin: Actor,
    beside: Beside[int],
    drain: Drain,
    connection: psycopg.Connection[Any],
) -> None:
    upload_id = upload(services, admin)
    maker, other = make(services, admin, source=str(upload_id)), make(services, admin)
    drain("make-file")
    age(connection)
    made = services.jobs.get(admin, maker).artifacts[0].id
    with holding(settings, FILE, made):
        cleaning = beside(lambda: services.cleanup.delete(days=30))
        wait_until_waiting(connection)
        reader = make(services, admin, source=str(made))
    assert cleaning.result(20) == 1
    assert other not in ids(services, admin)
    assert ids(services, admin) == {maker, reader}
    assert services.files.get(admin, upload_id).size == 3
    drain("make-file")
    assert services.jobs.get(admin, reader).status == "completed"


def test_an_upload_that_a_job_begins_to_read_stays(
    settings: Settings,
    services: Services,
    admin: Actor,
    beside: Beside[int],
    connection: psycopg.Connection[Any],
) -> None:
    kept, dropped = upload(services, admin), upload(services, admin)
    age(connection)
    with holding(settings, FILE, kept):
        cleaning = beside(lambda: services.cleanup.delete_uploads(days=30))
        wait_until_waiting(connection)
        make(services, admin, source=str(kept))
    assert cleaning.result(20) == 1
    assert (is_stored(services, kept), is_stored(services, dropped)) == (True, False)


def test_a_create_whose_file_went_a_moment_ago_is_refused(
    settings: Settings,
    services: Services,
    admin: Actor,
    source: UUID,
    beside: Beside[Any],
    connection: psycopg.Connection[Any],
) -> None:
    # Having found its file, a create needs the row of its owner before it writes anything.
    with holding(settings, "SELECT FROM users WHERE id = %s FOR UPDATE", admin.user_id):
        creating = beside(lambda: make(services, admin, source=str(source)))
        wait_until_waiting(connection)
        assert services.cleanup.delete(days=30) == 1
    assert_refused(creating, source)
    assert ids(services, admin) == set()


def test_a_create_waits_for_a_cleanup_that_has_its_file_and_bytes_go_after_the_commit(
    settings: Settings,
    services: Services,
    admin: Actor,
    source: UUID,
    beside: Beside[Any],
    connection: psycopg.Connection[Any],
) -> None:
    # A job's log is the last that its deletion takes along.
    connection.execute("INSERT INTO job_logs (job_id, attempt, level, message) SELECT id, 1, 'info', 'line' FROM jobs")
    with holding(settings, "SELECT FROM job_logs FOR UPDATE"):
        cleaning = beside(lambda: services.cleanup.delete(days=30))
        wait_until_waiting(connection)
        creating = beside(lambda: make(services, admin, source=str(source)))
        wait_until_waiting(connection, 2)
        assert is_stored(services, source)
    assert cleaning.result(20) == 1
    assert not is_stored(services, source)
    assert_refused(creating, source)


def test_two_cleanups_and_a_file_that_both_their_jobs_read(
    settings: Settings,
    services: Services,
    admin: Actor,
    beside: Beside[int],
    drain: Drain,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobsapp.services.cleanup.BATCH", 1)
    shared = upload(services, admin)
    for _ in range(2):
        make(services, admin, source=str(shared))
    drain("make-file")
    age(connection)
    with holding(settings, FILE, shared):
        cleanings = [beside(lambda: services.cleanup.delete(days=30)) for _ in range(2)]
        wait_until_waiting(connection, 2)
    assert [cleaning.result(20) for cleaning in cleanings] == [1, 1]
    assert not is_stored(services, shared)
    assert connection.execute("SELECT count(*) FROM files").fetchone() == (0,)


def test_the_database_itself_keeps_a_file_that_a_job_reads(
    services: Services, admin: Actor, source: UUID, connection: psycopg.Connection[Any]
) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("DELETE FROM files WHERE id = %s", [source])


def assert_refused(creating: Future[Any], source: UUID) -> None:
    with pytest.raises(InvalidInput, match=f"there is no file {source}; upload it first") as caught:
        creating.result(20)
    assert [error.field for error in caught.value.errors] == ["data.source"]
