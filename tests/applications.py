"""One application for all tests of a process that leave it as it was: to build one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

from argon2 import PasswordHasher
from flask_openapi3 import OpenAPI
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.pool import QueuePool

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.extensions import db
from jobsapp.processors.registry import Registry, load_registry

# Passwords are hashed as on the first computers: what the product's own parameters cost is the subject of few tests.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@cache
def _registry(modules: tuple[str, ...]) -> Registry:
    return load_registry(modules)


def registry_of(settings: Settings) -> Registry:
    """The job types of these settings, looked up once in a process."""
    return _registry(tuple(settings.processor_modules))


class Compiled(BytecodeCache):
    """Templates, compiled once for all applications of the process."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if text := self._texts.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(text)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._texts[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


class Applications:
    """Lends the one application. After a test that changed it, or asked for other settings, another is built."""

    def __init__(self) -> None:
        self._compiled = Compiled()
        self._kept: OpenAPI | None = None
        self._settings: Settings | None = None
        self.built = 0

    @contextmanager
    def lend(self, settings: Settings) -> Iterator[OpenAPI]:
        """An application with these settings, for one test."""
        app = self._kept if settings == self._settings else None
        if self._kept is not None and app is None:
            _let_go(self._kept)
        self._kept = None
        app = app or self._build(settings)
        app.test_client_class = None
        before = state_of(app)
        try:
            yield app
        finally:
            with app.app_context():
                db.session.remove()
                in_use = cast(QueuePool, db.engine.pool).checkedout()
        # Its connections are kept with it: what the server reads for a new one takes longer than most tests.
        if not in_use and not changes(before, state_of(app)):
            self._kept, self._settings = app, settings
        else:
            _let_go(app)

    def keeps(self, app: object) -> bool:
        """Whether it is the application that the next test may get."""
        return app is self._kept

    def _build(self, settings: Settings) -> OpenAPI:
        self.built += 1
        app = create_app(settings)
        app.testing = True
        app.extensions["jobsapp"].passwords._hasher = CHEAP
        app.jinja_env.bytecode_cache = self._compiled
        return app


def _let_go(app: OpenAPI) -> None:
    """Close its connections before it is forgotten."""
    with app.app_context():
        db.engine.dispose()


State = dict[str, object]
# Paths of what each request changes, and why that is nothing to the next test.
PASSING = {
    "jobsapp.live._courtesy._until": "until when live sockets give way to the request that came last",
    "jobsapp.passwords._throttle._windows._shared": "where tries are counted, made for the first; Redis is emptied",
}


def state_of(app: OpenAPI) -> State:
    """What the application and all objects of the product that it holds have for attributes, by their paths."""
    found: State = {f"config.{name}": value for name, value in app.config.items()}
    found |= {f"rule {rule.methods} {rule}": rule for rule in app.url_map.iter_rules()}
    seen: set[int] = set()
    for name, held in app.extensions.items():
        found[name] = held
        _look_into(held, name, found, seen)
    return found


def changes(before: State, after: State) -> list[str]:
    """The paths of what is another object, or not there any more, or new."""
    missing = object()
    both = (before | after).keys() - PASSING.keys()
    return sorted(path for path in both if before.get(path, missing) is not after.get(path, missing))


def _look_into(held: Any, path: str, found: State, seen: set[int]) -> None:
    if id(held) in seen or not type(held).__module__.startswith("jobsapp."):
        return
    seen.add(id(held))
    for name, value in getattr(held, "__dict__", {}).items():
        found[f"{path}.{name}"] = value
        _look_into(value, f"{path}.{name}", found, seen)
