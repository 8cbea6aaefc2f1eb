"""What a process of the runtime works with, read once and inherited by what it forks."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.hints import Hints
from jobsapp.bus.roster import Roster
from jobsapp.config import Settings, secret_key
from jobsapp.core.sealing import Sealer, sealer_of
from jobsapp.processors.registry import Registry, load_registry
from jobsapp.storage import LocalStorage
from jobsapp.storage.archives import Archives


@dataclass(frozen=True)
class House:
    """Settings, job types and storage. Holds no connection, so it may be forked."""

    settings: Settings
    registry: Registry
    storage: LocalStorage

    @property
    def archives(self) -> Archives:
        return Archives(self.settings.archive_dir)

    def hints(self) -> Hints:
        """A new sender of hints, for the process that asks."""
        return Hints(redis_connection.hints(self.settings.redis_url))

    def sealer(self) -> Sealer:
        """What opens the secrets of jobs."""
        return sealer_of(secret_key(self.settings))

    def roster(self) -> Roster:
        """A new teller of who works, as `hints`."""
        return Roster(redis_connection.hints(self.settings.redis_url))


def build_house(settings: Settings) -> House:
    """Importing the processors' modules happens here: safe before a fork, using them is not."""
    return House(settings, load_registry(settings.processor_modules), LocalStorage(settings.files_dir))
