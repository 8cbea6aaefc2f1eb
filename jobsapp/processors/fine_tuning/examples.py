"""The file of examples, checked line by line before anything heavy is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobsapp.processors.sdk import Context, InputFile, Permanent

LONGEST_LINE = 4 << 20
MOST_EXAMPLES = 200_000
SAID = 100
IN_ERROR = 20
ROLES = ("system", "user", "assistant")
FORMS = '{"messages": [...]}, {"prompt", "completion"} or {"instruction", "input", "output"}'


class Fault(Exception):
    """What is wrong with a line."""


@dataclass(frozen=True)
class Message:
    """`learnt`: whether the loss counts its words; only of assistants."""

    role: str
    content: str
    learnt: bool = False

    def as_json(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class Example:
    """A conversation that ends with an answer, and the line (from 1) that it came from."""

    line: int
    messages: tuple[Message, ...]


@dataclass
class Examples:
    """What a file holds. `faults`: the first ones as line and reason; `faulty`: how many there are in all."""

    found: list[Example] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    faulty: int = 0
    duplicates: int = 0

    def refuse(self, name: str) -> None:
        """Raises `Permanent` that lists the faults."""
        listed = "\n".join(f"Line {one['line']}: {one['reason']}" for one in self.faults[:IN_ERROR])
        more = f"\nand {self.faulty - IN_ERROR:,} more" if self.faulty > IN_ERROR else ""
        total = self.faulty + len(self.found)
        raise Permanent(
            f"{name}: {self.faulty:,} of {total:,} lines cannot be learnt from. Mend them, or choose badExamples: skip."
            f"\n{listed}{more}"
        )


def read(file: InputFile, context: Context, *, skip: bool = False) -> Examples:
    """Check the whole file. Raises `Permanent` with every faulty line (up to a bound) unless `skip`, and if nothing
    is left.
    """
    examples, seen = Examples(), set()
    for number, line in _lines(file):
        if number % 1000 == 0:
            context.check_cancelled()
            context.progress(0, None, f"Checked {number:,} lines of {file.name}")
        if not line.strip(b" \t\r\n\xef\xbb\xbf"):
            continue
        try:
            example = Example(number, tuple(parse(line)))
        except Fault as fault:
            examples.faulty += 1
            if len(examples.faults) < SAID:
                examples.faults.append({"file": file.name, "line": number, "reason": str(fault)})
            continue
        examples.found.append(example)
        examples.duplicates += example.messages in seen
        seen.add(example.messages)
        if len(examples.found) > MOST_EXAMPLES:
            raise Permanent(f"{file.name} holds more than {MOST_EXAMPLES:,} examples: take a part of them.")
    for one in examples.faults:
        context.log(f"{file.name}, line {one['line']}: {one['reason']}", "warning" if skip else "error")
    if examples.faulty and not skip:
        examples.refuse(file.name)
    if not examples.found:
        raise Permanent(f"{file.name} holds no example that could be learnt from. A line is {FORMS}.")
    return examples


def _lines(file: InputFile) -> Iterator[tuple[int, bytes]]:
    """Numbers from 1, and lines; of one that is too long only its beginning, which is a fault then."""
    with file.path.open("rb") as source:
        number = 0
        while line := source.readline(LONGEST_LINE):
            number += 1
            yield number, line
            while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                line = source.readline(LONGEST_LINE)


def parse(line: bytes) -> list[Message]:
    """The conversation of one line. Raises `Fault` with the reason."""
    if len(line) >= LONGEST_LINE:
        raise Fault(f"it is longer than {LONGEST_LINE >> 20} MB")
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Fault(f"it is not UTF-8 (byte {error.start + 1})") from None
    except (ValueError, RecursionError) as error:
        hint = "; is the file a JSON array? Convert it to JSON Lines" if line.lstrip()[:1] == b"[" else ""
        raise Fault(f"it is not JSON: {error}{hint}") from None
    if not isinstance(value, dict):
        raise Fault(f"it is {_kind(value)}, not an object such as {FORMS}")
    if "messages" in value:
        return _conversation(value["messages"])
    if "prompt" in value or "completion" in value:
        return _pair(value, _text(value, "prompt"), "completion")
    if "instruction" in value or "output" in value:
        more = value.get("input") or ""
        if not isinstance(more, str):
            raise Fault(f"input is {_kind(more)}, not text")
        asked = _text(value, "instruction")
        return _pair(value, f"{asked}\n\n{more}" if more.strip() else asked, "output")
    keys = ", ".join(map(repr, list(value)[:5])) or "nothing"
    raise Fault(f"it has {keys}, but none of {FORMS}")


def _pair(value: dict[str, Any], asked: str, answer: str) -> list[Message]:
    system = [Message("system", _text(value, "system"))] if value.get("system") else []
    return [*system, Message("user", asked), Message("assistant", _text(value, answer), learnt=True)]


def _conversation(said: Any) -> list[Message]:
    if not isinstance(said, list) or not said:
        raise Fault("messages is not a list of messages")
    messages = [_message(one, number) for number, one in enumerate(said, 1)]
    if messages[-1].role != "assistant":
        raise Fault(f"the last message is of the {messages[-1].role}; it must be the assistant's answer")
    if len(messages) < 2:
        raise Fault("there is only an answer; what was asked is missing")
    if any(one.role == "system" for one in messages[1:]):
        raise Fault("a system message must be the first")
    if not any(one.learnt for one in messages):
        raise Fault("every answer has weight 0, so there is nothing to learn")
    return messages


def _message(said: Any, number: int) -> Message:
    where = f"message {number}"
    if not isinstance(said, dict):
        raise Fault(f"{where} is {_kind(said)}, not an object with role and content")
    role = said.get("role")
    if role not in ROLES:
        raise Fault(f"{where} has the role {role!r}; known are {', '.join(ROLES)}")
    try:
        content = _text(said, "content")
    except Fault as fault:
        raise Fault(f"{where}: {fault}") from None
    weight = said.get("weight", 1)
    if weight not in (0, 1):
        raise Fault(f"{where} has the weight {weight!r}; it may be 0 or 1")
    return Message(role, content, learnt=role == "assistant" and bool(weight))


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    if found is None:
        raise Fault(f"{key} is missing")
    if not isinstance(found, str):
        raise Fault(f"{key} is {_kind(found)}, not text")
    if not found.strip():
        raise Fault(f"{key} is empty")
    if "\x00" in found or any("\ud800" <= one <= "\udfff" for one in found):
        raise Fault(f"{key} holds characters that are no text")
    return found


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "text", bool: "yes or no", int: "a number", float: "a number"}
    return names.get(type(value), "null")
