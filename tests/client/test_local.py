"""The server in the same process, and who may say there whom a request acts for."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask_openapi3 import OpenAPI

from jobsapp.auth.current import CALLER
from jobsapp.client import Client, Forbidden, NoSocket, NotSignedIn
from jobsapp.core.actors import Actor
from jobsapp.services import Services

MIB = 1024 * 1024


@pytest.fixture
def inside(app: OpenAPI, member: Actor) -> Iterator[Client]:
    with Client.local(app, environ={CALLER: member}) as client:
        yield client


def test_a_user_inside_needs_no_token(
    inside: Client, services: Services, member: Actor, drain: Callable[[str], int], tmp_path: Path
) -> None:
    job = inside.create("make-file", files={"source": io.BytesIO(b"four")})
    assert job.user_id == member.user_id
    drain("make-file")
    done = inside.wait(job, 10)
    assert done.result == {"characters": 4}
    assert inside.watch(job).status == "completed"
    assert inside.download(done.artifacts[0], tmp_path).read_text() == "four"
    assert services.identity.tokens() == []
    with pytest.raises(NoSocket):
        inside.events([job])


def test_the_rights_of_the_user_hold(inside: Client, drain: Callable[[str], int]) -> None:
    job = inside.create("echo")
    drain("echo")
    with pytest.raises(Forbidden):
        inside.delete(job)


def test_a_token_works_inside_too(app: OpenAPI, services: Services, member: Actor) -> None:
    with Client.local(app, services.identity.create_token(member.email, "inside")) as client:
        assert client.create("echo").user_id == member.user_id
    with Client.local(app) as nobody, pytest.raises(NotSignedIn):
        nobody.types()


def test_files_pass_through_in_pieces(inside: Client, tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    with source.open("wb") as file:
        for _ in range(32):
            file.write(os.urandom(MIB))
    tracemalloc.start()
    stored = inside.upload(source)
    inside.download(stored, tmp_path / "back.bin")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "back.bin").stat().st_size == 32 * MIB
    assert most < 8 * MIB


@pytest.mark.parametrize("value", ["admin@localhost", "{}", b"x", object()])
def test_only_an_actor_is_a_caller(app: OpenAPI, value: object) -> None:
    assert app.test_client().get("/api/types", environ_base={CALLER: value}).status_code == 401
