"""How a conversion behaves while it runs: progress, cancelling, memory, leftovers, the sandbox."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jobsapp.processors.data_conversion import DataConversion
from jobsapp.processors.data_conversion.duck import Duck
from jobsapp.processors.data_conversion.model import ConversionInput
from jobsapp.processors.data_conversion.progress import Meter, Stage
from jobsapp.processors.sdk import Cancelled, Permanent
from jobsapp.processors.testing import FakeContext, run_processor
from tests.examples import examples

ROWS = 250_000
GZIP = gzip.compress(b"a,b\n" * 2_000_000)
# The beginning of a frame, by RFC 8878.
ZSTD = b"\x28\xb5\x2f\xfd" + b"\0" * 40


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The same table of about 20 MB in each text format: path by format."""
    folder = tmp_path_factory.mktemp("large")
    block = "".join(f'{n},00{n},"some text, number {n}",{n}.50\n' for n in range(1000))
    lines = "".join(f'{{"id":{n},"t":"some text, \\"number\\" {n}","x":{{"y":[{n}.50]}}}}\n' for n in range(1000))
    times = ROWS // 1000
    paths = {kind: folder / f"t.{kind}" for kind in ("csv", "jsonl", "json")}
    paths["csv"].write_text("id,zip,t,x\n" + block * times)
    paths["jsonl"].write_text(lines * times)
    paths["json"].write_text("[" + (lines * times).strip().replace("\n", ",\n") + "]")
    return paths


PAIRS = [("csv", "jsonl", {}), ("csv", "parquet", {"types": "exact"}), ("csv", "jsonl", {"encoding": "latin-1"})]
PAIRS += [("jsonl", "csv", {}), ("jsonl", "parquet", {}), ("json", "jsonl", {}), ("json", "csv", {})]


@pytest.mark.parametrize(("source", "target", "options"), PAIRS)
def test_progress_rises_and_reaches_the_end(large, tmp_path, monkeypatch, source, target, options):
    # A file of this size is soon done: look more often, so that something is seen of it on a fast machine too.
    monkeypatch.setattr("jobsapp.processors.data_conversion.duck.POLL_SECONDS", 0.001)
    run = run_processor(DataConversion, {"targetFormat": target, **options}, files=[large[source]], tmp_path=tmp_path)
    assert run.result["rows"] == ROWS
    shares = [p.percentage for p in run.progress]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 100)
    assert len({round(share) for share in shares}) >= 3
    assert all(p.total == large[source].stat().st_size and p.message for p in run.progress)


@pytest.mark.parametrize(("source", "target", "options"), PAIRS)
def test_cancel_stops_at_once_and_leaves_nothing(large, tmp_path, source, target, options):
    asked = []

    def cancel(context):
        if context.history and context.history[-1].current > 0 and not asked:
            asked.append(time.monotonic())
        return bool(asked)

    context = FakeContext(tmp_path, files=[large[source]], cancel_when=cancel)
    data = {"targetFormat": target, **options}
    with pytest.raises(Cancelled):
        run_processor(DataConversion, data, files=[large[source]], tmp_path=tmp_path, context=context)
    assert time.monotonic() - asked[0] < 3
    assert context.leftovers() == []
    assert context.artifacts == {}


def test_failure_leaves_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 100_000 + "3\n")
    context = FakeContext(tmp_path, files=[path])
    with pytest.raises(Permanent, match="Line 100,002"):
        run_processor(DataConversion, {"targetFormat": "jsonl"}, files=[path], tmp_path=tmp_path, context=context)
    assert context.leftovers() == []


MEASURE = """
import sys, tempfile, pathlib
from jobsapp.processors.testing import run_processor
from jobsapp.processors.data_conversion import DataConversion
folder = pathlib.Path(tempfile.mkdtemp(dir=sys.argv[3]))
run_processor(DataConversion, {"targetFormat": sys.argv[2]}, files=[pathlib.Path(sys.argv[1])], tmp_path=folder)
# Not `ru_maxrss`: that may be the parent's.
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize(("source", "target"), [("csv", "jsonl"), ("csv", "parquet"), ("jsonl", "csv")])
def test_memory_stays_below_500_mb(large, tmp_path, source, target):
    big = tmp_path / f"big.{source}"
    text = large[source].read_bytes()
    with big.open("wb") as file:
        file.write(text)
        for _ in range(7):
            file.write(text if source == "jsonl" else text[text.index(b"\n") + 1 :])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(big), target, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 500


def test_web_process_never_loads_the_engines():
    code = "import sys, jobsapp.processors.data_conversion as d; d.DataConversion.Input.model_json_schema(); "
    code += "print({'duckdb', 'charset_normalizer', 'pyarrow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_sandbox(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    context = FakeContext(tmp_path)
    stage = Stage(Meter(context, 1))
    with Duck(context) as duck:
        for sql in (
            f"FROM read_csv('{secret}')",
            f"FROM read_csv('{context.workdir}/../secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET memory_limit = '8GB'",
        ):
            with pytest.raises(duck.error):
                duck.run(sql, stage, "…")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"targetFormat": "xls"}, "targetFormat"),
        ({"encoding": "klingon"}, "encoding"),
        ({"encoding": "base64"}, "encoding"),
        ({"delimiter": ",,"}, "delimiter"),
        ({"columns": ["a", "a"]}, "columns"),
        ({"maxBadRows": 3}, "maxBadRows"),
        ({"delimiter": "'", "quote": "'"}, "quote"),
        ({"quote": "“"}, "quote"),
        ({"quote": " "}, "quote"),
        ({"columns": ["a"], "rename": {"b": "c"}}, "rename"),
        ({"nope": 1}, "nope"),
    ],
)
def test_input_names_the_field_at_fault(options, field):
    with pytest.raises(ValidationError) as error:
        ConversionInput.model_validate(
            {"source": "00000000-0000-0000-0000-000000000000", "targetFormat": "csv", **options}
        )
    assert field in str(error.value)


def test_every_field_has_a_title_and_help():
    for name, schema in ConversionInput.model_json_schema()["properties"].items():
        assert schema.get("title"), name
        assert schema.get("description"), name


value = (
    st.none()
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(["", "007", "1.50", "null", "NaN", '"', "\r"])
)
tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(value, min_size=n, max_size=n), min_size=1, max_size=8))
quick = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def as_csv(rows):
    def cell(text):
        return "" if text is None else '"' + text.replace('"', '""') + '"'

    names = [f"c{n}" for n in range(len(rows[0]))]
    return "\n".join(",".join(map(cell, row)) for row in [names, *rows]) + "\n"


@quick
@given(rows=tables)
@pytest.mark.parametrize("middle", ["jsonl", "json", "parquet", "tsv", "csv"])
def test_round_trip_keeps_every_value(convert, rows, middle):
    names = [f"c{n}" for n in range(len(rows[0]))]
    there = convert(as_csv(rows), middle)
    back = convert(convert(there.path, "csv").path, "jsonl")
    found = [[json.loads(line)[name] for name in names] for line in back.text.split("\n")[:-1]]
    assert found == rows


@pytest.mark.parametrize("source_format", [None, "csv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", GZIP), ("a.json.gz", GZIP), ("a.csv.zst", ZSTD), ("a", ZSTD), ("a.csv", b"PK\x03\x04")],
)
def test_packed_input_is_refused_and_never_unpacked(tmp_path, name, content, source_format):
    """So no text can unpack to more than it is: a bomb stays as small as it came."""
    path = tmp_path / name
    path.write_bytes(content)
    data = {"targetFormat": "jsonl"} | ({"sourceFormat": source_format} if source_format else {})
    context = FakeContext(tmp_path, files=[path])
    with pytest.raises(Permanent, match=r"packed.*Unpack it"):
        run_processor(DataConversion, data, files=[path], tmp_path=tmp_path, context=context)
    assert context.leftovers() == []
