"""What an attempt of a conversion leaves for the next one: whole beginnings of files, and how to go on from there.

Only appending is ever done to a file, by the one attempt whose number its name begins with. A checkpoint names a
file with a size once so many bytes of it are on disk. The next attempt copies these bytes to a file of its own, since
the attempt before it may still be writing; bytes that no checkpoint names are not looked at.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from importlib.metadata import version
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobsapp.processors.sdk import Context, InputFile

from .model import ConversionInput, Format
from .saver import Saver

SECONDS = 5.0
# Of the state as JSON: it goes to the database with each checkpoint.
LARGEST_STATE = 1 << 20
CHUNK = 4 << 20
# To be raised when a state, or what is written, changes its form: then no half made before is gone on with.
FORM = 1

State = dict[str, Any]


class Kept:
    """Of one attempt. Use it in a `with` block.

    `found`: the state that the last attempt saved, if its files are there and it converted the same; else None.
    `done` (0 to 1) and `seconds` are what the attempts before came to, 0 if nothing was found.
    """

    def __init__(self, context: Context, conversion: str) -> None:
        self._context, self._conversion = context, conversion
        self._folder = context.keepdir
        self._numbers = count(1)
        self._files: dict[str, tuple[str, int]] = {}
        self._began = self._saved = time.monotonic()
        self.found: State | None = None
        self.done = self.seconds = 0.0
        if context.last_checkpoint:
            self._find(context.last_checkpoint)
        self._saver = Saver(context, self._folder, [name for name, _ in self._files.values()])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._saver.close()

    @property
    def spent(self) -> float:
        """Seconds of this attempt, and of those before it as far as they were of use."""
        return self.seconds + time.monotonic() - self._began

    @property
    def worthwhile(self) -> bool:
        """Whether so much time was spent that it is a pity to lose it."""
        return time.monotonic() - self._began >= SECONDS

    @property
    def due(self) -> bool:
        """Whether it is time to save, and the last is on disk."""
        return time.monotonic() - self._saved >= SECONDS and self._saver.is_idle

    def part(self, role: str, *, go_on: bool) -> Path:
        """A new file of this attempt's. `go_on`: it begins with what was found under that `role`, if anything."""
        path = self._folder / f"{self._context.attempt}.{next(self._numbers)}.{role}"
        with path.open("wb") as file:
            name, left = self._files.get(role, ("", 0)) if go_on else ("", 0)
            if left:
                with (self._folder / name).open("rb") as before:
                    while left:
                        self._context.check_cancelled()
                        chunk = before.read(min(CHUNK, left))
                        if not chunk:
                            raise OSError(f"{name} has become shorter.")
                        left -= file.write(chunk)
        return path

    def save(self, done: float, files: Mapping[str, tuple[Path, int]], state: State) -> None:
        """Have the first so many bytes of `files` (by role) put on disk, and then `state` remembered with them.

        Returns at once. `done`: the share of the work that they stand for.
        """
        self._saved = time.monotonic()
        text = json.dumps(state)
        if len(text) > LARGEST_STATE:
            return
        self._saver.give(
            {
                "conversion": self._conversion,
                "files": {role: [path.name, size] for role, (path, size) in files.items()},
                # As it is now: the work goes on while this waits.
                "state": json.loads(text),
                "done": done,
                "seconds": round(self.spent, 3),
            }
        )

    def settle(self, seconds: float = 5.0) -> None:
        """Wait until what was given to `save` is remembered, at most so many seconds."""
        end = time.monotonic() + seconds
        while not self._saver.is_idle and time.monotonic() < end:
            time.sleep(0.01)

    def forget(self) -> None:
        """What was saved is of no use: another attempt shall begin anew."""
        self.found = None
        self._saver.give({})

    def _find(self, last: Any) -> None:
        if not isinstance(last, dict) or last.get("conversion") != self._conversion:
            self._context.log(
                "The last attempt read another file, had other options or was of another version. Starting from the "
                "beginning."
            )
            return
        files = {role: (str(name), int(size)) for role, (name, size) in last["files"].items()}
        if not all(self._has(name, size) for name, size in files.values()):
            self._context.log(
                f"The last attempt came to {last['done']:.0%}, but its files are not here. Starting from the beginning."
            )
            return
        self._files, self.found = files, last["state"]
        self.done, self.seconds = float(last["done"]), float(last["seconds"])
        rows = f", row {self.found['rows']:,}" if "rows" in self.found else ""
        self._context.log(f"Resumed at {self.done:.0%}{rows}.")

    def _has(self, name: str, size: int) -> bool:
        try:
            return (self._folder / Path(name).name).stat().st_size >= size
        except FileNotFoundError:
            return False


def conversion_id(data: ConversionInput, source: InputFile, source_format: Format) -> str:
    """The same for two conversions only if they make the same bytes: of the input, the options and the versions."""
    options = data.model_dump(mode="json", exclude={"source"})
    facts = [FORM, version("duckdb"), source.sha256, source.size, source_format, options]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
