"""A changed job on its way to sockets: rendered once per form, however many wait for it."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from flask import render_template

from jobsapp.core.events import FINAL, Event
from jobsapp.core.filters import JobFilter
from jobsapp.core.states import Status
from jobsapp.services.views import JobView


class Form(StrEnum):
    """What a socket wants to get."""

    JSON = "json"
    GUEST_JSON = "guest json"
    """For who holds a token for one job."""
    PANEL = "live/job.html"
    ROW = "live/row.html"
    TRAY = "live/tray.html"
    SHARED = "live/shared.html"
    """The panel on a page that was shared."""

    @property
    def is_json(self) -> bool:
        return self in (Form.JSON, Form.GUEST_JSON)


class News:
    """The present state of a job. Make and read it in a neutral context: what it renders goes to many people."""

    def __init__(self, job: JobView) -> None:
        self.job = job.seen_by(None)
        self._texts: dict[tuple[Form, Event], str] = {}
        self._fits: dict[JobFilter, bool | None] = {}

    def event(self, *, created: bool) -> Event:
        """The event's name, from the state that the job has now. `created`: its creation was heard just now."""
        status = Status(self.job.status)
        if status in FINAL:
            return FINAL[status]
        untouched = status is Status.PENDING and self.job.revision == 1
        return Event.CREATED if created or untouched else Event.UPDATE

    def fits(self, wanted: JobFilter) -> bool | None:
        """Whether a list shows the job now; None: it never did and never will. Asked once per filter."""
        if wanted not in self._fits:
            self._fits[wanted] = wanted.matches(self.job) if wanted.may_match(self.job) else None
        return self._fits[wanted]

    def text(self, form: Form, event: Event) -> str:
        """The message, in the form that the socket wants."""
        key = (form, event)
        if key not in self._texts:
            self._texts[key] = self._render(form, event)
        return self._texts[key]

    def _render(self, form: Form, event: Event) -> str:
        job = self._guests_job if form in (Form.GUEST_JSON, Form.SHARED) else self.job
        if form.is_json:
            return f'{{"event":"{event}","revision":{job.revision},"job":{job.model_dump_json(by_alias=True)}}}'
        return render_template(form.value, job=job, event=event.value)

    @cached_property
    def _guests_job(self) -> JobView:
        return self.job.for_guest()
