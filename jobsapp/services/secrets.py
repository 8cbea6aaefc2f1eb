"""Secrets in the input of jobs: sealed before a row is written, and kept when its maker runs a job again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from jobsapp.core.actors import Actor
from jobsapp.core.masks import MASK
from jobsapp.core.sealing import SEALED, CannotOpen, Sealer, filled, pointer, shown, steps
from jobsapp.errors import FieldError, Forbidden, InvalidInput
from jobsapp.models import Job, Schedule
from jobsapp.processors.registry import JobType, Registry
from jobsapp.processors.secrets import has_secrets, is_mask, kept, secrets_of


class Secrets:
    def __init__(self, registry: Registry, sealer: Callable[[], Sealer]) -> None:
        """`sealer` is asked only when there is something to seal."""
        self._registry = registry
        self._sealer = sealer

    def sealed(self, job_id: UUID, data: BaseModel, values: dict[str, Any]) -> dict[str, Any]:
        """What is kept of an input; `values` is its JSON. Raises InvalidInput for a mask given as a secret."""
        values.pop(SEALED, None)
        found = secrets_of(data)
        masks = [place for place, secret in found.items() if is_mask(secret)]
        if masks:
            faults = tuple(FieldError(".".join(["data", *steps(place)]), NOT_A_SECRET) for place in masks)
            raise InvalidInput(f"{faults[0].field}: {NOT_A_SECRET}", errors=faults)
        return self._sealer().seal(job_id, values, found) if found else values

    def digest(self, types: set[str], said: bytes) -> bytes | None:
        """A digest of requests of these types that tells nothing of the secrets in them; None: there may be none."""
        known = [found for name in types if (found := self._registry.find(name)) is not None]
        return self._sealer().digest(said) if any(has_secrets(one.processor.Input) for one in known) else None

    def opened(self, schedule: Schedule) -> dict[str, Any]:
        """The input that a schedule gives its jobs, with its secrets. Raises CannotOpen."""
        return filled(schedule.data, self._sealer().open(schedule.id, schedule.data) if SEALED in schedule.data else {})

    def is_same(self, schedule: Schedule, data: BaseModel) -> bool:
        """Whether a schedule has that input already, where a mask stands for the secret that it has."""
        values, found = data.model_dump(mode="json", by_alias=True), secrets_of(data)
        if not all(is_mask(secret) for secret in found.values()):
            return False
        masked = shown(self._sealer().seal(schedule.id, values, found)) if found else values
        return masked == shown(schedule.data)

    def of_run(self, job: Job) -> dict[str, str]:
        """The secrets that a run of a workflow was given, by their names in its input. Raises CannotOpen."""
        if SEALED not in job.data:
            return {}
        return {steps(place)[-1]: secret for place, secret in self._sealer().open(job.id, job.data).items()}

    def changed(self, job: Job, secrets: Mapping[str, str]) -> dict[str, Any]:
        """The data of a run with other secrets; those that are not among them stay. Raises CannotOpen."""
        whole = self.of_run(job) | dict(secrets)
        data = deepcopy(shown(job.data))
        data["secrets"] = dict.fromkeys(whole, MASK)
        return self._sealer().seal(job.id, data, {pointer("secrets", key): secret for key, secret in whole.items()})

    def may_keep(self, actor: Actor, job: Job | Schedule) -> bool:
        """Whether a form that begins with that job may keep its secrets: they are for who gave them alone.

        Anybody else could send them to an address of his own.
        """
        return SEALED in job.data and job.user_id is not None and job.user_id == actor.user_id

    def kept(self, actor: Actor, job_type: JobType, data: Any, origin: Job | Schedule) -> Any:
        """Data of a form that began with the job `origin`, with the secrets that were left as they were."""
        if not isinstance(data, dict) or origin.type != job_type.name or not self.may_keep(actor, origin):
            return data
        try:
            old = self._sealer().open(origin.id, origin.data)
        except CannotOpen:
            return data
        return kept(job_type.processor.Input, data, origin.data, old)

    def masked(self, job_type: JobType, data: Any, origin: Job | Schedule) -> Any:
        """As `kept`, with a mask in the place of each secret: to see whether anything else is different."""
        if not isinstance(data, dict) or SEALED not in origin.data:
            return data
        try:
            old = self._sealer().open(origin.id, origin.data)
        except CannotOpen:
            return data
        return kept(job_type.processor.Input, data, origin.data, dict.fromkeys(old, MASK))

    def taken(self, actor: Actor, job_type: JobType, data: Any, origin: Job) -> Any:
        """A copy of the data of a request, with secrets of the job `origin` where it has a mask in their place.

        Raises InvalidInput naming `secretsOf` for a job of another type, and Forbidden for the secrets of others.
        """
        if origin.type != job_type.name:
            raise InvalidInput.of("secretsOf", f"is a job of the type {origin.type}; name one of {job_type.name}.")
        if not isinstance(data, dict) or SEALED not in origin.data:
            return data
        if not self.may_keep(actor, origin):
            raise Forbidden("The secrets of a job are for who gave them alone. Give your own, without secretsOf.")
        try:
            old = self._sealer().open(origin.id, origin.data)
        except CannotOpen:
            raise InvalidInput.of("secretsOf", "was sealed with another key; give the secrets anew.") from None
        # The request itself stays as it was: its digest is made of that.
        return kept(job_type.processor.Input, deepcopy(data), origin.data, old, masks_only=True)


NOT_A_SECRET = "is what is shown in the place of a secret; give the secret itself."  # noqa: S105 - a sentence
