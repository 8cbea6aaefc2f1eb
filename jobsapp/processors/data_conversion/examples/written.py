"""Examples as files: `train.jsonl`, `validation.jsonl` if it was asked for, `rejected.jsonl` if there is a reason."""

from __future__ import annotations

import json
import random
from contextlib import ExitStack
from hashlib import blake2b
from typing import Any, BinaryIO

import msgspec

from jobsapp.processors.sdk import Context

from .options import ExampleOptions
from .template import Example

SAMPLES = 5
SAMPLE_LENGTH = 300
MEDIA_TYPE = "application/x-ndjson"


class Writer:
    """Writes each example once. Use it in a `with` block; counts are right at any time."""

    def __init__(self, context: Context, options: ExampleOptions, rows: int) -> None:
        self._context, self._options = context, options
        self._validation = validation_rows(options, rows)
        self._seen: set[bytes] = set()
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self.counts = {"examples": 0, "validationExamples": 0, "duplicates": 0}
        self.rejected: dict[str, int] = {}
        self.samples: list[dict[str, Any]] = []

    def __enter__(self) -> Writer:
        self._stack.__enter__()
        self._file("train.jsonl")
        if self._options.validation_share:
            self._file("validation.jsonl")
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def write(self, row: int, example: Example) -> None:
        mark = blake2b(f"{example.user}\0{example.assistant}".casefold().encode(), digest_size=16).digest()
        if mark in self._seen:
            self.counts["duplicates"] += 1
            return
        self._seen.add(mark)
        kept_back = row in self._validation
        line = msgspec.json.encode(shaped(example, self._options)) + b"\n"
        self._file("validation.jsonl" if kept_back else "train.jsonl").write(line)
        self.counts["validationExamples" if kept_back else "examples"] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append({"row": row, "question": _cut(example.user), "answer": _cut(example.assistant)})

    def reject(self, row: int, kind: str, reason: str, said: str) -> None:
        self.rejected[kind] = self.rejected.get(kind, 0) + 1
        record = {"row": row, "kind": kind, "reason": reason, "said": said}
        self._file("rejected.jsonl").write(json.dumps(record, ensure_ascii=False).encode() + b"\n")

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            artifact = self._stack.enter_context(self._context.artifact(name, MEDIA_TYPE))
            self._files[name] = self._stack.enter_context(artifact.path.open("wb"))
        return self._files[name]


def validation_rows(options: ExampleOptions, rows: int) -> frozenset[int]:
    """The rows that are kept back: the share of them, at least one of two, drawn by the seed."""
    if not options.validation_share or rows < 2:
        return frozenset()
    count = max(1, round(rows * options.validation_share))
    return frozenset(random.Random(options.seed).sample(range(1, rows + 1), count))  # noqa: S311 - a sample


def shaped(example: Example, options: ExampleOptions) -> dict[str, Any]:
    """An example as fine-tuning reads it."""
    if options.shape == "completion":
        prompt = f"{options.system}\n\n{example.user}" if options.system else example.user
        return {"prompt": prompt, "completion": example.assistant}
    system = [{"role": "system", "content": options.system}] if options.system else []
    messages = [{"role": "user", "content": example.user}, {"role": "assistant", "content": example.assistant}]
    return {"messages": [*system, *messages]}


def _cut(text: str) -> str:
    return text if len(text) <= SAMPLE_LENGTH else f"{text[:SAMPLE_LENGTH]}…"
