"""The address of the job list: filters, where the page begins, and a job to show in the modal."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from flask import request

from jobsapp.auth.current import services
from jobsapp.core.actors import Actor
from jobsapp.core.filters import JobFilter
from jobsapp.errors import FieldError
from jobsapp.pages.language import job_type
from jobsapp.services.filters import FIELDS, ME, Read

CREATED = {
    "last-hour": "Last hour",
    "last-24-hours": "Last 24 hours",
    "last-7-days": "Last 7 days",
    "last-30-days": "Last 30 days",
}


@dataclass(frozen=True)
class Chip:
    """A filter that is set, and the list without it. `moment`: the text is a time."""

    label: str
    text: str
    without: str
    moment: bool = False


@dataclass(frozen=True)
class Address:
    filter: Read
    before: UUID | None = None
    open: UUID | None = None

    @classmethod
    def of_request(cls, actor: Actor) -> Address:
        read = services().filters.read(actor, request.args)
        before = request.args.get("before", type=UUID)
        if before is None and request.args.get("before"):
            read.faults.append(FieldError("before", "is not a place in the list; this is its first page."))
        return cls(read, before=before, open=request.args.get("open", type=UUID))

    @property
    def said(self) -> dict[str, str]:
        return self.filter.said

    @property
    def wanted(self) -> JobFilter:
        return self.filter.wanted

    @property
    def faults(self) -> list[FieldError]:
        return self.filter.faults

    @property
    def filtered(self) -> bool:
        return bool(self.said)

    @property
    def query(self) -> str:
        """The filters as they stand in addresses."""
        return urlencode(self.said)

    @property
    def chips(self) -> list[Chip]:
        """All filters that are set but the state, which the tabs show."""
        found = []
        for name, text in self.said.items():
            if name == "type":
                known = job_type(text)
                found.append(self._chip(name, "Type", known.title if known else text))
            elif name == "user":
                found.append(self._chip(name, "Owner", "me" if text == ME else text))
            elif name == "created":
                found.append(self._chip(name, "Created", CREATED[text].lower()))
            elif name in ("createdAfter", "createdBefore"):
                moment = self.wanted.created_after if name == "createdAfter" else self.wanted.created_before
                label = "From" if name == "createdAfter" else "Before"
                found.append(self._chip(name, label, moment.isoformat() if moment else text, moment=True))
            elif name == "batch":
                found.append(self._chip(name, "Batch", text))
            elif name != "status":
                found.append(self._chip(name, "Text" if name == "q" else "Queue", text))
        return found

    def path(self, **changes: object) -> str:
        """The list with some of this changed. Another filter begins at the first page."""
        values = {**self.said, **changes}
        query = urlencode({name: value for name in (*FIELDS, "before") if (value := values.get(name))})
        return f"/jobs?{query}" if query else "/jobs"

    @property
    def here(self) -> str:
        """This very page of the list."""
        return self.path(before=self.before)

    def _chip(self, name: str, label: str, text: str, *, moment: bool = False) -> Chip:
        return Chip(label, text, self.path(**{name: None}), moment)
