"""What a wake-up runs: the one function that RQ calls, in a forked work-horse."""

from __future__ import annotations

import os
import socket

from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import current_house


def drain(queue: str) -> None:
    """Run the due jobs of `queue` until there are none. Finding none is success."""
    worker = os.environ.get("JOBSAPP_WORKER_NAME") or f"{socket.gethostname()}-{os.getpid()}"
    with Horse(current_house(), worker) as horse:
        horse.drain(queue)
