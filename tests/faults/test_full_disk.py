"""The disk of the artifacts is full: the job that needs room fails and says so, and a retry succeeds later."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.stage import Stage, family, report
from tests.processes import wait_until

SENTENCE = "There is no room left on the disk."
NO_LIMIT = resource.RLIM_INFINITY


@pytest.fixture
def disk(stage: Stage) -> Iterator[Path]:
    """A small disk of its own for uploads and artifacts. Mounting needs rights that not every machine gives."""
    folder = stage.settings.files_dir
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no right to mount a disk; the limit on a file's size is tested in its place")
    yield folder
    stage.processes.__exit__(None, None, None)
    subprocess.run(["umount", "-l", folder], check=True)


def resize(disk: Path, *options: str) -> None:
    subprocess.run(["mount", "-o", ",".join(["remount", *options]), disk], check=True)


def stored(folder: Path) -> list[str]:
    """Files and work folders, but for those made for good."""
    return [path.name for path in folder.rglob("*") if path.is_file() or path.parent.name == "work"]


@contextmanager
def full_for(stage: Stage, sort: str, kib: int) -> Iterator[str]:
    """Run a job of that size under load until it has failed; make room in the block, which gets its key."""
    with stage.load():
        stage.wait_for_load()
        key = stage.send("maker", kib=kib)
        wait_until(lambda: stage.status(key) == "failed", "the job that found no room has failed")
        job = stage.job(key)
        assert job.error is not None
        assert (job.error["type"], job.error["message"]) == ("OSError", SENTENCE)
        assert job.artifacts == []
        assert stored(stage.settings.files_dir) == [], "nothing half made is left"
        stage.wait_for_load()
        yield key
        at = time.monotonic()
        stage.retry(key)
        wait_until(lambda: stage.status(key) == "completed", "the retry succeeds")
    balance = stage.close_books()
    report(f"disk full ({sort})", balance, stage.recovery(at))
    sizes = {file.name: file.size for file in stage.job(key).artifacts}
    assert sizes == {"small.txt": 5, "large.bin": kib * 1024}
    assert balance.doubled in ([], [key]), "nothing else ran twice"


def test_the_disk_is_full(stage: Stage, disk: Path) -> None:
    stage.keeper()
    stage.worker(2)
    with full_for(stage, "no space", kib=2048):
        resize(disk, "size=16m")


def test_the_disk_takes_no_more_files(stage: Stage, disk: Path) -> None:
    """There is room for the job's work, and none for the places where its files belong."""
    stage.keeper()
    stage.worker(2)
    (disk / "work").mkdir()
    facts = os.statvfs(disk)
    resize(disk, f"nr_inodes={facts.f_files - facts.f_ffree + 3}")
    with full_for(stage, "no more files", kib=1):
        resize(disk, "nr_inodes=1000")


def test_no_file_may_grow_larger(stage: Stage) -> None:
    stage.keeper()
    pool = stage.worker(2)
    for pid in family(pool):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (512 * 1024, NO_LIMIT))
    with full_for(stage, "file too large", kib=2048):
        for pid in family(pool):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))
