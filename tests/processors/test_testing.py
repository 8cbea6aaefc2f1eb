"""The helpers for authors of processors."""

from __future__ import annotations

import pytest

from jobsapp.processors.sdk import Cancelled, Context, FileId, Input, Permanent, Processor
from jobsapp.processors.testing import FakeContext, file_id, run_processor


class Shout(Processor):
    type = "shout"
    title = "Shout"

    class Input(Input):
        text: FileId
        mark: str = "!"

    def run(self, data, context: Context):
        source = context.file(data.text)
        with context.artifact("loud.txt") as artifact:
            artifact.path.write_text(source.path.read_text().upper() + data.mark)
            context.progress(1, 2, "Half")
            context.check_cancelled()
        context.progress(2)
        context.log("done")
        context.checkpoint({"at": 1})
        return {"bytes": source.size}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("hello")
    return path


def test_everything_is_kept_for_the_test(tmp_path, text):
    run = run_processor(Shout, {}, files=[text], tmp_path=tmp_path)
    assert run.result == {"bytes": 5}
    assert run.artifacts["loud.txt"].read_text() == "HELLO!"
    assert [(p.percentage, p.message) for p in run.progress] == [(50, "Half"), (None, "Half")]
    assert run.log == [("info", "done")]
    assert run.context.checkpoints == [{"at": 1}]
    assert not run.context.workdir.exists()


def test_the_input_is_checked_and_files_can_be_named(tmp_path, text):
    run = run_processor(Shout, {"text": str(file_id(text)), "mark": "?"}, files=[text], tmp_path=tmp_path)
    assert run.artifacts["loud.txt"].read_text() == "HELLO?"
    with pytest.raises(Permanent, match="no file"):
        run_processor(Shout, {"text": str(file_id(text))}, tmp_path=tmp_path / "other")


def test_cancelling_leaves_no_artifact(tmp_path, text):
    context = FakeContext(tmp_path, files=[text], cancel_when=lambda context: bool(context.history))
    with pytest.raises(Cancelled):
        run_processor(Shout, {}, files=[text], tmp_path=tmp_path, context=context)
    assert (context.artifacts, context.leftovers()) == ({}, [])


class Half(Processor):
    """Leaves half a word for the attempt after it."""

    type = "half"
    title = "Half"

    class Input(Input):
        error: bool = True

    def run(self, data, context: Context):
        half = context.keepdir / "half"
        if half.exists():
            return {"word": half.read_text() + context.last_checkpoint["rest"], "attempt": context.attempt}
        half.write_text("chan")
        context.checkpoint({"rest": "nel"})
        raise ValueError("again") if data.error else Permanent("never again")


def test_an_attempt_after_another(tmp_path):
    context = FakeContext(tmp_path)
    with pytest.raises(ValueError, match="again"):
        run_processor(Half, {}, tmp_path=tmp_path, context=context)
    run = run_processor(Half, {}, tmp_path=tmp_path, context=context.next_attempt())
    assert run.result == {"word": "channel", "attempt": 2}
    assert not context.keepdir.exists()


def test_nothing_is_kept_when_no_attempt_follows(tmp_path):
    context = FakeContext(tmp_path)
    with pytest.raises(Permanent, match="never"):
        run_processor(Half, {"error": False}, tmp_path=tmp_path, context=context)
    assert not context.keepdir.exists()
