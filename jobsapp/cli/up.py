"""`flask up`: everything on one machine under one supervisor."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from jobsapp.cli import ports
from jobsapp.config import LEFT, SERVERS_FILE, Settings, authority, load_settings, variable
from jobsapp.embedded import folder, postgres, process, valkey
from jobsapp.errors import ConfigError
from jobsapp.runtime import given
from jobsapp.runtime.supervisor import SERVERS, WEB, WORKERS, Child, ChildError, Supervisor

ROOT = Path(__file__).parents[2]
READY_SECONDS = 90.0
# Open sockets are closed at once; this is for requests that are being answered.
WEB_GRACE_SECONDS = 3
MARGIN_SECONDS = 5.0
TERM = 15


@click.command("up")
def up() -> None:
    """Start everything: servers, migrations, web, workers, keeper. Ctrl-C stops it."""
    try:
        with Supervisor(say=partial(click.echo, err=True)) as supervisor:
            settings = _own_settings()
            with _only_one(settings) as lock:
                _start(supervisor, settings, lock)
                supervisor.run()
                click.echo("Stopping.", err=True)
                supervisor.stop()
    except ConfigError as error:
        raise click.ClickException(error.detail) from None
    except ChildError as error:
        raise click.ClickException("\n".join([str(error), *error.lines])) from None


def _own_settings() -> Settings:
    """The settings, without the addresses that an earlier `flask up` left in the data folder."""
    given_only = {field: os.environ.get(variable(field), "") for field in LEFT}
    return load_settings().model_copy(update=given_only)


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[int]:
    """Hold the data folder. Yields the lock that all children of this start share.

    Raises ConfigError when another `flask up` has the folder, or when children of a killed one stay.
    """
    data = folder.make_private(settings.data_dir)
    ours = process.hold(data / "up.lock", 0)
    if ours is None:
        pid = (data / "up.lock").read_text().strip()
        raise ConfigError(f"`flask up` is running on {data} already (process {pid}): stop it, or set JOBSAPP_DATA_DIR.")
    os.ftruncate(ours, 0)
    os.pwrite(ours, str(os.getpid()).encode(), 0)
    shared = process.hold(data / "children.lock", settings.stop_grace_seconds + 2 * MARGIN_SECONDS)
    if shared is None:
        raise ConfigError(f"Processes of an earlier start on {data} are still running: end them first.")
    try:
        yield shared
    finally:
        (data / SERVERS_FILE).unlink(missing_ok=True)
        os.close(shared)
        os.close(ours)


def _start(supervisor: Supervisor, settings: Settings, lock: int) -> None:
    """Start all, one after the other only where one needs the other, and print the one line."""
    ports.require_free(settings.host, settings.port)
    folder.make_private(settings.data_dir / "log")
    settings = _start_servers(supervisor, settings)
    _leave_addresses(settings)
    # Late: these load the whole application, and a fault above should be told without it.
    from jobsapp.cli.identity import first_login_link
    from jobsapp.cli.migrate import upgrade

    upgrade(settings)
    for child in _children(settings, lock):
        supervisor.start(child)
    if not supervisor.wait_until(lambda: ports.is_ready(settings.host, settings.port), READY_SECONDS):
        raise ConfigError(f"/readyz did not answer within {READY_SECONDS:.0f} s; see {settings.data_dir / 'log'}.")
    link = first_login_link(settings)
    supervisor.started()
    click.echo(f"Ready: {settings.base_url}  Sign in once with {link}")


def _start_servers(supervisor: Supervisor, settings: Settings) -> Settings:
    """Check the given servers and start those not given. Returns the settings with all addresses."""
    logs = settings.data_dir / "log"
    cache = valkey.EmbeddedValkey(settings.data_dir / "valkey", log=logs / "valkey.log")
    database = postgres.EmbeddedPostgres(settings.data_dir / "pg", log=logs / "postgres.log")
    if settings.database_url:
        given.check_database(settings.database_url)
    if settings.redis_url:
        given.check_redis(settings.redis_url)
    else:
        supervisor.start(Child("valkey", cache.launch, cache.log, SERVERS, valkey.STOP_SIGNALS))
    if not settings.database_url:
        supervisor.start(Child("postgres", database.launch, database.log, SERVERS, postgres.STOP_SIGNALS))
        database.wait_ready()
        settings = settings.model_copy(update={"database_url": database.url})
    if not settings.redis_url:
        cache.wait_ready()
        settings = settings.model_copy(update={"redis_url": cache.url})
    return settings


def _leave_addresses(settings: Settings) -> None:
    """Tell the other commands in this folder where the servers are, and the address that their links begin with."""
    found = {
        "pid": os.getpid(),
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
        "public_url": settings.base_url,
    }
    folder.write_private(settings.data_dir / SERVERS_FILE, json.dumps(found))


def _children(settings: Settings, lock: int) -> list[Child]:
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "JOBSAPP_DATA_DIR": str(settings.data_dir),
    }
    flask = [sys.executable, "-m", "flask", "--app", "app"]

    def child(name: str, argv: list[str], stage: int, grace_seconds: float) -> Child:
        log = settings.data_dir / "log" / f"{name}.log"
        launch = partial(process.spawn, argv, log=log, cwd=ROOT, env=environment, keep_fds=[lock])
        return Child(name, launch, log, stage, ((TERM, grace_seconds),))

    worker = [*flask, "worker", "--concurrency", str(settings.workers)]
    return [
        child("web", _gunicorn(settings), WEB, WEB_GRACE_SECONDS + MARGIN_SECONDS),
        child("worker", worker, WORKERS, settings.stop_grace_seconds + MARGIN_SECONDS),
        child("keeper", [*flask, "keeper"], WORKERS, 2 * MARGIN_SECONDS),
    ]


def _gunicorn(settings: Settings) -> list[str]:
    options = {
        # By path: as a module it would load the whole application into gunicorn's first process.
        "--config": str(ROOT / "jobsapp" / "live" / "gunicorn.py"),
        "--worker-class": "gthread",
        "--threads": str(settings.web_threads),
        "--bind": authority(settings.host, settings.port),
        "--graceful-timeout": str(WEB_GRACE_SECONDS),
        "--timeout": "60",
        "--keep-alive": "15",
    }
    pairs = [part for option in options.items() for part in option]
    return [sys.executable, "-m", "gunicorn", *pairs, "--no-control-socket", "app:app"]
