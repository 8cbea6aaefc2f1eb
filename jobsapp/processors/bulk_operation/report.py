"""What became of the items: counts, the report of those that failed, and the rule that stops."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from jobsapp.processors.sdk import Context

from .model import BulkInput
from .rows import Broken, Failed, Item

SHARE_FROM = 100
SHOWN = 10
CHUNK = 1 << 20
REPORT = "failed.jsonl"


class Stop(Exception):
    """So many items failed that the rest is not tried."""


class Report:
    """Counts items and writes each that failed to a file of this attempt's.

    Use it in a `with` block. `state` is what another attempt needs, with the file as it is on disk: it is given as
    `before`.
    """

    def __init__(self, context: Context, data: BulkInput, before: dict[str, Any] | None = None) -> None:
        self._context, self._data = context, data
        self.path = context.keepdir / f"{context.attempt}.failed"
        self.counts: Counter[str] = Counter(before["counts"] if before else {})
        self.codes: Counter[str] = Counter(before["codes"] if before else {})
        self.shown: list[dict[str, Any]] = list(before["shown"]) if before else []
        self.warning = ""
        # Unbuffered: what is written is seen by the next attempt, even if this process is killed.
        self._file = self.path.open("wb", buffering=0)
        self._size = self._copy(before["file"], before["size"]) if before else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def failed(self) -> int:
        return self.codes.total()

    def add(self, item: Item, why: Broken, key: str | None = None) -> None:
        """Raises `Stop` if this was one too many."""
        row = msgspec.Raw(item.as_json())
        line = Failed(item.number, item.line, why.code, str(why), why.column, key, item.plain, row)
        self._size += self._file.write(msgspec.json.encode(line) + b"\n")
        self.codes[why.code] += 1
        if len(self.shown) < SHOWN:
            self.shown.append(
                {"line": item.line, "column": why.column or "", "code": why.code, "message": str(why)[:300]}
            )
        self._stop_if_too_many()

    def done(self, **counts: int) -> None:
        """Count items that came to a good end."""
        self.counts.update(counts)

    def state(self) -> dict[str, Any]:
        """As JSON. What it says of the file is on disk when this returns."""
        os.fsync(self._file.fileno())
        return {
            "counts": dict(self.counts),
            "codes": dict(self.codes),
            "shown": list(self.shown),
            "file": self.path.name,
            "size": self._size,
        }

    def back_to(self, state: dict[str, Any]) -> None:
        """Forget what came after `state`: it was taken back."""
        self.counts, self.codes = Counter(state["counts"]), Counter(state["codes"])
        self.shown, self._size = list(state["shown"]), state["size"]
        self._file.truncate(self._size)
        self._file.seek(self._size)

    def take_back(self) -> None:
        """All that was done was undone."""
        self.counts = Counter({"takenBack": self.counts.total()})

    def keep(self) -> None:
        """Make the report a file of the job's, if anything failed."""
        self._file.close()
        if self.failed:
            with self._context.artifact(REPORT, "application/x-ndjson") as artifact:
                copy(self.path, artifact.path)

    def result(self) -> dict[str, Any]:
        return {
            **self.counts,
            "failed": self.failed,
            "failures": [{"code": code, "items": number} for code, number in self.codes.most_common()],
            "firstFailures": self.shown,
        }

    def _stop_if_too_many(self) -> None:
        failed, seen = self.failed, self.failed + self.counts.total()
        if self._data.stop_after and failed >= self._data.stop_after:
            raise Stop(f"{failed:,} items have failed.")
        share = self._data.stop_share
        if share and seen >= SHARE_FROM and failed >= share * seen:
            raise Stop(f"{failed:,} of {seen:,} items have failed.")

    def _copy(self, name: str, size: int) -> int:
        left = size
        with suppress(FileNotFoundError), (self.path.parent / Path(name).name).open("rb") as before:
            while left and (chunk := before.read(min(CHUNK, left))):
                left -= self._file.write(chunk)
        if left:
            self.warning = "The report lacks failures of an earlier attempt: its file is not on this machine."
            self._context.log(self.warning, "warning")
        return size - left


def copy(source: Path, target: Path) -> None:
    with source.open("rb") as before, target.open("wb") as after:
        while chunk := before.read(CHUNK):
            after.write(chunk)


def words(name: str) -> str:
    """alreadyThere → already there"""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
