"""What a person chooses for examples: a group of the conversion's form."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from jobsapp.processors.sdk import Input

Mode = Literal["plain", "template", "smart"]

ADVANCED: JsonDict = {"advanced": True}
MADE: JsonDict = {"when": {"mode": ["template", "smart"]}}
BY_TEMPLATE: JsonDict = {"when": {"mode": ["template"]}}
BY_MODEL: JsonDict = {"when": {"mode": ["smart"]}}
SEPARATOR = "---"
INSTRUCTION = "Write questions that a person might ask about this record, each with its answer."


class ExampleOptions(Input):
    mode: Mode = Field(
        default="plain",
        title="Make examples of the rows",
        json_schema_extra={
            "labels": {
                "plain": "No",
                "template": "By a template",
                "smart": "By a language model",
            }
        },
    )
    """Rows, or examples that a language model is tuned with: lines of JSON that fine-tuning reads."""

    user: str = Field(
        default="",
        max_length=20_000,
        title="Question",
        examples=["What does {{name}} cost?"],
        json_schema_extra=BY_TEMPLATE,
    )
    """`{{name}}` stands for the row's value in that column. Several examples from each row: a line `---` between
    them, here and in the answers."""

    assistant: str = Field(
        default="",
        max_length=20_000,
        title="Answer",
        examples=["{{name}} costs {{price}}."],
        json_schema_extra=BY_TEMPLATE,
    )
    """An example in which a value is empty is left out, and counted."""

    model: str = Field(
        default="", max_length=63, title="Language model", examples=["embedded"], json_schema_extra=BY_MODEL
    )
    """One that the administrator has named (JOBSAPP_LANGUAGE_MODELS). Empty: the small one that comes along; it is good
    to see how this works, not to make data with."""

    instruction: str = Field(default=INSTRUCTION, max_length=4_000, title="What to write", json_schema_extra=BY_MODEL)
    """The model is given this and, row by row, the record."""

    examples_per_row: int = Field(default=2, ge=1, le=20, title="Examples from each row", json_schema_extra=BY_MODEL)

    check: bool = Field(default=True, title="Check every answer against its row", json_schema_extra=BY_MODEL)
    """Numbers and quoted words of question and answer must occur in the row; what was invented goes to
    `rejected.jsonl`."""

    system: str = Field(default="", max_length=4_000, title="System message", json_schema_extra=MADE)
    """Stands at the beginning of each example. Empty: none."""

    shape: Literal["chat", "completion"] = Field(
        default="chat",
        title="Shape",
        json_schema_extra=MADE
        | {"labels": {"chat": 'Chat: {"messages": […]}', "completion": 'Completion: {"prompt": …, "completion": …}'}},
    )

    validation_share: float = Field(
        default=0.0, ge=0, le=0.5, title="Share for validation", examples=[0.1], json_schema_extra=MADE
    )
    """So many of the rows go to `validation.jsonl`, drawn by the seed; all examples of a row stay together."""

    limit: int | None = Field(default=None, ge=1, title="Most rows", examples=[100], json_schema_extra=MADE)
    """Take only the first rows, to see what comes of them. Empty: all."""

    on_bad_answer: Literal["skip", "fail"] = Field(
        default="skip",
        title="When a row gets no good answer",
        json_schema_extra=BY_MODEL | {"labels": {"skip": "Report it and go on", "fail": "Stop"}},
    )

    tries: int = Field(default=2, ge=1, le=5, title="Tries for each row", json_schema_extra=BY_MODEL)
    """How often the model is asked again when its answer is no JSON of the right form, or holds nothing true."""

    temperature: float = Field(default=0.3, ge=0, le=2, title="Temperature", json_schema_extra=BY_MODEL)

    max_tokens: int = Field(default=400, ge=16, le=8_000, title="Tokens of an answer", json_schema_extra=BY_MODEL)

    concurrency: int = Field(default=4, ge=1, le=64, title="Rows at the same time", json_schema_extra=BY_MODEL)
    """At most as many as the administrator allows for the model."""

    seed: int = Field(default=0, ge=0, le=2**31 - 1, title="Seed", json_schema_extra=MADE)

    @field_validator("instruction")
    @classmethod
    def _something(cls, value: str) -> str:
        return value.strip() or INSTRUCTION

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.mode == "template":
            if not self.user.strip():
                raise ValueError("user: write what the person says, such as What does {{name}} cost?")
            if not self.assistant.strip():
                raise ValueError("assistant: write the answer, such as {{name}} costs {{price}}.")
            questions, answers = len(parts(self.user)), len(parts(self.assistant))
            if questions != answers:
                raise ValueError(f"assistant: {answers} answers for {questions} questions; a line --- separates them")
        return self


def parts(text: str) -> list[str]:
    """The texts between lines of `---`."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == SEPARATOR:
            found.append([])
        else:
            found[-1].append(line)
    return ["\n".join(lines).strip() for lines in found]
