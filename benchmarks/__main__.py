"""`make bench`: measures side by side in one run, prints a table and writes `benchmarks/latest.json`.

python -m benchmarks [--size-mb 1000] [--only conversion|dependencies|engine|following|live|pages|size|types]
    [--jobs 100000 | --long] [--rows 10000000]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import conversion, dependencies, engine, job_types, live, pages, size
from benchmarks.crowds import SOCKETS
from benchmarks.long_run import JOBS, LONG_JOBS

LATEST = Path(__file__).parent / "latest.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size-mb", type=int, default=1000, help="size of the generated table as CSV")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each conversion, of which the best counts")
    parser.add_argument(
        "--only", choices=["conversion", "dependencies", "engine", "following", "live", "pages", "size", "types"]
    )
    parser.add_argument("--jobs", type=int, default=JOBS, help="empty jobs that the long run of the engine drains")
    parser.add_argument("--sockets", type=int, default=SOCKETS, help="clients that one web process is to hold")
    parser.add_argument(
        "--long", action="store_const", const=LONG_JOBS, dest="jobs", default=JOBS, help="a million of them"
    )
    parser.add_argument("--rows", type=int, default=size.ROWS, help="jobs in the table when the lists are measured")
    options = parser.parse_args()
    if options.only in (None, "engine"):
        finish("engine", engine.measure(long_jobs=options.jobs), {"longRunJobs": options.jobs})
    if options.only == "following":
        finish("engine", engine.measure_following(), {}, some=True)
    if options.only in (None, "dependencies"):
        finish("dependencies", dependencies.measure(), {"jobs": dependencies.JOBS})
    if options.only in (None, "conversion"):
        finish("conversion", conversion.measure(options.size_mb, rounds=options.rounds), {"sizeMb": options.size_mb})
    if options.only in (None, "pages"):
        finish("pages", pages.measure(), {"jobs": pages.JOBS})
    if options.only in (None, "size"):
        finish("size", size.measure(options.rows), {"rows": options.rows})
    if options.only in (None, "types"):
        finish("types", job_types.measure(rounds=options.rounds), {})
    if options.only in (None, "live"):
        finish("live", live.measure(options.sockets), {"sockets": options.sockets})


def finish(part: str, results: list[dict[str, Any]], given: dict[str, int], *, some: bool = False) -> None:
    show(results)
    write(part, results, given, some=some)


def show(results: list[dict[str, Any]]) -> None:
    """Print one line a result; a ratio is ours to the peer's, as the name says."""
    table = Table("name", "ours", "unit", "peers", "ours / peer", box=None)
    for result in results:
        peers = ", ".join(f"{name}: {value}" for name, value in result.get("peers", {}).items())
        ratios = ", ".join(f"{name}: {value}" for name, value in result.get("ratios", {}).items())
        table.add_row(result["name"], str(result["value"]), result["unit"], peers, ratios)
    Console(width=200).print(table)


def write(part: str, results: list[dict[str, Any]], given: dict[str, int], *, some: bool = False) -> None:
    """Keep the last run of each part, with what is needed to judge it. `some`: lines of it that were measured by
    themselves, which are put into it, each with what is needed to judge it."""
    run: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        **given,
    }
    kept = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    if some:
        names = {result["name"] for result in results}
        others = [result for result in kept.get(part, {}).get("results", []) if result["name"] not in names]
        results = [*others, *({**result, "measured": run} for result in results)]
        run = {key: value for key, value in kept.get(part, run).items() if key != "results"}
    run["results"] = results
    LATEST.write_text(json.dumps(kept | {part: run}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
