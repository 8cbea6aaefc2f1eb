"""What the documents say about the code is true."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.core.states import TRANSITIONS
from jobsapp.extensions import db
from jobsapp.processors.registry import load_registry
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from tests.api.conftest import Caller

ROOT = Path(__file__).parents[2]


def test_the_chart_of_states_is_the_table() -> None:
    chart = (ROOT / "docs" / "architecture.md").read_text().split("stateDiagram-v2")[1].split("```")[0]
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", chart, re.MULTILINE))
    assert drawn == {(old.value, new.value) for old, following in TRANSITIONS.items() for new in following}


def test_files_named_in_the_map_exist() -> None:
    text = "".join(
        (ROOT / "docs" / f"{name}.md").read_text() for name in ("architecture", "doors", "following", "lists", "times")
    )
    named = re.findall(r"`([a-z]\w*/[\w/]+\.(?:py|sql|js))`", text)
    assert named
    assert [name for name in named if not (ROOT / "jobsapp" / name).exists() and not (ROOT / name).exists()] == []


def test_each_part_of_the_house_is_in_the_table_of_layers() -> None:
    layers = (ROOT / "docs" / "architecture.md").read_text().split("## Layers")[1].split("\n## ")[0]
    named = {name.rstrip("/") for name in re.findall(r"`([\w/.]+)`", layers)}
    parts = {
        path.name for path in (ROOT / "jobsapp").iterdir() if not path.name.startswith("_") and path.name != "py.typed"
    }
    assert parts - named == set()


@pytest.mark.parametrize("path", [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")], ids=lambda path: path.stem)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_processor_of_the_readme_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    module = ModuleType("readme_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block, "README.md", "exec"), module.__dict__)
    assert load_registry(["readme_example"]).get("greet").validate({"name": "Ana"}).model_dump() == {"name": "Ana"}


def test_the_schedules_that_a_document_declares_load(monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "schedules.md").read_text(), re.DOTALL)[-1]
    module = ModuleType("declaring_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block, "docs/schedules.md", "exec"), module.__dict__)
    weekly, hourly = load_registry(["declaring_example"]).get("report").processor.schedules
    assert (weekly.name, hourly.timing()["every_seconds"]) == ("Weekly report", 3600)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what docs/processors.md tells its reader to write."""
    processor, test = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "processors.md").read_text(), re.DOTALL)
    folder = tmp_path / "typed"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "jobs.py").write_text(processor)
    (folder / "test_jobs.py").write_text(test)
    monkeypatch.syspath_prepend(folder)
    for name in ("shop", "shop.jobs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_the_test_of_the_example_passes_as_written(shop: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:valkey", "test_jobs.py"]
    path = os.pathsep.join([str(shop), str(ROOT)])
    run = subprocess.run(
        command, cwd=shop, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout


def test_the_example_has_a_form_a_schema_a_queue_and_runs(shop: Path, settings: Settings) -> None:
    settings = settings.model_copy(update={"processors": "shop.jobs"})
    app = create_app(settings)
    with app.app_context():
        services: Services = app.extensions["jobsapp"]
        services.identity.bootstrap()
        caller = Caller(app.test_client(), services.identity.create_token("admin@localhost", "typed"))
    types = caller("GET", "/api/types").get_json()["types"]
    schema = next(one["inputSchema"] for one in types if one["type"] == "count-lines")
    assert schema["properties"]["skipEmpty"]["description"] == "Leave out lines with nothing but white space."

    file = caller("POST", "/api/files", data={"file": (io.BytesIO(b"one\n\ntwo\n"), "a.txt")}).get_json()
    job = caller.create("count-lines", {"source": file["id"], "skipEmpty": True})
    with Horse(build_house(settings), "test-worker") as horse:
        assert horse.drain("count-lines") == 1
    done = caller.job(job["id"])
    assert (done["status"], done["result"], done["name"]) == ("completed", {"lines": 2}, "Count lines: a.txt")
    assert done["progress"]["message"] == "2 lines"
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
