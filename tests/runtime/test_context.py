"""One suite for both contexts, the real one and the one that authors test with; then what only the real one does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.progress import percentage
from jobsapp.processors.sdk import Cancelled, Context, InputFile, Permanent
from jobsapp.processors.testing import FakeContext
from jobsapp.runtime.context import JobContext, LeaseLost
from jobsapp.store.jobs import ClaimedJob

JOB = ClaimedJob(UUID(int=1), UUID(int=2), None, "echo", "echo", {}, {"done": 3}, 2, 3, 3, 1)


def real(folder: Path, find: Callable[[UUID], InputFile | None] = lambda _: None) -> JobContext:
    workdir, keepdir = folder / "work", folder / "kept"
    workdir.mkdir(exist_ok=True)
    keepdir.mkdir(exist_ok=True)
    return JobContext(JOB, make_workdir=lambda: workdir, make_keepdir=lambda: keepdir, find_file=find, threads=1)


def fake(folder: Path) -> FakeContext:
    return FakeContext(folder, attempt=2, last_checkpoint={"done": 3})


@pytest.fixture(params=[real, fake])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Context:
    made: Context = request.param(tmp_path)
    return made


def test_it_knows_the_attempt_and_the_last_checkpoint(context: Context) -> None:
    assert (context.attempt, context.last_checkpoint) == (2, {"done": 3})
    assert context.threads >= 1
    assert context.workdir.is_dir()
    assert context.keepdir.is_dir()
    assert context.keepdir != context.workdir


def test_a_missing_file_fails_for_good(context: Context) -> None:
    with pytest.raises(Permanent, match=str(UUID(int=9))):
        context.file(UUID(int=9))


def test_check_cancelled_raises_only_when_asked(context: Context) -> None:
    context.check_cancelled()
    context.cancelled = True
    with pytest.raises(Cancelled):
        context.check_cancelled()


def test_a_broken_artifact_leaves_nothing(context: Context, tmp_path: Path) -> None:
    def fail() -> None:
        with context.artifact("a.txt") as artifact:
            artifact.path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_artifact_may_have_any_name(context: Context) -> None:
    with context.artifact("a.txt") as artifact:
        artifact.path.write_bytes(b"whole")
    assert artifact.path.suffix != ".txt", "the name for people is no path"


def test_what_cannot_be_kept_is_refused_at_once(context: Context) -> None:
    context.checkpoint({"done": 4})
    with pytest.raises(ValueError, match="JSON"):
        context.checkpoint({"loss": float("nan")})
    context.log("a line", level="warning")
    with pytest.raises(ValueError, match="level must be one of"):
        context.log("a line", level="loud")


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    context = real(tmp_path)
    with context.artifact("../../etc/passwd") as artifact:
        artifact.path.write_text("x")
    assert context.made[0].name == "passwd"
    assert context.made[0].path.parent == tmp_path / "work"


@given(st.lists(st.tuples(st.floats(), st.none() | st.floats())))
def test_the_percentage_that_is_written_never_goes_back(steps: list[tuple[float, float | None]]) -> None:
    context = JobContext(JOB, make_workdir=Path, make_keepdir=Path, find_file=lambda _: None, threads=1)
    shown: list[float] = []
    for current, total in steps:
        context.progress(current, total)
        pulse = context.take()
        if (value := percentage(pulse.current, pulse.total)) is not None:
            shown.append(value)
    assert shown == sorted(shown)


def test_what_could_not_be_written_goes_with_the_next_pulse(tmp_path: Path) -> None:
    context = real(tmp_path)
    context.log("first")
    context.checkpoint({"done": 4})
    lost = context.take()
    context.log("second")
    context.untake(lost)
    again = context.take()
    assert [line.message for line in again.lines] == ["first", "second"]
    assert again.checkpoint == {"done": 4}
    assert not context.take().changed


def test_text_that_postgresql_cannot_hold_is_made_harmless(tmp_path: Path) -> None:
    context = real(tmp_path)
    context.log("a\0b\ud800c")
    context.progress(1, 2, "a\0b")
    pulse = context.take()
    assert pulse.lines[0].message == "a\ufffdb?c"
    assert pulse.message == "a\ufffdb"


def test_a_lost_lease_stops_the_processor(tmp_path: Path) -> None:
    context = real(tmp_path)
    context.lost = True
    with pytest.raises(LeaseLost):
        context.check_cancelled()
