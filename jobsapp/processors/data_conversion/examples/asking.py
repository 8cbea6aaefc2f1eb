"""A row is put to a language model; its answer is read, mended where that is safe, and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobsapp.language import LanguageError, Model

from .grounding import invented
from .options import ExampleOptions
from .template import Example

FENCE = re.compile(r"^```\w*\s*|\s*```$")


@dataclass
class Asked:
    """What came of a row. `rejected`: (kind, reason, what the model said)."""

    examples: list[Example] = field(default_factory=list)
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0


def schema(count: int) -> dict[str, Any]:
    """The JSON that the model shall write."""
    pair = {
        "type": "object",
        "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
        "required": ["question", "answer"],
        "additionalProperties": False,
    }
    pairs = {"type": "array", "items": pair, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"examples": pairs},
        "required": ["examples"],
        "additionalProperties": False,
    }


def ask(model: Model, options: ExampleOptions, row: Mapping[str, str], seed: int) -> Asked:
    """Examples of one row. Raises LanguageError if nothing can be had from the model at all."""
    asked = Asked()
    record = json.dumps({name: value for name, value in row.items() if value != ""}, ensure_ascii=False)
    for attempt in range(options.tries):
        try:
            answer = model.ask(
                _messages(options, record),
                schema=schema(options.examples_per_row),
                max_tokens=options.max_tokens,
                temperature=options.temperature,
                seed=(seed + attempt) % 2**31,
            )
        except LanguageError as error:
            if error.everything:
                raise
            asked.rejected.append(("no answer", str(error), ""))
            if error.permanent:
                break
            continue
        asked.prompt_tokens += answer.prompt_tokens
        asked.completion_tokens += answer.completion_tokens
        asked.retries += answer.retries + (attempt > 0)
        found = pairs(answer.text)
        if not found:
            reason = (
                "It was cut; allow more tokens." if answer.cut else "It is not JSON of the form that was asked for."
            )
            asked.rejected.append(("invalid", reason, answer.text))
            continue
        for example in found[: options.examples_per_row]:
            _judge(asked, example, row, options)
        if asked.examples:
            break
    return asked


def _messages(options: ExampleOptions, record: str) -> list[dict[str, str]]:
    rules = (
        f"{options.instruction}\nWrite {options.examples_per_row} pairs of question and answer. Use nothing but the "
        'record. Answer as JSON: {"examples": [{"question": "…", "answer": "…"}]}'
    )
    return [{"role": "system", "content": rules}, {"role": "user", "content": f"Record: {record}"}]


def _judge(asked: Asked, example: Example, row: Mapping[str, str], options: ExampleOptions) -> None:
    if options.check:
        said = f"{example.user}\n{example.assistant}"
        wrong = invented(said, [*row.values(), *row.keys()])
        if wrong:
            names = ", ".join(wrong[:5])
            asked.rejected.append(("ungrounded", f"Not in the row: {names}.", said))
            return
    asked.examples.append(example)


def pairs(text: str) -> list[Example]:
    """The pairs in what a model wrote: JSON, perhaps in a fence of Markdown or with words around it; else none."""
    text = FENCE.sub("", text.strip())
    start, end = text.find("{"), text.rfind("}")
    listed = text.find("[")
    if listed >= 0 and (start < 0 or listed < start):
        start, end = listed, text.rfind("]")
    try:
        said = json.loads(text[start : end + 1], strict=False) if 0 <= start < end else None
    except ValueError:
        return []
    if isinstance(said, dict):
        said = said.get("examples", [said])
    found = said if isinstance(said, list) else []
    return [example for one in found if (example := _pair(one))]


def _pair(said: Any) -> Example | None:
    if not isinstance(said, dict):
        return None
    user, assistant = said.get("question"), said.get("answer")
    if not isinstance(user, str) or not isinstance(assistant, str) or not user.strip() or not assistant.strip():
        return None
    return Example(user.strip(), assistant.strip())
