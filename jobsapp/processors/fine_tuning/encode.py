"""Conversations as tokens, with the tokens marked that the loss counts: those of the assistant's answers."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobsapp.processors.sdk import Context, Permanent

from .examples import Example, Message

IGNORED = -100
MOST_TOKENS = 200_000_000
# For base models, which know no conversations: the texts one after the other, and an end after each answer.
PLAIN = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Encoded:
    """An example as it is trained on. `labels` are `ids`, or -100 where the loss does not count; both equally long."""

    line: int
    ids: array[int]
    labels: array[int]
    truncated: bool

    @property
    def learnt(self) -> int:
        """How many tokens the loss counts. The first token of all is never predicted."""
        return sum(one != IGNORED for one in self.labels[1:])


@dataclass(frozen=True)
class Dataset:
    """`dropped`: lines of which nothing to learn was left after cutting."""

    examples: list[Encoded]
    dropped: list[int]

    @property
    def tokens(self) -> int:
        return sum(len(one.ids) for one in self.examples)

    @property
    def learnt(self) -> int:
        return sum(one.learnt for one in self.examples)

    @property
    def truncated(self) -> int:
        return sum(one.truncated for one in self.examples) + len(self.dropped)

    @property
    def longest(self) -> int:
        return max((len(one.ids) for one in self.examples), default=0)


def render(tokenizer: Any, messages: Sequence[Message], *, ask: bool = False) -> str:
    """The conversation as the model reads it; `ask` adds what comes before an answer. Raises `Permanent` if the
    model's template refuses it."""
    try:
        text = tokenizer.apply_chat_template(
            [one.as_json() for one in messages], tokenize=False, add_generation_prompt=ask
        )
    except Exception as error:
        raise Permanent(f"The base model's chat template refuses a conversation: {error}.") from None
    return str(text)


def spans(tokenizer: Any, messages: Sequence[Message]) -> tuple[str, list[tuple[int, int]]]:
    """The text of the conversation, and where in it the answers stand that are learnt, with the mark that ends them."""
    whole, found = render(tokenizer, messages), []
    for at, message in enumerate(messages):
        if not message.learnt:
            continue
        before, after = render(tokenizer, messages[:at], ask=True), render(tokenizer, messages[: at + 1])
        if not after.startswith(before) or not whole.startswith(after.rstrip()):
            raise Permanent("The base model's chat template changes earlier messages: learn from single answers.")
        found.append((len(before), len(before) + len(after[len(before) :].rstrip())))
    return whole, found


def encode(tokenizer: Any, example: Example, max_length: int) -> Encoded:
    """Tokens of one example, at most `max_length`; what is beyond its end is cut off."""
    text, learnt = spans(tokenizer, example.messages)
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = array("i", made["input_ids"][:max_length])
    labels = array("i", [IGNORED]) * len(ids)
    at = 0
    for n, (start, end) in enumerate(made["offset_mapping"][:max_length]):
        while at < len(learnt) and start >= learnt[at][1]:
            at += 1
        if at < len(learnt) and end > learnt[at][0]:
            labels[n] = ids[n]
    return Encoded(example.line, ids, labels, truncated=len(made["input_ids"]) > max_length)


def encode_all(tokenizer: Any, examples: Sequence[Example], max_length: int, name: str, context: Context) -> Dataset:
    """Tokens of all. Raises `Permanent` if none is left, or if they would not fit into memory."""
    made, dropped, tokens = [], [], 0
    for number, example in enumerate(examples):
        if number % 100 == 0:
            context.check_cancelled()
            context.progress(0, None, f"Made tokens of {number:,} examples")
        try:
            one = encode(tokenizer, example, max_length)
        except Permanent as error:
            raise Permanent(f"{name}, line {example.line}: {error}") from None
        if one.learnt:
            made.append(one)
            tokens += len(one.ids)
        else:
            dropped.append(example.line)
        if tokens > MOST_TOKENS:
            raise Permanent(f"{name} has more than {MOST_TOKENS:,} tokens: take a part of the examples.")
    if dropped:
        lines = ", ".join(map(str, dropped[:20]))
        context.log(
            f"{name}: of {len(dropped):,} examples nothing of the answer is left within {max_length} tokens "
            f"(lines {lines}{', …' if len(dropped) > 20 else ''}). They are left out.",
            "warning",
        )
    if not made:
        raise Permanent(f"{name}: no answer begins within {max_length} tokens. Raise maxLength.")
    return Dataset(made, dropped)
