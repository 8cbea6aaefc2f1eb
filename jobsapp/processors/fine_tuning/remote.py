"""One fine-tuning at an OpenAI-compatible service: started there once, watched, and cancelled there too.

The service's files and fine_tuning.jobs endpoints are used. A job there is known by its file of examples, whose name
holds the id of our job: so it is found again even if this process died between starting it and noting its id.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import openai
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

from jobsapp.config import load_settings
from jobsapp.language.settings import ServerSettings
from jobsapp.processors.sdk import JSON, Cancelled, Context, Permanent, Retry

from .chart import losses
from .examples import Example
from .known import service
from .material import Material, gather
from .model import FineTuningInput

OVER = ("succeeded", "failed", "cancelled")
SECONDS = 30.0
# A question that a cancel may have to wait for.
QUICK_SECONDS = 5.0
# A service that is away is asked for so long. Until then the job here stays one that can be cancelled, there too.
PATIENCE_SECONDS = 86_400.0
TELL_EVERY = 20
TRIES = 5
LISTED = 10_000
SLICE = 0.2
LEVELS = {"warn": "warning", "error": "error"}
NAMES = {"train_loss": "loss", "valid_loss": "validationLoss"}
SERIES = {"loss": "loss/train", "validationLoss": "loss/validation"}


def train_remotely(data: FineTuningInput, context: Context) -> JSON:
    """Fine-tune at the service and describe what came of it. Raises `Permanent` if the service refuses or fails,
    `Retry` if it cannot be reached; a later attempt then goes on with the same job there."""
    began = time.monotonic()
    name, service = data.base_model, _service(data.base_model)
    material = gather(data, context)
    remote = Remote(data, context, name, service)
    with remote.client:
        job = remote.run(material)
        return remote.result(job, material, time.monotonic() - began)


def _service(name: str) -> ServerSettings:
    try:
        return service(name, load_settings())
    except ValueError as error:
        raise Permanent(str(error)) from None


class Remote:
    """Our side of a job at a service."""

    def __init__(self, data: FineTuningInput, context: Context, name: str, service: ServerSettings) -> None:
        self.data, self.context, self.name, self.service = data, context, name, service
        key = service.key if service.key_env else "none"
        if not key:
            raise Permanent(f"{name}: the environment variable {service.key_env} with its key is not set.")
        # The operator named this address, and no other.
        stays = openai.DefaultHttpxClient(follow_redirects=False)
        self.client = openai.OpenAI(base_url=service.url, api_key=key, timeout=SECONDS, http_client=stays)
        self.quick = self.client.with_options(timeout=QUICK_SECONDS, max_retries=0)
        last = context.last_checkpoint
        self.state: dict[str, Any] = dict(last) if isinstance(last, dict) else {}

    def run(self, material: Material) -> FineTuningJob:
        """Start it or find it again, and see it to its end."""
        with self._errors():
            if "job" not in self.state and self.context.attempt > 1:
                self._find()
            if "job" not in self.state:
                self._start(material)
        job_id = str(self.state["job"])
        try:
            job = self._watch(job_id)
        except Cancelled:
            self._cancel(job_id)
            raise
        if job.status == "succeeded":
            return job
        # Another attempt, if a person asks for one, shall begin anew.
        self.context.checkpoint({})
        why = f": {job.error.message}" if job.error and job.error.message else "."
        verb = "was cancelled" if job.status == "cancelled" else "has failed"
        raise Permanent(f"{self.name}: the job {job.id} {verb} there{why}")

    @property
    def _prefix(self) -> str:
        return f"jobsapp-{self.context.job_id}"

    def _find(self) -> None:
        """An attempt before this one may have come so far as to start it."""
        files = {
            one.id
            for one in islice(self.client.files.list(), LISTED)
            if one.filename.startswith(self._prefix) and not one.filename.endswith("-validation.jsonl")
        }
        for job in islice(self.client.fine_tuning.jobs.list(limit=100), LISTED) if files else ():
            if job.training_file in files and job.status not in ("failed", "cancelled"):
                self._note(job=job.id)
                self.context.log(f"Found the job {job.id} that an earlier attempt has started at {self.name}.")
                return

    def _start(self, material: Material) -> None:
        context, options = self.context, {}
        context.progress(0, None, f"Sending {len(material.training):,} examples to {self.name}")
        options["training_file"] = self._send(material.training, "")
        if material.measured:
            options["validation_file"] = self._send(material.measured, "-validation")
        if self.data.suffix:
            options["suffix"] = self.data.suffix
        context.check_cancelled()
        # Not tried again by the library: after an answer that got lost there may be a job already.
        job = self.client.with_options(max_retries=0).fine_tuning.jobs.create(
            model=self.service.model,
            seed=self.data.seed,
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": self.data.epochs}}},
            **options,  # type: ignore[arg-type]
        )
        self._note(job=job.id)
        context.log(f"Started the job {job.id} at {self.name}.")

    def _send(self, examples: Sequence[Example], what: str) -> str:
        path = Path(self.context.workdir) / f"{self._prefix}{what}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for one in examples:
                file.write(json.dumps({"messages": [_message(said) for said in one.messages]}, ensure_ascii=False))
                file.write("\n")
        self.context.check_cancelled()
        return self.client.files.create(file=path, purpose="fine-tune", timeout=600).id

    def _note(self, **more: str) -> None:
        self.state |= more
        self.context.checkpoint(dict(self.state))

    def _watch(self, job_id: str) -> FineTuningJob:
        failures, answered = 0, time.monotonic()
        while True:
            self.context.check_cancelled()
            try:
                job = self.quick.fine_tuning.jobs.retrieve(job_id)
                self._tell(job)
                failures, answered = 0, time.monotonic()
                if job.status in OVER:
                    return job
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
                self._tell_away(failures, said := f"{self.name} does not answer: {_reason(error)}")
                failures += 1
                if time.monotonic() - answered >= PATIENCE_SECONDS:
                    raise Retry(said, after=60) from None
            except openai.APIStatusError as error:
                raise Permanent(f"{self.name} refused to tell of the job {job_id}: {_reason(error)}") from None
            self._sleep()

    def _tell_away(self, failures: int, said: str) -> None:
        self.context.progress(0, None, said)
        self.state["status"] = ""
        if failures % TELL_EVERY == 0:
            self.context.log(said, "warning")

    def _sleep(self) -> None:
        until = time.monotonic() + self.data.poll_seconds
        while time.monotonic() < until:
            self.context.check_cancelled()
            time.sleep(min(SLICE, self.data.poll_seconds))

    def _tell(self, job: FineTuningJob) -> None:
        """What is new there: the log, the measures, the state."""
        seen = self.state.get("event")
        events = islice(self.quick.fine_tuning.jobs.list_events(job.id, limit=100), LISTED)
        new = list(takewhile(lambda one: one.id != seen, events))[::-1]
        step, total = 0.0, None
        for event in new:
            if (row := _row(event)) is None:
                self.context.log(f"{self.name}: {event.message}", LEVELS.get(event.level, "info"))
                continue
            step, total = row["step"], row.get("total")
            for key, series in SERIES.items():
                if key in row:
                    self.context.metric(series, row[key], row["step"])
        if new:
            self._note(event=new[-1].id)
        status = job.status.replace("_", " ")
        if total:
            self.context.progress(step, total + 1, f"{self.name}: {status}, step {step:,.0f} of {total:,.0f}")
        elif not self.state.get("status") or self.state["status"] != job.status:
            self.context.progress(0, None, f"{self.name}: {status}")
        self.state["status"] = job.status

    def _cancel(self, job_id: str) -> None:
        """There too. Should the service not answer for a while, that is said: it may go on costing."""
        for number in range(TRIES):
            try:
                status = self.quick.fine_tuning.jobs.cancel(job_id).status
                return self.context.log(f"Cancelled the job {job_id} at {self.name}; it says: {status}.")
            except openai.APIStatusError as error:
                if error.status_code < 500 and error.status_code != 429:
                    said = f"{self.name} did not cancel the job {job_id}: {_reason(error)}"
                    return self.context.log(said, "warning")
                reason = _reason(error)
            except openai.APIConnectionError as error:
                reason = _reason(error)
            time.sleep(number * SLICE)
        return self.context.log(f"The job {job_id} at {self.name} could not be cancelled there: {reason}", "error")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            raise Retry(f"{self.name}: {_reason(error)}", after=30) from None
        except openai.APIStatusError as error:
            raise Permanent(f"{self.name} refused: {_reason(error)}") from None

    def result(self, job: FineTuningJob, material: Material, seconds: float) -> dict[str, Any]:
        """The job's own words, and its files as artifacts."""
        with self._errors():
            events = list(islice(self.client.fine_tuning.jobs.list_events(job.id, limit=100), LISTED))[::-1]
            rows = [row for event in events if (row := _row(event)) is not None]
            for number, file_id in enumerate(job.result_files or [], 1):
                content = self.client.files.content(file_id).read()
                with self.context.artifact(f"results-{number}.csv") as artifact:
                    artifact.path.write_bytes(content)
        if rows:
            with self.context.artifact("losses.svg") as artifact:
                artifact.path.write_text(losses(rows), encoding="utf-8")
            with self.context.artifact("metrics.jsonl") as artifact:
                artifact.path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self.context.progress(1, 1, f"{self.name}: {job.fine_tuned_model}")
        trained = [row["loss"] for row in rows if "loss" in row]
        measured = [row["validationLoss"] for row in rows if "validationLoss" in row]
        return {
            "mode": "train",
            "provider": "remote",
            "service": self.name,
            "job": job.id,
            "baseModel": job.model,
            "model": job.fine_tuned_model,
            "examples": len(material.training),
            "validationExamples": len(material.measured),
            "faultyLines": material.checked.faulty,
            "duplicates": material.checked.duplicates,
            "trainedTokens": job.trained_tokens,
            "lastLoss": trained[-1] if trained else None,
            "validationLoss": measured[-1] if measured else None,
            "seconds": round(seconds, 2),
            "faults": material.checked.faults,
        }


def _message(said: Any) -> dict[str, Any]:
    weight = {"weight": 0} if said.role == "assistant" and not said.learnt else {}
    return {**said.as_json(), **weight}


def _row(event: FineTuningJobEvent) -> dict[str, Any] | None:
    """The numbers of an event, under our names; None if it has none."""
    said = event.data
    if event.type != "metrics" or not isinstance(said, dict) or not isinstance(said.get("step"), (int, float)):
        return None
    row = {"step": said["step"]} | ({"total": said["total_steps"]} if said.get("total_steps") else {})
    return row | {ours: said[key] for key, ours in NAMES.items() if isinstance(said.get(key), (int, float))}


def _reason(error: openai.APIError) -> str:
    body = error.body
    said = body.get("message") if isinstance(body, dict) else None
    code = f"HTTP {error.status_code}: " if isinstance(error, openai.APIStatusError) else ""
    return f"{code}{said or error.message}"
