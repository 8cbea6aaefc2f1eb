"""A run that goes on where the last attempt stopped makes the same bytes as one that never did."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsapp.processors.document_processing import DocumentProcessing
from jobsapp.processors.testing import FakeContext, Run, run_processor

from .conftest import given as data_of

SHEETS = 3


class Crash(BaseException):
    """The end of a process, as far as a test can have one without losing its own."""


class Crashing(FakeContext):
    """Crashes at progress report number `crash_at`."""

    crash_at = -1

    def progress(self, current, total=None, message=None):
        super().progress(current, total, message)
        if len(self.history) == self.crash_at:
            raise Crash


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr("jobsapp.processors.document_processing.kept.SECONDS", 0.0)
    monkeypatch.setattr("jobsapp.processors.document_processing.embed.GROUP", 4)
    monkeypatch.setattr("jobsapp.processors.document_processing.embed.BATCH", 2)


@pytest.fixture
def documents(write):
    parts = "\n\n".join(f"# Part {n}\n\nBoat {n} sails at {n}." for n in range(9))
    return (
        write("a.md", parts),
        write("empty.txt", ""),
        write("b.html", "<h1>B</h1><p>Sheep graze."),
        write("c.txt", "C"),
    )


def run(documents: tuple[Path, ...], folder: Path, context: FakeContext | None = None, **options: object) -> Run:
    data = data_of(documents, {"embed": "minilm", **options})
    context = context or FakeContext(folder, files=documents, threads=1)
    return run_processor(DocumentProcessing, data, files=documents, tmp_path=folder, context=context)


def made(done: Run) -> tuple[dict[str, object], dict[str, bytes]]:
    """All that is kept of a run, but for its time."""
    result = {key: value for key, value in done.result.items() if key != "seconds"}
    return result, {name: path.read_bytes() for name, path in done.artifacts.items()}


def after(context: FakeContext, documents: tuple[Path, ...]) -> Crashing:
    following = context.next_attempt()
    return Crashing(
        following.folder,
        files=documents,
        attempt=following.attempt,
        last_checkpoint=following.last_checkpoint,
        threads=1,
    )


@pytest.fixture
def whole(documents, tmp_path) -> dict[str, bytes]:
    return made(run(documents, tmp_path / "whole"))[1]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(2, 15), min_size=1, max_size=3))
def test_the_bytes_are_those_of_one_run(documents, whole, tmp_path, cuts):
    folder = tmp_path / "-".join(map(str, cuts))
    context = Crashing(folder, files=documents, threads=1)
    for cut in cuts:
        context.crash_at = cut
        try:
            run(documents, folder, context)
        except Crash:
            context = after(context, documents)
        else:
            break
    context.crash_at = -1
    if not context.artifacts:
        run(documents, folder, context)
    assert {name: path.read_bytes() for name, path in context.artifacts.items()} == whole


def crashed(documents: tuple[Path, ...], folder: Path, message: str) -> FakeContext:
    """The context of an attempt that crashed at the first progress with that message."""

    class AtMessage(FakeContext):
        def progress(self, current, total=None, text=None):
            super().progress(current, total, text)
            if text and message in text:
                raise Crash

    context = AtMessage(folder, files=documents, threads=1)
    with pytest.raises(Crash):
        run(documents, folder, context)
    return context


def test_what_is_done_is_not_done_again(documents, tmp_path):
    whole = made(run(documents, tmp_path / "whole"))
    context = crashed(documents, tmp_path / "cut", "vector 10 of 11").next_attempt()
    done = run(documents, tmp_path / "cut", context)
    assert made(done) == whole
    messages = [p.message for p in done.progress]
    assert not any("reading" in str(message) for message in messages)
    assert [m for m in messages if "vector" in str(m)] == ["c.txt: vector 10 of 11", "c.txt: vector 11 of 11"]
    assert ("info", "Resumed: 4 documents are done already.") in done.log
    assert ("info", "Resumed: 8 of 11 vectors are made already.") in done.log


def test_documents_after_the_crash_are_read(documents, tmp_path):
    whole = made(run(documents, tmp_path / "whole"))
    context = crashed(documents, tmp_path / "cut", "c.txt: reading").next_attempt()
    done = run(documents, tmp_path / "cut", context)
    assert made(done) == whole
    assert ("info", "Resumed: 3 documents are done already.") in done.log


@pytest.mark.parametrize("lost", ["all", "md", "vectors"])
def test_files_that_are_gone_are_made_again(documents, tmp_path, lost):
    whole = made(run(documents, tmp_path / "whole"))
    context = crashed(documents, tmp_path / "cut", "vector 10 of 11").next_attempt()
    for path in list(context.keepdir.iterdir()):
        if lost == "all" or path.name.endswith(f".{lost}"):
            path.unlink()
    assert made(run(documents, tmp_path / "cut", context)) == whole


def test_what_was_made_of_other_options_is_not_used(documents, tmp_path):
    whole = made(run(documents, tmp_path / "whole", chunkTokens=40, overlapTokens=0))
    context = crashed(documents, tmp_path / "cut", "vector 10 of 11").next_attempt()
    done = run(documents, tmp_path / "cut", context, chunkTokens=40, overlapTokens=0)
    assert made(done) == whole
    assert any("other files, options or versions" in message for _, message in done.log)


def test_a_checkpoint_names_only_what_is_on_disk_with_its_size(documents, tmp_path):
    photos = []

    class Photographing(FakeContext):
        def checkpoint(self, state):
            super().checkpoint(state)
            target = tmp_path / "photos" / str(len(photos))
            shutil.copytree(self.keepdir, target)
            photos.append((state, target))

    whole = run(documents, tmp_path / "whole", Photographing(tmp_path / "whole", files=documents, threads=1))
    assert len(photos) > 5
    for number, (state, photo) in enumerate(photos):
        folder = tmp_path / f"again{number}"
        context = FakeContext(folder, files=documents, attempt=2, last_checkpoint=state, threads=1)
        shutil.copytree(photo, context.keepdir, dirs_exist_ok=True)
        assert made(run(documents, folder, context)) == made(Run(whole.result, whole.context))
