"""How many sockets one process holds, what each costs, how soon all of them hear, and what that does to requests."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from http.client import HTTPConnection
from uuid import UUID

import psutil
import psycopg

from benchmarks.audience import Audience, audience
from benchmarks.site import Site, answers, memory
from benchmarks.stage import Result, free_port, p95, p99, processes, until

SOCKETS = 5000
EVENTS = 8
JOBS, WATCHERS, PER_SECOND = 200, 500, 4
PARTS = 10
FLOOR = "aiohttp, nothing but sockets"
THREADED = {"gthread": ("-k", "gthread", "--threads", "64"), "gevent": ("-k", "gevent")}


def crowds(site: Site, sockets: int = SOCKETS) -> list[Result]:
    """For each server that we say it runs on; beside it a server that does nothing but hold sockets."""
    floor = _floor(sockets)
    return [line for name in THREADED for line in _crowd(site, name, sockets, floor)]


def _crowd(site: Site, name: str, sockets: int, floor: dict[str, float]) -> list[Result]:
    (job,) = site.begin("empty", 1)
    with (
        site.web(*THREADED[name]) as worker,
        psycopg.connect(site.settings.database_url, autocommit=True) as connection,
    ):
        before = memory(worker)
        with audience(site.address, site.token, sockets, f"/live/jobs/{job.id}") as crowd:
            delays = []
            for step in range(1, EVENTS + 1):
                # So that it has nothing else on its mind.
                time.sleep(1.2)
                crowd.listen(20, first=True)
                began = time.time()
                site.progress(connection, job, step)
                delays += [(at - began) * 1000 for at in crowd.heard()["at"]]
            found = {
                "opening": crowd.seconds,
                "memory": (memory(worker) - before) / sockets / 1024,
                "p50": statistics.median(delays),
                "p99": p99(delays),
                "reached": len(delays) / EVENTS,
            }
    return [
        {"name": f"{name}: sockets held by one process", "value": round(found["reached"]), "unit": "sockets"},
        _beside(f"{name}: opening {sockets:,} sockets", "opening", "s", found, floor),
        _beside(f"{name}: memory per socket", "memory", "KiB", found, floor),
        _beside(f"{name}: one event to {sockets:,} sockets, p50", "p50", "ms", found, floor),
        _beside(f"{name}: one event to {sockets:,} sockets, p99", "p99", "ms", found, floor),
    ]


def _beside(name: str, key: str, unit: str, mine: dict[str, float], floor: dict[str, float]) -> Result:
    return {
        "name": name,
        "value": round(mine[key], 1),
        "unit": unit,
        "peers": {FLOOR: round(floor[key], 1)},
        "ratios": {FLOOR: round(mine[key] / floor[key], 2)},
    }


def _floor(sockets: int) -> dict[str, float]:
    """No login, no database, no rights, no compression: what the sockets alone cost in Python."""
    address = f"127.0.0.1:{free_port()}"
    delays = []
    with processes([[sys.executable, "-m", "benchmarks.peers.broadcast", address]], {}) as check:
        until(lambda: answers(f"http://{address}/"), check=check)
        worker = next(one for one in psutil.Process().children() if address in one.cmdline())
        before = memory(worker)
        with audience(address, "", sockets, "/ws") as crowd:
            used = memory(worker) - before
            for _ in range(EVENTS):
                crowd.listen(20, first=True)
                began = time.time()
                answers(f"http://{address}/send")
                delays += [(at - began) * 1000 for at in crowd.heard()["at"]]
            opening = crowd.seconds
    return {
        "opening": opening,
        "memory": used / sockets / 1024,
        "p50": statistics.median(delays),
        "p99": p99(delays),
    }


def busy(site: Site, watchers: int = WATCHERS, seconds: float = 12) -> list[Result]:
    """Many jobs, all of them shown on many lists, while somebody else uses the pages."""
    jobs = site.begin("nap", JOBS)
    with site.web(*THREADED["gthread"]):
        # What only the first ones cost is not what this is about.
        _requests(site, 1)
        idle = _requests(site, seconds / 3)
        with audience(site.address, site.token, watchers, "/live/jobs") as crowd:
            at_work = threading.Event()
            hand = threading.Thread(target=_move, args=(site, [job.id for job in jobs], at_work))
            hand.start()
            try:
                taken, heard = _meanwhile(site, crowd, seconds)
            finally:
                at_work.set()
                hand.join()
    many = f"{JOBS} jobs, {PER_SECOND} times a second each, to {watchers} lists"
    return [
        {
            "name": f"a page while {many}: p95",
            "value": round(p95(taken), 1),
            "unit": "ms",
            "peers": {"nobody watches": round(p95(idle), 1)},
            "ratios": {"nobody watches": round(p95(taken) / p95(idle), 2)},
        },
        {
            "name": f"{many}: rows that each list gets",
            "value": round(heard["states"] / seconds),
            "unit": "1/s",
            "peers": {"said by the jobs": JOBS * PER_SECOND},
            "ratios": {"said by the jobs": round(heard["states"] / seconds / JOBS / PER_SECOND, 2)},
        },
    ]


def _move(site: Site, job_ids: list[UUID], at_work: threading.Event) -> None:
    """Each job says something PER_SECOND times a second, evenly spread."""
    pause, n = 1 / PER_SECOND / PARTS, 0
    with psycopg.connect(site.settings.database_url, autocommit=True) as connection:
        due = time.monotonic()
        while not at_work.wait(max(0.0, due - time.monotonic())):
            site.progress_of_many(connection, job_ids[n % PARTS :: PARTS])
            due, n = due + pause, n + 1


def _meanwhile(site: Site, crowd: Audience, seconds: float) -> tuple[list[float], dict[str, float]]:
    time.sleep(2)
    crowd.listen(seconds)
    taken = _requests(site, seconds - 1)
    return taken, crowd.heard()


def _requests(site: Site, seconds: float) -> list[float]:
    """Milliseconds of each page, one after the other, ten a second at most."""
    connection, taken = HTTPConnection(site.address, timeout=30), []
    until_ = time.monotonic() + seconds
    while time.monotonic() < until_:
        began = time.monotonic()
        connection.request("GET", "/jobs", headers={"Authorization": f"Bearer {site.token}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        taken.append((time.monotonic() - began) * 1000)
        time.sleep(max(0.0, 0.1 - (time.monotonic() - began)))
    connection.close()
    return taken
