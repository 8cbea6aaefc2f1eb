"""Files of opened folders: checked, copied, moved, deleted."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import islice
from typing import Any

import msgspec

from jobsapp.config import Settings
from jobsapp.processors.sdk import Context

from .file_journal import Done, FileJournal
from .file_list import Entry, FileList, settle
from .file_work import FileWork, Gone
from .folders import fault, open_folder
from .model import BulkInput
from .report import Report, Stop, copy, words
from .rows import Broken

SAMPLE = 5
SAVE_SECONDS = 2.0
# What a file costs besides its bytes: names, folders, the disk's own books.
FILE_COSTS = 64 * 1024
RESULT = "files.jsonl"


def run_files(data: BulkInput, context: Context, settings: Settings) -> dict[str, Any]:
    """Do it to all files that are meant, and say what came of it."""
    with ExitStack() as stack:
        source = stack.enter_context(open_folder(settings, "folder", data.folder))
        needs_target = data.action in ("copy", "move")
        target = stack.enter_context(open_folder(settings, "target", data.target)) if needs_target else None
        files = settle(data, context, source)
        report = stack.enter_context(Report(context, data))
        journal = stack.enter_context(FileJournal(context))
        meter = Meter(context, files)
        work = FileWork(data, context, source, target, journal, meter.within)
        head = {"action": data.action, "folder": data.folder} | ({"target": data.target} if target else {})
        return head | FilesRun(data, context, files, work, journal, report, meter).run()


class Meter:
    """How far it is, by bytes; shown as files, of which the one in hand counts in part."""

    def __init__(self, context: Context, files: FileList) -> None:
        self._context, self._facts = context, files.facts
        self._total = files.facts.bytes + files.facts.items * FILE_COSTS
        self._before = self._now = 0
        self._number = self._bytes = 0

    def begin(self, number: int, entry: Entry) -> None:
        self._before += self._now
        self._bytes += max(entry.found, 0)
        self._now, self._number = max(entry.found, 0) + FILE_COSTS, number
        self.within(0.0)

    def within(self, share: float) -> None:
        """So much of the file in hand is done, 0 to 1."""
        items = self._facts.items
        done = min(1.0, (self._before + share * self._now) / max(self._total, 1))
        said = f"File {self._number:,} of {items:,}, {self._facts.bytes / 1e6:,.1f} MB in all"
        self._context.progress(round(done * items, 3), items, said)


class FilesRun:
    """One attempt over the list."""

    def __init__(
        self,
        data: BulkInput,
        context: Context,
        files: FileList,
        work: FileWork,
        journal: FileJournal,
        report: Report,
        meter: Meter,
    ) -> None:
        self._data, self._context, self._files, self._work = data, context, files, work
        self._journal, self._report, self._meter = journal, report, meter
        self._bytes = 0
        self._sample: list[dict[str, Any]] = []
        self._saved = time.monotonic()

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        outcome, reason = "tried" if self._data.dry_run else "done", ""
        if self._is_too_much():
            outcome = "refused"
            reason = f"The pattern fits more files than are expected at most, {self._data.expected_max:,}."
        else:
            try:
                self._all()
            except Stop as stop:
                outcome = "tried" if self._data.dry_run else "stopped"
                reason = f"{stop} The files after that were not tried."
        if self._data.dry_run:
            reason = f"{reason} Nothing was changed.".strip()
        self._keep()
        items = self._files.facts.items
        if not reason or self._data.dry_run:
            self._context.progress(items, items, self._said())
        return {
            "outcome": outcome,
            **({"reason": reason} if reason else {}),
            "rows": items,
            **self._report.result(),
            "bytes": self._bytes,
            "notFiles": self._files.facts.no_files,
            "sample": self._sample,
            "seconds": round(time.monotonic() - began, 3),
        }

    def _said(self) -> str:
        said = [f"{number:,} {words(name)}" for name, number in self._report.counts.items()]
        failed = [f"{self._report.failed:,} failed"] if self._report.failed else []
        return ("Only tried: " if self._data.dry_run else "") + (", ".join(said + failed) or "no file is meant")

    def _is_too_much(self) -> bool:
        by_pattern = self._data.action == "delete" and self._data.source is None
        return by_pattern and self._files.facts.items > self._data.expected_max

    def _all(self) -> None:
        path = self._context.workdir / RESULT
        entries = enumerate(self._files, 1)
        with path.open("wb") as out:
            self._tell_lost_books()
            if self._journal.last:
                self._context.log(f"Resumed: {self._journal.last:,} of {self._files.facts.items:,} files are settled.")
                before = self._journal.earlier()
                for (number, entry), done in zip(islice(entries, self._journal.last), before, strict=True):
                    self._meter.begin(number, entry)
                    self._count(entry, done, out)
            for number, entry in entries:
                self._context.check_cancelled()
                self._meter.begin(number, entry)
                done = self._settle(number, entry)
                self._journal.end(done)
                self._count(entry, done, out)
                self._save(number)

    def _tell_lost_books(self) -> None:
        last = self._context.last_checkpoint
        if isinstance(last, dict) and int(last["files"]) > self._journal.last:
            self._context.log(
                f"An earlier attempt settled {last['files']:,} files, but its list is not on this machine. A new "
                "one was made: files that went are not in it, and copies are there already.",
                "warning",
            )

    def _settle(self, number: int, entry: Entry) -> Done:
        try:
            return (self._work.look if self._data.dry_run else self._work.do)(number, entry)
        except Gone:
            return Done(number, "gone")
        except Broken as error:
            why = error
        except OSError as error:
            why = fault(error)
        return Done(number, code=why.code, message=str(why))

    def _count(self, entry: Entry, done: Done, out: Any) -> None:
        if done.code:
            self._report.add(entry.as_item(), Broken(done.code, f"{entry.name[:500]}: {done.message}"))
            return
        self._report.done(**{done.what: 1})
        self._bytes += done.size
        line: dict[str, Any] = {"name": entry.name}
        line |= {"nameHex": entry.raw} if entry.raw else {}
        line |= {"size": done.size} | ({"sha256": done.sha256} if done.sha256 else {}) | {"outcome": done.what}
        if len(self._sample) < SAMPLE:
            self._sample.append({key: line[key] for key in line if key != "nameHex"})
        if not self._data.dry_run and done.what != "gone":
            out.write(msgspec.json.encode(line) + b"\n")

    def _save(self, number: int) -> None:
        """Now and then: have the books on disk, and say how far it is."""
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self._journal.sync()
            self._context.checkpoint({"files": number})
            self._saved = time.monotonic()

    def _keep(self) -> None:
        self._report.keep()
        path = self._context.workdir / RESULT
        if path.exists() and path.stat().st_size:
            with self._context.artifact(RESULT, "application/x-ndjson") as artifact:
                copy(path, artifact.path)
