"""What is secret in settings is in no message about them."""

from __future__ import annotations

import pytest

from jobsapp.bus import connection
from jobsapp.config import Settings, load_settings
from jobsapp.errors import ConfigError
from jobsapp.runtime.given import check_database, database_fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "me:s3cret@host/db"),
        ("REDIS_URL", "s3cret"),
        ("JOBSAPP_BULK_DATABASE_URL", "s3cret@host"),
        ("JOBSAPP_EMBEDDING_URL", "s3cret"),
        ("JOBSAPP_LANGUAGE_MODELS", '{"a": {"url": "ftp://me:s3cret@host", "model": "m"}}'),
        ("JOBSAPP_LANGUAGE_MODELS", '{"a": {"url": "http://x", "model": "m", "key": "s3cret"}}'),
        ("JOBSAPP_LANGUAGE_MODELS", "s3cret"),
    ],
)
def test_a_wrong_setting_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as told:
        load_settings({name: value})
    assert "s3cret" not in str(told.value)


def test_addresses_of_models_are_not_shown() -> None:
    assert "s3cret" not in repr(Settings(language_models='{"a": {"url": "http://me:s3cret@host/v1", "model": "m"}}'))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret/x@host/db",
        "postgresql://me:5432s3cret@/x@nohost.invalid:5s3cret/db",
        "postgresql://me:x@host:s3cret/db",
        "postgresql://me:x?s3cret@host/db",
        "postgresql://me:%zzs3cret@host/db",
    ],
)
def test_what_the_driver_says_of_an_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as told:
        check_database(url)
    assert "s3cret" not in told.value.detail


def test_the_rest_of_what_the_driver_says_is() -> None:
    said = 'connection to server at "10.0.0.1", port 5432 failed: FATAL:  database "shop" does not exist'
    assert '"shop" does not exist' in database_fault(said)


@pytest.mark.parametrize("url", ["redis://me:s3cret/@host:1/0", "redis://host:s3cret/0", "redis://[s3cret/0"])
def test_what_redis_says_of_an_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL") as told:
        connection.check(url)
    assert "s3cret" not in told.value.detail
