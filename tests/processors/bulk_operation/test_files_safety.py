"""What data may not reach: anything outside the opened folders, whatever names and links say."""

from __future__ import annotations

import os
import shutil

import pytest

from jobsapp.processors.bulk_operation import folders as opened
from jobsapp.processors.bulk_operation.folders import Folder
from jobsapp.processors.bulk_operation.rows import Broken
from tests.processors.bulk_operation.conftest import failures
from tests.processors.bulk_operation.folders import content

OUTSIDE = ["../secret/word.txt", "/etc/passwd", "d/../../secret/word.txt", "./a", "d//a", "a/", "..", ".", "a\0b"]
ODD = [
    "new\nline", " spaces ", "*", "[x]", "-rf", "ünïcödé", "日本", 'q"uote', "back\\slash", "%2e%2e", "~", "$HOME",
    "a;b", "\u202ertl",
]  # fmt: skip


def failed(run):
    return [(line["row"]["name"], line["code"]) for line in failures(run)]


@pytest.mark.parametrize("action", ["check", "copy", "move", "delete"])
def test_no_name_leaves_the_folder(folders, act, action):
    folders.put(a="1", d__a="1")
    run = act(action, source=[{"name": name} for name in OUTSIDE])
    assert failed(run)[: len(OUTSIDE)] == [(name, "bad_name") for name in OUTSIDE]
    assert content(folders.inbox) == {"a": b"1", "d/a": b"1"}
    assert (content(folders.done), content(folders.secret)) == ({}, {"word.txt": b"secret"})


@pytest.mark.parametrize("action", ["check", "copy", "move", "delete"])
def test_links_are_not_followed(folders, act, action):
    (folders.inbox / "link").symlink_to(folders.secret)
    (folders.inbox / "word").symlink_to(folders.secret / "word.txt")
    os.mkfifo(folders.inbox / "pipe")
    names = ["link/word.txt", "word", "pipe"]
    assert failed(act(action, source=[{"name": name} for name in names])) == [(name, "not_a_file") for name in names]
    by_pattern = act(action, "**")
    assert (by_pattern.result["rows"], by_pattern.result["notFiles"]) == (0, 3)
    assert (content(folders.done), content(folders.secret)) == ({}, {"word.txt": b"secret"})
    assert (folders.inbox / "word").is_symlink()


@pytest.mark.parametrize("existing", ["fail", "skip", "replace"])
@pytest.mark.parametrize("action", ["copy", "move"])
def test_nothing_is_written_through_a_link_in_the_target(folders, act, action, existing):
    folders.put(d__a="1", word="2")
    (folders.done / "d").symlink_to(folders.secret)
    (folders.done / "word").symlink_to(folders.secret / "word.txt")
    run = act(action, "**", existing=existing)
    wanted = [] if existing == "skip" else [("word", "exists")]
    assert failed(run) == [*wanted, ("d/a", "not_a_file")]
    assert content(folders.secret) == {"word.txt": b"secret"}
    assert content(folders.inbox) == {"d/a": b"1", "word": b"2"}


@pytest.mark.parametrize("moment", ["stat", "open"])
@pytest.mark.parametrize("action", ["check", "copy", "move", "delete"])
def test_a_link_that_comes_between_two_steps_is_not_followed(folders, act, action, moment, monkeypatch):
    """The folder becomes a link to the secret one just before, and just after, it was looked at."""
    folders.put(d__word="mine")
    (folders.secret / "word").write_text("theirs")
    real = getattr(os, moment)

    def swap(path, *args, **options):
        if path == "word" and (folders.inbox / "d").is_dir() and not (folders.inbox / "d").is_symlink():
            (folders.inbox / "d").rename(folders.inbox / "was")
            (folders.inbox / "d").symlink_to(folders.secret)
        return real(path, *args, **options)

    monkeypatch.setattr(opened.os, moment, swap)
    act(action, source=[{"name": "d/word"}])
    monkeypatch.undo()
    assert content(folders.secret) == {"word.txt": b"secret", "word": b"theirs"}
    assert content(folders.done) in ({}, {"d/word": b"mine"})
    assert "theirs" not in str(content(folders.done))


def test_a_file_that_becomes_a_link_when_it_is_opened_is_refused(folders, monkeypatch):
    folders.put(a="mine")
    real = os.open

    def swap(path, flags, *args, **options):
        if path == "a":
            (folders.inbox / "a").unlink()
            (folders.inbox / "a").symlink_to(folders.secret / "word.txt")
        return real(path, flags, *args, **options)

    with Folder("inbox", str(folders.inbox)) as folder, folder.parent("a") as (fd, name):
        monkeypatch.setattr(opened.os, "open", swap)
        with pytest.raises(OSError, match="symbolic") as error:
            opened.open_regular(fd, name)
    assert opened.fault(error.value).code == "not_a_file"


@pytest.mark.parametrize("action", ["copy", "move"])
def test_odd_names_arrive_as_they_are(folders, act, action):
    raw = [os.fsencode(name) for name in ODD] + [b"latin-\xe9", b"dir-\xff/\xfe"]
    try:
        (folders.inbox / os.fsdecode(b"dir-\xff")).mkdir()
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    for name in raw:
        (folders.inbox / os.fsdecode(name)).write_bytes(name)
    listed = act("check").artifacts["files.jsonl"]
    kept = listed.rename(listed.with_name("list.jsonl"))
    run = act(action, source=kept)
    assert (run.result["failed"], run.result["rows"]) == (0, len(raw))
    assert {os.fsencode(name): data for name, data in content(folders.done).items()} == {name: name for name in raw}
    # The report of a failure names it so that it can be found again.
    if action == "copy":
        again = act("copy", "**")
        assert again.result["failures"] == [{"code": "exists", "items": len(raw)}]
        shutil.rmtree(folders.done)
        folders.done.mkdir()
        assert act("copy", source=again.artifacts["failed.jsonl"]).result["copied"] == len(raw)


def test_the_same_folder_under_two_names_loses_nothing(folders, act, monkeypatch):
    folders.put(a="1", d__b="2")
    setting = f'{{"inbox": "{folders.inbox}", "done": "{folders.inbox}/../inbox"}}'
    monkeypatch.setenv("JOBSAPP_BULK_FOLDERS", setting)
    for existing in ("replace", "fail"):
        run = act("move", "**", existing=existing)
        assert run.result["failed"] == 2
    assert content(folders.inbox) == {"a": b"1", "d/b": b"2"}


def test_two_names_of_one_file_lose_nothing(folders, act):
    folders.put(a="1")
    os.link(folders.inbox / "a", folders.done / "a")
    assert act("move", "a", existing="replace").result["moved"] == 1
    assert (content(folders.inbox), content(folders.done)) == ({}, {"a": b"1"})


def test_a_name_that_is_too_long_is_the_fault_of_that_item(folders, act):
    folders.put(a="1")
    run = act("copy", source=[{"name": "x" * 300}, {"name": "/".join(["d" * 200] * 30)}, {"name": "a"}])
    assert [code for _, code in failed(run)] == ["bad_name", "missing"]
    assert run.result["copied"] == 1


def test_a_split_name_is_never_a_way_out():
    for name in OUTSIDE:
        with pytest.raises(Broken):
            opened.split(name)
