"""Where notifications may be sent to: public addresses, and the networks that the operator allows."""

from __future__ import annotations

from functools import lru_cache

from ssrfguard import Policy

PORTS = frozenset(range(1, 65536))


@lru_cache(maxsize=8)
def policy_of(networks: tuple[str, ...]) -> Policy:
    return Policy(allowed_networks=networks, allowed_ports=PORTS)  # type: ignore[arg-type]
