"""`make test` tries what failed once more, says so, and excuses nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

# Fails when it runs for the first time, and passes after that.
SHAKY = """
from pathlib import Path
import pytest

def shake(name):
    been = Path(f"{name}.been")
    if not been.exists():
        been.touch()
        pytest.fail("this machine is busy")
"""


def tried(folder: Path, tests: str, *arguments: str) -> tuple[int, str]:
    """The exit status and what was said of a folder with these tests."""
    (folder / "pytest.ini").touch()
    (folder / "test_it.py").write_text(SHAKY + tests)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "tests.again", "-p", "xdist", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


def of(name: str) -> str:
    return f"def test_{name}(): "


def test_what_passes_is_run_once(tmp_path: Path) -> None:
    status, said = tried(tmp_path, of("good") + "pass")
    assert status == 0
    assert "1 passed" in said
    assert "Once more" not in said


@pytest.mark.parametrize("beside", [["-n2"], []])
def test_what_passes_alone_is_named_and_excused(tmp_path: Path, beside: list[str]) -> None:
    status, said = tried(tmp_path, of("good") + "pass\n" + of("shaky") + "shake('one')", *beside)
    assert status == 0
    assert said.endswith("FAILED AT FIRST, beside other tests, and passed alone: test_it.py::test_shaky\n")
    assert "this machine is busy" in said, "the first failure can be read"


def test_what_fails_twice_fails_the_run(tmp_path: Path) -> None:
    status, said = tried(tmp_path, of("bad") + "assert False\n" + of("shaky") + "shake('one')")
    assert status == 1
    assert "passed alone: test_it.py::test_shaky\n" in said
    assert said.endswith("FAILED TWICE, or was not run again: test_it.py::test_bad\n")


def test_what_is_skipped_the_second_time_has_not_passed(tmp_path: Path) -> None:
    status, said = tried(tmp_path, of("coy") + "Path('been').exists() and pytest.skip(); Path('been').touch(); 1 / 0")
    assert status == 1
    assert "FAILED TWICE, or was not run again: test_it.py::test_coy" in said


def test_an_error_around_a_test_counts_as_one_in_it(tmp_path: Path) -> None:
    fixture = "@pytest.fixture\ndef shaken():\n    yield\n    shake('one')\n"
    status, said = tried(tmp_path, fixture + "def test_it(shaken): pass")
    assert status == 0
    assert "passed alone: test_it.py::test_it\n" in said


@pytest.mark.parametrize(
    ("tests", "arguments", "status", "why"),
    [
        ("".join(of(name) + f"shake('{name}')\n" for name in "abcdef"), [], 1, "6 tests failed"),
        (of("shaky") + "shake('one')\n" + of("later") + "pass", ["-x"], 1, "to stop early"),
        (of("dies") + "import os; os._exit(1)", ["-n1", "--max-worker-restart=0"], 1, "died"),
        ("import nothing_like_this", ["-n1"], 1, "test_it.py could not be collected"),
        ("import nothing_like_this", [], 2, ""),
        (of("good") + "pass", ["-k", "other"], 5, ""),
        (of("good") + "pass", ["--no-such-option"], 4, ""),
    ],
)
def test_what_no_second_run_excuses(tmp_path: Path, tests: str, arguments: list[str], status: int, why: str) -> None:
    found, said = tried(tmp_path, tests, *arguments)
    assert found == status
    assert "Once more" not in said
    assert why in said


def test_a_part_is_chosen_as_ever(tmp_path: Path) -> None:
    status, said = tried(tmp_path, of("good") + "pass\n" + of("bad") + "assert False", "-k", "good")
    assert status == 0
    assert "1 passed, 1 deselected" in said
