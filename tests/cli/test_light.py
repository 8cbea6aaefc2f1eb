"""A process that serves no page does not load the web."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.processes import ROOT

SEEN = """
import sys
sys.argv = ["flask", *sys.argv[1:]]
from flask.cli import main
try:
    main()
except SystemExit as end:
    print("exit", end.code)
print("web", "jobsapp.pages" in sys.modules, "orm", "sqlalchemy.orm" in sys.modules)
"""


def run(*arguments: str) -> str:
    command = [sys.executable, "-c", SEEN, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("name", ["worker", "keeper", "up"])
@pytest.mark.parametrize("options", [[], ["--app", "app"], ["--app=app", "--no-debug"]], ids=" ".join)
def test_its_commands_load_no_page_and_no_mapping(options: list[str], name: str) -> None:
    said = run(*options, name, "--help")
    assert f"Usage: flask {name}" in said
    assert "exit 0\nweb False orm False" in said


def test_jobs_load_it_only_to_work_without_a_server() -> None:
    assert "exit 0\nweb False orm False" in run("jobs", "list", "--help")


@pytest.mark.parametrize("arguments", [["cleanup", "--help"], ["--app", "app", "users", "create", "worker", "--help"]])
def test_all_other_commands_have_the_whole_application(arguments: list[str]) -> None:
    said = run(*arguments)
    assert "exit 0\nweb True orm True" in said


def test_the_list_of_commands_is_whole() -> None:
    said = run("--help")
    assert [name for name in ("up", "worker", "keeper", "cleanup", "jobs", "db") if f"\n  {name} " not in said] == []
