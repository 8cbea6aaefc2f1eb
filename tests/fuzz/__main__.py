"""Every call of the API, tried with good and bad input, as everybody who may come; and the other fuzzers for longer.

python -m tests.fuzz [--minutes 10] [--seed N] [--as member] [--only createJob]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from jobsapp.config import Settings
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.store import schema
from tests.fuzz.siege import besiege
from tests.fuzz.town import CALLERS, open_town


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all callers together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--as", dest="callers", action="append", choices=sorted(CALLERS), help="may be repeated")
    parser.add_argument("--only", action="append", default=[], metavar="OPERATION", help="its id; may be repeated")
    given = parser.parse_args()
    callers = [CALLERS[name] for name in given.callers or CALLERS]
    print(f"seed {given.seed}, {given.minutes:g} minutes", flush=True)
    share = max(1, round(given.minutes * 60 / len(callers)))
    failed = False
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
            for caller in callers:
                outcome = besiege(town, caller, seed=given.seed, seconds=share, only=given.only)
                print(outcome, flush=True)
                failed |= outcome.failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
