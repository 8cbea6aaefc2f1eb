"""Settings: read, checked, and listed in `docs/settings.md` (written anew with UPDATE_DOCS=1)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jobsapp.config import Settings, load_settings, require_servers, secret_key, variable
from jobsapp.errors import ConfigError

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = """# Settings

All come from the environment and are checked at start; a wrong one stops the process with a sentence that names
it. This page is written from `jobsapp/config.py` and compared with it by a test.

| variable | default | meaning |
| --- | --- | --- |
"""


def table() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if str(field.default) else ""
        meaning = " ".join((field.description or "").split())
        rows.append(f"| `{variable(name)}` | {default} | {meaning} |\n")
    return HEAD + "".join(rows)


def test_every_setting_is_documented() -> None:
    if os.environ.get("UPDATE_DOCS"):
        DOCUMENT.write_text(table())
    assert DOCUMENT.read_text() == table()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOBSAPP_PORT", "no"),
        ("JOBSAPP_PORT", "70000"),
        ("JOBSAPP_WORKERS", "0"),
        ("JOBSAPP_LOG_LEVEL", "LOUD"),
        ("JOBSAPP_PROT", "8000"),
        ("JOBSAPP_CORS_ORIGINS", "app.example.org"),
        ("JOBSAPP_CORS_ORIGINS", "https://app.example.org/"),
        ("JOBSAPP_CORS_ORIGINS", "https://App.example.org"),
        ("JOBSAPP_CORS_ORIGINS", "https://app.example.org,*"),
        ("JOBSAPP_RATE_LIMIT", "many"),
        ("JOBSAPP_RATE_LIMIT_ADDRESS", "0/minute"),
        ("JOBSAPP_PROXIES", "-1"),
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "memcached://x"),
        ("JOBSAPP_LEASE_SECONDS", "1"),
        ("JOBSAPP_PUBLIC_URL", "jobs.example.org"),
        ("JOBSAPP_PUBLIC_URL", "ftp://jobs.example.org"),
        ("JOBSAPP_PUBLIC_URL", "https://"),
        ("JOBSAPP_PUBLIC_URL", "https://["),
        ("JOBSAPP_PUBLIC_URL", "https://host:port"),
        ("JOBSAPP_OIDC_ROLE", "owner"),
        ("JOBSAPP_OIDC_CLIENT_ID", "jobsapp"),
        ("JOBSAPP_OIDC_CLIENT_SECRET", "s3cret"),
        ("JOBSAPP_OIDC_ISSUER", "https://login.example.org"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_settings({name: value})


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"JOBSAPP_OIDC_ISSUER": "http://login.example.org"}, "JOBSAPP_OIDC_ISSUER.* must begin with https"),
        ({"JOBSAPP_OIDC_ISSUER": "login.example.org"}, "must begin with https"),
        ({"JOBSAPP_OIDC_ISSUER": "https://["}, "must begin with https"),
        ({"JOBSAPP_OIDC_ISSUER": "https://x.org?a=b"}, "must begin with https"),
        ({"JOBSAPP_OIDC_ORGANIZATION": "default"}, "JOBSAPP_OIDC_DOMAINS"),
    ],
)
def test_settings_of_a_provider_that_do_not_fit(more: dict[str, str], says: str) -> None:
    whole = {"JOBSAPP_OIDC_ISSUER": "https://login.example.org/x", "JOBSAPP_OIDC_CLIENT_ID": "jobsapp"}
    assert load_settings(whole).oidc_issuer
    assert load_settings({**whole, "JOBSAPP_OIDC_ISSUER": "http://localhost:9400"}).oidc_issuer
    assert load_settings({**whole, "JOBSAPP_OIDC_ORGANIZATION": "x", "JOBSAPP_OIDC_DOMAINS": "*"}).oidc_domains
    with pytest.raises(ConfigError, match=says):
        load_settings({**whole, **more})


SECRETS = {
    "database_url": "postgresql://me:s3cret@host/db",
    "redis_url": "redis://:s3cret@host/0",
    "bulk_database_url": "postgresql://me:s3cret@host/db",
    "secret_key": "s3cret",
    "embedding_key": "s3cret",
    "oidc_client_secret": "s3cret",
}


def test_secrets_are_not_shown() -> None:
    assert "s3cret" not in repr(Settings(**SECRETS))
    assert "s3cret" not in str(Settings(**SECRETS))
    for name in SECRETS:
        with pytest.raises(ConfigError, match=variable(name)) as told:
            load_settings({}, **{name: ["s3cret"]})
        assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"JOBSAPP_HOST": "::1"}, "http://[::1]:8000"),
        ({"JOBSAPP_PUBLIC_URL": "https://jobs.example.org/"}, "https://jobs.example.org"),
    ],
)
def test_the_address_that_people_type(environ: dict[str, str], address: str) -> None:
    assert load_settings(environ).base_url == address


def test_running_servers_are_found_by_the_data_folder(tmp_path: Path) -> None:
    environ = {"JOBSAPP_DATA_DIR": str(tmp_path)}
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        require_servers(load_settings(environ))
    left = {"pid": os.getpid(), "database_url": "postgresql://d", "redis_url": "redis://r", "public_url": "http://h:1"}
    (tmp_path / "servers.json").write_text(json.dumps(left))
    assert require_servers(load_settings(environ)).database_url == "postgresql://d"
    assert load_settings({**environ, "DATABASE_URL": "postgresql://mine"}).database_url == "postgresql://mine"
    assert load_settings(environ).base_url == "http://h:1"
    assert load_settings({**environ, "JOBSAPP_PUBLIC_URL": "http://mine"}).base_url == "http://mine"
    (tmp_path / "servers.json").write_text(json.dumps({**left, "pid": 2**22 + 1}))
    assert load_settings(environ).database_url == ""


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    key = secret_key(settings)
    assert len(key) == 64
    assert secret_key(settings) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_data_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        secret_key(Settings(data_dir=tmp_path / "file" / "var"))
