"""The examples of `docs/api.md` and of the docstrings run as they stand, in their order, at a real server."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask_openapi3 import OpenAPI

import jobsapp.client as package
from jobsapp import create_app
from jobsapp.client import Client
from jobsapp.client.batches import BatchCalls
from tests.client.conftest import Server
from tests.processes import ROOT

DOCUMENT = (ROOT / "docs" / "api.md").read_text()
MARK = "--- the end of a block ---"


class Block(NamedTuple):
    language: str
    text: str
    answer: str
    """What is shown as its answer."""


def blocks(text: str) -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    nexts = [*found[1:], ("", "")]
    pairs = zip(found, nexts, strict=True)
    return [Block(*one, after[1] if after[0] == "json" else "") for one, after in pairs if one[0] != "json"]


CURL, PYTHON, COMMANDS = (
    blocks(part) for part in re.split(r"^## With (?:Python|`flask jobs`)$", DOCUMENT, flags=re.MULTILINE)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "orders.csv").write_text("id,customer,total\n1,Ana,12.50\n2,Bo,7.00\n")
    return tmp_path


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {
        "PATH": programs,
        "JOBSAPP_URL": server.url,
        "JOBSAPP_TOKEN": server.token,
        "FLASK_APP": str(ROOT / "app.py"),
    }
    return {**server.processes.environment, **own}


def run(command: list[str], code: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, input=code, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def shell(parts: list[Block], folder: Path, environment: dict[str, str]) -> list[str]:
    """Run blocks as one session, any failure of which ends it; what each of them printed."""
    code = "set -euo pipefail\n" + f"\necho; echo '{MARK}'\n".join(part.text for part in parts)
    return run(["bash", "-s"], code, folder, environment).split(MARK)


def keys(value: object) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_the_examples_with_curl(folder: Path, environment: dict[str, str]) -> None:
    printed = shell(CURL, folder, environment)
    assert len(printed) == len(CURL) > 8
    for block, text in zip(CURL, printed, strict=True):
        if block.answer:
            shown, told = json.loads(block.answer), json.loads(text.strip().splitlines()[-1])
            assert keys(shown) <= keys(told), text
            same = ("name", "size", "mediaType", "status", "type", "title", "action", "changed", "left", "dryRun")
            assert {name: told[name] for name in same if name in shown} == {n: shown[n] for n in same if n in shown}
    assert (folder / "orders.jsonl").read_text().count("\n") == 2
    assert any('"event":"job-' in text for text in printed)


def test_the_examples_with_python(folder: Path, environment: dict[str, str]) -> None:
    code = "\n".join(block.text for block in PYTHON)
    printed = run([sys.executable, "-"], code, folder, environment)
    assert "completed" in printed
    assert "job-completed" in printed
    assert "data.source" in printed
    assert [path.name for path in folder.iterdir() if path.suffix == ".parquet"] == ["orders.parquet"]


def test_the_examples_with_flask_jobs(folder: Path, environment: dict[str, str]) -> None:
    (printed,) = shell(COMMANDS, folder, environment)
    assert '"status": "completed"' in printed
    assert "data-conversion" in printed.splitlines()[-1]


def first_blocks(name: str) -> list[str]:
    """All code of a document that stands before its first heading."""
    text = (ROOT / "docs" / f"{name}.md").read_text().partition("\n## ")[0]
    fenced = re.findall(r"^```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(r"(?:^    .*\n|^\n(?=    ))+", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    # A file, and after an empty line the commands that read it.
    parts = [part for one in (*fenced, *indented) for part in re.split(r"\n\n(?=\s*flask )", one)]
    return [textwrap.dedent(part).strip() + "\n" for part in parts]


@pytest.mark.parametrize("name", ["schedules", "dependencies", "batches", "workflows", "notifications"])
def test_the_first_examples_of_a_document(name: str, folder: Path, environment: dict[str, str]) -> None:
    """They work as one pastes them, where there is a file `orders.csv`."""
    (folder / "jobs.jsonl").write_text('{"type": "echo", "data": {"text": "one"}}\n{"type": "echo", "data": {}}\n')
    found, commands = first_blocks(name), 0
    for block in found:
        if file := re.match(r"# (\w+\.yaml)\n", block):
            (folder / file[1]).write_text(block)
        elif re.match(r"from |import ", block):
            run([sys.executable, "-"], block, folder, environment)
        else:
            run(["bash", "-s"], f"set -euo pipefail\n{block}", folder, environment)
            commands += "flask " in block
    assert commands, "it begins with what one types"


def test_the_readme_links_it() -> None:
    assert "(docs/api.md)" in (ROOT / "README.md").read_text()


# One deletes what the next would use; these make what they need by themselves or from what stands before them.
ORDER = (
    *("upload", "create", "get", "wait", "watch", "download", "log", "events", "pages", "list", "create_many", "types"),
    *(
        "dependencies",
        "dependents",
        "queues",
        "stats",
        "workflows",
        "cancel",
        "retry",
        "cancel_many",
        "retry_many",
        "delete_many",
    ),
    *("delete", "create_channel", "channels", "notify", "notification_rules", "test_channel", "deliveries", "replay"),
    *("change_channel", "renew_channel_secret", "change_notification_rule", "remove_notification_rule"),
    *("notification_words", "set_notification_words", "delete_channel"),
    *("preview_schedule", "create_schedule", "schedule", "schedules", "change_schedule", "pause_schedule"),
    *("resume_schedule", "run_schedule", "schedule_runs", "delete_schedule"),
)
BATCHES = ("create", "get", "wait", "watch", "list", "jobs", "failures", "results", "add", "cancel", "retry", "close")
# They leave a client of their own, or none.
OTHERS = ("from_env", "local", "close")
CLASSES = (package.ClientError, package.NewJob, package.Backoff, package.Retries, Client)


def example(thing: Callable[..., Any] | type) -> str:
    """The code under `Example:` in a docstring."""
    return textwrap.dedent(inspect.cleandoc(thing.__doc__ or "").partition("Example:\n")[2])


def test_they_run(server: Server, whole: OpenAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBSAPP_URL", server.url)
    monkeypatch.setenv("JOBSAPP_TOKEN", server.token)
    Path("orders.csv").write_text("id,name\n1,Ana\n2,Bo\n")
    assert {name for name in dir(Client) if not name.startswith("_")} == {*ORDER, *OTHERS, "batches", "workflows"}
    assert {name for name in dir(BatchCalls) if not name.startswith("_")} == {*BATCHES}
    with server.client() as client:
        now = datetime.now(UTC)
        names: dict[str, Any] = {
            **{name: getattr(package, name) for name in package.__all__},
            **{"client": client, "token": server.token, "app": whole, "folder": tmp_path},
            **{"tomorrow": now + timedelta(days=1), "yesterday": now - timedelta(days=1)},
        }
        waits = [package.NewJob("echo", {}, run_at=now + timedelta(days=1))]
        names["open_batch"] = client.batches.create(waits, closed=False)
        things = {name: getattr(Client, name) for name in ORDER}
        things |= {f"batches.{name}": getattr(BatchCalls, name) for name in BATCHES}
        things |= {one.__name__: one for one in CLASSES}
        for name, thing in things.items():
            code = example(thing).replace("https://jobs.example.org", server.url)
            exec(compile(code, f"the example of {name}", "exec"), names)
    for name in OTHERS:
        exec(compile(example(getattr(Client, name)), f"the example of {name}", "exec"), names)
        with names["client"]:
            pass
    assert (tmp_path / "orders.jsonl").read_text().count("\n") == 2


@pytest.fixture
def whole(server: Server) -> OpenAPI:
    return create_app(server.processes.settings)
