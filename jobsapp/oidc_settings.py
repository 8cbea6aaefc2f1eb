"""The settings of signing in by an OpenID Connect provider: do they fit together?"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from jobsapp.errors import ConfigError

ISSUER, CLIENT_ID, DOMAINS = "JOBSAPP_OIDC_ISSUER", "JOBSAPP_OIDC_CLIENT_ID", "JOBSAPP_OIDC_DOMAINS"
ANY = "*"
NEEDS_ISSUER = ("oidc_client_id", "oidc_client_secret", "oidc_domains", "oidc_organization")
LOCAL = ("localhost", "127.0.0.1", "::1")


class OidcSettings(Protocol):
    """Those of `Settings` that are looked at."""

    @property
    def oidc_issuer(self) -> str: ...
    @property
    def oidc_client_id(self) -> str: ...
    @property
    def oidc_domains(self) -> str: ...
    @property
    def oidc_organization(self) -> str: ...


def check_oidc(settings: OidcSettings) -> None:
    """Raises ConfigError."""
    if not settings.oidc_issuer:
        for field in NEEDS_ISSUER:
            if getattr(settings, field):
                raise ConfigError(f"JOBSAPP_{field.upper()} is set, so name the provider too: {ISSUER}.")
        return
    if not _is_issuer(settings.oidc_issuer):
        raise ConfigError(
            f"{ISSUER}={settings.oidc_issuer!r} must begin with https:// and name a host, as in "
            "https://login.example.org; http:// is for a provider on this machine alone."
        )
    if not settings.oidc_client_id:
        raise ConfigError(f"{ISSUER} is set, so name the client too: {CLIENT_ID}.")
    if settings.oidc_organization and not settings.oidc_domains.strip():
        raise ConfigError(
            f"JOBSAPP_OIDC_ORGANIZATION lets in people who are no users yet, so say whose addresses: {DOMAINS}. "
            f"Choose {ANY} only for a provider that knows nobody but your own people."
        )


def domain_names(settings: OidcSettings) -> frozenset[str]:
    """Whose addresses may come in, in small letters. Empty: all."""
    names = {name.strip().lower().removeprefix("@") for name in settings.oidc_domains.split(",")} - {""}
    return frozenset() if ANY in names else frozenset(names)


def _is_issuer(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    fits = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)
    return fits and bool(parts.hostname) and not (parts.query or parts.fragment)
