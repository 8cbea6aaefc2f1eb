"""The faults of the soak, each as a function that does harm to a running stage and mends what it broke."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from tests.faults.stage import Stage, cold_stop, crash, family, signal_all, wrong_by
from tests.processes import descendants, wait_until

# More than the book and the log have by then, less than the job wants.
FILE_BYTES = 32 * 1024 * 1024
FILE_KIB = 40 * 1024


@dataclass
class Town:
    """What runs during the soak. Faults replace what they end, as an operator's supervisor would."""

    stage: Stage
    port: int
    chance: random.Random
    pools: list[subprocess.Popen[bytes]] = field(default_factory=list)
    keepers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    web: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        self.pools = [self.stage.worker(2) for _ in range(2)]
        self.keepers = [self.stage.keeper() for _ in range(2)]
        self.web = self.stage.processes.web(self.port)

    def some_pool(self) -> int:
        return self.chance.randrange(len(self.pools))


@dataclass
class Harm:
    """When it began and when it was over (CLOCK_MONOTONIC), and the processes that it killed or froze."""

    began: float
    over: float
    victims: list[int] = field(default_factory=list)


Fault = Callable[[Town], Harm]


def worker_killed(town: Town) -> Harm:
    """`flask worker` with all it started; another is started two seconds later."""
    seat = town.some_pool()
    victims = family(town.pools[seat])
    began = signal_all([town.pools[seat].pid])
    town.pools[seat].wait()
    time.sleep(2)
    town.pools[seat] = town.stage.worker(2)
    return Harm(began, began, victims)


def horse_killed(town: Town) -> Harm:
    horses = [pid for worker in descendants(town.pools[town.some_pool()].pid) for pid in descendants(worker)]
    victim = town.chance.choice(horses) if horses else 0
    began = signal_all([victim] if victim else [])
    return Harm(began, began, [victim])


def workers_replaced(town: Town) -> Harm:
    """A deploy: SIGTERM, and new ones at once."""
    seat = town.some_pool()
    old = town.pools[seat]
    victims = family(old)
    began = signal_all([old.pid], signal.SIGTERM)
    town.pools[seat] = town.stage.worker(2)
    old.wait(30)
    return Harm(began, began, victims)


def worker_frozen(town: Town) -> Harm:
    """For two leases and a half, then it goes on."""
    victims = family(town.pools[town.some_pool()])
    began = signal_all(victims, signal.SIGSTOP)
    time.sleep(2.5 * town.stage.settings.lease_seconds)
    signal_all(victims, signal.SIGCONT)
    return Harm(began, began, victims)


def out_of_memory(town: Town) -> Harm:
    began = time.monotonic()
    for killed in (False, True):
        town.stage.send("hungry", killed=killed)
    return Harm(began, began)


def poison(town: Town) -> Harm:
    began = time.monotonic()
    for whole_worker in (False, True):
        town.stage.send("poison", ends="failed", whole_worker=whole_worker)
    return Harm(began, began)


def keeper_killed(town: Town) -> Harm:
    """One of two; another takes its place."""
    seat = town.chance.randrange(len(town.keepers))
    began = signal_all([town.keepers[seat].pid])
    town.keepers[seat].wait()
    town.keepers[seat] = town.stage.keeper()
    return Harm(began, began)


def web_killed(town: Town) -> Harm:
    assert town.web is not None
    began = signal_all(family(town.web)[::-1])
    town.web.wait()
    town.web = town.stage.processes.web(town.port)
    return Harm(began, time.monotonic())


def redis_emptied(town: Town) -> Harm:
    began = time.monotonic()
    redis.Redis.from_url(town.stage.settings.redis_url).flushall()
    return Harm(began, began)


def redis_away(town: Town) -> Harm:
    """For thirty seconds."""
    began = time.monotonic()
    town.stage.valkey.stop()
    time.sleep(30)
    town.stage.valkey.start()
    return Harm(began, time.monotonic())


def postgres_restarted(town: Town) -> Harm:
    began = time.monotonic()
    town.stage.postgres.stop()
    time.sleep(town.chance.uniform(0, 4))
    town.stage.postgres.start()
    return Harm(began, time.monotonic())


def postgres_crashed(town: Town) -> Harm:
    began = time.monotonic()
    crash(town.stage.postgres)
    time.sleep(town.chance.uniform(0, 4))
    town.stage.postgres.start()
    return Harm(began, time.monotonic())


def both_crashed(town: Town) -> Harm:
    """Redis comes back empty."""
    began = time.monotonic()
    crash(town.stage.postgres)
    cold_stop(town.stage.valkey)
    time.sleep(town.chance.uniform(0, 3))
    town.stage.postgres.start()
    town.stage.valkey.start()
    return Harm(began, time.monotonic())


def disk_full(town: Town) -> Harm:
    """No work-horse can write more than a little to a file; then there is room again, and the job is tried again."""
    began = time.monotonic()
    _limit_files(town, FILE_BYTES)
    key = town.stage.send("maker", kib=FILE_KIB)
    wait_until(lambda: town.stage.status(key) == "failed", "the job that found no room has failed")
    _limit_files(town, resource.RLIM_INFINITY)
    over = time.monotonic()
    while town.stage.status(key) != "completed":
        if town.stage.status(key) == "failed":
            town.stage.retry(key)
        time.sleep(0.2)
    return Harm(began, over)


def wrong_clock(town: Town) -> Harm:
    """A pool of workers and a keeper are replaced by those of a host whose clock is an hour ahead, or behind."""
    seconds = town.chance.choice([-3600, 3600])
    seat = town.some_pool()
    old = town.pools[seat]
    began = signal_all([old.pid], signal.SIGTERM)
    old.wait(30)
    town.pools[seat] = town.stage.worker(2, **wrong_by(seconds))
    keeper = town.keepers.pop()
    signal_all([keeper.pid], signal.SIGTERM)
    keeper.wait(30)
    town.keepers.append(town.stage.keeper(**wrong_by(seconds)))
    for _ in range(3):
        town.stage.send("flaky")
    return Harm(began, time.monotonic())


def _limit_files(town: Town, size: int) -> None:
    for pid in [pid for pool in town.pools for pid in family(pool)]:
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        except ProcessLookupError:
            continue


FAULTS: dict[str, Fault] = {
    "worker -9": worker_killed,
    "horse -9": horse_killed,
    "SIGTERM, new workers": workers_replaced,
    "worker frozen": worker_frozen,
    "out of memory": out_of_memory,
    "poison": poison,
    "keeper -9": keeper_killed,
    "web -9": web_killed,
    "Redis FLUSHALL": redis_emptied,
    "Redis away for 30 s": redis_away,
    "PostgreSQL restarted (fast)": postgres_restarted,
    "PostgreSQL restarted (immediate)": postgres_crashed,
    "both at once": both_crashed,
    "disk full": disk_full,
    "clock wrong by an hour": wrong_clock,
}
