"""What the audit log tells of, and in which words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from string import Formatter
from typing import Any

COMMAND_LINE = "command line"
NOBODY = "nobody"
"""Who did it, where it was no user that is known."""
ITSELF = "jobsapp"
"""Who did it, where nobody asked for it."""


class Action(StrEnum):
    SIGNED_IN = "signed-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGNED_OUT = "signed-out"
    SIGNED_OUT_EVERYWHERE = "signed-out-everywhere"
    PASSWORD_SET = "password-set"  # noqa: S105 - the name of an action
    LOGIN_LINK_MADE = "login-link-made"
    TOKEN_CREATED = "token-created"  # noqa: S105 - the name of an action
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - the name of an action
    IDENTITY_ADDED = "identity-added"
    IDENTITY_REMOVED = "identity-removed"
    BROWSER_SIGNED_OUT = "browser-signed-out"
    MEMBER_INVITED = "member-invited"
    MEMBER_JOINED = "member-joined"
    MEMBER_CHANGED = "member-changed"
    MEMBER_REMOVED = "member-removed"
    ACCOUNT_DEACTIVATED = "account-deactivated"
    ACCOUNT_ACTIVATED = "account-activated"
    ORGANIZATION_CREATED = "organization-created"
    ORGANIZATION_RENAMED = "organization-renamed"
    JOB_CANCELLED = "job-cancelled"
    JOB_RETRIED = "job-retried"
    JOB_DELETED = "job-deleted"
    JOBS_CANCELLED = "jobs-cancelled"
    JOBS_RETRIED = "jobs-retried"
    JOBS_DELETED = "jobs-deleted"
    BATCH_CANCELLED = "batch-cancelled"
    BATCH_RETRIED = "batch-retried"
    UPLOAD_DELETED = "upload-deleted"
    PRESET_DELETED = "preset-deleted"
    SHARE_CREATED = "share-created"
    SHARE_REVOKED = "share-revoked"
    QUEUE_PAUSED = "queue-paused"
    QUEUE_RESUMED = "queue-resumed"
    LIMIT_SET = "limit-set"
    LIMIT_REMOVED = "limit-removed"
    WORKER_STOPPED = "worker-stopped"
    WORKER_STARTED = "worker-started"
    CLEANUP_BEGUN = "cleanup-begun"
    CLEANUP = "cleanup"
    RETENTION_CHANGED = "retention-changed"
    RETENTION_REMOVED = "retention-removed"
    SCHEDULE_CREATED = "schedule-created"
    SCHEDULE_CHANGED = "schedule-changed"
    SCHEDULE_DELETED = "schedule-deleted"
    SCHEDULE_PAUSED = "schedule-paused"
    SCHEDULE_RESUMED = "schedule-resumed"
    SCHEDULE_RUN = "schedule-run"
    AUDIT_FORGOTTEN = "audit-forgotten"
    CHANNEL_CREATED = "channel-created"
    CHANNEL_CHANGED = "channel-changed"
    CHANNEL_OFF = "channel-switched-off"
    CHANNEL_ON = "channel-switched-on"
    CHANNEL_DELETED = "channel-deleted"
    CHANNEL_SECRET = "channel-secret-changed"  # noqa: S105 - the name of an action
    NOTIFICATION_RULE_SET = "notification-rule-set"
    NOTIFICATION_RULE_REMOVED = "notification-rule-removed"
    NOTIFICATION_WORDS_CHANGED = "notification-words-changed"
    WORKFLOW_SAVED = "workflow-saved"
    WORKFLOW_DELETED = "workflow-deleted"
    WORKFLOW_ANSWERED = "workflow-answered"
    WORKFLOW_SIGNALLED = "workflow-signalled"
    WORKFLOW_RESUMED = "workflow-resumed"


SENTENCES: dict[str, str] = {
    Action.SIGNED_IN: "signed in{way}",
    Action.SIGN_IN_FAILED: "tried to sign in and was refused",
    Action.SIGNED_OUT: "signed out",
    Action.SIGNED_OUT_EVERYWHERE: "signed {name} out of all browsers",
    Action.PASSWORD_SET: "set a new password for {name}",
    Action.LOGIN_LINK_MADE: "made a login link for {name}",
    Action.TOKEN_CREATED: "made the token {name} of {owner} with the scope {scopes}",
    Action.TOKEN_REVOKED: "revoked the token {name} of {owner}",
    Action.IDENTITY_ADDED: "signed in at {provider} for the first time",
    Action.IDENTITY_REMOVED: "removed the account at {provider} from {name}",
    Action.BROWSER_SIGNED_OUT: "signed {name} out of {browser}",
    Action.MEMBER_INVITED: "invited {name} as {role}",
    Action.MEMBER_JOINED: "became a member by signing in, as {role}",
    Action.MEMBER_CHANGED: "changed the role of {name} from {before} to {role}",
    Action.MEMBER_REMOVED: "removed {name}",
    Action.ACCOUNT_DEACTIVATED: "deactivated the account {name}",
    Action.ACCOUNT_ACTIVATED: "activated the account {name} again",
    Action.ORGANIZATION_CREATED: "made the organisation {name}",
    Action.ORGANIZATION_RENAMED: "renamed the organisation {before} to {name}",
    Action.JOB_CANCELLED: "cancelled the job {name} of {owner}",
    Action.JOB_RETRIED: "retried the job {name} of {owner}",
    Action.JOB_DELETED: "deleted the job {name} of {owner}",
    Action.JOBS_CANCELLED: "cancelled {jobs} at once",
    Action.JOBS_RETRIED: "retried {jobs} at once",
    Action.JOBS_DELETED: "deleted {jobs} at once",
    Action.BATCH_CANCELLED: "cancelled the batch {name} of {owner}",
    Action.BATCH_RETRIED: "retried what failed of the batch {name} of {owner}",
    Action.UPLOAD_DELETED: "deleted the file {name} of {owner}",
    Action.PRESET_DELETED: "deleted the preset {name} of {owner}",
    Action.SHARE_CREATED: "shared the job {name} by a link",
    Action.SHARE_REVOKED: "revoked a link to the job {name}",
    Action.QUEUE_PAUSED: "paused the queue {name}",
    Action.QUEUE_RESUMED: "resumed the queue {name}",
    Action.LIMIT_SET: "set a limit of the {scope} {name}",
    Action.LIMIT_REMOVED: "removed the limit of the {scope} {name}",
    Action.WORKER_STOPPED: "stopped the worker {name}",
    Action.WORKER_STARTED: "started another worker in the place of {name}",
    Action.CLEANUP_BEGUN: "began to delete jobs that ended more than {age} ago",
    Action.CLEANUP: "deleted {jobs} that ended more than {age} ago",
    Action.RETENTION_CHANGED: "changed for how long to keep {name}",
    Action.RETENTION_REMOVED: "removed the rule for how long to keep {name}",
    Action.SCHEDULE_CREATED: "made the schedule {name}",
    Action.SCHEDULE_CHANGED: "changed the schedule {name}",
    Action.SCHEDULE_DELETED: "deleted the schedule {name}",
    Action.SCHEDULE_PAUSED: "paused the schedule {name}",
    Action.SCHEDULE_RESUMED: "resumed the schedule {name}",
    Action.SCHEDULE_RUN: "ran the schedule {name} at once",
    Action.AUDIT_FORGOTTEN: "deleted {entries} of this log, more than {age} old",
    Action.CHANNEL_CREATED: "made the {kind} channel {name} for notifications of {scope}",
    Action.CHANNEL_CHANGED: "changed the channel {name} for notifications of {scope}",
    Action.CHANNEL_OFF: "switched off the channel {name} for notifications of {scope}",
    Action.CHANNEL_ON: "switched on the channel {name} for notifications of {scope}",
    Action.CHANNEL_DELETED: "deleted the channel {name} for notifications of {scope}",
    Action.CHANNEL_SECRET: "made a new secret for the channel {name}",
    Action.NOTIFICATION_RULE_SET: "set what {name} is told of",
    Action.NOTIFICATION_RULE_REMOVED: "removed a rule of what {name} is told of",
    Action.NOTIFICATION_WORDS_CHANGED: "changed the words of notifications",
    Action.WORKFLOW_SAVED: "saved version {version} of the workflow {name}",
    Action.WORKFLOW_DELETED: "deleted the workflow {name} with all its versions",
    Action.WORKFLOW_ANSWERED: "{answer} the step {step} of the workflow {name}",
    Action.WORKFLOW_SIGNALLED: "told the workflow {name} of {event}",
    Action.WORKFLOW_RESUMED: "had the workflow {name} go on from the step that failed",
}
"""What somebody did, as it follows their name. In braces: the subject's `name`, a detail, or what COUNTED makes."""
COUNTED = {"jobs": ("number", "job", "jobs"), "entries": ("number", "entry", "entries"), "age": ("days", "day", "days")}
"""A number among the details and what it counts."""
WAYS = {
    "password": " with a password",
    "link": " with a one-time link",
    "another organisation": ", coming from another organisation",
}
"""How somebody signed in. Anything else is the name of a provider."""


def sentence(action: str, name: str | None, details: Mapping[str, Any]) -> str:
    """The words for an entry: `paused the queue echo`. What is not known is a `?`."""
    said = {key: _text(value) for key, value in details.items()}
    for key, (number, one, many) in COUNTED.items():
        if number in details:
            said[key] = f"{said[number]} {one if details[number] == 1 else many}"
    by = said.get("by")
    said["way"] = WAYS.get(by, f" with {by}") if by else ""
    return SENTENCES.get(action, action).format_map(defaultdict(lambda: "?", said, name=name or "?"))


def unsaid(action: str, details: Mapping[str, Any]) -> dict[str, str]:
    """Those of the details that the sentence does not tell, as text."""
    told = {field for _, field, _, _ in Formatter().parse(SENTENCES.get(action, "")) if field}
    told |= {COUNTED[field][0] for field in told if field in COUNTED} | ({"by"} if "way" in told else set())
    return {key: _text(value) for key, value in details.items() if key not in told}


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    return str(value)
