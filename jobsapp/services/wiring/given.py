"""What all parts are built from."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.bus.hints import Hints
from jobsapp.config import Settings, secret_key
from jobsapp.core.sealing import Sealer, sealer_of
from jobsapp.processors.registry import Registry
from jobsapp.services.sessions import DbSession
from jobsapp.storage import LocalStorage

NO_REDIS = "redis://127.0.0.1:1"


@dataclass(frozen=True)
class Given:
    """What use cases are wired to."""

    session: DbSession
    settings: Settings
    registry: Registry
    storage: LocalStorage
    hints: Hints

    @property
    def redis_url(self) -> str:
        return self.settings.redis_url or NO_REDIS

    def sealer(self) -> Sealer:
        return sealer_of(secret_key(self.settings))
