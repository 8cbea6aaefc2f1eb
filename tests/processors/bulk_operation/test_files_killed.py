"""A process that dies at any step: no file is lost, none half-written, each counted once."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jobsapp.processors.bulk_operation import BulkOperation, file_work
from jobsapp.processors.testing import FakeContext, run_processor
from jobsapp.services.jobs import NewJob
from tests.faults.test_crashes import wait_for
from tests.processes import Processes, descendants, wait_until
from tests.processors.bulk_operation.folders import Folders, content

KILLED, WENT_WELL = 9, 0
STEPS = ("link", "unlink", "rename", "write", "mkdir", "fsync", "utime")
FILES = {"a": b"one", "d/b": b"0123456789"}
DATA = {"operation": "files", "folder": "inbox", "dryRun": False}
WAYS: dict[str, tuple[dict[str, Any], bool]] = {
    "copy": ({"action": "copy", "target": "done", "pattern": "**"}, False),
    "copy and replace": ({"action": "copy", "target": "done", "pattern": "**", "existing": "replace"}, False),
    "move by link": ({"action": "move", "target": "done", "pattern": "**"}, False),
    "move by copy": ({"action": "move", "target": "done", "pattern": "**"}, True),
    "move and replace": ({"action": "move", "target": "done", "pattern": "**", "existing": "replace"}, True),
    "delete": ({"action": "delete", "pattern": "**"}, False),
}


def in_a_child_that_dies(at: int, context: FakeContext, data: dict[str, Any], across: bool) -> int:
    """Run it in a process that is gone in the middle of its `at`-th step; its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        if across:
            file_work._linked = lambda *_: False
        file_work.CHUNK = 8
        left = [at]
        for name in STEPS:
            setattr(os, name, dying(getattr(os, name), name, left))
        # Not by run_processor, which removes the job's folders at its end: that would be more steps.
        BulkOperation().run(BulkOperation.Input.model_validate(data), context)
        os._exit(WENT_WELL)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def dying(real, name, left):
    def step(*args, **options):
        left[0] -= 1
        if left[0] == 0:
            if name == "write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            os._exit(KILLED)
        return real(*args, **options)

    return step


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_every_step(tmp_path, monkeypatch, way):
    options, across = WAYS[way]
    done = {"copy": "copied", "move": "moved", "delete": "deleted"}[options["action"]]
    for at in range(1, 200):
        base = tmp_path / str(at)
        base.mkdir()
        folders = Folders(base)
        folders.put(**{name.replace("/", "__"): data for name, data in FILES.items()})
        if options.get("existing") == "replace":
            (folders.done / "a").write_text("old")
        monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", folders.setting)
        context = FakeContext(base / "job")
        status = in_a_child_that_dies(at, context, DATA | options, across)
        if status == WENT_WELL:
            break
        assert status == KILLED
        check_whole(folders, options)
        after = context.next_attempt()
        after.job_id = context.job_id
        run = run_processor(BulkOperation, DATA | options, tmp_path=base, context=after)
        assert (run.result["rows"], run.result.get(done), run.result["failed"]) == (2, 2, 0), (at, run.result)
        assert content(folders.done) == ({} if done == "deleted" else FILES), at
        assert content(folders.inbox) == (FILES if done == "copied" else {}), at
    assert 5 < at < 199, "some steps were there to die at, and the last was found"


def check_whole(folders: Folders, options: dict[str, Any]) -> None:
    """At the moment of death: every file is somewhere, and what has a name is whole."""
    there, gone = content(folders.done), content(folders.inbox)
    named = {name: data for name, data in there.items() if not Path(name).name.startswith(".jobsapp-")}
    assert all(data == FILES[name] or data == b"old" for name, data in named.items())
    if options["action"] != "delete":
        assert {name for name in FILES if FILES[name] in (gone.get(name), named.get(name))} == set(FILES)


def test_half_a_line_of_the_journal_is_not_believed(tmp_path, monkeypatch):
    folders = Folders(tmp_path)
    folders.put(a="1", b="2")
    monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", folders.setting)
    data = DATA | {"action": "copy", "target": "done", "pattern": "**"}
    context = FakeContext(tmp_path / "job")
    monkeypatch.setattr("jobsapp.processors.bulk_operation.files.FilesRun._keep", broken_off)
    with pytest.raises(OSError, match="broken off"):
        run_processor(BulkOperation, data, tmp_path=tmp_path, context=context)
    monkeypatch.undo()
    monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", folders.setting)
    journal = context.keepdir / "1.done"
    journal.write_bytes(journal.read_bytes()[:-4])
    after = context.next_attempt()
    after.job_id = context.job_id
    run = run_processor(BulkOperation, data, tmp_path=tmp_path, context=after)
    assert (run.result["copied"], run.result["failed"]) == (2, 0)
    assert ("info", "Resumed: 1 of 2 files are settled.") in run.log


def broken_off(self) -> None:
    raise OSError(errno.EIO, "broken off")


SMALL, BIG = 40, 12 << 20


def test_a_killed_work_horse_and_a_cancel(services, admin, settings, tmp_path, monkeypatch):
    """Real workers: one is killed in the middle of a large file; a later job is cancelled in the middle of it."""
    folders = Folders(tmp_path)
    folders.put(**{f"n{number:02}": str(number) for number in range(SMALL)}, z=os.urandom(BIG))
    before = content(folders.inbox)
    monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", folders.setting)
    processors = "tests.processors.bulk_operation.often"
    with Processes(settings, lease_seconds=600.0, processors=processors, bulk_folders=folders.setting) as processes:
        worker = processes.flask("worker", "--queues", "bulk-operation", "--concurrency", "1")
        data = DATA | {"action": "move", "target": "done", "pattern": "**"}
        job_id = services.jobs.create(admin, NewJob("bulk-operation", data))[0].id
        wait_until(lambda: draft_bytes(folders) > 1 << 20, "the large file is on its way")
        os.kill(max(descendants(worker.pid)), signal.SIGKILL)
        assert before.items() >= content(folders.inbox).items()
        assert content(folders.inbox)["z"] == before["z"]
        job = wait_for(services, admin, job_id, "completed")
        assert (job.result["moved"], job.result["failed"]) == (SMALL + 1, 0)
        assert (content(folders.done), content(folders.inbox)) == (before, {})
        assert any("Resumed: 40 of 41 files" in line.message for line in services.jobs.log(admin, job_id))

        data = DATA | {"action": "copy", "folder": "done", "target": "inbox", "pattern": "z"}
        job_id = services.jobs.create(admin, NewJob("bulk-operation", data))[0].id
        wait_until(lambda: draft_bytes(folders) > 1 << 20, "the large file is on its way back")
        services.jobs.cancel(admin, job_id)
        wait_for(services, admin, job_id, "cancelled")
    assert (content(folders.done), content(folders.inbox)) == (before, {})


def draft_bytes(folders: Folders) -> int:
    sizes = [0]
    for draft in [*folders.done.glob(".jobsapp-*"), *folders.inbox.glob(".jobsapp-*")]:
        with suppress(FileNotFoundError):  # It has its name by now.
            sizes.append(draft.stat().st_size)
    return max(sizes)
