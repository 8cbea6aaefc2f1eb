"""Mappings of the tables. Statements that move a job between states are in `store`, not here."""

from jobsapp.models.files import StoredFile
from jobsapp.models.identity import ApiToken, LoginLink, Organization, User
from jobsapp.models.jobs import Job, JobAttempt, JobInput, JobLog

__all__ = [
    "ApiToken",
    "Job",
    "JobAttempt",
    "JobInput",
    "JobLog",
    "LoginLink",
    "Organization",
    "StoredFile",
    "User",
]
