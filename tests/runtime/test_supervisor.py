"""The supervisor with tiny real processes: shell scripts that write into a folder."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jobsapp.embedded import process
from jobsapp.errors import ConfigError
from jobsapp.runtime import supervisor as module
from jobsapp.runtime.supervisor import SERVERS, WEB, WORKERS, Child, ChildError, Supervisor, ending
from tests.embedded.conftest import gone, linux_only, start_script, wait_until

WAIT = "while :; do sleep 1 & wait; done"
ON_TERM = "trap 'echo $NAME >> order; exit 0' TERM; "

SUPERVISE_AND_WAIT = """
import sys
from functools import partial
from pathlib import Path
from jobsapp.embedded import process
from jobsapp.runtime.supervisor import WEB, Child, Supervisor
folder = Path(sys.argv[1])
launch = partial(process.spawn, ["sleep", "60"], log=folder / "log", cwd=folder)
with Supervisor(say=print) as supervisor:
    supervisor.start(Child("sleeper", launch, folder / "log", WEB, ((15, 5.0),)))
    print(supervisor._entries[0].process.pid, flush=True)
    supervisor.run()
print("stopped", flush=True)
"""


@pytest.fixture
def said() -> list[str]:
    return []


def shell(folder: Path, name: str, script: str, stage: int = WORKERS, grace_seconds: float = 5.0) -> Child:
    log = folder / f"{name}.log"
    environment = {**os.environ, "NAME": name}
    launch = partial(process.spawn, ["sh", "-c", script], log=log, cwd=folder, env=environment)
    return Child(name, launch, log, stage, ((signal.SIGTERM, grace_seconds),))


def look_after_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    """Let it work, turn by turn as `run` does, until the condition is true."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        pause = supervisor._look_after()
        supervisor._sleep(0.05 if pause is None else min(pause, 0.05))


@pytest.mark.parametrize("status", [0, 1, 143])
def test_a_child_is_started_again_whatever_its_status(tmp_path: Path, said: list[str], status: int) -> None:
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "worker", f"echo run >> runs; echo why; exit {status}"))
        look_after_until(supervisor, lambda: len(said) >= 2)
    assert (tmp_path / "runs").read_text().count("run") == 2
    assert said[0] == f"worker ended with status {status}, again in 0.25 s (log: {tmp_path}/worker.log) why"
    assert "again in 0.5 s" in said[1]


def test_a_killed_child_is_started_again(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "worker", WAIT))
        first = supervisor._entries[0].process
        assert first is not None
        first.kill()
        look_after_until(supervisor, lambda: supervisor._entries[0].process not in (first, None))
    assert said == [f"worker was killed by SIGKILL, again in 0.25 s (log: {tmp_path}/worker.log)"]


def test_the_pause_doubles_up_to_a_limit_and_starts_anew_after_health(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 1.0)
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "worker", "exit 0"))
        entry = supervisor._entries[0]
        wait_until(lambda: entry.ended() == 0)
        for seconds in (0.25, 0.5, 1.0, 1.0):
            supervisor._plan_restart(entry, "ended", entry.started)
            assert f"again in {seconds:g} s" in said[-1]
        supervisor._plan_restart(entry, "ended", entry.started + module.HEALTHY_SECONDS)
        assert "again in 0.25 s" in said[-1]


def test_a_child_that_cannot_be_started_again_is_tried_on(tmp_path: Path, said: list[str]) -> None:
    child = shell(tmp_path, "worker", "exit 1")
    launches = 0

    def launch():  # type: ignore[no-untyped-def]
        nonlocal launches
        launches += 1
        if launches > 1:
            raise ConfigError("The folder is gone.")
        return child.launch()

    with Supervisor(said.append) as supervisor:
        supervisor.start(Child("worker", launch, child.log, WORKERS, child.stop_signals))
        look_after_until(supervisor, lambda: len(said) >= 3)
    assert "could not be started (The folder is gone.)" in said[1]
    assert "could not be started (The folder is gone.)" in said[2]


def test_children_are_stopped_stage_by_stage(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(said.append) as supervisor:
        for name, stage in (("database", SERVERS), ("worker", WORKERS), ("web", WEB)):
            supervisor.start(shell(tmp_path, name, f"{ON_TERM} echo up; {WAIT}", stage))
        for name in ("database", "worker", "web"):
            wait_until(lambda name=name: bool(process.tail(tmp_path / f"{name}.log")))
        supervisor.stop()
        supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["web", "worker", "database"]
    assert said == []


def test_a_child_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "worker", f"trap '' TERM; echo up; {WAIT}", grace_seconds=0.1))
        wait_until(lambda: bool(process.tail(tmp_path / "worker.log")))
        child = supervisor._entries[0].process
        assert child is not None
    assert child.returncode == -signal.SIGKILL


def test_a_second_signal_does_not_wait_for_the_grace(tmp_path: Path, said: list[str]) -> None:
    script = f"trap 'kill -TERM {os.getpid()}' TERM; echo up; {WAIT}"
    with Supervisor(said.append) as supervisor:
        supervisor.started()
        supervisor.start(shell(tmp_path, "worker", script, grace_seconds=60))
        wait_until(lambda: bool(process.tail(tmp_path / "worker.log")))
        started = time.monotonic()
        supervisor.stop()
    assert time.monotonic() - started < 10


def test_run_ends_by_a_signal_and_the_old_handlers_come_back(tmp_path: Path, said: list[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Supervisor(said.append) as supervisor:
        script = f"while ! test -e go; do sleep 0.01; done; kill -TERM {os.getpid()}; {WAIT}"
        supervisor.start(shell(tmp_path, "worker", script))
        supervisor.started()
        (tmp_path / "go").touch()
        supervisor.run()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_while_things_are_started_ends_the_start(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "worker", f"echo up; sleep 0.1; kill -TERM {os.getpid()}; {WAIT}"))
        with pytest.raises(SystemExit) as caught:
            supervisor.wait_until(lambda: False, 10)
    assert caught.value.code == 128 + signal.SIGTERM


def test_a_child_that_ends_while_starting_is_reported_with_its_last_lines(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "web.log").write_text("from an earlier start\n")
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "web", "echo first; echo second >&2; exit 3"))
        with pytest.raises(ChildError, match="web ended with status 3 while starting") as caught:
            supervisor.wait_until(lambda: False, 10)
    assert caught.value.lines == ["first", "second"]


def test_waiting_ends_when_ready_or_when_the_time_is_over(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "web", f"echo up; {WAIT}"))
        assert supervisor.wait_until(lambda: bool(process.tail(tmp_path / "web.log")), 10)
        assert not supervisor.wait_until(lambda: False, 0)


def test_an_idle_supervisor_sleeps(tmp_path: Path, said: list[str]) -> None:
    with Supervisor(said.append) as supervisor:
        supervisor.start(shell(tmp_path, "worker", WAIT))
        assert supervisor._look_after() is None


@linux_only
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = start_script(SUPERVISE_AND_WAIT, tmp_path)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.communicate()
    wait_until(lambda: gone(child))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_supervisor_and_children(tmp_path: Path, number: int) -> None:
    supervisor = start_script(SUPERVISE_AND_WAIT, tmp_path)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    supervisor.send_signal(number)
    supervisor.communicate(timeout=10)
    assert gone(child)


def test_endings_in_words() -> None:
    assert ending(0) == "ended with status 0"
    assert ending(-9) == "was killed by SIGKILL"
