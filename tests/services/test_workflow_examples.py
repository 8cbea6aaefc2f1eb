"""The workflows of `examples/workflows`, run for real."""

from __future__ import annotations

import random
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from jobsapp.config import Settings
from jobsapp.models import Job
from tests.loopback import Loopback
from tests.workflow_walk import Walk

FOLDER = Path(__file__).parents[2] / "examples" / "workflows"


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("JOBSAPP_BULK_ALLOWED_ADDRESSES", "127.0.0.1/32")
    yield settings.model_copy(update={"processors": "document_steps", "bulk_allowed_addresses": "127.0.0.1/32"})
    sys.modules.pop("document_steps", None)


class Receiver(Loopback):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes] = []

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.heard.append(body)
        handler.send_response(204)
        handler.end_headers()


def upload(walk: Walk, name: str, content: bytes) -> str:
    receiver = walk.services.files.receiver()
    receiver.write(content)
    return str(walk.services.files.register(walk.actor, receiver, name).id)


def run(walk: Walk, name: str, input: dict[str, Any], source: str = "") -> Job:
    walk.services.workflows.save(walk.actor, name, source or (FOLDER / f"{name}.yaml").read_text())
    job = walk.services.workflows.start(walk.actor, name, input)
    return walk.on(job.id)


def test_upload_clean_convert_train_report(walk: Walk) -> None:
    chance = random.Random(7)
    rows = [(size := chance.randint(20, 200), size * 3 + chance.randint(0, 9)) for _ in range(120)]
    table = "size,price\n" + "".join(f"{size},{price}\n" for size, price in rows) + "broken,row,here,\n"
    job = run(walk, "train", {"source": upload(walk, "homes.csv", table.encode()), "target": "price"})
    assert job.status == "completed", job.error
    assert set(walk.states(job.id).values()) == {"completed"}
    names = {str(one.id): one.name for one in walk.services.files.find(walk.actor, list(job.result.values()))}
    assert [names[job.result[key]] for key in ("model", "report")] == ["model.skops", "report.html"]


def test_a_folder_of_documents_split_embed_index_notify(walk: Walk) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/cats.txt", "Cats sleep for most of the day.")
        archive.writestr("folder/ships.md", "# Ships\n\nA ship carries its cargo over the sea.")
    with Receiver() as receiver:
        notify = f"http://127.0.0.1:{receiver.port}/told"
        folder = upload(walk, "folder.zip", packed.getvalue())
        job = run(walk, "documents", {"folder": folder, "notify": notify})
    assert job.status == "completed", job.error
    assert job.result == {"documents": 2, "chunks": 2}
    assert sorted(receiver.heard) == [
        b'{"document": "cats.txt", "chunks": 1}',
        b'{"document": "ships.md", "chunks": 1}',
    ]
    found = walk.services.search.find(walk.actor, "cargo")
    assert found.results[0].document == "ships.md"


def test_the_first_example_of_the_page_runs_as_it_stands(walk: Walk) -> None:
    text = (FOLDER.parents[1] / "docs" / "workflows.md").read_text()
    block = text[text.index("    # tables.yaml") : text.index("    flask workflows save")]
    job = run(walk, "tables", {"source": upload(walk, "orders.csv", b"id,name\n1,Ana\n")}, textwrap.dedent(block))
    assert job.status == "completed", job.error
    assert job.result["table"]["rows"] == 1
