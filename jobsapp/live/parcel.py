"""Who gets which of the news that were just read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from jobsapp.core.events import Event
from jobsapp.core.filters import JobFilter
from jobsapp.live.interest import Batch, Interest
from jobsapp.live.message import Bundle
from jobsapp.live.news import Form, News
from jobsapp.live.watcher import Watcher
from jobsapp.services.jobs import may_read

log = logging.getLogger(__name__)


class Told(NamedTuple):
    """News and how they are told. `created`: of the job's creation it was heard just now."""

    news: News
    event: Event
    created: bool


@dataclass(frozen=True)
class Parcel:
    """The same news for several sockets. `newcomers`: they know nothing yet, so a list needs whole rows."""

    watchers: set[Watcher]
    told: list[Told]
    newcomers: bool = False

    def hand_out(self, give_way: Callable[[], None]) -> None:
        """Needs an application's context: what nobody has asked for yet is rendered, once for each form and filter.

        `give_way` is called between the pieces.
        """
        groups: dict[tuple[Form, JobFilter], list[Watcher]] = {}
        for watcher in self.watchers:
            groups.setdefault((watcher.form, watcher.wanted), []).append(watcher)
        for (form, wanted), group in groups.items():
            bundle = Bundle.of(form, self._rendered(form, wanted, give_way))
            for watcher in group if bundle else ():
                watcher.offer(bundle)

    def _rendered(
        self, form: Form, wanted: JobFilter, give_way: Callable[[], None]
    ) -> Iterator[tuple[News, Event, bool]]:
        """Without a job that cannot be rendered, so that the others arrive."""
        for news, event, created in self.told:
            fits = news.fits(wanted) if form is Form.ROW else True
            if fits is None:
                continue
            if form is Form.ROW:
                event = self._row_event(wanted, event, fits=fits, created=created)
            give_way()
            try:
                news.text(form, event)
            except Exception:
                log.exception("job %s could not be rendered as %s", news.job.id, form)
            else:
                yield news, event, fits

    def _row_event(self, wanted: JobFilter, event: Event, *, fits: bool, created: bool) -> Event:
        """What a list is told: of a row that it may not have, or of one that it has if any.

        A row that no longer matches is told all the same. It stays, dimmed, until the list is loaded again: taken out
        from under the pointer it would let a click hit its neighbour, and who has just cancelled a job wants to see it.
        A list that was away while a job was created must get its row, whatever state the job has by now.
        """
        may_miss = created or event is Event.CREATED or self.newcomers or wanted.status is not None
        return Event.CREATED if fits and may_miss else Event.UPDATE


def sort_out(
    found: list[News], unheard: set[UUID], batch: Batch, newest: dict[UUID, set[UUID]], interest: Interest
) -> Iterator[Parcel]:
    """What has changed goes to all who watch it, the rest to those who have just asked for it.

    `unheard`: the jobs that changed since they were last told of. `newest`: those that lists just asked for.
    """
    told = [_told(news, created=batch.heard.get(news.job.id, False)) for news in found]
    for organization_id in {news.job.organization_id for news in found}:
        watchers = interest.of_organization(organization_id)
        newcomers = watchers & batch.newest
        theirs = [one for one in told if one.news.job.organization_id == organization_id]
        wanted = unheard | newest.get(organization_id, set())
        yield Parcel(watchers - newcomers, [one for one in theirs if one.news.job.id in unheard])
        yield Parcel(newcomers, [one for one in theirs if one.news.job.id in wanted], newcomers=True)
    for one in told:
        job = one.news.job
        watchers = {each for each in interest.of_job(job.id) if may_read(each.reader, job.organization_id, job.id)}
        if job.id in unheard:
            yield Parcel(watchers - interest.of_organization(job.organization_id), [one])
        else:
            yield Parcel(watchers & batch.first.get(job.id, set()), [one])


def _told(news: News, *, created: bool) -> Told:
    return Told(news, news.event(created=created), created)
