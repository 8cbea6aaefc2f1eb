"""Up to which revision the sockets were told of a job."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from jobsapp.live.news import News

REMEMBERED = 10_000


class Told:
    """Of the jobs that were told of last. One that is forgotten is told once more."""

    def __init__(self) -> None:
        self._revisions: OrderedDict[UUID, int] = OrderedDict()

    def unheard(self, found: Sequence[News]) -> set[UUID]:
        """The jobs that have changed since they were last told of. From now on these states are told."""
        unheard = {news.job.id for news in found if self._revisions.pop(news.job.id, None) != news.job.revision}
        self._revisions.update((news.job.id, news.job.revision) for news in found)
        while len(self._revisions) > REMEMBERED:
            self._revisions.popitem(last=False)
        return unheard
