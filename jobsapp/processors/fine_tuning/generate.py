"""Answers of a language model, with and without an adapter."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from jobsapp.processors.sdk import JSON, Context, Permanent

from . import adapter, base
from .answered import Answered, Row
from .encode import render
from .examples import Message
from .model import FineTuningInput


class Watch(StoppingCriteria):  # type: ignore[misc]
    """Asks after each token whether the job was cancelled."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self, input_ids: Any, scores: Any, **more: Any) -> Any:
        self._context.check_cancelled()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def answer(
    model: Any, tokenizer: Any, asked: Sequence[Message], context: Context, *, tokens: int, temperature: float = 0.0
) -> tuple[str, int]:
    """What the model says next, and how many tokens that is, at most `tokens`."""
    text = render(tokenizer, asked, ask=True)
    given = tokenizer(text, return_tensors="pt", add_special_tokens=False).to(model.device)
    length = given["input_ids"].shape[1]
    most = getattr(model.config, "max_position_embeddings", None) or 1 << 30
    if length >= most:
        raise Permanent(f"A question has {length:,} tokens; the base model reads at most {most - 1:,}.")
    how: dict[str, Any] = {"do_sample": temperature > 0} | ({"temperature": temperature} if temperature > 0 else {})
    model.eval()
    with torch.no_grad(), torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
        made = model.generate(
            input_ids=given["input_ids"],
            attention_mask=given["attention_mask"],
            max_new_tokens=min(tokens, most - length),
            pad_token_id=tokenizer.eos_token_id,
            stopping_criteria=StoppingCriteriaList([Watch(context)]),
            **how,
        )[0, length:]
    return str(tokenizer.decode(made, skip_special_tokens=True)).strip(), len(made)


def generate(data: FineTuningInput, context: Context) -> JSON:
    """Answer each question with the adapter, and without it if that was asked for; a table of them."""
    assert data.adapter is not None  # noqa: S101 - the input model has seen to it.
    with base.quietly(context), base.enough_memory({"maxTokens": data.max_tokens}):
        file = context.file(data.adapter)
        stored = adapter.read(file.path, file.name)
        loaded = base.load(stored.base, context)
        model = adapter.attach(stored, loaded, file.name)
        with Answered(context, data, file.sha256) as answered:
            for number in range(len(answered.rows), len(data.prompts)):
                began = time.monotonic()
                row, tokens = _row(data, number, model, loaded.tokenizer, context)
                answered.add(row, tokens, time.monotonic() - began)
                context.progress(number + 1, len(data.prompts), f"Answered {number + 1:,} questions")
    with context.artifact("answers.jsonl") as artifact:
        shutil.copyfile(answered.path, artifact.path)
    return {
        "mode": "generate",
        "baseModel": stored.base,
        "device": str(loaded.device),
        "answers": answered.rows,
        "tokens": answered.tokens,
        "tokensPerSecond": round(answered.tokens / max(answered.seconds, 1e-9), 1),
    }


def _row(data: FineTuningInput, number: int, model: Any, tokenizer: Any, context: Context) -> tuple[Row, int]:
    """The answers to the question with that number, and how many tokens they have together."""
    system = [Message("system", data.system)] if data.system.strip() else []
    asked = [*system, Message("user", data.prompts[number])]

    def ask() -> tuple[str, int]:
        torch.manual_seed(data.seed + number)
        return answer(model, tokenizer, asked, context, tokens=data.max_tokens, temperature=data.temperature)

    said, count = ask()
    row = {"question": data.prompts[number], "answer": said}
    if data.compare:
        with model.disable_adapter():
            row["base"], more = ask()
        count += more
    return row, count
