"""A conversion that goes on where the last attempt stopped makes the same bytes as one that never did."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.processors.data_conversion.kept import Kept
from jobsapp.processors.testing import Run
from tests.processors.data_conversion.crashing import (
    Crash,
    Crashing,
    Hasty,
    Photographing,
    again,
    convert,
    made,
    quick,
    rows,
    whole_photo,
    write,
)

pytestmark = pytest.mark.usefixtures("often")

JSON_WAYS: list[tuple[str, dict[str, Any]]] = [
    ("jsonl", {"targetFormat": "csv"}),
    ("jsonl", {"targetFormat": "tsv", "columns": ["n", "id"], "rename": {"n": "N"}}),
    ("jsonl", {"targetFormat": "jsonl"}),
    ("jsonl", {"targetFormat": "json", "columns": ["id", "late"]}),
    ("jsonl", {"targetFormat": "parquet", "types": "exact"}),
    ("jsonl", {"targetFormat": "csv", "compression": "gzip"}),
    ("jsonl", {"targetFormat": "jsonl", "compression": "zstd"}),
    ("jsonl", {"targetFormat": "csv", "encoding": "latin-1"}),
    ("json", {"targetFormat": "csv"}),
    ("json", {"targetFormat": "json"}),
    ("json", {"targetFormat": "jsonl"}),
    ("json", {"targetFormat": "parquet"}),
]


@pytest.mark.parametrize(("kind", "data"), JSON_WAYS)
@quick
@given(
    seed=st.integers(0, 9),
    cuts=st.lists(st.integers(1, 100), min_size=1, max_size=3),
    late=st.booleans(),
    broken=st.booleans(),
)
def test_the_bytes_are_those_of_one_run(folders, kind, data, seed, cuts, late, broken):
    folder = next(folders)
    late = late or "late" in data.get("columns", [])
    broken = broken and kind == "jsonl"
    source = write(folder, rows(seed, late=late, broken=broken), kind)
    data = data | ({"onBadRow": "skip"} if broken else {})
    whole = convert(source, folder / "whole", data)
    reports, context = len(whole.progress), None
    for cut in cuts:
        at = max(1, reports * cut // 101)
        context = Hasty(folder / "cut", files=[source]) if context is None else again(context, source)
        context.crash_at = at
        try:
            run = convert(source, folder / "cut", data, context)
            break
        except Crash:
            pass
    else:
        run = convert(source, folder / "cut", data, again(context, source))
    assert made(run) == made(whole)
    assert warnings(run) == warnings(whole)
    shares = [step.current for step in run.progress]
    assert shares == sorted(shares)
    assert not run.context.keepdir.exists()


def warnings(run: Run) -> list[str]:
    return [line for level, line in run.log if level == "warning"]


@pytest.mark.parametrize(("kind", "data"), JSON_WAYS)
def test_each_checkpoint_is_enough(folders, kind, data):
    folder = next(folders)
    source = write(folder, rows(1, late="encoding" not in data, broken=False), kind)
    camera = Photographing(folder / "whole", files=[source])
    whole = convert(source, folder / "whole", data, camera)
    assert len(camera.checkpoints) >= 3
    if data["targetFormat"] == "parquet" or "compression" in data:
        assert camera.checkpoints[-1]["state"]["whole"], "all is read, and the writing is still to be done"
    for number in {*range(1, len(camera.checkpoints), max(1, len(camera.checkpoints) // 8)), len(camera.checkpoints)}:
        saved = camera.checkpoints[number - 1]
        if not whole_photo(saved, folder / "whole" / "photos" / str(number)):
            assert saved["done"] > 0.99, "its files may have moved on to become artifacts, but not before the end"
            continue
        context = Crashing(folder / str(number), files=[source], attempt=2, last_checkpoint=saved)
        shutil.copytree(folder / "whole" / "photos" / str(number), context.keepdir, dirs_exist_ok=True)
        run = convert(source, folder / str(number), data, context)
        assert made(run) == made(whole)
        assert any(line.startswith("Resumed at ") for _, line in run.log)
        assert run.progress[0].current == int(saved["done"] * source.stat().st_size)


BEGUN = {"targetFormat": "csv"}


@pytest.fixture
def crashed(folders) -> tuple[Path, Crashing]:
    """The source of a conversion that has crashed, and the context of the attempt after it."""
    folder = next(folders)
    source = write(folder, rows(1, late=False, broken=False), "jsonl")
    context = Crashing(folder / "cut", files=[source])
    context.crash_at = 50
    with pytest.raises(Crash):
        convert(source, folder / "cut", BEGUN, context)
    after = again(context, source)
    assert after.last_checkpoint
    return source, after


def resumed(run: Run) -> bool:
    return any(line.startswith("Resumed at ") for _, line in run.log)


def said(run: Run) -> str:
    return "\n".join(line for _, line in run.log)


def test_it_goes_on(crashed):
    source, context = crashed
    assert resumed(convert(source, context.folder, BEGUN, context))


def test_files_that_are_gone_or_too_short_are_not_gone_on_with(crashed):
    source, context = crashed
    whole = made(convert(source, context.folder / "whole", BEGUN))
    for harm in (lambda path: path.write_bytes(path.read_bytes()[:-300]), Path.unlink):
        name, size = context.last_checkpoint["files"]["rows"]
        path = context.keepdir / name
        with path.open("r+b") as file:
            file.truncate(size)
        harm(path)
        run = convert(source, context.folder, BEGUN, context)
        assert made(run) == whole
        assert not resumed(run)
        assert "its files are not here. Starting from the beginning" in said(run)
        assert run.progress[0].current == 0
        context.keepdir.mkdir()
        (context.keepdir / name).write_bytes(b"")


@pytest.mark.parametrize("what", ["source", "options", "version"])
def test_a_half_of_something_else_is_not_gone_on_with(crashed, what, monkeypatch):
    source, context = crashed
    data = dict(BEGUN)
    if what == "source":
        # As long as before, so that its size tells nothing.
        source.write_bytes(source.read_bytes().replace(b'"007"', b'"700"'))
    elif what == "options":
        data["nullText"] = "NA"
    else:
        monkeypatch.setattr("jobsapp.processors.data_conversion.kept.FORM", 2)
    run = convert(source, context.folder, data, context)
    assert made(run) == made(convert(source, context.folder / "whole", data))
    assert not resumed(run)
    assert "Starting from the beginning" in said(run)


def test_what_no_checkpoint_names_is_not_read(crashed):
    """An attempt that was given up goes on writing; its file is longer than the checkpoint says."""
    source, context = crashed
    whole = made(convert(source, context.folder / "whole", BEGUN))
    name, size = context.last_checkpoint["files"]["rows"]
    path = context.keepdir / name
    beginning = path.read_bytes()[:size]
    path.write_bytes(beginning + b"rubbish" * 100)
    run = convert(source, context.folder, BEGUN, context)
    assert (made(run), resumed(run)) == (whole, True)


def test_a_given_up_attempt_never_removes_what_a_later_one_wrote(crashed):
    source, context = crashed
    later = context.keepdir / "9.1.rows"
    later.write_bytes(b"of attempt 9")
    context.crash_at = 30
    with pytest.raises(Crash):
        convert(source, context.folder, BEGUN, context)
    assert len(context.checkpoints) >= 2
    left = {path.name for path in context.keepdir.iterdir()}
    assert "9.1.rows" in left
    assert not [name for name in left if name.startswith("1.")], "two checkpoints later the old halves are gone"


def test_a_file_is_on_disk_before_it_is_named(crashed, monkeypatch):
    import jobsapp.processors.data_conversion.saver as saver

    source, context = crashed
    on_disk, real = set(), saver._to_disk
    monkeypatch.setattr(saver, "_to_disk", lambda path: (real(path), on_disk.add(path.name)))
    run = convert(source, context.folder, BEGUN, context)
    assert len(run.context.checkpoints) > 3
    for saved in run.context.checkpoints:
        assert {name for name, _ in saved["files"].values()} <= on_disk


def test_too_large_a_state_is_not_saved(crashed, monkeypatch):
    source, context = crashed
    monkeypatch.setattr("jobsapp.processors.data_conversion.kept.LARGEST_STATE", 100)
    run = convert(source, context.folder, BEGUN, context)
    assert run.context.checkpoints == []


def test_a_short_conversion_saves_nothing(folders, monkeypatch):
    monkeypatch.setattr("jobsapp.processors.data_conversion.kept.SECONDS", 5.0)
    folder = next(folders)
    run = convert(write(folder, rows(1, late=False, broken=False), "jsonl"), folder, BEGUN)
    assert run.context.checkpoints == []


def test_the_time_of_all_attempts_is_told(crashed):
    source, context = crashed
    context.last_checkpoint["seconds"] = 100.0
    assert convert(source, context.folder, BEGUN, context).result["seconds"] > 100


def test_what_is_saved_is_the_state_of_that_moment(tmp_path):
    context = Crashing(tmp_path)
    with Kept(context, "one") as kept:
        path, state = kept.part("rows", go_on=False), {"keys": ["a"]}
        kept.save(0.5, {"rows": (path, 0)}, state)
        state["keys"].append("b")
        context.progress(1, 2)
    assert context.checkpoints[0]["state"] == {"keys": ["a"]}
