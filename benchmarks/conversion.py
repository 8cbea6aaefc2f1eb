"""Conversion of a large table, side by side with the fastest plain engine and with copying the bytes.

Every run has a process of its own, so that its peak memory and its processor time are its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from benchmarks.table import COLUMNS, DATA, make

CASES = {
    "CSV to JSON Lines": ("csv", "jsonl"),
    "CSV to Parquet": ("csv", "parquet"),
    "JSON Lines to CSV": ("jsonl", "csv"),
}
REPORTING = [0.0]
WAYS = ("jobsapp", "jobsapp without progress", "DuckDB", "copy")
STDLIB = "Python's json and csv, number tokens kept"
STDLIB_BYTES = 50_000_000


def measure(size_mb: int = 1000, folder: Path = DATA, rounds: int = 3) -> list[dict[str, Any]]:
    """The best of `rounds` runs of each way in turn: what else the machine does only ever adds.

    A ratio is our speed over the peer's, above 1 we are faster: the median of the rounds, each of which compares
    runs that were made one after the other.
    """
    csv, jsonl = make(size_mb, folder)
    results: list[dict[str, Any]] = []
    for case, (source, target) in CASES.items():
        path = csv if source == "csv" else jsonl
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        ways = (*WAYS, STDLIB) if source == "jsonl" else WAYS
        runs |= {way: [] for way in ways}
        for turn in range(rounds):
            # Each way comes first in one of the rounds, so that none has the warmest cache.
            for way in (*ways[turn % len(ways) :], *ways[: turn % len(ways)]):
                runs[way].append(_apart(way, path, target, folder))
        results += _report(case, path.stat().st_size, runs)
    return results


def _report(case: str, size: int, runs: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    cpu = {way: min(run["cpu"] for run in runs[way]) for way in runs}
    speed = {way: round(_bytes(way, size) / 1e6 / min(run["seconds"] for run in runs[way]), 1) for way in runs}
    ours, quiet = runs["jobsapp"], cpu["jobsapp without progress"]
    label = {"DuckDB": "DuckDB (changes number tokens)"} if STDLIB in runs else {}
    label[STDLIB] = f"{STDLIB} (on the first {_bytes(STDLIB, size) / 1e6:.0f} MB)"
    ratio = {
        label.get(way, way): round(
            median(
                _bytes("jobsapp", size) / one["seconds"] / (_bytes(way, size) / other["seconds"])
                for one, other in zip(runs["jobsapp"], runs[way], strict=True)
            ),
            3,
        )
        for way in ("DuckDB", "copy", STDLIB)
        if way in runs
    }
    peers = {label.get(way, way): speed[way] for way in ("DuckDB", "copy", STDLIB) if way in runs}
    return [
        {
            "name": f"{case}: speed",
            "value": speed["jobsapp"],
            "unit": "MB/s of input",
            "peers": peers,
            "ratios": ratio | {"DuckDB, by processor time": round(cpu["DuckDB"] / cpu["jobsapp"], 3)},
        },
        {
            "name": f"{case}: peak memory",
            "value": max(run["rss_mb"] for run in ours),
            "unit": "MB",
            "peers": {"DuckDB": max(run["rss_mb"] for run in runs["DuckDB"])},
            "ratios": {},
        },
        {
            "name": f"{case}: cost of progress",
            "value": round(100 * median(run["reporting"] / run["cpu"] for run in ours), 3),
            "unit": "% of processor time (median), in the thread that polls and reports",
            "peers": {"without, s": round(quiet, 3), "with, s": round(cpu["jobsapp"], 3)},
            "ratios": {"with / without": round(cpu["jobsapp"] / quiet, 3)},
        },
    ]


def _bytes(way: str, size: int) -> int:
    """How much of the file a way reads: the slow one only the beginning."""
    return min(size, STDLIB_BYTES) if way == STDLIB else size


def _apart(way: str, source: Path, target: str, folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [sys.executable, "-m", "benchmarks.conversion", way, str(source), target, place]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _alone(way: str, source: Path, target: str, place: Path) -> dict[str, float]:
    engine = _engine(way)
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    engine(source, target, place)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "rss_mb": _peak_mb(), "reporting": REPORTING[0]}


def _engine(way: str) -> Callable[[Path, str, Path], None]:
    """Imports first what a warm work-horse has imported too: starting Python is not what is measured."""
    import duckdb  # noqa: F401

    import jobsapp.processors.data_conversion.convert
    import jobsapp.processors.testing  # noqa: F401

    if way == "copy":
        return _copy
    if way == "DuckDB":
        return _duckdb
    if way == STDLIB:
        return _stdlib
    return lambda source, target, place: _jobsapp(source, target, place, progress=way == "jobsapp")


def _jobsapp(source: Path, target: str, place: Path, *, progress: bool) -> None:
    from jobsapp.processors.data_conversion import DataConversion, duck
    from jobsapp.processors.sdk import InputFile
    from jobsapp.processors.testing import FakeContext, run_processor

    class Context(FakeContext):
        def file(self, file_id: UUID) -> InputFile:
            return InputFile(file_id, source.name, source, source.stat().st_size, "", "")

        def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
            if progress:
                super().progress(current, total, message)

    if progress:
        _time_reporting()
    else:
        duck.POLL_SECONDS = 3600
    context = Context(place, files=[source], threads=_threads())
    run_processor(DataConversion, {"targetFormat": target}, files=[source], tmp_path=place, context=context)


def _time_reporting() -> None:
    """Add up the processor time of the job's thread: while DuckDB works, that is polling and reporting, all of it.

    Where the job's thread converts itself, only the reports are counted.
    """
    from jobsapp.processors.data_conversion.duck import Duck
    from jobsapp.processors.data_conversion.progress import Stage

    nested = [False]

    def timed(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if nested[0]:
                return plain(*args, **options)
            nested[0], started = True, time.thread_time()
            try:
                return plain(*args, **options)
            finally:
                REPORTING[0] += time.thread_time() - started
                nested[0] = False

        return call

    Stage.at = timed(Stage.at)  # type: ignore[method-assign]
    Duck.each = timed(Duck.each)  # type: ignore[method-assign]


def _duckdb(source: Path, target: str, place: Path) -> None:
    """The plainest statement that is as faithful: strict, all text, the columns known beforehand."""
    import duckdb

    columns = "{" + ", ".join(f"\"{name}\": 'VARCHAR'" for name in COLUMNS) + "}"
    if source.suffix == ".csv":
        read = f"read_csv('{source}', columns={columns}, auto_detect=false, header=true, strict_mode=true, "
        read += "delim=',', quote='\"', escape='\"', allow_quoted_nulls=false)"
    else:
        # Not quite as faithful: 2208.40 becomes 2208.4.
        read = f"read_json('{source}', columns={columns}, format='newline_delimited')"
    form = {"jsonl": "FORMAT json", "csv": "FORMAT csv", "parquet": "FORMAT parquet, COMPRESSION zstd"}[target]
    config: Any = {"threads": _threads(), "memory_limit": "512MB", "temp_directory": str(place)}
    duckdb.connect(config=config).execute(f"COPY (FROM {read}) TO '{place}/out' ({form})")


def _stdlib(source: Path, _target: str, place: Path) -> None:
    """Keeps the digits of numbers and the word of true and false, though not null apart from the empty text."""
    import csv

    words = {True: "true", False: "false"}

    def cell(value: Any) -> Any:
        if isinstance(value, bool):
            return words[value]
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

    left = STDLIB_BYTES
    with source.open("rb") as reader, (place / "out").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        while left > 0 and (line := reader.readline()):
            left -= len(line)
            row = json.loads(line, parse_float=str, parse_int=str)
            writer.writerow([cell(row[name]) for name in COLUMNS])


def _copy(source: Path, _target: str, place: Path) -> None:
    with source.open("rb") as reader, (place / "out").open("wb") as writer:
        while chunk := reader.read(1 << 20):
            writer.write(chunk)


def _threads() -> int:
    return min(2, os.cpu_count() or 1)


def _peak_mb() -> float:
    """The high-water mark since the program began; `ru_maxrss` may be the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _way, _source, _target, _place = sys.argv[1:]
    print(json.dumps(_alone(_way, Path(_source), _target, Path(_place))))
