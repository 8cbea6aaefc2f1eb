"""Files of opened folders: each has an outcome, none is lost, none half-written, and nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path

import pytest

from jobsapp.config import load_settings
from jobsapp.errors import ConfigError
from jobsapp.processors.bulk_operation import file_work
from jobsapp.processors.bulk_operation.file_list import fits
from jobsapp.processors.bulk_operation.model import BulkInput
from jobsapp.processors.sdk import Cancelled, Permanent
from jobsapp.processors.testing import FakeContext
from tests.processors.bulk_operation.conftest import failures
from tests.processors.bulk_operation.folders import content, sha256


def lines(run, name="files.jsonl"):
    return [json.loads(line) for line in run.artifacts[name].read_text().splitlines()]


def codes(run):
    return [(line["row"]["name"], line["code"]) for line in failures(run)]


@pytest.mark.parametrize(
    ("pattern", "name", "fit"),
    [
        ("", "a/b/c", True), ("**", "a", True), ("**", "a/b", True), ("*.csv", "a.csv", True),
        ("*.csv", "d/a.csv", False),
        ("**/*.csv", "a.csv", True), ("**/*.csv", "d/e/a.csv", True), ("d/**", "d/e/f", True), ("d/**", "e/f", False),
        ("d/**/x", "d/x", True), ("d/**/x", "d/a/b/x", True), ("d/**/x", "d/a/b/y", False),
        ("**/a/**", "q/a/w", True),
        ("[ab]?", "b1", True), ("[ab]?", "c1", False), ("a*", "a/b", False), ("A", "a", False),
        ("**/**/x", "x", True), ("a/b", "a", False), ("a", "a/b", False),
    ],
)  # fmt: skip
def test_patterns(pattern, name, fit):
    assert fits(pattern)(name) is fit


def test_without_a_list_all_are_told_with_their_checksum(folders, act):
    folders.put(a="one", d__b="two", d__e__c="")
    run = act("check")
    assert lines(run) == [
        {"name": name, "size": len(data), "sha256": sha256(data), "outcome": "listed"}
        for name, data in [("a", b"one"), ("d/b", b"two"), ("d/e/c", b"")]
    ]
    assert (run.result["outcome"], run.result["listed"], run.result["bytes"]) == ("done", 3, 6)
    assert run.progress[-1].percentage == 100


def test_a_check_tells_missing_extra_and_changed_files(folders, act):
    folders.put(same="1", long="123", other="x2", new="n", d__new="n")
    rows = [
        {"name": "same", "sha256": sha256(b"1").upper(), "size": 1},
        {"name": "long", "sha256": sha256(b"12"), "size": 2},
        {"name": "other", "sha256": sha256(b"x1"), "size": 2},
        {"name": "gone", "sha256": sha256(b""), "size": 0},
        {"name": "same"},
        {"name": "bad", "sha256": "12"},
        {"name": ""},
        {"name": "bad2", "size": "-1"},
    ]
    run = act("check", source=rows)
    assert codes(run) == [
        ("long", "changed"), ("other", "changed"), ("gone", "missing"), ("same", "twice"), ("bad", "bad_row"),
        ("", "no_name"), ("bad2", "bad_row"), ("new", "extra"), ("d/new", "extra"),
    ]  # fmt: skip
    assert (run.result["same"], run.result["failed"]) == (1, 9)
    assert run.result["firstFailures"][0]["message"] == "long: It has 3 bytes; the list says 2."
    # Mended, only what failed is looked at again.
    folders.put(long="12", other="x1", gone="")
    (folders.inbox / "new").unlink()
    again = act("check", source=run.artifacts["failed.jsonl"])
    assert (again.result["same"], again.result["gone"]) == (4, 1)
    assert codes(again) == [("bad", "bad_row"), ("", "no_name"), ("bad2", "bad_row"), ("d/new", "extra")]


def test_the_list_of_a_check_is_a_list_for_the_next(folders, act):
    folders.put(a="one", d__b="two")
    listed = act("check").artifacts["files.jsonl"]
    (folders.inbox / "a").write_text("One")
    assert codes(act("check", source=listed)) == [("a", "changed")]


def test_a_list_may_be_csv_with_columns_of_other_names(folders, act):
    folders.put(a="one", b="x", c="y")
    rows = [["File", "Sum"], ["a", sha256(b"one")], ["b", ""]]
    run = act("check", source=rows, mapping={"name": "File", "sha256": "Sum"})
    assert run.result["same"] == 2
    assert codes(run) == [("c", "extra")]


@pytest.mark.parametrize("action", ["copy", "move"])
@pytest.mark.parametrize("linking", [True, False])
def test_files_are_carried_over(folders, act, action, linking, monkeypatch):
    if not linking:
        across(monkeypatch)
    folders.put(**{"a.csv": "one", "d__b.csv": "two" * 1_000_000, "d__c.txt": "three"})
    os.utime(folders.inbox / "a.csv", (1, 1))
    (folders.inbox / "a.csv").chmod(0o640)
    run = act(action, "**/*.csv")
    assert content(folders.done) == {"a.csv": b"one", "d/b.csv": b"two" * 1_000_000}
    assert sorted(content(folders.inbox)) == (["a.csv", "d/b.csv", "d/c.txt"] if action == "copy" else ["d/c.txt"])
    after = (folders.done / "a.csv").stat()
    assert (after.st_mode & 0o777, after.st_mtime) == (0o640, 1)
    assert run.result[{"copy": "copied", "move": "moved"}[action]] == run.result["rows"] == 2
    assert lines(run)[0].get("sha256") == (None if action == "move" and linking else sha256(b"one"))
    assert len({step.current for step in run.progress}) > (2 if action == "move" and linking else 4)


def across(monkeypatch):
    """As if the folders were on two file systems: names can only be linked within one folder."""
    link = file_work._link

    def refuse(name, folder, other, into):
        if not os.path.samestat(os.fstat(folder), os.fstat(into)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(name, folder, other, into)

    monkeypatch.setattr(file_work, "_link", refuse)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a second file system")
def test_a_move_to_another_file_system(folders, act, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        if Path(other).stat().st_dev == folders.inbox.stat().st_dev:
            pytest.skip("needs a second file system")
        monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", json.dumps({"inbox": str(folders.inbox), "done": other}))
        folders.put(d__a="one")
        assert act("move", "**").result["moved"] == 1
        assert (content(Path(other)), content(folders.inbox)) == ({"d/a": b"one"}, {})


@pytest.mark.parametrize("action", ["copy", "move"])
def test_a_file_that_is_there_stays_is_skipped_or_replaced(folders, act, action):
    folders.put(a="new", b="new")
    (folders.done / "a").write_text("old")
    done = {"copy": "copied", "move": "moved"}[action]
    run = act(action, "a")
    assert codes(run) == [("a", "exists")]
    assert run.result["outcome"] == "done"
    skipped = act(action, "a", existing="skip").result
    assert (skipped["skipped"], skipped["failed"]) == (1, 0)
    assert (content(folders.done), content(folders.inbox)) == ({"a": b"old"}, {"a": b"new", "b": b"new"})
    assert act(action, "a", existing="replace").result[done] == 1
    assert content(folders.done) == {"a": b"new"}
    (folders.done / "b").mkdir()
    assert codes(act(action, "b", existing="replace")) == [("b", "exists")]


@pytest.mark.parametrize("existing", ["fail", "skip"])
def test_a_file_that_comes_in_a_race_is_not_overwritten(folders, act, existing, monkeypatch):
    folders.put(a="mine")
    make = file_work.FileWork._make_draft

    def late(self, places, fd, entry):
        (folders.done / "a").write_text("theirs")
        return make(self, places, fd, entry)

    monkeypatch.setattr(file_work.FileWork, "_make_draft", late)
    run = act("move", "a", existing=existing)
    assert (run.result["failed"], run.result.get("skipped", 0)) == ((1, 0) if existing == "fail" else (0, 1))
    assert (content(folders.done), content(folders.inbox)) == ({"a": b"theirs"}, {"a": b"mine"})


def test_what_failed_is_done_by_its_report(folders, act):
    folders.put(a="1", b="2", c="3")
    (folders.done / "b").write_text("old")
    first = act("move", "*")
    (folders.done / "b").unlink()
    folders.put(d="4")
    second = act("move", source=first.artifacts["failed.jsonl"])
    assert (second.result["rows"], second.result["moved"]) == (1, 1)
    assert (sorted(content(folders.done)), sorted(content(folders.inbox))) == (["a", "b", "c"], ["d"])


def test_only_what_is_as_the_list_says_is_moved_or_deleted(folders, act):
    folders.put(a="1", b="2", c="3")
    rows = [{"name": "a", "sha256": sha256(b"1")}, {"name": "b", "sha256": sha256(b"x")}, {"name": "c", "size": 9}]
    for action in ("move", "delete"):
        folders.put(a="1")
        assert codes(act(action, source=rows)) == [("b", "changed"), ("c", "changed")]
        assert sorted(content(folders.inbox)) == ["b", "c"]
    assert sorted(content(folders.done)) == ["a"]


def test_a_list_and_a_pattern_mean_what_both_mean(folders, act):
    folders.put(**{"a.csv": "", "b.csv": "", "c.txt": ""})
    run = act("delete", "*.csv", source=[{"name": "a.csv"}, {"name": "c.txt"}])
    assert (run.result["deleted"], sorted(content(folders.inbox))) == (1, ["b.csv", "c.txt"])


def test_a_trial_counts_and_changes_nothing(folders, act):
    folders.put(a="1", b="22", c="3")
    (folders.done / "b").write_text("old")
    for action, words in [("copy", "copied"), ("move", "moved"), ("delete", "deleted"), ("check", "found")]:
        result = act(action, "**", dryRun=True).result
        failed = 1 if action in ("copy", "move") else 0
        assert (result["outcome"], result["reason"]) == ("tried", "Nothing was changed.")
        assert (result["rows"], result[words], result["failed"]) == (3, 3 - failed, failed)
        assert result["sample"][0] == {"name": "a", "size": 1, "outcome": words}
    assert (len(content(folders.inbox)), content(folders.done)) == (3, {"b": b"old"})


def test_it_stops_after_so_many_failures(folders, act):
    folders.put(x="1")
    run = act("move", source=[{"name": f"n{number}"} for number in range(9)] + [{"name": "x"}], stopAfter=5)
    assert (run.result["outcome"], run.result["failed"]) == ("stopped", 5)
    assert content(folders.done) == {}


def test_a_pattern_that_fits_more_than_expected_deletes_nothing(folders, act):
    folders.put(a="1", b="2")
    run = act("delete", "**", expectedMax=1)
    assert run.result["outcome"] == "refused"
    assert len(content(folders.inbox)) == 2


def test_a_cancel_is_heard_within_one_file(folders, act, tmp_path):
    folders.put(a=os.urandom(30 << 20))
    asked: list[int] = []

    def when(context: FakeContext) -> bool:
        asked.append(1)
        return len(asked) > 20

    with pytest.raises(Cancelled):
        act("copy", "**", context=FakeContext(tmp_path / "x", cancel_when=when))
    assert list(folders.done.iterdir()) == []


def test_a_full_disk_fails_the_attempt_and_the_next_goes_on(folders, act, tmp_path, monkeypatch):
    folders.put(a="1", b="2", c="3")
    write = os.write

    def full(fd, data):
        if bytes(data) == b"2":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    context = FakeContext(tmp_path / "x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            act("copy", "**", context=context)
    assert content(folders.done) == {"a": b"1"}
    after = context.next_attempt()
    after.job_id = context.job_id
    run = act("copy", "**", context=after)
    assert (run.result["copied"], run.result["failed"]) == (3, 0)
    assert ("info", "Resumed: 1 of 3 files are settled.") in run.log


def test_only_opened_folders(folders, act):
    for data in ({"folder": "secret"}, {"target": str(folders.secret)}, {"folder": "../secret"}):
        with pytest.raises(Permanent, match=r"is not an opened folder. Opened: done, inbox \(JOBSAPP_BULK_FOLDERS\)."):
            act("copy", "**", **data)


def test_a_folder_that_is_not_there_is_named(folders, act):
    folders.done.rmdir()
    with pytest.raises(Permanent, match=r"'done' is opened .* but cannot be used: No such file"):
        act("copy", "**")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"action": "check"}, "folder: name"),
        ({"action": "move", "folder": "a", "pattern": "*"}, "target: name"),
        ({"action": "move", "folder": "a", "target": "a", "pattern": "*"}, "target: name another"),
        ({"action": "delete", "folder": "a"}, "pattern: say which"),
    ],
)
def test_what_is_missing_is_said_at_its_field(data, says):
    with pytest.raises(ValueError, match=says):
        BulkInput.model_validate({"operation": "files", **data})


@pytest.mark.parametrize("value", ["{", "[]", '{"a": 1}', '{"a": "relative"}'])
def test_a_wrong_setting_is_refused_at_start(value):
    with pytest.raises(ConfigError, match=r"JOBSAPP_BULK_FOLDERS.* must be a JSON object of names and absolute paths"):
        load_settings({"JOBSAPP_BULK_FOLDERS": value})
