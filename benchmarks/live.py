"""Live pages: how soon a person sees it, how many one process holds, and what that does to everybody else.

Servers, workers, browser and clients share one machine, and its clock.
"""

from __future__ import annotations

from benchmarks.crowds import SOCKETS, busy, crowds
from benchmarks.site import Site
from benchmarks.stage import Result, servers
from benchmarks.watching import watching


def measure(sockets: int = SOCKETS) -> list[Result]:
    with servers() as settings:
        site = Site(settings)
        return [*watching(site), *crowds(site, sockets), *busy(site)]
