"""Messages as they are sent: for each kind of channel the texts of one job's end, or of many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from jobsapp.core.notifications import Kind, Occasion, counted
from jobsapp.models import Job
from jobsapp.services.wording import LISTED, Words

ERROR_LENGTH = 1000
IN_WORDS = {
    Occasion.COMPLETED: "completed",
    Occasion.FAILED: "failed",
    Occasion.CANCELLED: "was cancelled",
    Occasion.WAITING_LONG: "has been waiting for long",
    Occasion.RUNNING_LONG: "has been running for long",
}
SUMMED = {
    Occasion.WAITING_LONG: "waiting for long",
    Occasion.RUNNING_LONG: "running for long",
}


class Message(NamedTuple):
    """`body`: JSON for a webhook, else text; `html`: for an e-mail, else empty."""

    subject: str
    body: str
    html: str = ""


def facts_of(job: Job, occasion: str, at: datetime, base_url: str) -> dict[str, Any]:
    """What is kept of a job when there is something to say of it. No input and no result: they may hold secrets."""
    ended = job.completed_at or job.failed_at or job.cancelled_at
    began = job.created_at if occasion == Occasion.WAITING_LONG else job.started_at
    until = ended if ended is not None else at
    seconds = max(0.0, (until - began).total_seconds()) if began is not None else None
    failure = job.error if occasion == Occasion.FAILED else None
    return {
        "id": str(job.id),
        "name": job.name,
        "type": job.type,
        "status": job.status,
        "occasion": str(occasion),
        "words": IN_WORDS[Occasion(occasion)],
        "queue": job.queue,
        "attempts": job.attempts,
        "userId": None if job.user_id is None else str(job.user_id),
        "organizationId": str(job.organization_id),
        "createdAt": _written(job.created_at),
        "startedAt": _written(job.started_at),
        "endedAt": _written(ended),
        "durationMs": None if seconds is None else round(seconds * 1000),
        "duration": None if seconds is None else spoken(seconds),
        "error": {key: str(failure.get(key, ""))[:ERROR_LENGTH] for key in ("type", "message")} if failure else None,
        "cancelReason": job.cancel_reason[:ERROR_LENGTH]
        if occasion == Occasion.CANCELLED and job.cancel_reason
        else None,
        "url": f"{base_url}/jobs/{job.id}",
    }


def message_of(
    kind: str,
    facts: Sequence[Mapping[str, Any]],
    words: Words,
    *,
    organization: str,
    at: datetime,
    settings_url: str,
    unsubscribe_url: str = "",
) -> Message:
    """The message of one job, or of many together."""
    # Those that were written down by an earlier version do not have all that there is now.
    facts = [{"cancelReason": None, **one} for one in facts]
    digest = len(facts) > 1
    values = _values(facts, organization) if digest else _value(facts[0], organization)
    subject, text = words.said(values, digest=digest)
    if kind == Kind.WEBHOOK:
        return Message(subject, _payload(facts, values, at))
    if kind != Kind.EMAIL:
        return Message(subject, text)
    foot = f"\n\n-- \nChange what you are told: {settings_url}\nNo more of these: {unsubscribe_url}\n"
    html = _html().get_template("message.html")
    page = html.render(
        subject=subject, text=text, jobs=facts[:LISTED], settings_url=settings_url, unsubscribe_url=unsubscribe_url
    )
    return Message(subject, text + foot, page)


def spoken(seconds: float) -> str:
    """`7 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`."""
    whole = round(seconds)
    parts = [("d", whole // 86400), ("h", whole % 86400 // 3600), ("min", whole % 3600 // 60), ("s", whole % 60)]
    first = next((place for place, (_, amount) in enumerate(parts) if amount), len(parts) - 1)
    return " ".join(f"{amount} {unit}" for unit, amount in parts[first : first + 2] if amount) or "0 s"


def _value(one: Mapping[str, Any], organization: str) -> dict[str, Any]:
    return {"job": one, "words": one["words"], "occasion": one["occasion"], "organization": organization}


def _values(facts: Sequence[Mapping[str, Any]], organization: str) -> dict[str, Any]:
    counts = counted(list(facts))
    summary = ", ".join(f"{number:,} {SUMMED.get(Occasion(name), name)}" for name, number in counts.items())
    return {
        "jobs": facts[:LISTED],
        "count": len(facts),
        "more": max(0, len(facts) - LISTED),
        "summary": summary,
        "counts": counts,
        "organization": organization,
    }


def _payload(facts: Sequence[Mapping[str, Any]], values: Mapping[str, Any], at: datetime) -> str:
    """As Standard Webhooks has it: a type with dots, a time, and data."""
    if len(facts) == 1:
        return _json(f"job.{facts[0]['occasion']}", at, dict(facts[0]))
    data = {"count": values["count"], "counts": values["counts"], "jobs": list(facts)}
    return _json("jobs.digest", at, data)


def trial_payload(at: datetime, channel: str) -> str:
    return _json("test", at, {"channel": channel})


def _json(name: str, at: datetime, data: dict[str, Any]) -> str:
    told = {"type": name, "timestamp": _written(at), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@lru_cache(1)
def _html() -> Environment:
    loader = PackageLoader("jobsapp", "templates/mail")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
