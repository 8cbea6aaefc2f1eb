"""Runs a processor and turns whatever happens into an outcome."""

from __future__ import annotations

import errno
import json
import traceback
from types import TracebackType
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from jobsapp.core.outcomes import Failed, Failure, HandedBack, Outcome, Succeeded, WasCancelled
from jobsapp.processors.registry import JobType, Registry, invalid
from jobsapp.processors.sdk import Cancelled, Permanent, Retry
from jobsapp.runtime.context import JobContext
from jobsapp.store.jobs import ClaimedJob

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class HandBack(BaseException):
    """Raised in the processor's thread when the worker must stop before the job is done."""


def execute(registry: Registry, job: ClaimedJob, context: JobContext) -> Outcome:
    """Run the job's processor here and now. Raises LeaseLost, and nothing else."""
    job_type = registry.find(job.type)
    if job_type is None:
        return _refused("UnknownType", f"This worker has no processor for the type {job.type!r}.")
    if job_type.missing:
        return _refused("NotInstalled", job_type.missing)
    try:
        return Succeeded(_run(job_type, job, context))
    except Cancelled:
        return WasCancelled() if context.cancelled else _failed_oddly()
    except HandBack:
        return HandedBack()
    except Retry as error:
        return Failed(failure_of(error, job_type.processor.__module__), retry_after=error.after)
    except Permanent as error:
        return Failed(failure_of(error, job_type.processor.__module__), permanent=True)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return Failed(failure_of(error, job_type.processor.__module__))


def _run(job_type: JobType, job: ClaimedJob, context: JobContext) -> Any:
    try:
        data = job_type.processor.Input.model_validate(job.data)
    except ValidationError as error:
        raise Permanent(f"The input no longer fits the type: {invalid(error, 'data').detail}") from None
    result = job_type.processor().run(data, context)
    try:
        result = to_jsonable_python(result, by_alias=True, inf_nan_mode="strings")
        json.dumps(result, ensure_ascii=False).encode()
    except (PydanticSerializationError, UnicodeEncodeError, ValueError) as error:
        raise Permanent(f"The result is not JSON: {error}.") from None
    return result


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


def _failed_oddly() -> Failed:
    return Failed(Failure("Cancelled", "The processor raised Cancelled though nobody asked to cancel."))
