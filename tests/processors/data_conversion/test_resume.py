"""A conversion that goes on where the last attempt stopped makes the same bytes as one that never did."""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobsapp.processors.data_conversion import DataConversion
from jobsapp.processors.data_conversion.kept import Kept, conversion_id
from jobsapp.processors.data_conversion.model import ConversionInput
from jobsapp.processors.sdk import JSON
from jobsapp.processors.testing import FakeContext, Run, file_id, run_processor

quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Crash(BaseException):
    """The end of a process, as far as a test can have one without losing its own."""


class Crashing(FakeContext):
    """Crashes at progress report number `crash_at`. It waits a little for checkpoints, so that there are some."""

    crash_at = -1

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self._saved = threading.Event()

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        super().progress(current, total, message)
        self._saved.wait(0.01)
        self._saved.clear()
        if len(self.history) == self.crash_at:
            raise Crash

    def checkpoint(self, state: JSON) -> None:
        super().checkpoint(state)
        self._saved.set()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, each of them followed by a checkpoint if the disk is fast enough."""
    monkeypatch.setattr("jobsapp.processors.data_conversion.kept.SECONDS", 0.0)
    monkeypatch.setattr("jobsapp.processors.data_conversion.json_in.BATCH", 300)
    monkeypatch.setattr("jobsapp.processors.data_conversion.duck.POLL_SECONDS", 0.001)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / str(n) for n in count())


def convert(source: Path, folder: Path, data: dict[str, Any], context: FakeContext | None = None) -> Run:
    return run_processor(DataConversion, data, files=[source], tmp_path=folder, context=context)


def made(run: Run) -> tuple[dict[str, Any], dict[str, bytes]]:
    """All that is kept of a run, but for its time."""
    result = {key: value for key, value in run.result.items() if key != "seconds"}
    return result, {name: path.read_bytes() for name, path in run.artifacts.items()}


ROWS = 400


def rows(seed: int, *, late: bool, broken: bool) -> list[str]:
    draw = random.Random(seed)
    texts = ["", "007", "1", "true", 'a "b", c', "line\nbreak", "é", "x" * 40, "[1]"]
    lines = []
    for number in range(ROWS):
        row: dict[str, JSON] = {"id": number, "mixed": draw.choice([1, "1", None, True]), "t": draw.choice(texts)}
        row["n"] = {"x": [1.5, draw.choice(texts)]}
        # What a column is can be told only by both halves.
        row["turn"] = number if number < ROWS // 2 else number % 2 == 0
        if late and number > ROWS // 2:
            row["late"] = number if number % 3 else str(number)
        if number > ROWS // 3 and number % 5 == 0:
            row.pop("t")
        line = json.dumps(row, ensure_ascii=bool(number % 2), separators=(",", ":"))
        lines.append(line[:-1] if broken and number % 29 == 3 else line)
    return lines


def write(folder: Path, lines: list[str], kind: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"t.{kind}"
    path.write_text("\n".join(lines) + "\n" if kind == "jsonl" else "[" + ",\n".join(lines) + "]")
    return path


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
        context = Crashing(folder / "cut", files=[source]) if context is None else again(context, source)
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


def again(context: FakeContext, source: Path) -> Crashing:
    after = context.next_attempt()
    return Crashing(
        after.folder,
        files=[source],
        attempt=after.attempt,
        last_checkpoint=after.last_checkpoint,
        threads=after.threads,
    )


def warnings(run: Run) -> list[str]:
    return [line for level, line in run.log if level == "warning"]


class Photographing(Crashing):
    """Keeps each checkpoint, with the files as they are when it is given, in `photos`."""

    def checkpoint(self, state: JSON) -> None:
        shutil.copytree(self.keepdir, self.folder / "photos" / str(len(self.checkpoints) + 1))
        super().checkpoint(state)


def whole_photo(saved, photo: Path) -> bool:
    return all((photo / name).exists() for name, _ in saved["files"].values())


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


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A table of text alone and one of all sorts, in many row groups, with all that a line may stumble over."""
    import duckdb

    folder = tmp_path_factory.mktemp("parquet")
    texts = """['plain', '', 'a "b", c', 'x' || chr(10) || '"y"' || chr(10), '}},', ',', '"', chr(13), NULL]"""
    columns = {
        "text": 'n::VARCHAR AS n, t, repeat(t, 3) AS "t,3"',
        "sorts": "n, t, n / 8 AS d, {'a': t, 'b': [n]} AS s",
    }
    for name, chosen in columns.items():
        rows = f"(SELECT range AS n, {texts}[1 + (range * 7919 % 9)::INT] AS t FROM range(300000))"
        duckdb.sql(f"COPY (SELECT {chosen} FROM {rows}) TO '{folder}/{name}.parquet' (ROW_GROUP_SIZE 4096)")
    return {path.stem: path for path in folder.iterdir()}


PARQUET_WAYS: list[tuple[str, dict[str, Any]]] = [
    ("text", {"targetFormat": "json"}),
    ("text", {"targetFormat": "csv", "nullText": "NA"}),
    ("sorts", {"targetFormat": "jsonl"}),
    ("sorts", {"targetFormat": "json"}),
    ("sorts", {"targetFormat": "tsv", "header": False}),
    ("sorts", {"targetFormat": "csv", "columns": ["t"]}),
]


@pytest.mark.parametrize(("table", "data"), PARQUET_WAYS)
def test_parquet_grows_on(folders, parquet, table, data, monkeypatch):
    # On a busy machine the disk may take longer than all of the conversion.
    monkeypatch.setattr("jobsapp.processors.data_conversion.saver._to_disk", lambda _: None)
    source, photos = parquet[table], []
    for _ in range(20):
        camera = Photographing(next(folders), files=[source])
        whole = convert(source, camera.folder, data, camera)
        assert whole.result["rows"] == 300_000
        taken = enumerate(camera.checkpoints, 1)
        pairs = [(saved, camera.folder / "photos" / str(n)) for n, saved in taken if saved["files"]["rows"][1]]
        photos += [(saved, photo) for saved, photo in pairs if whole_photo(saved, photo)]
        if len(photos) >= 2:
            break
    for saved, photo in random.Random(1).sample(photos, min(4, len(photos))):
        context = Crashing(next(folders), files=[source], attempt=2, last_checkpoint=saved)
        shutil.copytree(photo, context.keepdir, dirs_exist_ok=True)
        run = convert(source, context.folder, data, context)
        assert made(run) == made(whole)
        assert any(line.endswith("rows were there already.") for _, line in run.log)
        assert len(context.checkpoints) == 0
    assert len(photos) >= 2


@pytest.mark.parametrize("target", ["csv", "json", "jsonl"])
@quick
@given(data=st.data())
def test_any_beginning_of_a_text_can_be_gone_on_with(convert_text, folders, parquet, target, data):
    """Not only where DuckDB happened to be: at every byte."""
    texts = data.draw(
        st.lists(
            st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(['"', "\n", ",\n", '"\n"']),
            min_size=1,
            max_size=8,
        )
    )
    folder = next(folders)
    folder.mkdir()
    source = folder / "t.csv"
    source.write_text("a,b\n" + "".join('"{}",1\n'.format(text.replace('"', '""')) for text in texts), newline="")
    source = convert_text(source, folder)
    whole = convert(source, folder / "whole", {"targetFormat": target})
    (text,) = made(whole)[1].values()
    size = data.draw(st.integers(0, len(text)))
    context = Crashing(folder / "cut", files=[source], attempt=2)
    context.last_checkpoint = checkpoint(source, context, target, size)
    (context.keepdir / "1.1.rows").write_bytes(text[:size] + b"what a zombie wrote")
    assert made(convert(source, folder / "cut", {"targetFormat": target}, context)) == made(whole)


@pytest.fixture
def convert_text() -> Any:
    def to_parquet(source: Path, folder: Path) -> Path:
        run = convert(source, folder / "in", {"targetFormat": "parquet"})
        return run.artifacts["t.parquet"]

    return to_parquet


def checkpoint(source: Path, context: FakeContext, target: str, size: int) -> JSON:
    data = ConversionInput.model_validate({"source": str(file_id(source)), "targetFormat": target})
    conversion = conversion_id(data, context.file(file_id(source)), "parquet")
    files = {"rows": ["1.1.rows", size]}
    return {"conversion": conversion, "files": files, "state": {"grown": True}, "done": 0.1, "seconds": 1}


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
