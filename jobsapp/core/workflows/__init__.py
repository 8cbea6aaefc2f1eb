"""Workflows as values: what one is, what is wrong with it, and what has to happen next. No database, no clock."""

from jobsapp.core.workflows.check import check
from jobsapp.core.workflows.definition import Definition, Step, read
from jobsapp.core.workflows.plan import plan
from jobsapp.core.workflows.state import Place, Run, State, StepState, restarted
from jobsapp.core.workflows.text import parse

__all__ = [
    "Definition",
    "Place",
    "Run",
    "State",
    "Step",
    "StepState",
    "check",
    "parse",
    "plan",
    "read",
    "restarted",
]
