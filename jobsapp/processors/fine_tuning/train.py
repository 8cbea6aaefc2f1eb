"""One fine-tuning on this machine, from the file of examples to the adapter."""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import torch

from jobsapp.processors.sdk import JSON, Context

from . import adapter, base
from .base import Base
from .chart import losses
from .encode import Dataset, encode_all
from .examples import Example
from .generate import answer
from .kept import Kept
from .loop import Loop
from .material import Material, gather
from .model import FineTuningInput

SHOWN = 1_000


def train(data: FineTuningInput, context: Context) -> JSON:
    """Fine-tune and describe what came of it. Raises `Permanent` with a sentence, or `Cancelled`."""
    began = time.monotonic()
    material = gather(data, context)
    sizes = {"batchSize": data.batch_size, "maxLength": data.max_length}
    with base.quietly(context), base.enough_memory(sizes):
        loaded = base.load(data.base_model, context)
        return Training(data, context, material, loaded).run(began)


class Training:
    """The steps around the loop: tokens, adapter, sample answers, files, result."""

    def __init__(self, data: FineTuningInput, context: Context, material: Material, loaded: Base) -> None:
        self.data, self.context, self.material, self.loaded = data, context, material, loaded
        names = [file.name for file in material.files]
        self.training = self._encoded(material.training, names[0])
        self.measured = self._encoded(material.measured, names[-1]) if material.measured else Dataset([], [])
        # Of what is learnt from, they would only show what was learnt by heart.
        self.asked = (material.measured or material.training)[: data.samples]

    def _encoded(self, examples: list[Example], name: str) -> Dataset:
        most = getattr(self.loaded.model.config, "max_position_embeddings", None) or self.data.max_length
        return encode_all(self.loaded.tokenizer, examples, min(self.data.max_length, most), name, self.context)

    def run(self, began: float) -> JSON:
        context, data = self.context, self.data
        torch.manual_seed(data.seed)
        model = adapter.fresh(self.loaded, data)
        self._spare_memory(model)
        kept = Kept(context, data, [file.sha256 for file in self.material.files], self.loaded.identity)
        loop = Loop(model, data, self.training.examples, self.measured.examples, context, kept)
        self._say_tokens()
        if kept.samples is None:
            # At first an adapter changes nothing: these are the answers of the base model.
            kept.save_samples(self._answers(model, "before"))
        before = kept.samples or []
        loop.run()
        loop.save()
        after = self._answers(model, "after")
        samples = [
            {"question": _question(one), "wanted": one.messages[-1].content, "before": was, "after": now}
            for one, was, now in zip(self.asked, before, after, strict=True)
        ]
        self._keep(model, loop, samples)
        context.progress(1, 1, f"Learnt from {len(self.training.examples):,} examples in {loop.state.step:,} steps")
        return self._result(model, loop, samples, began)

    def _spare_memory(self, model: Any) -> None:
        """On a GPU memory is what lacks first: activations are computed again instead of being kept."""
        if self.loaded.device.type == "cuda":
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            model.enable_input_require_grads()

    def _say_tokens(self) -> None:
        made = self.training
        self.context.log(
            f"{len(made.examples):,} examples with {made.tokens:,} tokens, of which {made.learnt:,} are learnt; the "
            f"longest has {made.longest:,}. {made.truncated:,} were cut at {self.data.max_length:,} tokens.",
            "warning" if made.truncated else "info",
        )

    def _answers(self, model: Any, when: str) -> list[str]:
        made = []
        for number, one in enumerate(self.asked, 1):
            self.context.progress(0, None, f"Sample answers {when} the training: {number} of {len(self.asked)}")
            asked = one.messages[:-1]
            made.append(answer(model, self.loaded.tokenizer, asked, self.context, tokens=self.data.max_tokens)[0])
        return made

    def _keep(self, model: Any, loop: Loop, samples: list[dict[str, str]]) -> None:
        context, folder = self.context, self.context.workdir / "adapter"
        folder.mkdir()
        with context.artifact("adapter.zip", "application/zip") as artifact:
            adapter.save(model, self.loaded, self.data, folder, artifact.path)
        with context.artifact("losses.svg") as artifact:
            artifact.path.write_text(losses(loop.state.log), encoding="utf-8")
        lists = {
            "metrics.jsonl": loop.state.log,
            "samples.jsonl": samples,
            "faults.jsonl": self.material.checked.faults,
        }
        for name, rows in lists.items():
            if rows:
                with context.artifact(name) as artifact:
                    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                    artifact.path.write_text("".join(lines), encoding="utf-8")

    def _result(self, model: Any, loop: Loop, samples: list[dict[str, str]], began: float) -> dict[str, Any]:
        state, made, checked = loop.state, self.training, self.material.checked
        steps = [row for row in state.log if "loss" in row]
        measured = [row["validationLoss"] for row in state.log if "validationLoss" in row]
        return {
            "mode": "train",
            "provider": "local",
            "baseModel": self.loaded.name,
            "device": str(self.loaded.device),
            "examples": len(made.examples),
            "validationExamples": len(self.measured.examples),
            "faultyLines": checked.faulty,
            "duplicates": checked.duplicates,
            "tokens": made.tokens,
            "learntTokens": made.learnt,
            "truncated": made.truncated,
            "dropped": len(made.dropped),
            "steps": state.step,
            "epochs": round(state.step / loop.plan.a_round, 2),
            "firstLoss": round(steps[0]["loss"], 4),
            "lastLoss": round(steps[-1]["loss"], 4),
            "validationLossBefore": round(measured[0], 4) if measured else None,
            "validationLoss": round(state.best_loss if self.data.keep == "best" else measured[-1], 4)  # type: ignore[arg-type]
            if measured
            else None,
            "keptStep": state.best_step,
            "parameters": self.loaded.parameters,
            "trainedParameters": sum(one.numel() for one in loop.learning.values()),
            "trainedTokens": state.tokens,
            "tokensPerSecond": round(state.tokens / max(state.spent, 1e-9), 1),
            "trainingSeconds": round(state.spent, 2),
            "seconds": round(time.monotonic() - began, 2),
            "peakMemoryMb": _peak(self.loaded.device),
            "samples": [{key: text[:SHOWN] for key, text in one.items()} for one in samples],
            "faults": checked.faults,
        }


def _question(example: Example) -> str:
    return next((one.content for one in reversed(example.messages[:-1]) if one.role == "user"), "")


def _peak(device: Any) -> int:
    """MiB: of the GPU, else of this process. getrusage counts KiB, on macOS bytes."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device)) >> 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
