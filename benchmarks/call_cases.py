"""A call for each row beside aiohttp by hand: the case `bulk-operation, calls` of `benchmarks.job_types`."""

from __future__ import annotations

import asyncio
import atexit
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.running import Case, processed

CALLS, AT_ONCE, SERVER_SECONDS = 4_000, 10, 0.005
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"done":true}'


async def _serve() -> None:
    """Answers each request after five milliseconds; says its port first."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            await reader.readexactly(int(length.partition(b":")[2]))
            await asyncio.sleep(SERVER_SECONDS)
            writer.write(ANSWER)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _prepare(place: Path) -> Path:
    # What a warm work-horse has imported too is not what is measured.
    import jobsapp.processors.bulk_operation.calls  # noqa: F401

    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.call_cases"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    atexit.register(server.kill)
    assert server.stdout is not None
    os.environ |= {"PORT": server.stdout.readline().strip(), "JOBSAPP_BULK_ALLOWED_ADDRESSES": "127.0.0.1/32"}
    path = place / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "name", "price"])
        writer.writerows([f"A-{n}", f"lamp {n}", n / 100] for n in range(CALLS))
    return path


def _ours(source: Path, place: Path) -> None:
    from jobsapp.processors.bulk_operation import BulkOperation
    from jobsapp.processors.testing import file_id

    data = {"operation": "http", "url": f"http://127.0.0.1:{os.environ['PORT']}/{{{{sku}}}}", "concurrency": AT_ONCE}
    result = processed(BulkOperation, data | {"dryRun": False, "source": str(file_id(source))}, source, place)
    if result["succeeded"] != CALLS:
        raise SystemExit(f"not all calls went well: {result}")


def _plain(source: Path, place: Path) -> None:
    """As one writes it who wants to know what came of each."""
    import aiohttp

    async def work(session: aiohttp.ClientSession, rows: csv.DictReader[str], out: object) -> None:
        for row in rows:
            address = f"http://127.0.0.1:{os.environ['PORT']}/{row['sku']}"
            async with session.post(address, json=row) as answer:
                body = await answer.text()
            out.write(json.dumps({"sku": row["sku"], "status": answer.status, "body": body}) + "\n")  # type: ignore[attr-defined]

    async def main() -> None:
        with source.open(newline="") as file, (place / "answers.jsonl").open("w") as out:
            rows = csv.DictReader(file)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
                await asyncio.gather(*(work(session, rows, out) for _ in range(AT_ONCE)))

    asyncio.run(main())


CASES: dict[str, Case] = {
    "bulk-operation, calls": (_prepare, _ours, _plain, f"{CALLS:,} POSTs, {AT_ONCE} at once, server 5 ms"),
}


if __name__ == "__main__":
    asyncio.run(_serve())
