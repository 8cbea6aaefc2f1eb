"""What a person chooses for a fine-tuning: the model behind the form, the API and the command line."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from jobsapp.processors.sdk import FileId, Input

EMBEDDED = "smollm2-135m"
EXAMPLES = ".jsonl,.ndjson"
Question = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


def shown(when: dict[str, list[str]], *, advanced: bool = False, **more: str | bool) -> JsonDict:
    """Extra facts of a field for its form: the choices of other fields that it belongs to."""
    said: JsonDict = {"when": {key: list(values) for key, values in when.items()}, **more}
    return said | {"advanced": True} if advanced else said


TRAIN = {"mode": ["train"]}
LOCAL = {"mode": ["train"], "provider": ["local"]}
REMOTE = {"mode": ["train"], "provider": ["remote"]}
ASK = {"mode": ["generate"]}


class FineTuningInput(Input):
    mode: Literal["train", "generate"] = Field(
        default="train",
        title="What to do",
        json_schema_extra={"labels": {"train": "Fine-tune", "generate": "Ask a fine-tuned model"}},
    )
    """Learn from examples, or try the adapter of an earlier fine-tuning."""

    dataset: FileId | None = Field(
        default=None, title="Examples", json_schema_extra=shown(TRAIN, needed=True, accept=EXAMPLES)
    )
    """JSON Lines. A line is `{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}`,
    `{"prompt": "…", "completion": "…"}` or `{"instruction": "…", "input": "…", "output": "…"}`."""

    validation: FileId | None = Field(
        default=None, title="Examples to measure on", json_schema_extra=shown(TRAIN, accept=EXAMPLES)
    )
    """Never trained on. Empty: a share of the examples is set aside."""

    adapter: FileId | None = Field(
        default=None, title="Adapter", json_schema_extra=shown(ASK, needed=True, accept=".zip")
    )
    """The `adapter.zip` of an earlier fine-tuning."""

    prompts: list[Question] = Field(
        default_factory=list,
        max_length=200,
        title="Questions",
        examples=[["Which dispatch code has parcel type B7?"]],
        json_schema_extra=shown(ASK, needed=True),
    )
    """Each is answered on its own."""

    provider: Literal["local", "remote"] = Field(
        default="local",
        title="Where",
        json_schema_extra=shown(TRAIN) | {"labels": {"local": "On this machine", "remote": "At a service"}},
    )
    """A service is one that the administrator has set up (JOBSAPP_LANGUAGE_MODELS)."""

    base_model: str = Field(
        default=EMBEDDED, min_length=1, max_length=100, title="Base model", json_schema_extra=shown(TRAIN)
    )
    """`smollm2-135m` comes with the installation. Others by the name that the administrator gave them
    (JOBSAPP_BASE_MODELS; for a service JOBSAPP_LANGUAGE_MODELS)."""

    epochs: int = Field(default=3, ge=1, le=1000, title="Epochs", json_schema_extra=shown(TRAIN))
    """How many times each example is learnt from."""

    max_steps: int | None = Field(
        default=None, ge=1, le=100_000, title="Most steps", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """Stop after so many, though not all epochs are done. Empty: all epochs."""

    learning_rate: float = Field(default=1e-3, gt=0, le=1, title="Learning rate", json_schema_extra=shown(LOCAL))
    """Of the adapter, after the warm-up. Larger base models want less: 2e-4 for 7 billion parameters."""

    batch_size: int = Field(default=2, ge=1, le=512, title="Batch size", json_schema_extra=shown(LOCAL))
    """Examples that are in memory at once."""

    accumulate: int = Field(
        default=1, ge=1, le=512, title="Batches a step", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """A step learns from so many batches: the effect of a larger batch without its memory."""

    max_length: int = Field(default=256, ge=8, le=131_072, title="Tokens of an example", json_schema_extra=shown(LOCAL))
    """What is beyond is cut off; the result says how often that happened."""

    bad_examples: Literal["fail", "skip"] = Field(
        default="fail",
        title="Lines with faults",
        json_schema_extra=shown(LOCAL, advanced=True)
        | {"labels": {"fail": "Do not start; list them", "skip": "Leave them out; list them"}},
    )
    """All lines are checked before the training starts."""

    validation_share: float = Field(
        default=0.1, ge=0, le=0.5, title="Share to measure on", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """Of the examples, if no file for it is given. 0: nothing is measured but the loss of the training."""

    evaluate_every: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        title="Steps between measurements",
        json_schema_extra=shown(LOCAL, advanced=True),
    )
    """Empty: ten times in all."""

    keep: Literal["best", "last"] = Field(
        default="best",
        title="Which adapter to keep",
        json_schema_extra=shown(LOCAL, advanced=True) | {"labels": {"best": "Best measured", "last": "The last"}},
    )
    """Best: that of the measurement with the least loss."""

    checkpoint_seconds: float = Field(
        default=30, ge=0, le=86_400, title="Seconds between savings", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """After a crash the training goes on from the last one. 0: after each step."""

    lora_r: int = Field(default=16, ge=1, le=1024, title="LoRA rank", json_schema_extra=shown(LOCAL, advanced=True))
    """The size of the adapter: more learns more and takes more memory."""

    lora_alpha: float = Field(
        default=32, gt=0, le=10_000, title="LoRA alpha", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """The adapter's weight is alpha / rank. Twice the rank is common."""

    lora_dropout: float = Field(
        default=0.05, ge=0, lt=1, title="LoRA dropout", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """The share of the adapter's inputs that are left out at random, against learning by heart."""

    weight_decay: float = Field(
        default=0.0, ge=0, le=1, title="Weight decay", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """Of AdamW."""

    warmup_share: float = Field(
        default=0.05, ge=0, le=1, title="Warm-up", json_schema_extra=shown(LOCAL, advanced=True)
    )
    """The share of the steps in which the learning rate rises; then it falls to nothing along a cosine."""

    samples: int = Field(default=3, ge=0, le=50, title="Sample answers", json_schema_extra=shown(LOCAL, advanced=True))
    """Questions of the examples that are answered before and after, to compare."""

    max_tokens: int = Field(
        default=64,
        ge=1,
        le=8192,
        title="Tokens of an answer",
        json_schema_extra={"advanced": True},
    )
    """Longer answers are cut off."""

    system: str = Field(
        default="",
        max_length=20_000,
        title="System message",
        json_schema_extra=shown(ASK, advanced=True),
    )
    """Goes before each question."""

    temperature: float = Field(default=0, ge=0, le=2, title="Temperature", json_schema_extra=shown(ASK, advanced=True))
    """0: always the likeliest word, so the same answer each time."""

    compare: bool = Field(default=True, title="Ask the base model too", json_schema_extra=shown(ASK))
    """To see what the fine-tuning has changed."""

    suffix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_-]{0,40}$",
        title="Suffix",
        examples=["support-v2"],
        json_schema_extra=shown(REMOTE, advanced=True),
    )
    """Becomes part of the model's name at the service."""

    poll_seconds: float = Field(
        default=10, ge=0.1, le=3600, title="Seconds between questions", json_schema_extra=shown(REMOTE, advanced=True)
    )
    """How often the service is asked how far it is."""

    seed: int = Field(default=0, ge=0, le=2**31 - 1, title="Seed", json_schema_extra={"advanced": True})
    """The same seed, examples and machine give the same adapter."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.mode == "train":
            if self.dataset is None:
                raise ValueError("dataset: give a file of examples")
            if self.adapter is not None:
                raise ValueError("adapter: only of use with mode generate")
            return self
        if self.adapter is None:
            raise ValueError("adapter: give the adapter.zip of a fine-tuning")
        if not self.prompts:
            raise ValueError("prompts: ask at least one question")
        return self
