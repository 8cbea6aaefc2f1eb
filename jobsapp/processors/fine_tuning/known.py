"""Which base models and services this installation has: asked by the web too, so nothing heavy is imported here."""

from __future__ import annotations

from jobsapp.config import Settings
from jobsapp.language.settings import ServerSettings, parse_servers

from .model import EMBEDDED


def check_base(name: str, settings: Settings) -> None:
    """Raises `ValueError` naming the base models that are known."""
    if name != EMBEDDED and name not in settings.base_models:
        known = ", ".join(sorted({EMBEDDED, *settings.base_models}))
        raise ValueError(f"There is no base model {name!r} here. Known: {known}; more by JOBSAPP_BASE_MODELS.")


def service(name: str, settings: Settings) -> ServerSettings:
    """A service by its name. Raises `ValueError` naming those that are known."""
    known = parse_servers(settings.language_models)
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise ValueError(f"There is no service {name!r}. Known: {listed}; more by JOBSAPP_LANGUAGE_MODELS.")
    return known[name]
