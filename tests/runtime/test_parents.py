"""What a processor reads of the jobs that it depends on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from jobsapp.core.actors import Actor
from jobsapp.processors.sdk import ParentJob
from jobsapp.processors.testing import FakeContext, run_processor
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.context import JobContext
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.runtime.test_context import JOB
from tests.runtime.test_dependents import advancer
from tests.sample_processors import Odd

__all__ = ["advancer"]

FIRST = ParentJob(uuid4(), "First", "echo", "completed", {"text": "x"})


def test_results_and_artifacts_of_parents_are_read(
    services: Services, admin: Actor, advancer: Advancer, drain: Callable[[str], int]
) -> None:
    made, _ = services.jobs.create(admin, NewJob("make-file", {"text": "four"}, name="Made"))
    bad, _ = services.jobs.create(admin, NewJob("fail", {}, name="Bad", max_attempts=1))
    for queue in ("make-file", "fail"):
        drain(queue)
    file = services.jobs.get(admin, made.id).artifacts[0].id
    child = NewJob("odd", {"how": "parents"}, depends_on=(made.id, bad.id), on_parent_failure="continue")
    job, _ = services.jobs.create(admin, child)
    advancer.advance()
    drain("odd")
    result = services.jobs.get(admin, job.id).result
    assert result == [["Made", "completed", {"characters": 4}, "four"], ["Bad", "failed", None]]
    # As the input of another, by the id of the file.
    other, _ = services.jobs.create(admin, NewJob("make-file", {"source": str(file)}, depends_on=(job.id,)))
    drain("make-file")
    assert services.jobs.get(admin, other.id).result == {"characters": 4}


def test_parents_are_read_when_somebody_asks_and_once() -> None:
    asked: list[int] = []

    def find() -> list[ParentJob]:
        asked.append(1)
        return [FIRST]

    context = JobContext(
        JOB, make_workdir=Path, make_keepdir=Path, find_file=lambda _: None, find_parents=find, threads=1
    )
    assert asked == []
    assert context.parents() == context.parents() == [FIRST]
    assert asked == [1]


def test_a_test_gives_parents(tmp_path: Path) -> None:
    run = run_processor(Odd, {"how": "parents"}, tmp_path=tmp_path, parents=[FIRST])
    assert run.result == [["First", "completed", {"text": "x"}]]
    assert FakeContext(tmp_path, parents=[FIRST]).next_attempt().parents() == [FIRST]
