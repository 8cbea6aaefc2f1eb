"""Settings that are wrong together, or in a way that no type says: each is refused by a sentence of its own."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from typing import Protocol
from urllib.parse import urlsplit

from jobsapp.errors import ConfigError
from jobsapp.language.settings import example, parse_servers

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


class Asked(Protocol):
    """Of the settings, those that are looked at here."""

    @property
    def database_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...
    @property
    def public_url(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def bulk_database_url(self) -> str: ...
    @property
    def bulk_folders(self) -> str: ...
    @property
    def language_models(self) -> str: ...
    @property
    def embedding_url(self) -> str: ...
    @property
    def embedding_model(self) -> str: ...
    @property
    def cors_origin_list(self) -> list[str]: ...
    @property
    def smtp_url(self) -> str: ...
    @property
    def mail_from(self) -> str: ...
    @property
    def notification_networks(self) -> list[str]: ...


def check(settings: Asked) -> None:
    """Raises ConfigError naming the variable, what is wrong and what is allowed."""
    _check_scheme("DATABASE_URL", settings.database_url, ["postgresql", "postgres"])
    _check_scheme("JOBSAPP_BULK_DATABASE_URL", settings.bulk_database_url, ["postgresql", "postgres"])
    _check_servers(settings.language_models)
    _check_scheme("REDIS_URL", settings.redis_url, ["redis", "rediss", "unix"])
    _check_folders(settings.bulk_folders)
    _check_scheme("JOBSAPP_EMBEDDING_URL", settings.embedding_url, ["http", "https"])
    _check_origins(settings.cors_origin_list)
    _check_scheme("JOBSAPP_SMTP_URL", settings.smtp_url, ["smtp", "smtps"])
    if settings.smtp_url and not settings.mail_from:
        raise ConfigError("JOBSAPP_SMTP_URL is set, so say from whom e-mail comes: JOBSAPP_MAIL_FROM.")
    _check_networks("JOBSAPP_NOTIFICATION_ALLOWED_ADDRESSES", settings.notification_networks)
    _check_address("JOBSAPP_PUBLIC_URL", settings.public_url)
    _check_address("JOBSAPP_URL", settings.url)
    if settings.embedding_url and not settings.embedding_model:
        raise ConfigError("JOBSAPP_EMBEDDING_URL is set, so name the model too: JOBSAPP_EMBEDDING_MODEL.")


def _check_servers(text: str) -> None:
    try:
        parse_servers(text)
    except ValueError as error:
        raise ConfigError(f"JOBSAPP_LANGUAGE_MODELS: {error}. An example: {example()}") from None


def _check_scheme(name: str, url: str, allowed: list[str]) -> None:
    if url and url.partition("://")[0] not in allowed:
        # What is there may be a password.
        raise ConfigError(f"{name} must begin with {allowed[0]}://, and it does not.")


def _check_folders(text: str) -> None:
    try:
        folders = json.loads(text) if text else {}
        fits = isinstance(folders, dict) and all(isinstance(path, str) and path[:1] == "/" for path in folders.values())
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError(
            f"JOBSAPP_BULK_FOLDERS={text!r} must be a JSON object of names and absolute paths, "
            'as in {"inbox": "/srv/inbox"}.'
        )


def _check_address(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        # A property that checks.
        _ = parts.port
    except ValueError:
        whole = False
    if url and not whole:
        raise ConfigError(
            f"{name}={url!r} must begin with http:// or https:// and name a host, as in https://jobs.example.org."
        )


def _check_networks(name: str, networks: list[str]) -> None:
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}; an example is 10.1.2.0/24.") from None


def _check_origins(origins: list[str]) -> None:
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"JOBSAPP_CORS_ORIGINS: {origin!r} is not an origin as browsers send it: "
                "scheme, host in small letters, port if it is not the usual one, as in https://app.example.org."
            )
