"""A real server with a worker, for all tests of a module, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from jobsapp import create_app
from jobsapp.client import Client, Retries
from jobsapp.config import Settings
from jobsapp.extensions import db
from jobsapp.services import Services
from tests.client.proxy import Proxy
from tests.conftest import Servers, empty
from tests.processes import Processes, free_port

QUICK = Retries(attempts=6, first=0.02, ceiling=0.2, patience=60)


@dataclass
class Server:
    processes: Processes
    port: int
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, url: str = "", token: str = "", **how: float) -> Client:
        return Client(url or self.url, token or self.token, retries=QUICK, **how)


@pytest.fixture(scope="module")
def server(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    empty(servers.database_url)
    redis.Redis.from_url(servers.redis_url).flushall()
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("client"),
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        processors="tests.sample_processors",
        secret_key="for tests only",
    )
    with Processes(settings) as processes:
        port = free_port()
        # Beside the web server: both take a moment to start.
        processes.flask("worker", "--concurrency", "1")
        processes.web(port)
        yield Server(processes, port, token_of(settings))


def token_of(settings: Settings) -> str:
    """A token of the first administrator."""
    app = create_app(settings)
    with app.app_context():
        services: Services = app.extensions["jobsapp"]
        services.identity.bootstrap()
        token = services.identity.create_token("admin@localhost", "client")
        db.session.remove()
        db.engine.dispose()
    return token


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def shaky(server: Server, proxy: Proxy) -> Iterator[Client]:
    """A client behind the proxy."""
    with server.client(proxy.url) as client:
        yield client


class Gate:
    """Lets a job of type `steps` go on, step by step."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"
        self.data = {"steps": 3, "gate": str(self.path)}

    def open(self, *steps: int) -> None:
        for step in steps:
            Path(f"{self.path}.{step}").touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)
