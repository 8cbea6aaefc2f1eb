"""The training itself: AdamW over the adapter, step by step, so that it can be left and gone on with at any step."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch.nn import functional

from jobsapp.processors.sdk import Context, Permanent

from .encode import IGNORED, Encoded
from .kept import Kept
from .model import FineTuningInput

EVALUATIONS = 10
LARGEST_GRADIENT = 1.0


@dataclass
class State:
    """Where a training is. `log`: a row for each step and each measurement; `spent`: seconds of steps alone."""

    step: int = 0
    tokens: int = 0
    spent: float = 0.0
    best_step: int = 0
    best_loss: float | None = None
    log: list[dict[str, Any]] = field(default_factory=list)


class Plan:
    """Which examples are learnt from in which step, and how much: told by the seed and the step alone."""

    def __init__(self, data: FineTuningInput, examples: int) -> None:
        self._data, self._examples = data, examples
        self._of_step = data.batch_size * data.accumulate
        self.a_round = -(-examples // self._of_step)
        self.steps = min(self.a_round * data.epochs, data.max_steps or 10**9)
        self.warmup = math.ceil(self.steps * data.warmup_share)
        self._order: tuple[int, list[int]] = (-1, [])

    def batches(self, step: int) -> list[list[int]]:
        """Places of the examples of a step (from 0), in batches."""
        epoch, at = divmod(step, self.a_round)
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self._data.seed * 1_000_003 + epoch)
            self._order = (epoch, torch.randperm(self._examples, generator=generator).tolist())
        mine = self._order[1][at * self._of_step : (at + 1) * self._of_step]
        return [mine[n : n + self._data.batch_size] for n in range(0, len(mine), self._data.batch_size)]

    def rate(self, step: int) -> float:
        """The learning rate of a step: a line up, then half a cosine down (Loshchilov and Hutter 2017)."""
        if step < self.warmup:
            return self._data.learning_rate * (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self._data.learning_rate * 0.5 * (1 + math.cos(math.pi * share))

    def measures(self, step: int) -> bool:
        """Is it measured after so many steps?"""
        every = self._data.evaluate_every or max(1, self.steps // EVALUATIONS)
        return step % every == 0 or step == self.steps


class Loop:
    """A training of `model`, of which only the adapter learns. `measured`: examples that it never learns from."""

    def __init__(
        self,
        model: Any,
        data: FineTuningInput,
        examples: Sequence[Encoded],
        measured: Sequence[Encoded],
        context: Context,
        kept: Kept,
    ) -> None:
        self.model, self.data, self.context, self.kept = model, data, context, kept
        self.examples, self.measured = examples, measured
        self.plan, self.state = Plan(data, len(examples)), State()
        self.device = next(model.parameters()).device
        self.learning = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self.best: dict[str, Any] = {}
        self.optimizer = torch.optim.AdamW(
            self.learning.values(), lr=data.learning_rate, weight_decay=data.weight_decay
        )
        if kept.found:
            self._restore(kept.found)

    def run(self) -> None:
        """All steps that are left. Raises `Permanent` if the loss is no number; leaves the chosen adapter in place."""
        state = self.state
        if state.step == 0:
            self._measure()
        while state.step < self.plan.steps:
            self._step()
            if self.plan.measures(state.step):
                self._measure()
            if self.kept.is_due:
                self.save()
        if self.best and self.data.keep == "best":
            self._put(self.best)
        else:
            state.best_step = state.step

    def _step(self) -> None:
        state, began = self.state, time.monotonic()
        batches = [[self.examples[n] for n in batch] for batch in self.plan.batches(state.step)]
        learnt = sum(one.learnt for batch in batches for one in batch)
        rate = self.plan.rate(state.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for batch in batches:
            self.context.check_cancelled()
            # By the tokens of the whole step: each counts the same, however the batches are cut.
            loss = self._loss(batch) / learnt
            loss.backward()
            total += float(loss.detach())
        norm = float(torch.nn.utils.clip_grad_norm_(self.learning.values(), LARGEST_GRADIENT))
        if not (math.isfinite(total) and math.isfinite(norm)):
            raise Permanent(
                f"Step {state.step + 1}: the loss is {total}, its gradient {norm}, with the learning rate {rate:.2g}. "
                "Lower learningRate; if that does not help, the base model's weights are damaged."
            )
        self.optimizer.step()
        state.step += 1
        self._tell(total, rate, norm, sum(len(one.ids) for batch in batches for one in batch), began)

    def _tell(self, loss: float, rate: float, norm: float, tokens: int, began: float) -> None:
        state, seconds = self.state, time.monotonic() - began
        state.tokens += tokens
        state.spent += seconds
        speed = tokens / max(seconds, 1e-9)
        row = {"step": state.step, "epoch": round(state.step / self.plan.a_round, 3), "loss": loss}
        state.log.append(row | {"learningRate": rate, "gradient": norm, "tokensPerSecond": round(speed, 1)})
        self.context.metric("loss/train", loss, state.step)
        self.context.metric("learningRate", rate, state.step)
        self.context.metric("tokensPerSecond", speed, state.step)
        said = f"Step {state.step:,} of {self.plan.steps:,}: loss {loss:.3f}, {speed:,.0f} tokens/s"
        self.context.progress(state.step, self.plan.steps + 1, said)

    def _measure(self) -> None:
        if not self.measured:
            return
        loss = self.loss_of(self.measured)
        state = self.state
        state.log.append({"step": state.step, "validationLoss": loss})
        self.context.metric("loss/validation", loss, state.step)
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_step = loss, state.step
            self.best = self._copy()

    def loss_of(self, examples: Sequence[Encoded]) -> float:
        """Mean cross-entropy in nats of the tokens that are learnt; nothing is learnt from it."""
        self.model.eval()
        total, size = 0.0, self.data.batch_size
        with torch.no_grad():
            for at in range(0, len(examples), size):
                self.context.check_cancelled()
                total += float(self._loss(examples[at : at + size]))
        return total / sum(one.learnt for one in examples)

    def _loss(self, batch: Sequence[Encoded]) -> Any:
        """The sum of the cross-entropy over the tokens that are learnt."""
        width = max(len(one.ids) for one in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        labels, there = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
        for row, one in enumerate(batch):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
            labels[row, : len(one.ids)] = torch.tensor(one.labels)
            there[row, : len(one.ids)] = 1
        where = self.device
        with torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda"):
            logits = self.model(input_ids=ids.to(where), attention_mask=there.to(where), use_cache=False).logits
        wanted = labels[:, 1:].to(where)
        chosen = wanted != IGNORED
        return functional.cross_entropy(logits[:, :-1][chosen].float(), wanted[chosen], reduction="sum")

    def save(self) -> None:
        """All that the next step depends on. The learning rate and the order need no saving: the step tells them."""
        random: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        content = {"model": self._copy(), "best": self.best, "optimizer": self.optimizer.state_dict()}
        state = json.dumps(asdict(self.state))
        self.kept.save(self.state.step, content | {"random": random, "state": state})

    def _restore(self, found: dict[str, Any]) -> None:
        self._put(found["model"])
        self.best = found["best"]
        self.optimizer.load_state_dict(found["optimizer"])
        torch.set_rng_state(found["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in found["random"]:
            torch.cuda.set_rng_state(found["random"]["cuda"], self.device)
        self.state = State(**json.loads(found["state"]))
        self.context.log(f"Resumed after step {self.state.step:,} of {self.plan.steps:,}.")

    def _copy(self) -> dict[str, Any]:
        return {name: one.detach().cpu().clone() for name, one in self.learning.items()}

    def _put(self, tensors: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, one in self.learning.items():
                one.copy_(tensors[name])
