"""Mappings of the tables. Statements that move a job between states are in `store`, not here."""

from jobsapp.models.audit import AuditEvent
from jobsapp.models.batches import Batch
from jobsapp.models.credentials import UserIdentity, UserPassword
from jobsapp.models.dependencies import JobDependency, Outbox
from jobsapp.models.documents import ChunkVector, DocumentChunk
from jobsapp.models.durations import TypeDurations
from jobsapp.models.files import StoredFile
from jobsapp.models.identity import ApiToken, LoginLink, Membership, Organization, User
from jobsapp.models.job_tokens import JobToken
from jobsapp.models.jobs import Job, JobAttempt, JobInput, JobLog, JobMetric
from jobsapp.models.logins import LoginSession
from jobsapp.models.notifications import (
    Delivery,
    Notification,
    NotificationChannel,
    NotificationRule,
    NotificationTemplate,
)
from jobsapp.models.presets import JobPreset
from jobsapp.models.queues import Limit, LimitStarts, Queue, QueuedJob, WorkerLease
from jobsapp.models.retention import Archive, RetentionRule, RetentionRun, RetentionWalk
from jobsapp.models.schedules import Schedule, ScheduleInput, ScheduleRun
from jobsapp.models.tallies import JobCount, JobFailure, JobHistory, JobTally
from jobsapp.models.unsuccessful import UNSUCCESSFUL, UnsuccessfulJob
from jobsapp.models.workflows import Workflow, WorkflowEvent, WorkflowRun, WorkflowStep

__all__ = [
    "UNSUCCESSFUL",
    "ApiToken",
    "Archive",
    "AuditEvent",
    "Batch",
    "ChunkVector",
    "Delivery",
    "DocumentChunk",
    "Job",
    "JobAttempt",
    "JobCount",
    "JobDependency",
    "JobFailure",
    "JobHistory",
    "JobInput",
    "JobLog",
    "JobMetric",
    "JobPreset",
    "JobTally",
    "JobToken",
    "Limit",
    "LimitStarts",
    "LoginLink",
    "LoginSession",
    "Membership",
    "Notification",
    "NotificationChannel",
    "NotificationRule",
    "NotificationTemplate",
    "Organization",
    "Outbox",
    "Queue",
    "QueuedJob",
    "RetentionRule",
    "RetentionRun",
    "RetentionWalk",
    "Schedule",
    "ScheduleInput",
    "ScheduleRun",
    "StoredFile",
    "TypeDurations",
    "UnsuccessfulJob",
    "User",
    "UserIdentity",
    "UserPassword",
    "WorkerLease",
    "Workflow",
    "WorkflowEvent",
    "WorkflowRun",
    "WorkflowStep",
]
