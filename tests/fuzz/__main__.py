"""Every call of the API and every page, tried with good and bad input, as everybody who may come; then others.

python -m tests.fuzz [--minutes 10] [--seed N] [--as member] [--only createJob]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jobsapp.config import Settings
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.store import schema
from tests.fuzz.siege import besiege, besiege_pages
from tests.fuzz.town import CALLERS, Caller, Town, open_town
from tests.processes import ROOT

# Where tests try what comes by Redis and by WebSocket.
OTHERS = ("tests/bus", "tests/live")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all callers together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--as", dest="callers", action="append", choices=sorted(CALLERS), help="may be repeated")
    parser.add_argument("--only", action="append", default=[], metavar="OPERATION", help="its id; may be repeated")
    given = parser.parse_args()
    callers = [CALLERS[name] for name in given.callers or CALLERS]
    print(f"seed {given.seed}, {given.minutes:g} minutes", flush=True)
    with new_town() as town:
        # Half of it for the API, half for pages, which have no operations.
        seconds = given.minutes * 60 / len(callers) / (1 if given.only else 2)
        fine = attack_all(town, callers, given.seed, seconds, given.only)
        if not given.only:
            fine &= attack_pages(town, callers, given.seed, seconds)
    if not given.callers and not given.only:
        fine &= others(given.seed)
    return 0 if fine else 1


def attack_all(town: Town, callers: Sequence[Caller], seed: int, seconds: float, only: Sequence[str]) -> bool:
    """Whether nothing was found, and says what was."""
    fine = True
    for caller in callers:
        outcome = besiege(town, caller, seed=seed, seconds=max(1, round(seconds)), only=only)
        print(outcome, flush=True)
        fine &= not outcome.failed
    return fine


def attack_pages(town: Town, callers: Sequence[Caller], seed: int, seconds: float) -> bool:
    """The same with browsers: who belongs to two organisations comes to each."""
    fine = True
    for caller in callers:
        houses = [caller.organization, caller.also] if caller.also else [caller.organization]
        for house in houses:
            outcome = besiege_pages(town, caller, seed=seed, seconds=seconds / len(houses), within=house)
            print(outcome, flush=True)
            fine &= not outcome.failed
    return fine


def others(seed: int) -> bool:
    """Run the tests of messages that are tried with many examples, with all of them. Whether they found nothing."""
    found = [path for folder in OTHERS for path in sorted((ROOT / folder).glob("test_*.py"))]
    paths = [path for path in found if "hypothesis" in path.read_text()]
    command = [sys.executable, "-m", "pytest", "-n0", "-q", f"--hypothesis-seed={seed}", *paths]
    return not paths or subprocess.run(command, cwd=ROOT, env={**os.environ, "THOROUGH": "1"}).returncode == 0


@contextmanager
def new_town() -> Iterator[Town]:
    """On servers of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "pg", durable=False) as postgres,
        EmbeddedValkey(Path(folder) / "valkey", durable=False) as valkey,
    ):
        settings = Settings(
            data_dir=Path(folder) / "var",
            database_url=postgres.url,
            redis_url=valkey.url,
            processors="tests.sample_processors",
            secret_key="for tests only",
        )
        schema.upgrade(settings.sqlalchemy_url)
        with open_town(settings) as town:
            yield town


if __name__ == "__main__":
    sys.exit(main())
