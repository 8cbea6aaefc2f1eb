"""The application that tests share is given on only as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask_openapi3 import OpenAPI

from jobsapp.bus.roster import Roster
from jobsapp.config import Settings
from jobsapp.live.sockets import HUB
from jobsapp.services import Services
from tests.applications import Applications


def services_of(app: OpenAPI) -> Services:
    found: Services = app.extensions["jobsapp"]
    return found


def limit_uploads(app: OpenAPI) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1


def exchange_a_part(app: OpenAPI) -> None:
    services_of(app).workers._roster = Roster(services_of(app).workers._roster._redis)


def silence_redis(app: OpenAPI) -> None:
    services_of(app).jobs._hints._guard._silent_until = 1e9


def stop_the_hub(app: OpenAPI) -> None:
    app.extensions[HUB].stop()


def test_it_is_the_same_for_tests_that_only_use_it(settings: Settings) -> None:
    applications = Applications()
    with applications.lend(settings) as first:
        assert first.test_client().get("/login").status_code == 200
    with applications.lend(settings) as second:
        assert second is first


def test_other_settings_are_another(settings: Settings) -> None:
    applications = Applications()
    with applications.lend(settings) as first:
        pass
    with applications.lend(settings.model_copy(update={"retention_days": 3})) as second:
        assert services_of(second).settings.retention_days == 3
    assert second is not first


@pytest.mark.parametrize("change", [limit_uploads, exchange_a_part, silence_redis, stop_the_hub])
def test_a_changed_one_is_given_to_nobody(settings: Settings, change: Callable[[OpenAPI], None]) -> None:
    applications = Applications()
    with applications.lend(settings) as first:
        change(first)
    with applications.lend(settings) as second:
        assert second is not first
