"""The client's calls about workflows, and `flask workflows`: at the application in this process."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from jobsapp.client import Client
from jobsapp.client.workflows import WorkflowCalls
from tests.workflow_walk import Walk

ORDER = ("save", "list", "get", "versions", "check", "run", "steps", "signal", "answer", "resume", "delete")
SOURCE = "steps: {ask: {waitFor: {approval: {fields: {n: {type: integer}}}}}}\n"


def test_the_examples_run_in_their_order(app: OpenAPI, walk: Walk) -> None:
    token = walk.services.identity.create_token(walk.actor.email, "client")
    assert {name for name in dir(WorkflowCalls) if not name.startswith("_")} == {*ORDER}
    with Client.local(app, token) as client:
        names: dict[str, Any] = {"client": client}
        for name in ORDER:
            code = inspect.cleandoc(getattr(WorkflowCalls, name).__doc__ or "").partition("Example:\n")[2]
            exec(compile(textwrap.dedent(code), f"the example of {name}", "exec"), names)
            if name in ("run", "answer", "resume"):
                walk.on(names["job"].id)
        states = {step.key: step.state for step in client.workflows.steps(names["job"]).steps}
    assert states == {"ask": "waiting", "paid": "completed"}


def test_the_commands(app: OpenAPI, walk: Walk, tmp_path: Path) -> None:
    source = tmp_path / "ask.yaml"

    def flask(*arguments: str) -> str:
        done = app.test_cli_runner().invoke(args=["workflows", *arguments])
        return f"{done.exit_code} {done.output.strip()}"

    source.write_text(SOURCE.replace("waitFor", "waitfor"))
    assert flask("check", str(source)).startswith("1 steps.ask.waitfor: there is no such field.")
    source.write_text(SOURCE)
    assert flask("check", str(source)) == "0 Nothing is wrong."
    assert flask("save", "ask", str(source)) == "0 1"
    assert flask("show", "ask") == f"0 {SOURCE.strip()}"
    assert "ask" in flask("list")
    assert flask("versions", "ask").splitlines()[1].split()[0] == "1"
    job_id = flask("run", "ask").removeprefix("0 ")
    walk.on(job_id)
    shown = flask("steps", job_id)
    assert re.search(r"^ask +waiting +[0-9.]+ s +an approval", shown, re.MULTILINE), shown
    assert flask("reject", job_id, "ask", "--comment", "no") == "0 rejected"
    walk.on(job_id)
    assert "rejected it: no" in flask("steps", job_id)
    assert flask("delete", "ask") == "0 Deleted."
    assert flask("show", "ask") == "1 Error: There is no workflow 'ask'."
    assert flask("resume", job_id) == "0 pending"
    walk.on(job_id)
    assert flask("approve", job_id, "ask", "--fields", '{"n": 1}') == "0 approved"
    assert walk.on(job_id).status == "completed"


@pytest.mark.parametrize("arguments", [("signal", "{job}", "paid"), ("approve", "{job}", "nothing")])
def test_what_cannot_be_done_is_one_sentence(app: OpenAPI, walk: Walk, arguments: tuple[str, ...]) -> None:
    job = walk.start({"ask": {"waitFor": {"approval": {}}}}, work=False)
    given = [one.format(job=job.id) for one in arguments]
    done = app.test_cli_runner().invoke(args=["workflows", *given])
    assert done.exit_code != 0
    assert "Traceback" not in done.output
