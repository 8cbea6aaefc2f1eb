"""`flask worker` and `flask keeper`: processes that never serve a page, so nothing of the web is imported here."""

from __future__ import annotations

import logging
import os

import click

from jobsapp.bus import connection as redis_connection
from jobsapp.cli.friendly import friendly
from jobsapp.config import Settings, load_settings, require_servers
from jobsapp.errors import ConfigError, Unavailable
from jobsapp.processors.registry import Registry
from jobsapp.runtime.house import build_house
from jobsapp.runtime.pool import Pool

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@click.command()
@click.option("--queues", help="Queues to serve, names with commas; * for all. [default: JOBSAPP_QUEUES, *]")
@click.option("--concurrency", type=click.IntRange(1, 256), help="Worker processes. [default: the cores]")
@friendly
def worker(queues: str | None, concurrency: int | None) -> None:
    """Run jobs until stopped. SIGTERM lets jobs finish within the grace, then hands them back."""
    settings = _settings()
    house = build_house(settings)
    names = queue_names(queues or settings.queues, house.registry)
    click.echo(f"Working on {', '.join(names)}", err=True)
    Pool(house, names, concurrency or os.cpu_count() or 1).run()


@click.command()
@friendly
def keeper() -> None:
    """Look after what was left lying: retries that are due, jobs whose worker died. Any number may run."""
    # Here: it loads what acts for users, and a worker has no need of that.
    from jobsapp.runtime.keeper import Keeper

    Keeper(build_house(_settings())).run()


def queue_names(wanted: str, registry: Registry) -> list[str]:
    """The queues that `wanted` names. Raises ConfigError for an empty list."""
    if wanted.strip() == "*":
        return registry.worked_queues
    kept = set(registry.queues).difference(registry.worked_queues)
    names = list(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    if refused := [name for name in names if name in kept]:
        raise ConfigError(f"--queues names {refused[0]}, which the keeper serves; leave it out.")
    if not names:
        raise ConfigError("--queues names no queue; give names with commas, or * for all.")
    return names


def _settings() -> Settings:
    settings = require_servers(load_settings())
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    try:
        redis_connection.check(settings.redis_url)
    except Unavailable as error:
        # Redis carries only hints; workers come to life when it does.
        logging.getLogger(__name__).warning("%s", error)
    return settings
