"""One run of schemathesis as one caller: what it may do, and what it found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import from_schema
from schemathesis.engine.events import EngineEvent, EngineFinished, FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext

from tests.fuzz.exceptions import NOT_APPLICABLE, is_excused
from tests.fuzz.town import Caller, Town

WAIT = re.compile(r"wait\s*=\s*\"?\d+\"?", re.IGNORECASE)
STRANGE_ORIGIN, STRANGE_EVERY = "http://[", 16
_calls = count()
# Of an answer, so many bytes are shown.
SHOWN = 600
DOCUMENT = "/api/docs/openapi.json"


@schemathesis.check
class TellsNothingOfOthers:
    """No answer holds what is only in another organisation's texts."""

    def __init__(self, markers: Sequence[str] = ()) -> None:
        self._markers = markers

    def after_response(self, context: CheckContext, response: Response, case: Case) -> None:
        said = response.content + repr(response.headers).encode()
        for marker in self._markers:
            assert marker.encode() not in said, f"{marker!r} of another organisation is in the answer"


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Nobody waits: a run would spend all of its time on that, and `Prefer: wait` has tests of its own.

    Now and then somebody comes from what is no address, which changes no answer to a token.
    """
    if next(_calls) % STRANGE_EVERY == 0:
        case.headers["Origin"] = STRANGE_ORIGIN
    if prefer := (case.headers or {}).get("Prefer"):
        case.headers["Prefer"] = WAIT.sub("wait=0", prefer)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Whether it is a finding."""
    return not is_excused(case.operation.definition.raw.get("operationId", ""), failure, response)


@dataclass(frozen=True)
class Finding:
    """What is wrong, and a line that shows it."""

    check: str
    operation: str
    message: str
    curl: str = ""

    def __str__(self) -> str:
        return f"[{self.check}] {self.operation}\n{self.message}\n{self.curl}".rstrip()


@dataclass
class Report:
    findings: list[Finding]
    requests: int
    statuses: dict[str, set[int]]
    """By operation, with which statuses it answered."""


def attack(town: Town, caller: Caller, *, seed: int, seconds: int, only: Sequence[str] = ()) -> Report:
    """Try the operations (by id; none named: all) for about so long."""
    schema = schemathesis.openapi.from_url(
        town.settings.base_url + DOCUMENT, config=_config(town, caller, seed, seconds)
    )
    if only:
        schema = schema.include(operation_id=list(only))
    found: dict[tuple[str, str, str], Finding] = {}
    report = Report([], 0, {})
    for event in from_schema(schema).execute():
        for finding in _findings(event):
            found.setdefault((finding.check, finding.operation, finding.message.split("\n", 1)[0]), finding)
        if isinstance(event, ScenarioFinished):
            _count(event, report)
            town.restore(caller)
    report.findings.extend(found.values())
    return report


def _config(town: Town, caller: Caller, seed: int, seconds: int) -> SchemathesisConfig:
    markers = [house.marker for name, house in town.households.items() if name != caller.organization]
    ids = _ids(town)
    config: dict[str, Any] = {
        "seed": seed,
        "max-time": seconds,
        "suppress-health-check": ["all"],
        "base-url": town.settings.base_url,
        "continue-on-failure": True,
        "request-timeout": 60,
        "cache": {"enabled": False},
        "output": {"sanitization": {"enabled": False}},
        "generation": {"database": "none", "no-shrink": True},
        "checks": {"TellsNothingOfOthers": {"markers": markers}},
        "operations": [
            {"include-operation-id": operation, "checks": {check: {"enabled": False} for check in checks}}
            for operation, checks in NOT_APPLICABLE.items()
        ],
        "dictionaries": {name: {"values": values} for name, values in ids.items()},
        "parameters": {
            "path.id": {"dictionary": "ids", "probability": 0.6},
            "path.user_id": {"dictionary": "users", "probability": 0.6},
            "path.token_id": {"dictionary": "tokens", "probability": 0.6},
            "path.type": {"dictionary": "types", "probability": 0.6},
            "path.name": {"dictionary": "queues", "probability": 0.6},
            "path.key": {"dictionary": "keys", "probability": 0.8},
            "query.job": {"dictionary": "ids", "probability": 0.6},
            "query.user": {"dictionary": "users", "probability": 0.6},
            "body.secretsOf": {"dictionary": "ids", "probability": 0.6},
            "body.ids[*]": {"dictionary": "ids", "probability": 0.6},
            "body.type": {"dictionary": "types", "probability": 0.6},
            "body.jobs[*].type": {"dictionary": "types", "probability": 0.8},
        },
    }
    if caller.role:
        config["headers"] = {"Authorization": f"Bearer {town.bearers[caller.name]}"}
    return SchemathesisConfig.from_dict(config)


def _ids(town: Town) -> dict[str, list[str]]:
    """What there is, of both organisations: at random nobody would hit any of it."""
    houses = town.households.values()
    found = {
        "ids": [one for house in houses for one in (*house.jobs, *house.files, *house.presets)],
        "users": [one for house in houses for one in house.users],
        "tokens": [one for house in houses for one in house.tokens],
        "types": ["echo", "make-file", "data-conversion"],
        "queues": ["echo", "make-file", "hand"],
        "keys": ["echo", "*", *(house.id for house in houses)],
    }
    return {name: [str(one) for one in values] for name, values in found.items()}


def _findings(event: EngineEvent) -> Iterator[Finding]:
    if isinstance(event, ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            operation = event.recorder.cases[case_id].value.operation.label
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    message = f"{failure.title}\n{failure.message}\n{_answer(event.recorder, case_id)}"
                    yield Finding(check.name, operation, message, check.failure_info.code_sample)
    elif isinstance(event, NonFatalError):
        yield Finding("error", event.label, f"{event.info.title}\n{event.info.message}")
    elif isinstance(event, FatalError):
        raise event.exception
    elif isinstance(event, EngineFinished):
        for failure in event.failures:
            yield Finding("after the run", failure.operation or "", failure.message)


def _answer(recorder: ScenarioRecorder, case_id: str) -> str:
    """What the server said."""
    interaction = recorder.interactions.get(case_id)
    if interaction is None or interaction.response is None:
        return "There was no answer."
    said = interaction.response
    return f"Answered: {said.status_code} {(said.content or b'')[:SHOWN].decode(errors='replace')}"


def _count(event: ScenarioFinished, report: Report) -> None:
    for case_id, interaction in event.recorder.interactions.items():
        report.requests += 1
        node = event.recorder.cases.get(case_id)
        if node is None or interaction.response is None:
            continue
        case = node.value
        if case.method.upper() == case.operation.method.upper():
            report.statuses.setdefault(case.operation.label, set()).add(interaction.response.status_code)
