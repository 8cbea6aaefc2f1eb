"""Batches."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.services.batch_callbacks import BatchCallbacks
from jobsapp.services.batch_changes import BatchChanges
from jobsapp.services.batch_results import BatchResults
from jobsapp.services.batch_views import BatchViews
from jobsapp.services.batches import Batches
from jobsapp.services.inputs import Inputs
from jobsapp.services.wiring.given import Given
from jobsapp.services.wiring.jobs import JobServices


@dataclass(frozen=True)
class BatchServices:
    """Many jobs under one name."""

    batches: Batches
    batch_changes: BatchChanges
    batch_results: BatchResults
    batch_views: BatchViews


def build_batches(given: Given, of: JobServices) -> BatchServices:
    session, jobs, files = given.session, of.jobs, of.files
    callbacks = BatchCallbacks(session, given.registry, jobs, Inputs(session, files))
    batches = Batches(session, jobs, callbacks, given.storage)
    return BatchServices(
        batches=batches,
        batch_changes=BatchChanges(session, given.hints, files, batches),
        batch_results=BatchResults(session, files, batches),
        batch_views=BatchViews(session, batches, files),
    )
