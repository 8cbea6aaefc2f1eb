"""Every fault at random, all the time, under load; at the end the books must balance.

python -m tests.faults.soak --minutes 10 [--seed N] [--write]
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import books
from tests.faults.books import Balance, Note
from tests.faults.clients import Client
from tests.faults.faults import FAULTS, Harm, Town
from tests.faults.followed import Followed, Receiver
from tests.faults.stage import Stage
from tests.processes import ROOT, free_port

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- soak begins -->\n", "<!-- soak ends -->\n"
# Many faults may hit one job: its allowance is not what is under test.
ALLOWANCES = {"hungry": 50, "flaky": 50}
CALM_SECONDS = (1.0, 6.0)

Done = list[tuple[str, Harm]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--write", action="store_true", help="put the report into docs/reliability.md")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.minutes:g} minutes", flush=True)
    settings = {"job_memory_mb": 256, "notification_allowed_addresses": "127.0.0.1/32"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Receiver() as receiver,
        Stage(Path(folder), **settings) as stage,
    ):
        followed = Followed(stage, receiver)
        with followed.going_on():
            done = soak(stage, random.Random(given.seed), given.minutes * 60)
        balance = stage.close_books(seconds=120)
        wrong = followed.wrong(seconds=120)
        notes = stage.notes()
        odd = unexplained(balance, notes, done)
        text = report(balance, notes, done, odd, f"make soak ARGS='--minutes {given.minutes:g} --seed {given.seed}'")
        text += f"\nAnd {followed}: {'each once' if not wrong else 'NOT AS IT MUST BE: ' + '; '.join(wrong[:20])}.\n"
        if os.environ.get("SOAK_LOG"):
            Path(os.environ["SOAK_LOG"]).write_bytes(stage.processes.log.read_bytes())
    print(text)
    if given.write:
        write(text)
    return 0 if balance.balanced and not odd and not wrong else 1


def soak(stage: Stage, chance: random.Random, seconds: float) -> Done:
    """Each fault in turn, in an order drawn anew for each round, until the time is over."""
    town = Town(stage, free_port(), chance)
    town.open()
    stage.max_attempts = ALLOWANCES
    client = Client(f"http://127.0.0.1:{town.port}", stage.token)
    done: Done = []
    began = time.monotonic()
    with (
        stage.load(send=client.create, pause=0.03, long_every=60),
        stage.load(send=client.create, pause=0.05, long_every=60, seconds=4.0),
    ):
        while time.monotonic() - began < seconds:
            for name in chance.sample(sorted(FAULTS), len(FAULTS)):
                if time.monotonic() - began >= seconds:
                    break
                print(f"{time.monotonic() - began:7.1f} s  {name}", flush=True)
                done.append((name, FAULTS[name](town)))
                time.sleep(chance.uniform(*CALM_SECONDS))
    return done


def unexplained(balance: Balance, notes: list[Note], done: Done) -> list[str]:
    """Jobs that ran twice though no process of theirs was killed or frozen."""
    victims = {pid for _, harm in done for pid in harm.victims}
    pids = defaultdict(set)
    for note in notes:
        pids[note.key].add(note.pid)
    return [key for key in balance.doubled if not pids[key] & victims]


def report(balance: Balance, notes: list[Note], done: Done, odd: list[str], command: str) -> str:
    """The result for people, in Markdown."""
    waits: dict[str, list[float]] = {name: [] for name in FAULTS}
    for name, harm in done:
        waits[name].append(books.recovery(notes, harm.began, harm.over, victims=harm.victims).longest)
    longest = max((max(seconds) for seconds in waits.values() if seconds), default=0.0)
    balanced = "balanced" if balance.balanced and not odd else "NOT BALANCED"
    lines = [
        f"`{command}` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}:",
        "",
        "| sent | done | failed as they must | lost | run twice | of these fenced | longest recovery | books |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        f"| {balance.sent} | {balance.completed} | {balance.failed} | {len(balance.lost)} | {len(balance.doubled)} "
        f"| {len(balance.fenced)} | {longest:.1f} s | {balanced} |",
        "",
        "| fault | times | longest recovery |",
        "| --- | --- | --- |",
        *(f"| {name} | {len(took)} | {max(took):.1f} s |" for name, took in waits.items() if took),
    ]
    faults = {"lost": balance.lost, "unknown": balance.unknown, "miscounted": balance.miscounted}
    for title, keys in [*faults.items(), ("twice without a death", odd)]:
        if keys:
            lines += ["", f"{title}: {', '.join(keys[:20])}"]
    return "\n".join(lines) + "\n"


def write(text: str) -> None:
    """Put the report into its place in the document."""
    before, rest = DOCUMENT.read_text().split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + text + END + rest.split(END)[1])


if __name__ == "__main__":
    sys.exit(main())
