"""A call for each row of a file, so many at once."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp

from jobsapp.config import Settings
from jobsapp.processors.sdk import Context

from .calling import Answer, Caller
from .guard import Guard
from .journal import Call, Journal
from .model import BulkInput
from .report import Report, Stop, copy
from .rows import Broken, Item, Rows
from .template import KEYED, Request, Template, check_url

LOOK_SECONDS = 0.2
SAMPLE = 5
UNKNOWN = Broken("unknown_outcome", "The attempt ended while this call was under way; it may have been done or not.")


def run_calls(data: BulkInput, context: Context, settings: Settings) -> dict[str, Any]:
    """Make the calls, or in a dry run only say what they would be."""
    source = context.file(data.source_id)
    rows = Rows(source.path, data)
    template = Template(data, str(context.job_id))
    template.check(rows.names)
    guard = Guard(settings)
    total = rows.count(context)
    with Report(context, data) as report:
        if data.dry_run:
            return _try(context, rows, template, guard, report, total)
        with Journal(context, marks=data.method in KEYED and not data.idempotency_header) as journal:
            return Calls(data, context, rows, template, guard, report, journal, total).run()


def _try(context: Context, rows: Rows, template: Template, guard: Guard, report: Report, total: int) -> dict[str, Any]:
    sample: list[dict[str, Any]] = []
    reason = "Nobody was called."
    try:
        for number, item in enumerate(rows.read(), 1):
            try:
                request = template.fill(item)
                guard.check_host(check_url(request.url))
            except Broken as why:
                report.add(item, why)
            else:
                report.done(callable=1)
                if len(sample) < SAMPLE:
                    sample.append(
                        {"line": item.line, "call": f"{request.method} {request.url}", "body": _text(request)}
                    )
            if number % 1_000 == 0:
                context.check_cancelled()
                context.progress(number, total, "Trying")
    except Stop as stop:
        reason = f"{stop} {reason}"
    ready, failed = report.counts.total(), report.failed
    context.progress(total, total, f"Only tried: {ready:,} calls could be made" + f", {failed:,} not" * bool(failed))
    report.keep()
    return {"outcome": "tried", "reason": reason, "rows": total, **report.result(), "sample": sample}


class Calls:
    """One attempt."""

    def __init__(
        self,
        data: BulkInput,
        context: Context,
        rows: Rows,
        template: Template,
        guard: Guard,
        report: Report,
        journal: Journal,
        total: int,
    ) -> None:
        self._data, self._context, self._template = data, context, template
        self._items = self._left(rows)
        self._caller = Caller(data, guard)
        self._report, self._journal, self._total = report, journal, total
        self._statuses: Counter[int] = Counter()
        self._times = array("f")
        self._tries = 0
        self._stopped = ""

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        if len(self._journal.settled) or self._journal.begun:
            self._context.log(f"Resumed: {len(self._journal.settled):,} of {self._total:,} calls are made.")
        asyncio.run(self._all())
        if not self._stopped:
            # How many a CSV file has is sure only when it was read.
            self._total = self._report.counts.total() + self._report.failed
        self._show()
        self._report.keep()
        if self._data.keep_responses:
            with self._context.artifact("responses.jsonl", "application/x-ndjson") as artifact:
                copy(self._journal.path, artifact.path)
        times = sorted(self._times)
        return {
            "outcome": "stopped" if self._stopped else "done",
            **({"reason": self._stopped} if self._stopped else {}),
            "rows": self._total,
            **self._report.result(),
            "statuses": [{"status": status, "rows": number} for status, number in sorted(self._statuses.items())],
            "tries": self._tries,
            "medianMs": round(times[len(times) // 2], 1) if times else None,
            "p95Ms": round(times[len(times) * 95 // 100], 1) if times else None,
            "seconds": round(time.monotonic() - began, 3),
        }

    async def _all(self) -> None:
        async with self._caller.session() as session:
            workers = [asyncio.create_task(self._work(session)) for _ in range(self._data.concurrency)]
            try:
                await self._watch(set(workers))
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _watch(self, workers: set[asyncio.Task[None]]) -> None:
        while workers:
            ended, workers = await asyncio.wait(workers, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
            for worker in ended:
                worker.result()
            self._context.check_cancelled()
            self._journal.save()
            self._show()

    async def _work(self, session: aiohttp.ClientSession) -> None:
        for item in self._items:
            # Those that need no call would keep the others, and a cancel, from their turn.
            await asyncio.sleep(0)
            try:
                request = self._template.fill(item)
            except Broken as why:
                self._settle(item, Answer(0, 0.0, 0, "", why))
                continue
            answer = await self._caller.call(session, request, lambda item=item: self._journal.begin(item.number))  # type: ignore[misc]
            self._settle(item, answer)

    def _left(self, rows: Rows) -> Iterator[Item]:
        """The rows to call for. What is known of the others from an earlier attempt is counted as they come."""
        for item in rows.read():
            if self._stopped:
                # Calls that are under way come to their end.
                return
            if call := self._journal.settled.get(item.number):
                self._count(item, call)
            elif item.number in self._journal.begun:
                self._settle(item, Answer(0, 0.0, 1, "", UNKNOWN, unknown=True))
            else:
                yield item

    def _settle(self, item: Item, answer: Answer) -> None:
        code, message = (answer.why.code, str(answer.why)) if answer.why else ("", "")
        # The same key again where it may have been done; where it surely was not, the row may be another one then.
        key = self._template.key(item) if answer.unknown else ""
        body = answer.body if self._data.keep_responses else ""
        call = Call(
            item.number, item.line, answer.status, round(answer.ms, 1), answer.tries, code, message, key or None
        )
        call.body = body
        self._journal.end(call)
        self._count(item, call)

    def _count(self, item: Item, call: Call) -> None:
        self._tries += call.tries
        if call.tries:
            self._statuses[call.status] += 1
            self._times.append(call.ms)
        if not call.code:
            self._report.done(succeeded=1)
            return
        try:
            self._report.add(item, Broken(call.code, call.message), call.key)
        except Stop as stop:
            self._stopped = self._stopped or f"{stop} The rows after that were not called for."

    def _show(self) -> None:
        done, failed = self._report.counts.total(), self._report.failed
        self._context.progress(done + failed, self._total, f"{done:,} went well, {failed:,} failed")


def _text(request: Request) -> str:
    return (request.body or b"").decode()[:500]
