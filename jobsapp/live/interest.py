"""Who wants to know of which jobs, and which jobs have to be read for them. Not safe for threads: the hub locks."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from jobsapp.core.events import Event, JobChanged
from jobsapp.live.watcher import Watcher


@dataclass
class Batch:
    """What is to be read next.

    `heard`: jobs that changed, and whether that was their creation. `first`: sockets that have just asked for a
    job. `newest`: sockets that have just asked for all. `organizations`: may have changed unheard. `users`: some of
    their logins, or of the tokens with these ids, may have ended. `urgent`: there is more than progress. `gone`:
    deleted jobs, and whose they were.
    """

    heard: dict[UUID, bool] = field(default_factory=dict)
    first: dict[UUID, set[Watcher]] = field(default_factory=dict)
    newest: set[Watcher] = field(default_factory=set)
    organizations: set[UUID] = field(default_factory=set)
    users: set[UUID] = field(default_factory=set)
    urgent: bool = False
    gone: dict[UUID, UUID] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.heard or self.first or self.newest or self.organizations or self.users or self.gone)

    def hear(self, job_id: UUID, *, created: bool = False) -> None:
        self.heard[job_id] = self.heard.get(job_id, False) or created

    def ask(self, job_id: UUID, watcher: Watcher) -> None:
        self.first.setdefault(job_id, set()).add(watcher)

    def take_back(self, other: Batch) -> None:
        """Add what could not be read."""
        for job_id, created in other.heard.items():
            self.hear(job_id, created=created)
        for job_id, watchers in other.first.items():
            self.first.setdefault(job_id, set()).update(watchers)
        self.newest |= other.newest
        self.organizations |= other.organizations
        self.users |= other.users
        self.gone |= other.gone


class Interest:
    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self.due = Batch()
        self._by_job: dict[UUID, set[Watcher]] = {}
        self._by_organization: dict[UUID, set[Watcher]] = {}

    def join(self, watcher: Watcher) -> None:
        """Let a socket in. Its right may have ended after it was checked, before anybody could know of the socket."""
        self.watchers.add(watcher)
        self.due.users.add(watcher.reader.key)

    def watch(self, watcher: Watcher, job_id: UUID) -> None:
        if watcher in self.watchers:
            watcher.job_ids.add(job_id)
            self._by_job.setdefault(job_id, set()).add(watcher)
            self.due.ask(job_id, watcher)
            self.due.urgent = True

    def watch_all(self, watcher: Watcher) -> None:
        if watcher in self.watchers and watcher.organization_id is not None:
            self._by_organization.setdefault(watcher.organization_id, set()).add(watcher)
            self.due.newest.add(watcher)
            self.due.urgent = True

    def unwatch(self, watcher: Watcher, job_id: UUID) -> None:
        watcher.job_ids.discard(job_id)
        _remove(self._by_job, job_id, watcher)
        self.due.first.get(job_id, set()).discard(watcher)

    def leave(self, watcher: Watcher) -> None:
        """Forget the socket."""
        self.watchers.discard(watcher)
        self.due.newest.discard(watcher)
        if watcher.organization_id is not None:
            _remove(self._by_organization, watcher.organization_id, watcher)
        for job_id in list(watcher.job_ids):
            self.unwatch(watcher, job_id)

    def hear(self, change: JobChanged) -> bool:
        """Whether anybody here wants to know of the change; if so, it is noted."""
        wanted = change.job_id in self._by_job or change.organization_id in self._by_organization
        if wanted and change.event is Event.DELETED:
            self.due.gone[change.job_id] = change.organization_id
        elif wanted:
            self.due.hear(change.job_id, created=change.event is Event.CREATED)
        self.due.urgent |= wanted and change.event is not Event.UPDATE
        return wanted

    def suspect(self, user_id: UUID) -> bool:
        """Whether the user, or who holds that token of a job, has sockets here; if so, it is noted that their right may
        have ended."""
        if self.of_keys({user_id}):
            self.due.users.add(user_id)
        return user_id in self.due.users

    def suspect_all(self) -> None:
        self.due.users.update(one.reader.key for one in self.watchers)

    def of_keys(self, keys: set[UUID]) -> list[Watcher]:
        """The sockets of these users, and of those who hold these tokens of jobs."""
        return [one for one in self.watchers if one.reader.key in keys]

    def miss(self) -> None:
        """Changes may have been missed: note everything that is watched, and everybody who watches."""
        self.suspect_all()
        for job_id in self._by_job:
            self.due.hear(job_id)
        self.due.organizations.update(self._by_organization)

    def of_job(self, job_id: UUID) -> set[Watcher]:
        """Those who watch this very job."""
        return set(self._by_job.get(job_id, ()))

    def of_organization(self, organization_id: UUID) -> set[Watcher]:
        """Those who watch all its jobs."""
        return set(self._by_organization.get(organization_id, ()))


def _remove(index: dict[UUID, set[Watcher]], key: UUID, watcher: Watcher) -> None:
    watchers = index.get(key, set())
    watchers.discard(watcher)
    if not watchers:
        index.pop(key, None)
