"""Runs the tests, and the few that failed once more, alone on the then quiet machine: `python -m tests.again -n auto`.

As CPython's own runner does with `--rerun`. A test that fails twice fails the run, and one that passed alone is named
at the end. What cannot be the fault of a busy machine fails at once: an error on collecting, a process that died, a run
that was stopped early, more failures than a few.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

MOST = 5


class Tally:
    """What a run came to, in whichever processes its tests ran."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.failed: dict[str, None] = {}
        self.at_once: str | None = None
        """Why there is no second run."""

    def pytest_configure(self, config: pytest.Config) -> None:
        if config.option.maxfail:
            self.at_once = "the run was to stop early, so not all tests were tried"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed[report.nodeid] = None
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.at_once = f"{report.nodeid} could not be collected"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        if error:
            self.at_once = "a process that ran tests died"


def main(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; returns the exit status."""
    first = Tally()
    status = pytest.main([*arguments], plugins=[first])
    if status != pytest.ExitCode.TESTS_FAILED:
        return int(status)
    if len(first.failed) > MOST:
        first.at_once = f"{len(first.failed)} tests failed, and more than {MOST} are no accident"
    if first.at_once or not first.failed:
        print(f"\nNot tried again: {first.at_once or 'no test failed, the run did'}.")
        return int(status)
    print(f"\nOnce more, alone: {len(first.failed)} of the tests.", flush=True)
    second = Tally()
    status = pytest.main([*first.failed], plugins=[second])
    alone = [name for name in first.failed if name in second.passed and name not in second.failed]
    _tell("FAILED AT FIRST, beside other tests, and passed alone", alone)
    _tell("FAILED TWICE, or was not run again", [name for name in first.failed if name not in alone])
    return int(status) if len(alone) == len(first.failed) else int(pytest.ExitCode.TESTS_FAILED)


def _tell(what: str, names: Sequence[str]) -> None:
    for name in names:
        print(f"{what}: {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
