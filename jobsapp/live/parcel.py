"""Who gets which of the news that were just read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from jobsapp.core.events import Event
from jobsapp.live.interest import Batch, Interest
from jobsapp.live.message import Bundle
from jobsapp.live.news import Form, News
from jobsapp.live.watcher import Watcher
from jobsapp.services.jobs import may_read

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parcel:
    """The same news for several sockets. `newcomers`: they know nothing yet, so a list needs whole rows."""

    watchers: set[Watcher]
    news: list[tuple[News, Event]]
    newcomers: bool = False

    def hand_out(self) -> None:
        """Needs an application's context: what nobody has asked for yet is rendered."""
        for form in {watcher.form for watcher in self.watchers}:
            bundle = Bundle.of(form, self._rendered(form))
            for watcher in self.watchers:
                if watcher.form is form and bundle:
                    watcher.offer(bundle)

    def _rendered(self, form: Form) -> Iterator[tuple[News, Event]]:
        """Without a job that cannot be rendered, so that the others arrive."""
        for news, event in self.news:
            # A list that was away while a job was created must get its row, whatever state the job has by now.
            event = Event.CREATED if self.newcomers and form is Form.ROW else event
            try:
                news.text(form, event)
            except Exception:
                log.exception("job %s could not be rendered as %s", news.job.id, form)
            else:
                yield news, event


def sort_out(
    found: list[News], unheard: set[UUID], batch: Batch, newest: dict[UUID, set[UUID]], interest: Interest
) -> Iterator[Parcel]:
    """What has changed goes to all who watch it, the rest to those who have just asked for it.

    `unheard`: the jobs that changed since they were last told of. `newest`: those that lists just asked for.
    """
    told = [(news, news.event(created=batch.heard.get(news.job.id, False))) for news in found]
    for organization_id in {news.job.organization_id for news in found}:
        watchers = interest.of_organization(organization_id)
        newcomers = watchers & batch.newest
        theirs = [(news, event) for news, event in told if news.job.organization_id == organization_id]
        wanted = unheard | newest.get(organization_id, set())
        yield Parcel(watchers - newcomers, [(news, event) for news, event in theirs if news.job.id in unheard])
        yield Parcel(newcomers, [(news, event) for news, event in theirs if news.job.id in wanted], newcomers=True)
    for news, event in told:
        job = news.job
        watchers = {one for one in interest.of_job(job.id) if may_read(one.actor, job.organization_id)}
        if job.id in unheard:
            yield Parcel(watchers - interest.of_organization(job.organization_id), [(news, event)])
        else:
            yield Parcel(watchers & batch.first.get(job.id, set()), [(news, event)])
