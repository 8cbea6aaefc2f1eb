"""What schemathesis asks for and is not so, one operation at a time, each with its reason."""

from __future__ import annotations

import re

from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData

NOT_APPLICABLE: dict[str, dict[str, str]] = {}
"""By operation id, the checks that are switched off for it, and why."""

OF_TYPE = "its schema is that of the job type: GET /api/types"
REGISTERED = "the types that there are differ from one installation to another"
EMPTY_SPAN = "no time is left between it and createdAfter"
NOBODY = "there is nobody of this name in the organisation"
CHANNEL = {"name": "may not be blank", "url": "as the kind of channel wants it", "to": "goes with e-mail"}
NOTIFICATION_RULE = {
    "channelId": "has to be one of the scope",
    "scheduleId": "there has to be such a schedule",
    "quietFrom": "goes with quietUntil",
    "quietUntil": "goes with quietFrom",
    "zone": "has to be a time zone",
}
TIMING = {
    "cron": "either it or everySeconds; an expression with a day that there is",
    "zone": "a name of the time zone database",
    "everySeconds": "either it or cron",
    "anchor": "at most ten years ahead",
    "endsAt": "at most ten years ahead, after the next run",
    "jitterSeconds": "less than the time between two runs",
}
OF_WORKFLOW = "its shape is more than a schema can say: POST /api/workflows/check"
FILTER = {"createdBefore": EMPTY_SPAN, "user": NOBODY}

MORE_THAN_SCHEMA: dict[str, dict[str, str]] = {
    "createJob": {
        "dependsOn": "names jobs that are there",
        "type": REGISTERED,
        "data": OF_TYPE,
        "runAt": "at most ten years ahead",
        "expiresAt": "after runAt, at most ten years ahead",
        "secretsOf": "of the same type",
    },
    "createJobs": {"jobs": "each is as createJob's body"},
    "createBatch": {
        "jobs": "each is as createJob's body",
        **dict.fromkeys(("onComplete", "onSuccess", "onFailure"), "as createJob's body, and without secrets"),
    },
    "addBatchJobs": {"jobs": "each is as createJob's body"},
    "listJobs": FILTER,
    "cancelJobs": {"filter": "as listJobs", **FILTER},
    "retryJobs": {"filter": "as listJobs", **FILTER},
    "deleteJobs": {"filter": "as listJobs", **FILTER},
    "createJobToken": {"expiresInSeconds": "how long it may be depends on the kind"},
    "inviteMember": {"email": "may be somebody's already"},
    "getStatsHistory": {"type": REGISTERED},
    "previewSchedule": TIMING,
    "createSchedule": {**TIMING, "type": REGISTERED, "data": OF_TYPE},
    "changeSchedule": {**TIMING, "data": OF_TYPE},
    "listSchedules": {"user": NOBODY},
    "runSchedule": {"data": "what fitted its type may not fit it any more", "type": REGISTERED},
    "search": {"q": "has to have a word in it", "job": "there has to be such a job"},
    "savePreset": {"data": OF_TYPE, "name": "may not be blank"},
    "createChannel": {**CHANNEL, "scope": "a browser's is one's own"},
    "changeChannel": CHANNEL,
    "createNotificationRule": NOTIFICATION_RULE,
    "replaceNotificationRule": {**NOTIFICATION_RULE, "scope": "stays as it is"},
    "setNotificationWords": dict.fromkeys(("subject", "text", "digestSubject", "digestText"), "templates are tried"),
    "createToken": {"scopes": "not more than the caller may do"},
    "setRetention": {"type": "not for uploads", "status": "not for uploads", "archive": "not for uploads"},
    "setLimit": {"key": "has to name a queue, a type or an organisation"},
    "removeLimit": {"key": "has to name a queue, a type or an organisation"},
    "setPassword": {"newPassword": "not what everybody tries first", "oldPassword": "has to be the caller's"},
    "saveWorkflow": {"name": "small letters, digits, dots and dashes", "definition": OF_WORKFLOW},
    "runWorkflow": {"data": OF_WORKFLOW, "runAt": "at most ten years ahead"},
    "signalWorkflow": {"event": "one that a step waits for"},
    "answerWorkflowStep": {"fields": OF_WORKFLOW},
    "resumeWorkflow": {"input": OF_WORKFLOW},
    "renameOrganization": {"name": "may not be blank, nor that of another"},
}
"""By operation id, the fields that may be refused though they fit the schema, and why: it cannot say all of it."""


def is_excused(operation_id: str, failure: Failure, response: Response) -> bool:
    """Whether data that fits the schema was refused for nothing but what the schema cannot say."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return False
    named = {re.split(r"[.\[]", fault["field"])[0] for fault in response.json().get("errors", [])}
    return bool(named) and named <= MORE_THAN_SCHEMA.get(operation_id, {}).keys()
