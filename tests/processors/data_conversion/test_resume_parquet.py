"""A text that grew out of Parquet before a crash grows on after it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.processors.data_conversion.kept import conversion_id
from jobsapp.processors.data_conversion.model import ConversionInput
from jobsapp.processors.sdk import JSON
from jobsapp.processors.testing import FakeContext, file_id
from tests.processors.data_conversion.crashing import (
    Crashing,
    Photographing,
    convert,
    made,
    quick,
    whole_photo,
)

pytestmark = pytest.mark.usefixtures("often")


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
        # Earlier there may be the header alone, and nothing to go on from.
        pairs = [(saved, camera.folder / "photos" / str(n)) for n, saved in taken if saved["files"]["rows"][1] > 4096]
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
