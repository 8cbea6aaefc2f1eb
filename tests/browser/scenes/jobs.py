"""Lists of jobs, and a job in each of its states."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from playwright.sync_api import Page, expect

from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.services.job_tokens import SHARE
from jobsapp.store.jobs import ClaimedJob, LogLine, add_artifact
from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Jobs, Made, Scene, open_details

STATES = tuple(field.name for field in fields(Jobs) if field.type == "UUID")
TRACE = (
    'Traceback (most recent call last):\n  File "work.py", line 12, in run\n    raise ValueError("…")\nValueError: …'
)
RESULT = {
    "artifact": "report.jsonl",
    "rows": 1204331,
    "rowsRejected": 2,
    "bytesIn": 84211934,
    "seconds": 3.201,
    "warnings": ["Line 7 is longer than the others.", "2 rows were skipped."],
    "columns": [{"name": "id", "type": "text"}, {"name": "name", "type": "text"}, {"name": "amount", "type": "number"}],
}


def choose_two(page: Page) -> None:
    for number in (0, 2):
        page.locator("#job-rows input").nth(number).check()


def ask_to_delete(page: Page) -> None:
    choose_two(page)
    page.get_by_role("button", name="Delete…").click()
    page.wait_for_url("**/jobs/many")


def minimise(page: Page) -> None:
    page.get_by_role("button", name="Minimise").click()
    expect(page.locator(".tray-item")).to_have_count(1)


SCENES = (
    Scene("list", "jobs.index", "/jobs"),
    Scene("list-empty", "jobs.index", "/jobs", who=NEWCOMER),
    Scene("list-nothing-found", "jobs.index", "/jobs?q=nothing+like+this"),
    Scene("list-filtered", "jobs.index", "/jobs?type=echo&user=me&created=last-24-hours&status=pending&q=letters"),
    Scene("list-chosen", "jobs.index", "/jobs", choose_two),
    Scene("list-delete", "jobs.index", "/jobs", ask_to_delete),
    Scene("tray", "jobs.index", "/jobs?open={active}", minimise),
    Scene("dashboard", "dashboard.index", "/dashboard?period=1h", open_details),
    Scene("dashboard-empty", "dashboard.index", "/dashboard", who=NEWCOMER),
    *(Scene(f"modal-{state}", "jobs.index", f"/jobs?open={{{state}}}") for state in STATES),
    *(Scene(f"job-{state}", "jobs.show", f"/jobs/{{{state}}}", open_details) for state in STATES),
    Scene("dependencies", "kin.dependencies", "/jobs/{kin}/dependencies"),
    Scene("dependents", "kin.dependents", "/jobs/{kin}/dependents"),
    Scene("shares", "shares.index", "/jobs/{completed}/shares"),
    Scene("shared", "shared.show", "/shared/{shared}/", who=""),
    Scene("shared-gone", "shared.show", "/shared/nonsense/", who=""),
    Scene("search", "search.index", "/search"),
    Scene("search-nothing-found", "search.index", "/search?q=returns"),
)


def set_up(product: Product, _: Made) -> Made:
    """A job in each state, one with relatives, and a link to one."""
    completed = _completed(product)
    return {
        "pending": product.create("echo", {"text": "x"}, name="Thank-you letters"),
        "active": _active(product),
        "unknown": _unknown(product),
        "stopping": _stopping(product),
        "completed": completed,
        "failed": _failed(product),
        "cancelled": _cancelled(product),
        "kin": _kin(product, completed),
        "shared": _shared(product, completed),
    }


def line(text: str, level: str = "info") -> LogLine:
    return LogLine(datetime.now(UTC), level, text)


def _active(product: Product) -> UUID:
    about = "All customers of the northern region, with addresses."
    job_id = product.create("steps", {"steps": 100}, name="Nightly import of the customer table", description=about)
    lines = line("opened the file"), line("row 40 has no city", "warning")
    product.pulse(product.claim("steps"), 42, 100, "Step 42", *lines)
    return job_id


def _unknown(product: Product) -> UUID:
    job_id = product.create(
        "steps", {}, name="Reading_a_file_whose_name_is_one_very_long_word_without_any_place_to_break"
    )
    product.pulse(product.claim("steps"), 17000, None, "Reading")
    return job_id


def _stopping(product: Product) -> UUID:
    job_id = product.create("steps", {"steps": 10}, name="Yearly report")
    product.pulse(product.claim("steps"), 3, 10, "Step 3")
    with product.app.app_context():
        product.services.jobs.cancel(product.actor(), job_id, reason="Not needed any more")
    return job_id


def _completed(product: Product) -> UUID:
    job_id = product.create("make-file", {"text": "hello"}, name="Quarterly report")
    job = product.claim("make-file")
    product.pulse(job, 1, 1, "Converted 1,204,331 rows", line("done"))
    _artifact(product, job)
    product.finish(job, Transition(Status.COMPLETED, "completed", result=RESULT))
    return job_id


def _artifact(product: Product, job: ClaimedJob) -> None:
    with psycopg.connect(product.settings.database_url) as connection:
        add_artifact(
            connection,
            job_id=job.id,
            attempt=job.attempt,
            file_id=new_id(),
            name="report.jsonl",
            size=132211934,
            media_type="application/x-ndjson",
            sha256="0" * 64,
        )


def _failed(product: Product) -> UUID:
    job_id = product.create("fail", {"how": "permanent"}, name="Convert orders-2026-11.csv")
    job = product.claim("fail")
    product.pulse(job, 31, 100, "Reading rows", line("line 1204: 7 values, 6 expected", "error"))
    words = "Line 1,204 has 7 values where the header names 6. Mend the file, or choose to skip broken rows."
    product.finish(job, Transition(Status.FAILED, "failed", failure=Failure("BadRow", words, TRACE)))
    return job_id


def _cancelled(product: Product) -> UUID:
    job_id = product.create("echo", {"text": "y"}, name="Reminders")
    with product.app.app_context():
        product.services.jobs.cancel(product.actor(), job_id, reason="Sent by hand")
    return job_id


def _kin(product: Product, completed: UUID) -> UUID:
    first = product.create("steps", {}, name="Orders of the week")
    job_id = product.create("echo", {"text": "x"}, name="Report of the week", depends_on=(completed, first))
    for number in range(3):
        product.create("echo", {"text": "x"}, name=f"Letter {number + 1}", depends_on=(job_id,))
    return job_id


def _shared(product: Product, job_id: UUID) -> str:
    with product.app.app_context():
        return product.services.job_tokens.create(product.actor(), job_id, SHARE)[1]
