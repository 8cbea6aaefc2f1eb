"""Runs a processor and turns whatever happens into an outcome."""

from __future__ import annotations

import errno
import json
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from jobsapp.core.outcomes import Failed, Failure, HandedBack, Outcome, Succeeded, WasCancelled, timeout_failure
from jobsapp.core.sealing import Sealer
from jobsapp.processors.registry import JobType, Registry, invalid
from jobsapp.processors.sdk import Cancelled, Permanent, Retry, TimedOut
from jobsapp.runtime.context import JobContext, LeaseLost
from jobsapp.runtime.interrupts import HandBack, Interrupts
from jobsapp.runtime.sealing import sealing_of
from jobsapp.store.jobs import ClaimedJob, LostJob

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def timeout_of(job: ClaimedJob | LostJob, job_type: JobType | None) -> float | None:
    """Seconds that an attempt of `job` may take: its own, or the type's; None: as long as it likes."""
    if job.timeout_seconds is not None or job_type is None:
        return job.timeout_seconds
    return job_type.processor.timeout


def execute(
    registry: Registry,
    job: ClaimedJob,
    context: JobContext,
    interrupts: Interrupts,
    sealer: Callable[[], Sealer] | None = None,
) -> Outcome:
    """Run the job's processor here and now. Raises LeaseLost, and nothing else. `sealer` opens secrets in its input."""
    job_type = registry.find(job.type)
    if job_type is None:
        return _refused("UnknownType", f"This worker has no processor for the type {job.type!r}.")
    if job_type.missing:
        return _refused("NotInstalled", job_type.missing)
    try:
        context.sealing = sealing_of(job, sealer)
    except Permanent as error:
        return _refused("SecretsSealed", str(error))
    outcome = _attempt(job_type, job, context, interrupts)
    if context.sealing is not None:
        outcome = context.sealing.outcome(outcome)
    if interrupts.raised is LeaseLost:
        raise LeaseLost
    if interrupts.raised is HandBack and not isinstance(outcome, Succeeded):
        return HandedBack()
    if interrupts.raised is TimedOut and not isinstance(outcome, WasCancelled):
        # Whatever the processor made of it: a failure of its cleanup, a result for which there was no more time.
        return _timed_out(job, job_type, outcome)
    return outcome


def _attempt(job_type: JobType, job: ClaimedJob, context: JobContext, interrupts: Interrupts) -> Outcome:
    try:
        return Succeeded(_checked(interrupts.call(context, _run, job_type, job, context)))
    except Cancelled as error:
        return WasCancelled() if context.cancelled else _failed_oddly(error)
    except HandBack:
        return HandedBack()
    except TimedOut as error:
        if not context.timed_out:
            return _failed_oddly(error)
        return _timed_out(job, job_type, Failed(failure_of(error, job_type.processor.__module__)))
    except Retry as error:
        return Failed(failure_of(error, job_type.processor.__module__), retry_after=error.after)
    except Permanent as error:
        return Failed(failure_of(error, job_type.processor.__module__), permanent=True)
    except LeaseLost:
        raise
    except BaseException as error:
        return Failed(failure_of(error, job_type.processor.__module__))


def _run(job_type: JobType, job: ClaimedJob, context: JobContext) -> Any:
    given = job.data
    if context.sealing is not None:
        given, context.last_checkpoint = context.sealing.data, context.sealing.last_checkpoint
    try:
        data = job_type.processor.Input.model_validate(given)
    except ValidationError as error:
        raise Permanent(f"The input no longer fits the type: {invalid(error, 'data').detail}") from None
    return job_type.processor().run(data, context)


def _checked(result: Any) -> Any:
    """The result as JSON. Raises Permanent if it is none."""
    if result is None:
        return None
    try:
        result = to_jsonable_python(result, by_alias=True, inf_nan_mode="strings")
        json.dumps(result, ensure_ascii=False).encode()
    except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
        raise Permanent(f"The result is not JSON: {error}.") from None
    return result


def _timed_out(job: ClaimedJob, job_type: JobType, outcome: Outcome) -> Failed:
    trace = outcome.failure.traceback if isinstance(outcome, Failed) else None
    return Failed(timeout_failure(timeout_of(job, job_type) or 0.0, trace))


def failure_of(error: BaseException, module: str = "") -> Failure:
    """What people read of an error. Its traceback begins in `module`: our own frames say nothing to its author."""
    message = _clean(str(error)) or type(error).__name__
    if isinstance(error, MemoryError):
        message = "Not enough memory."
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        message = "There is no room left on the disk."
    return Failure(type(error).__name__, message, _traceback(error, module))


def _traceback(error: BaseException, module: str) -> str:
    frame: TracebackType | None = error.__traceback__
    while frame is not None and not frame.tb_frame.f_globals.get("__name__", "").startswith(module):
        frame = frame.tb_next
    lines = traceback.format_exception(type(error), error, frame or error.__traceback__)
    return _clean("".join(lines))


def _clean(text: str) -> str:
    """PostgreSQL's jsonb takes neither NUL nor lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _refused(kind: str, message: str) -> Failed:
    return Failed(Failure(kind, message), permanent=True)


def _failed_oddly(error: BaseException) -> Failed:
    name = type(error).__name__
    return Failed(Failure(name, f"The processor raised {name} though nobody asked it to stop."))
